// One run: it is read whole from the server after every step, and the events in between only say what is new.

import { h, show, say, words, count, seconds } from "./dom.js";
import { call, follow } from "./api.js";
import { Figure, spendings } from "./figure.js";
import { standing } from "./runs.js";
import { matrix, legend, detail, origins } from "./programs.js";

const READ_EVERY_MS = 400;

export class RunPage {
  constructor(id, graph, { changed, again }) {
    this.path = `api/runs/${encodeURIComponent(id)}`;
    this.changed = changed;
    this.again = again;
    this.detail = null;
    this.running = new Set();
    this.arrived = new Map();
    this.tokens = 0;
    this.ahead = null;
    this.picked = null;
    this.stop = new AbortController();
    this.figure = new Figure(graph);
    this.names = graph.words;
    const place = (name) => (this[name] = h("div", { class: name }));
    this.element = h("article", { class: "run" }, place("top"), place("verdict"),
      h("section", { class: "card", "aria-label": "The search" }, this.figure.element, place("doing")),
      place("programs"), place("costs"), place("problem"));
    this.ticking = setInterval(() => this.drawTop(), 1000);
  }

  close() {
    clearInterval(this.ticking);
    clearTimeout(this.reading);
    this.stop.abort();
  }

  async open() {
    await this.read();
    if (["queued", "running"].includes(this.detail?.summary.state)) this.listen();
  }

  async read() {
    clearTimeout(this.reading);
    this.reading = null;
    try {
      const detail = await call("GET", this.path);
      if (this.stop.signal.aborted) return;
      this.detail = detail;
      this.draw();
    } catch (error) {
      if (!this.stop.signal.aborted) show(this.top, error.message, () => h("p", { class: "trouble", role: "alert" }, error.message));
    }
  }

  readSoon() {
    this.reading ??= setTimeout(() => this.read(), READ_EVERY_MS);
  }

  async listen() {
    this.since = Date.now();
    await follow(`${this.path}/events`, (event) => this.tell(event), this.stop.signal);
  }

  tell({ kind, data }) {
    const handlers = {
      waiting: () => { this.ahead = data.ahead; },
      box_started: () => {
        this.ahead = null;
        this.running.add(data.box);
        say(this.names[data.box] ?? words(data.box));
      },
      box_finished: () => this.running.delete(data.box),
      candidate_arrived: () => this.arrived.set(data.id, { ...data, ran: null }),
      candidate_ran: () => { const one = this.arrived.get(data.id); if (one) one.ran = data; },
      spent: () => { this.tokens = data.tokens; this.readSoon(); },
      state: () => {
        this.running.clear();
        this.read().then(() => {
          this.changed();
          say(this.sentence());
        });
      },
    };
    handlers[kind]?.();
    if (kind === "state") return;
    if (this.detail && ["queued", "running"].includes(this.detail.summary.state)) {
      this.detail.summary.state = this.ahead === null ? "running" : "queued";
    }
    this.draw();
  }

  sentence() {
    const { summary, view } = this.detail, { word } = standing(summary);
    return `The run is over: ${word}. ${view.answer?.reason ?? this.detail.error}`;
  }

  draw() {
    if (!this.detail) return;
    this.drawTop();
    this.drawVerdict();
    this.drawFigure();
    this.drawPrograms();
    this.drawCosts();
    this.drawProblem();
  }

  get atWork() {
    return ["queued", "running"].includes(this.detail.summary.state);
  }

  get answer() {
    return this.detail.view.answer ?? null;
  }

  drawTop() {
    if (!this.detail) return;
    const { summary, settings, view } = this.detail, stand = standing(summary);
    const took = this.atWork ? (Date.now() - new Date(summary.began)) / 1000 : this.answer?.seconds;
    const spent = Math.max(summary.tokens, this.tokens);
    const of = (most, text) => (most ? `${text} of ${count(most)}` : text);
    const facts = [settings.policy, of(this.atWork && settings.budget_tokens, count(spent)) + " tokens",
      took ? of(this.atWork && settings.budget_seconds, this.atWork ? String(Math.floor(took)) : seconds(took)) + (this.atWork ? " s" : "") : "",
      this.answer?.model, this.answer?.sandbox].filter(Boolean);
    show(this.top, [summary, facts, this.copied], () => h("header", { class: "run-top" },
      h("div", { class: "grow" }, h("h1", { title: summary.name }, summary.title || summary.name),
        h("p", { class: "facts" }, h("span", { class: `chip ${stand.look}` }, stand.word), facts.map((fact) => h("span", {}, fact)))),
      h("div", { class: "row" },
        this.atWork ? h("button", { onclick: () => this.act("DELETE", this.path), "data-focus": "cancel" }, "Cancel") : null,
        summary.state === "stopped" || summary.state === "failed" ? h("button", { class: "primary", onclick: () => this.act("POST", `${this.path}/resume`), "data-focus": "resume" }, "Go on") : null,
        this.atWork ? null : h("button", { onclick: () => this.again(view.statement), "data-focus": "again" }, "Run again"),
        this.released ? h("button", { class: "primary", onclick: () => this.copy(), "data-focus": "copy", "aria-keyshortcuts": "c" }, this.copied ? "Copied" : "Copy program") : null)));
  }

