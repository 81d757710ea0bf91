// The list of runs: those of this server, and every search that is stored under a name on this machine.

import { h, show, ago } from "./dom.js";

export const STATES = {
  queued: ["…", "queued"], running: ["●", "running"], waiting: ["?", "waits for you"], failed: ["!", "failed"],
  stopped: ["‖", "unfinished"],
};

/** A sign, a word and a colour for where a run stands. */
export function standing(run) {
  if (STATES[run.state]) return { sign: STATES[run.state][0], word: STATES[run.state][1], look: run.state };
  if (run.approved === false) return { sign: "✗", word: "rejected", look: "rejected" };
  if (!run.has_program) return { sign: "–", word: "no program", look: "failed" };
  return run.verified ? { sign: "✓", word: "verified", look: "verified" } : { sign: "~", word: "not verified", look: "doubtful" };
}

export function listRuns(place, runs, current) {
  show(place, [runs, current], () => (runs.length ? runs.map((run) => {
    const { sign, word, look } = standing(run);
    return h("li", {}, h("a", {
      href: `#run/${run.id}`, "aria-current": run.id === current ? "page" : null, "data-focus": run.id, title: `${run.title} (${run.name})`,
    },
    h("span", { class: `sign ${look}`, "aria-hidden": "true" }, sign),
    h("span", { class: "title" }, run.entry_point || run.title || run.name),
    h("span", { class: "under" }, word, " · ", ago(run.changed))));
  }) : h("li", { class: "hint" }, "None yet. Searches of the command line (atlas solve --thread NAME) appear here too.")));
}
