// Python in colours: one expression, good enough to read by. Tokens become elements whose content is text.

import { h } from "./dom.js";

const KEYWORDS = new Set(("False None True and as assert async await break class continue def del elif else except " +
  "finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield").split(" "));
const TOKENS = /(?<comment>#[^\n]*)|(?<string>[rbfu]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<number>\b\d[\w.]*)|(?<word>[A-Za-z_]\w*)|(?<rest>[\s\S])/giu;

export function highlighted(code) {
  const out = [];
  let plain = "", before = "";
  for (const match of code.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    const word = kind === "word" && (KEYWORDS.has(text) ? "keyword" : ["def", "class"].includes(before) ? "name" : null);
    const style = ["comment", "string", "number"].includes(kind) ? kind : word;
    if (style) {
      if (plain) out.push(plain);
      plain = "";
      out.push(h("span", { class: `tok-${style}` }, text));
    } else plain += text;
    if (text.trim()) before = text;
  }
  return [...out, plain];
}

export function program(code, label) {
  return h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label, "data-scroll": label },
    h("code", {}, highlighted(code)));
}

const SIGNS = { "-": "gone", "+": "added", " ": "same" };

/** Lines that begin with a blank, a minus (only here) or a plus (only in the winner). */
export function difference(lines, label) {
  return h("pre", { class: "code diff", tabindex: "0", role: "region", "aria-label": label, "data-scroll": label },
    lines.map((line) => h("span", { class: SIGNS[line[0]] ?? "same" },
      h("span", { class: "sign" }, line[0] ?? " "), line.slice(1), "\n")));
}