  get released() {
    const state = this.detail.summary.state;
    return Boolean(this.answer?.code) && this.answer.approved !== false && state !== "waiting" && !this.atWork;
  }

  async copy() {
    if (!this.released) return;
    await copyText(this.answer.code);
    say("The program is copied.");
    this.copied = true;
    this.drawTop();
    setTimeout(() => { this.copied = false; this.drawTop(); }, 2000);
  }

  async act(method, path, body) {
    try {
      this.detail.summary = await call(method, path, body);
      this.draw();
      this.changed();
      if (method === "POST") this.listen();
    } catch (error) {
      say(error.message);
      this.trouble = error.message;
      await this.read();
    }
  }

  drawVerdict() {
    const { summary, error, view } = this.detail, { answer } = this, waits = summary.state === "waiting";
    show(this.verdict, [answer, error, summary.state, this.trouble], () => [
      this.trouble ? h("p", { class: "trouble", role: "alert" }, this.trouble) : null,
      error ? h("section", { class: "card alarm", "aria-label": "Error" }, h("h2", {}, "It failed"), h("p", {}, error)) : null,
      waits && answer ? h("section", { class: "card ask", "aria-label": "Approval" },
        h("div", { class: "grow" }, h("h2", {}, "This answer waits for you"),
          h("p", {}, "The search has ended. Nothing is released before you say so.")),
        h("div", { class: "row" },
          h("button", { class: "primary", onclick: () => this.decide(true) }, "Approve"),
          h("button", { class: "danger", onclick: () => this.decide(false) }, "Reject"))) : null,
      answer && !this.atWork ? this.verdictCard(answer) : null]);
  }

  decide(approved) {
    return this.act("POST", `${this.path}/decision`, { approved });
  }

  verdictCard(answer) {
    const look = !answer.code ? "failed" : answer.verified ? "verified" : "doubtful";
    const word = !answer.code ? "No program" : answer.verified ? "Verified" : "Not verified";
    const person = answer.approved === null ? null : h("li", {}, answer.approved ? "approved by a person" : "rejected by a person");
    return h("section", { class: `card verdict-card ${look}`, "aria-label": "Verdict" },
      h("div", { class: "grow" }, h("h2", {}, h("span", { class: "sign", "aria-hidden": "true" }, answer.verified ? "✓" : "~"), word),
        h("p", { class: "reason" }, answer.reason),
        h("ul", { class: "evidence" }, answer.evidence.map((line) => h("li", {}, line)), h("li", {}, `stopped because ${answer.stopped}`), person)),
      answer.code ? h("div", { class: "confidence" },
        h("span", { class: "big" }, answer.confidence.toFixed(2)), h("span", {}, "P(correct)"),
        h("meter", { min: 0, max: 1, value: answer.confidence, "aria-label": "P(correct)" }),
        h("span", { class: "hint" }, answer.calibrated ? "calibrated for this model" : "uncalibrated: set by hand, not fitted to this model")) : null);
  }

  drawFigure() {
    const { steps, ahead, summary } = this.detail, running = [...this.running];
    this.figure.light({ steps, running, ahead: this.atWork ? [] : ahead });
    const doing = running.map((box) => this.names[box] ?? words(box)).join(", ");
    const text = summary.state === "queued" ? `In the queue${this.ahead ? `, ${this.ahead} before it` : ""}` :
      this.atWork ? doing || "starting" : "";
    show(this.doing, [text, this.newest()], () => [
      text ? h("p", { class: "now" }, h("span", { class: "spinner", "aria-hidden": "true" }), text) : null,
      this.newest().length ? h("ul", { class: "arrivals", "aria-label": "New programs" }, this.newest().map((one) => h("li", {
        class: one.ran ? (one.ran.status === "passed" ? "pass" : "fail") : null,
      }, words(one.origin), ` ${count(one.tokens)} tok`, one.ran ? ` ${one.ran.passed}/${one.ran.total}` : ""))) : null]);
  }

  /** Programs that came since the last reading. */
  newest() {
    if (!this.atWork) return [];
    const known = new Set(this.detail.view.programs.flatMap((one) => one.samples.map((sample) => sample.id)));
    return [...this.arrived.values()].filter((one) => !known.has(one.id));
  }

