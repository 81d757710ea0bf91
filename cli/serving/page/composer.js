// The form that begins a run.

import { h, say, count } from "./dom.js";
import { call } from "./api.js";

const DRAFT = "atlas-draft";

function number(name, label, unit, value, step, hint) {
  return h("div", { class: "field" },
    h("label", { for: name }, label),
    h("div", { class: "unit" },
      h("input", { id: name, name, type: "number", min: 1, step, value, required: true, "aria-describedby": hint && `${name}-hint` }),
      h("span", { "aria-hidden": "true" }, unit)));
}

/** What was typed and not sent survives a reload of this tab. */
export function keepDraft(text) {
  sessionStorage.setItem(DRAFT, text);
}

export function composer(server, begun) {
  const { defaults } = server;
  const text = h("textarea", {
    id: "problem", name: "problem", rows: 8, required: true, spellcheck: "false", "aria-describedby": "problem-hint",
    placeholder: "Write a function `total(xs: list[int]) -> int`. Return the sum.\n\n>>> total([1, 2])\n3",
    oninput: () => keepDraft(text.value),
  });
  text.value = sessionStorage.getItem(DRAFT) ?? "";
  const about = h("p", { class: "hint", id: "policy-hint" });
  const policy = h("select", { id: "policy", name: "policy", "aria-describedby": "policy-hint", onchange: () => explain() },
    server.policies.map((one) => h("option", { value: one.name, selected: one.name === defaults.policy }, one.name)));
  const explain = () => { about.textContent = server.policies.find((one) => one.name === policy.value)?.about ?? ""; };
  explain();
  const approve = h("input", { type: "checkbox", id: "approve", name: "approve", checked: defaults.approve, disabled: defaults.approve });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const go = h("button", { class: "primary", "aria-keyshortcuts": "Control+Enter" }, "Solve");
  const form = h("form", { class: "card composer", "aria-labelledby": "composer-title", onsubmit: (event) => {
    event.preventDefault();
    send();
  } },
  h("h1", { id: "composer-title" }, "What should the program do?"),
  h("label", { for: "problem", class: "unseen" }, "Problem"),
  text,
  h("p", { class: "hint", id: "problem-hint" },
    "A statement in Markdown. Examples make the answer checkable: doctest lines, asserts, or Input: and Output: blocks. ",
    "A text that names no function asks for a program from standard input to standard output."),
  h("div", { class: "fields" },
    h("div", { class: "field wide" }, h("label", { for: "policy" }, "Policy"), policy, about),
    number("budget_tokens", "Token budget", "tokens", defaults.budget_tokens, 1),
    number("budget_seconds", "Time budget", "seconds", defaults.budget_seconds, "any"),
    number("k", "Programs per round", "", defaults.k, 1)),
  h("label", { class: "check" }, approve, " Ask me before the answer is released"),
  trouble,
  h("div", { class: "row" }, go,
    h("button", { type: "button", onclick: () => {
      text.value = server.example;
      keepDraft(text.value);
      text.focus();
      say("The example is in the form.");
    } }, "Use the example"),
    h("span", { class: "hint grow" }, `This page talks to no one but this server. ${count(server.longest)} characters at most.`)));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });

  async function send() {
    go.disabled = true;
    trouble.textContent = "";
    const field = (name) => form.elements[name].valueAsNumber;
    try {
      const run = await call("POST", "api/runs", {
        problem: text.value, policy: policy.value, approve: approve.checked, k: field("k"),
        budget_tokens: field("budget_tokens"), budget_seconds: field("budget_seconds"),
      });
      sessionStorage.removeItem(DRAFT);
      begun(run);
    } catch (error) {
      trouble.textContent = error.message;
      go.disabled = false;
    }
  }
  return form;
}
