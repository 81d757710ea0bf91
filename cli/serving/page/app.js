// The page: which view is shown, the list beside it, theme and shortcuts.

import { h, say } from "./dom.js";
import { call } from "./api.js";
import { composer, keepDraft } from "./composer.js";
import { Figure } from "./figure.js";
import { listRuns } from "./runs.js";
import { RunPage } from "./run.js";

const LIST_EVERY_MS = 15_000;
const by = (id) => document.getElementById(id);
const main = by("main");
let server, graph, page = null, runs = [];

const current = () => /^#run\/([\w-]+)$/.exec(location.hash)?.[1] ?? null;

async function refresh() {
  try {
    ({ runs } = await call("GET", "api/runs"));
  } catch { /* the view that is open says what is wrong */ }
  listRuns(by("runs"), runs, current());
}

async function route() {
  page?.close();
  page = null;
  sideways(false);
  const id = current();
  listRuns(by("runs"), runs, id);
  if (id) {
    page = new RunPage(id, graph, { changed: refresh, again: (text) => { keepDraft(text); location.hash = "new"; } });
    main.replaceChildren(page.element);
    document.title = "Run · ATLAS";
    await page.open();
    return;
  }
  document.title = "ATLAS";
  main.replaceChildren(h("div", { class: "start" },
    composer(server, (run) => { location.hash = `run/${run.id}`; refresh(); }),
    h("section", { class: "card", "aria-labelledby": "how" }, h("h2", { id: "how" }, "How it searches"),
      new Figure(graph).element,
      h("p", { class: "hint" }, "The hub weighs the evidence and takes the move with the highest expected gain per token: ",
        "write more programs, write tests, separate programs that differ, repair. It stops when the answer is verified, or says why it is not."))));
  by("problem").focus({ preventScroll: true });
}

function sideways(open) {
  document.body.classList.toggle("side-open", open);
  by("show-runs").setAttribute("aria-expanded", String(open));
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("atlas-theme", root.dataset.theme);
  say(`${dark ? "Light" : "Dark"} colours.`);
}

const KEYS = {
  n: () => { location.hash = "new"; }, t: turnTheme, "?": () => by("help-dialog").showModal(),
  j: () => page?.move(1), k: () => page?.move(-1), c: () => page?.copy(),
};

function onKey(event) {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !by("shortcuts").checked) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

async function start() {
  by("theme").addEventListener("click", turnTheme);
  by("help").addEventListener("click", KEYS["?"]);
  by("show-runs").addEventListener("click", () => sideways(!document.body.classList.contains("side-open")));
  by("shortcuts").checked = localStorage.getItem("atlas-shortcuts") !== "off";
  by("shortcuts").addEventListener("change", (event) => localStorage.setItem("atlas-shortcuts", event.target.checked ? "on" : "off"));
  document.addEventListener("keydown", onKey);
  try {
    [server, graph] = await Promise.all([call("GET", "api/page"), call("GET", "api/graph")]);
  } catch (error) {
    main.replaceChildren(h("p", { class: "trouble", role: "alert" }, error.message));
    return;
  }
  by("machine").textContent = `${server.model} · ${server.sandbox}`;
  by("machine").title = server.notices.join(" ");
  window.addEventListener("hashchange", route);
  await refresh();
  await route();
  const whenSeen = () => document.visibilityState === "visible" && refresh();
  document.addEventListener("visibilitychange", whenSeen);
  setInterval(whenSeen, LIST_EVERY_MS);
}

start();
