// Elements are made here and nowhere else, and text goes in as text: nothing on this page parses HTML.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const SVG = "http://www.w3.org/2000/svg";

/** Spell out characters that hide or reorder text; a program may hold any. */
export function visible(text) {
  return String(text).replace(HIDDEN, (c) =>
    c === "\n" || c === "\t" ? c : `\\u{${c.codePointAt(0).toString(16)}}`);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : visible(child));
  }
  return element;
}

export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Put new content in a place when it differs from what was made for `key`; focus and scrolling stay. */
export function show(place, key, make) {
  const wanted = JSON.stringify(key);
  if (place.madeFor === wanted) return;
  place.madeFor = wanted;
  const held = place.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const scrolled = new Map([...place.querySelectorAll("[data-scroll]")].map((one) => [one.dataset.scroll, one.scrollLeft]));
  place.replaceChildren(...[make()].flat(Infinity).filter(Boolean));
  for (const one of place.querySelectorAll("[data-scroll]")) one.scrollLeft = scrolled.get(one.dataset.scroll) ?? 0;
  if (held) place.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

let lastSaid = "";

/** Tell people who cannot see the page; the same sentence is not told twice in a row. */
export function say(text) {
  if (text === lastSaid) return;
  lastSaid = text;
  document.getElementById("live").textContent = visible(text);
}

export const words = (name) => name.replaceAll("_", " ");
export const count = (number) => Number(number).toLocaleString("en-US");
export const seconds = (number) => `${Number(number).toFixed(number < 10 ? 1 : 0)} s`;

/** "3 minutes ago", or the date for what is older than a day. */
export function ago(iso) {
  const then = new Date(iso), past = (Date.now() - then) / 1000;
  if (past < 60) return "just now";
  if (past < 3600) return `${Math.round(past / 60)} min ago`;
  if (past < 86400) return `${Math.round(past / 3600)} h ago`;
  return then.toLocaleDateString("en-CA");
}
