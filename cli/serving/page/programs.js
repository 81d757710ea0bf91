// The programs of a search side by side: what each did on each test, how it differs from the winner, why it lost.

import { h, count } from "./dom.js";
import { program, difference } from "./highlight.js";

const ORIGINS = {
  plain: "plain", plan: "from a plan", perturbed: "perturbed", self_debug: "repaired", poly_reflective: "repaired",
  rewrite: "rewritten",
};
const FAILURES = {
  wrong_answer: ["✗", "wrong answer"], runtime_error: ["!", "crashed"], timeout: ["T", "out of time"],
  memory: ["M", "out of memory"], output_limit: ["O", "too much output"],
};

/** What a cell shows: a sign, a word, a colour. */
export function outcome(run) {
  if (!run) return { sign: "·", word: "not run", look: "none" };
  if (run.verdict === "pass") return { sign: "✓", word: "passes", look: "pass" };
  if (FAILURES[run.status]) return { sign: FAILURES[run.status][0], word: FAILURES[run.status][1], look: "fail" };
  if (run.verdict === "fail") return { sign: "✗", word: "differs from the confirmed output", look: "fail" };
  const letter = run.group < 0 ? "–" : String.fromCharCode(97 + Math.min(run.group, 25));
  return { sign: letter, word: `output ${letter}; nothing says what is right`, look: `group g${Math.min(Math.max(run.group, 0), 3)}` };
}

export function testName(tests, index) {
  const examples = tests.filter((one) => one.kind === "example").length;
  return index < examples ? `E${index + 1}` : `T${index - examples + 1}`;
}

export const origins = (one) => [...new Set(one.samples.map((sample) => ORIGINS[sample.origin] ?? sample.origin))].join(", ");

export function matrix(view, picked, pick) {
  const { tests, programs } = view;
  const head = h("tr", {}, h("th", { scope: "col" }, "Program"),
    tests.map((test, i) => h("th", {
      scope: "col", class: test.confirmed ? "test confirmed" : "test",
      title: `${test.kind === "example" ? "example" : test.confirmed ? "confirmed self-test" : "self-test"}: ${test.input}`,
    }, testName(tests, i))),
    h("th", { scope: "col", class: "num" }, "Alike"), h("th", { scope: "col", class: "num" }, "P(correct)"),
    h("th", { scope: "col", class: "why" }, "Why"));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Programs and tests", "data-scroll": "matrix" },
    h("table", { class: "matrix" }, h("thead", {}, head),
      h("tbody", {}, programs.map((one) => row(one, tests, one.id === picked, pick)))));
}

function row(one, tests, isPicked, pick) {
  const evidence = one.evidence;
  return h("tr", { class: [one.chosen ? "chosen" : "", isPicked ? "picked" : ""].join(" ").trim() || null, onclick: () => pick(one.id) },
    h("th", { scope: "row" }, h("button", {
      class: "pick", "aria-pressed": String(isPicked), "data-focus": `program ${one.id}`,
      onclick: (event) => { event.stopPropagation(); pick(one.id); },
    }, h("strong", {}, one.label), one.samples.length > 1 ? h("span", { class: "times" }, ` ×${one.samples.length}`) : null,
    one.chosen ? h("span", { class: "tag" }, "winner") : null),
    h("span", { class: "under" }, origins(one))),
    one.runs.map((run, i) => {
      const { sign, word, look } = outcome(run);
      return h("td", { class: "test" }, h("span", { class: `cell ${look}`, role: "img", "aria-label": `${testName(tests, i)}: ${word}` }, sign));
    }),
    h("td", { class: "num" }, evidence ? String(evidence.cluster_weight) : "–"),
    h("td", { class: "num" }, evidence ? evidence.posterior.toFixed(2) : "–"),
    h("td", { class: "why" }, one.why));
}

export function legend(tests) {
  const own = tests.some((one) => one.kind !== "example");
  return h("p", { class: "hint legend" },
    h("span", {}, h("span", { class: "cell pass", "aria-hidden": "true" }, "✓"), " passes"),
    h("span", {}, h("span", { class: "cell fail", "aria-hidden": "true" }, "✗"), " fails (! crashed, T out of time, M out of memory)"),
    own ? h("span", {}, h("span", { class: "cell group g0", "aria-hidden": "true" }, "a"),
      " unconfirmed self-test: same letter, same output") : null,
    h("span", {}, "E: example of the statement", own ? ", T: test that ATLAS wrote (underlined: confirmed)" : ""));
}

export function detail(view, one, released) {
  const plan = view.plans.find((found) => one.samples.some((sample) => sample.plan === found.id));
  const sample = one.samples[0];
  const facts = [
    one.samples.length > 1 ? `written by ${one.samples.length} samples` : "written by one sample", origins(one),
    sample.repairs ? `repair of ${sample.repairs}` : "", `${count(one.samples.reduce((sum, s) => sum + s.tokens, 0))} tokens`,
    sample.confidence === null ? "" : `token confidence ${sample.confidence.toFixed(2)}`,
  ].filter(Boolean);
  return [
    h("h3", {}, one.label, one.chosen ? h("span", { class: "tag" }, "winner") : null),
    h("p", { class: "hint" }, facts.join(" · ")),
    h("p", { class: "because" }, h("strong", {}, one.chosen ? "Why it won: " : one.diff.length ? "Why it lost: " : "So far: "), one.why, "."),
    h("div", { class: "two" },
      h("div", {},
        h("h4", {}, one.diff.length ? "Difference to the winner" : "Program"),
        one.diff.length ? [difference(one.diff, `Difference of ${one.label} to the winner`),
          h("p", { class: "hint" }, "− only in ", one.label, ", + only in the winner"),
          h("details", {}, h("summary", {}, "Program"), program(one.code, `Program ${one.label}`))]
          : program(one.code, `Program ${one.label}`),
        released ? null : h("p", { class: "hint" }, "Not released: it was rejected, or still waits."),
        plan ? h("details", {}, h("summary", {}, "Plan"), h("pre", { class: "plain" }, plan.text)) : null,
        sample.perturbation ? h("details", {}, h("summary", {}, "Perturbation of the prompt"), h("pre", { class: "plain" }, sample.perturbation)) : null),
      h("div", {}, h("h4", {}, "Test by test"), h("ul", { class: "outcomes" },
        view.tests.map((test, i) => h("li", {}, onTest(test, one.runs[i], testName(view.tests, i))))))),
  ];
}

function onTest(test, run, name) {
  const { sign, word, look } = outcome(run);
  const expected = test.expected ?? test.votes.map(([output, weight]) => `${output} (${weight})`).join(", ");
  const kind = test.kind === "example" ? "example" : test.confirmed ? "self-test, confirmed" : "self-test, unconfirmed";
  const line = (label, text) => h("div", { class: "io" }, h("span", {}, label), h("code", {}, text === "" ? "(empty)" : text));
  return [
    h("p", {}, h("span", { class: `cell ${look}`, "aria-hidden": "true" }, sign), h("strong", {}, ` ${name} `), word,
      h("span", { class: "under" }, ` ${kind}${run ? ` · ${(1000 * run.wall_s).toFixed(0)} ms · ${run.peak_mb.toFixed(0)} MB` : ""}`)),
    line("in", test.input),
    line(test.expected === null ? "predicted" : "expected", expected),
    run && (run.output || !run.error) ? line("got", run.output) : null,
    run?.error ? h("details", {}, h("summary", {}, "stderr"), h("pre", { class: "plain", tabindex: "0" }, run.error)) : null,
  ];
}
