// The figure, drawn from the graph that the server runs. Boxes light up while they work.

import { h, svg, words, count, seconds } from "./dom.js";

const WIDE = { along: 146, across: 55, box: [102, 47], margin: 5, size: 12.5, letters: 12, stats: true };
const TALL = { along: 66, across: 65, box: [40, 61], margin: 5, size: 10.5, letters: 10, stats: false };
const DOT = 12;
const ROUND = 14;

/** A path through points, its corners rounded. */
function rounded(points) {
  let d = `M${points[0]}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, here, after] = [points[i - 1], points[i], points[i + 1]];
    const near = (other) => {
      const [dx, dy] = [other[0] - here[0], other[1] - here[1]], long = Math.hypot(dx, dy) || 1;
      const r = Math.min(ROUND, long / 2);
      return [here[0] + (dx / long) * r, here[1] + (dy / long) * r];
    };
    d += `L${near(before)}Q${here} ${near(after)}`;
  }
  return `${d}L${points.at(-1)}`;
}

function lines(label, most) {
  const out = [""];
  for (const word of label.split(" ")) {
    const longer = out.at(-1) ? `${out.at(-1)} ${word}` : word;
    if (longer.length > most && out.at(-1)) out.push(word);
    else out[out.length - 1] = longer;
  }
  return out;
}

export class Figure {
  constructor(graph) {
    this.graph = graph;
    this.element = h("div", { class: "figure" });
    this.narrow = matchMedia("(max-width: 46rem)");
    this.narrow.addEventListener("change", () => this.draw());
    this.state = { steps: [], running: [], ahead: [] };
    this.draw();
  }

  draw() {
    const tall = this.narrow.matches, look = tall ? TALL : WIDE, { graph } = this;
    const [long, broad] = look.box;
    const turn = ([a, b]) => (tall ? [b, a] : [a, b]);
    const spot = (layer, row) => [layer * look.along + long / 2, (row - graph.first_row) * look.across + broad / 2];
    const boxes = new Map(graph.boxes.map((box) => [box.id, { ...box, at: spot(box.layer, box.row) }]));
    const ends = [...boxes.values()].map(({ id, at: [a] }) => [a - reach(id, long), a + reach(id, long)]);
    const least = Math.min(...ends.map(([low]) => low)), most = Math.max(...ends.map(([, end]) => end)), m = look.margin;
    const high = [...boxes.values()].flatMap(({ at: [, b] }) => [b - broad / 2, b + broad / 2]);
    const bends = graph.arrows.flatMap((arrow) => arrow.bends.map(([layer, row]) => spot(layer, row)[1]));
    const top = Math.min(...high, ...bends), bottom = Math.max(...high, ...bends);
    const [x, y] = turn([least, top]), [w, v] = turn([most - least, bottom - top]);
    this.nodes = new Map();
    this.edges = graph.arrows.map((arrow) => ({ ...arrow, path: this.arrow(arrow, boxes, look, turn, spot, tall) }));
    this.title = svg("title", { id: "figure-title" });
    const picture = svg("svg", {
      viewBox: `${x - m} ${y - m} ${w + 2 * m} ${v + 2 * m}`, role: "img", "aria-labelledby": "figure-title",
      class: tall ? "tall" : "wide", style: { "--size": `${look.size}px` },
    }, this.title, svg("defs", {}, ["plain", "lit"].map((name) => svg("marker", {
      id: `tip-${name}`, class: `tip ${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6.5, markerHeight: 6.5,
      orient: "auto-start-reverse",
    }, svg("path", { d: "M0 .5 7.500 4 0 7.500Z" })))),
    this.edges.map((edge) => edge.path), [...boxes.values()].map((box) => this.box(box, look, turn)));
    this.element.replaceChildren(picture);
    this.light(this.state);
  }

  arrow(arrow, boxes, look, turn, spot, tall) {
    const [from, to] = [boxes.get(arrow.source), boxes.get(arrow.target)], [long, broad] = look.box;
    const bends = arrow.bends.map(([layer, row]) => spot(layer, row));
    let d;
    if (arrow.closes_loop) {
      const shift = (box, by) => [box.at[0] + by, box.at[1] + (bends[0][1] < box.at[1] ? -broad / 2 : broad / 2)];
      const lane = bends[0][1], leave = shift(from, 0), enter = shift(to, this.berth(arrow) * (tall ? 16 : 22));
      d = rounded([leave, [leave[0], lane], [enter[0], lane], enter].map(turn));
    } else {
      const start = [from.at[0] + reach(from.id, long), from.at[1]], end = [to.at[0] - reach(to.id, long) - 1, to.at[1]];
      d = `M${turn(start)}`;
      let here = start;
      for (const [index, there] of [...bends, end].entries()) {
        const last = index === bends.length, stop = last ? there : [there[0] - long / 2, there[1]];
        const middle = (here[0] + stop[0]) / 2;
        d += `C${turn([middle, here[1]])} ${turn([middle, stop[1]])} ${turn(stop)}`;
        here = stop;
        if (!last) {
          here = [there[0] + long / 2, there[1]];
          d += `L${turn(here)}`;
        }
      }
    }
    return svg("path", { d, class: `arrow${arrow.conditional ? " maybe" : ""}` });
  }

  /** Where an arrow that closes a loop arrives, so that two of them do not cross: the outmost first. */
  berth(arrow) {
    const row = (one) => Math.abs(one.bends[0][1]);
    const same = this.graph.arrows.filter((one) => one.closes_loop && one.target === arrow.target).sort((a, b) => row(b) - row(a));
    return same.indexOf(arrow) - (same.length - 1) / 2;
  }

  box(box, look, turn) {
    const [x, y] = turn(box.at), [w, v] = turn(look.box);
    if (box.id.startsWith("__")) {
      const end = svg("g", { class: "end" }, svg("circle", { cx: x, cy: y, r: DOT }),
        svg("text", { x, y }, box.id === "__start__" ? "▶" : "■"));
      this.nodes.set(box.id, { group: end });
      return end;
    }
    const label = lines(words(box.id), look.letters);
    const middle = y - ((label.length - 1) * look.size * 1.1) / 2;
    const text = svg("text", { class: "label", x, y: middle },
      label.map((line, i) => svg("tspan", { x, dy: i ? `${look.size * 1.1}px` : 0 }, line)));
    const stats = svg("text", { class: "stats", x, y: y + (label.length > 1 ? 15 : 10) });
    const badge = svg("text", { class: "badge", x: x + w / 2 - 5, y: y - v / 2 + 2 });
    const group = svg("g", { class: "box" },
      svg("rect", { class: "halo", x: x - w / 2 - 3, y: y - v / 2 - 3, width: w + 6, height: v + 6, rx: 11 }),
      svg("rect", { class: "face", x: x - w / 2, y: y - v / 2, width: w, height: v, rx: 8 }), text,
      look.stats ? stats : null, badge);
    this.nodes.set(box.id, { group, text, stats, badge, middle: y, look });
    return group;
  }

  /**
   * @param {{steps: {boxes: string[], seconds: number, tokens: number}[], running: string[], ahead: string[]}} state
   */
  light(state) {
    this.state = state;
    const spent = spendings(state.steps), ways = this.travelled(state);
    for (const [id, node] of this.nodes) {
      const own = spent.get(id), running = state.running.includes(id);
      const waits = !running && state.ahead.includes(id);
      node.group.classList.toggle("ran", Boolean(own) || (id.startsWith("__") && ways.has(id)));
      node.group.classList.toggle("running", running);
      node.group.classList.toggle("waits", waits);
      if (!node.text) continue;
      node.badge.textContent = own && own.visits > 1 ? `×${own.visits}` : "";
      if (!node.look.stats) continue;
      node.stats.textContent = own ? [own.tokens ? `${count(own.tokens)} tok` : "", seconds(own.seconds)].filter(Boolean).join(" · ") : "";
      node.text.firstChild.setAttribute("dy", own ? "-6.5px" : "0");
    }
    for (const edge of this.edges) {
      const lit = ways.has(`${edge.source} ${edge.target}`);
      edge.path.classList.toggle("lit", lit);
      edge.path.setAttribute("marker-end", `url(#tip-${lit ? "lit" : "plain"})`);
    }
    this.title.textContent = this.describe(spent);
  }

  /** The arrows along which the search went, and both ends where it passed them. */
  travelled({ steps, running, ahead }) {
    const way = [["__start__"], ...steps.map((step) => step.boxes), running.length ? running : ahead];
    const ways = new Set(steps.length || running.length ? ["__start__"] : []);
    for (let i = 1; i < way.length; i++) for (const from of way[i - 1]) for (const to of way[i]) ways.add(`${from} ${to}`);
    if (steps.at(-1)?.boxes.includes("release") && !ahead.length) {
      ways.add("__end__");
      ways.add("release __end__");
    }
    return ways;
  }

  describe(spent) {
    const ran = [...spent].map(([box, own]) => `${words(box)} ${own.visits} times`);
    return `The search as a graph. ${ran.length ? `So far: ${ran.join(", ")}.` : "Nothing has run yet."}`;
  }
}

/** Half the length of a box along the way. */
const reach = (id, long) => (id.startsWith("__") ? DOT + 1 : long / 2);

/** What each box spent over all its visits. */
export function spendings(steps) {
  const spent = new Map();
  for (const step of steps) {
    for (const box of step.boxes) {
      const own = spent.get(box) ?? { visits: 0, tokens: 0, seconds: 0 };
      spent.set(box, { visits: own.visits + 1, tokens: own.tokens + step.tokens, seconds: own.seconds + step.seconds });
    }
  }
  return spent;
}