  drawPrograms() {
    const { view } = this.detail;
    const one = view.programs.find((program) => program.id === this.picked) ?? view.programs[0];
    show(this.programs, [view.programs, view.tests, view.plans, one?.id, this.released], () => (one ? [
      h("section", { class: "card", "aria-labelledby": "programs-title" },
        h("h2", { id: "programs-title" }, "Programs", h("span", { class: "hint" },
          ` ${view.programs.length} distinct of ${view.programs.reduce((sum, program) => sum + program.samples.length, 0)} samples`)),
        matrix(view, one.id, (id) => { this.picked = id; this.drawPrograms(); }), legend(view.tests)),
      h("section", { class: "card", "aria-label": `Program ${one.label}`, "aria-live": "off" }, detail(view, one, this.released || this.atWork || !this.answer))]
      : []));
  }

  /** Go to the next or previous program of the table. */
  move(by) {
    const programs = this.detail?.view.programs ?? [];
    if (!programs.length) return;
    const at = Math.max(0, programs.findIndex((one) => one.id === this.picked));
    const next = programs[Math.min(programs.length - 1, Math.max(0, at + by))];
    this.picked = next.id;
    this.drawPrograms();
    this.programs.querySelector(`[data-focus="program ${CSS.escape(next.id)}"]`)?.focus();
    say(`${next.label}, ${origins(next)}: ${next.why}`);
  }

  drawCosts() {
    const { steps, view } = this.detail, calls = new Map(view.cost.by_box.map((one) => [one.box, one]));
    const rows = [...spendings(steps)].filter(([, own]) => own.tokens || own.seconds >= 0.0005).sort(([, a], [, b]) => b.seconds - a.seconds);
    show(this.costs, [steps, view.cost], () => {
      if (!rows.length) return [];
      const most = { tokens: Math.max(...rows.map(([, own]) => own.tokens), 1), seconds: Math.max(...rows.map(([, own]) => own.seconds)) };
      const bar = (value, whole, text) => h("td", { class: "num" }, h("span", { class: "bar", style: { "--share": `${(100 * value) / whole}%` } }, text));
      const sum = (name) => rows.reduce((total, [, own]) => total + own[name], 0);
      return h("section", { class: "card", "aria-labelledby": "cost-title" }, h("h2", { id: "cost-title" }, "Cost by box"),
        h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cost by box", "data-scroll": "cost" }, h("table", { class: "cost" },
          h("thead", {}, h("tr", {}, ["Box", "Visits", "Model calls", "Tokens written", "Tokens read", "Seconds"].map((title, i) =>
            h("th", { scope: "col", class: i ? "num" : null }, title)))),
          h("tbody", {}, rows.map(([box, own]) => h("tr", {}, h("th", { scope: "row" }, words(box)), h("td", { class: "num" }, own.visits),
            h("td", { class: "num" }, calls.get(box)?.calls || ""), bar(own.tokens, most.tokens, own.tokens ? count(own.tokens) : ""),
            h("td", { class: "num" }, calls.get(box)?.prompt_tokens ? count(calls.get(box).prompt_tokens) : ""),
            bar(own.seconds, most.seconds, own.seconds.toFixed(2))))),
          h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "Sum"), h("td", {}), h("td", { class: "num" }, view.cost.by_box.reduce((n, one) => n + one.calls, 0)),
            h("td", { class: "num" }, count(sum("tokens"))), h("td", { class: "num" }, count(view.cost.prompt_tokens)),
            h("td", { class: "num" }, sum("seconds").toFixed(2)))))),
        h("p", { class: "hint" }, `Wall time of the steps; ${view.cost.programs_run} programs took ${view.cost.sandbox_seconds.toFixed(1)} CPU s in the sandbox.`));
    });
  }

  drawProblem() {
    const { view, summary, settings } = this.detail;
    show(this.problem, [view.statement, view.reading, summary.name, settings, this.answer], () => h("section", { class: "card", "aria-labelledby": "problem-title" },
      h("h2", { id: "problem-title" }, "Problem"), h("pre", { class: "plain" }, view.statement),
      view.reading ? h("p", {}, view.reading) : null,
      h("p", { class: "hint" }, `Stored as ${summary.name}`,
        Object.entries(settings).map(([name, value]) => ` · ${words(name)} ${value}`))));
  }
}

/** Copy where the page may, else through a selection: plain HTTP from another machine has no clipboard. */
async function copyText(text) {
  if (navigator.clipboard) {
    try { return await navigator.clipboard.writeText(text); } catch { /* not allowed here: below */ }
  }
  const field = h("textarea", { class: "unseen", readonly: true });
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  return undefined;
}
