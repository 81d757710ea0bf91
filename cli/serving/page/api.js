// The server's interface: JSON, and one stream of events. The key, where there is one, never leaves this tab.

const KEY = "atlas-key";
let asking = null;

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function headers(more) {
  const key = sessionStorage.getItem(KEY);
  return { ...(key ? { Authorization: `Bearer ${key}` } : {}), ...more };
}

/** Ask for a key; several callers share one dialog. */
function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key-dialog"), field = document.getElementById("key-field");
    document.getElementById("key-title").textContent = wrong ? "That key was not taken" : "This server asks for a key";
    field.value = "";
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, field.value.trim());
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

async function request(path, options = {}) {
  for (;;) {
    const used = sessionStorage.getItem(KEY);
    const reply = await fetch(path, { ...options, headers: headers(options.headers), cache: "no-store" });
    if (reply.status !== 401) return reply;
    if (used === sessionStorage.getItem(KEY)) await askForKey(Boolean(used));
  }
}

/** One sentence from whatever the server says about an error. */
function sentence(status, body) {
  const detail = body?.detail ?? body?.error?.message;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((one) => `${(one.loc ?? []).slice(1).join(".")}: ${one.msg}`).join("; ");
  return `the server answered ${status}`;
}

export async function call(method, path, body) {
  let reply;
  try {
    reply = await request(path, body === undefined ? { method } : {
      method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
    });
  } catch {
    throw new Refused(0, "the server does not answer: is `atlas serve` still running?");
  }
  const text = await reply.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { /* an error page of something in between */ }
  if (!reply.ok) throw new Refused(reply.status, sentence(reply.status, data));
  return data;
}

function* events(block) {
  let kind = "message", id = "", data = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "event") kind = value;
    else if (name === "id") id = value;
    else if (name === "data") data.push(value);
  }
  if (data.length) yield { kind, id, data: JSON.parse(data.join("\n")) };
}

async function read(reply, tell) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r", "").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) for (const event of events(block)) tell(event);
  }
}

/**
 * Follow a run until the server says where it stands (`state`). A broken connection is taken up again after the last
 * event that came: EventSource would do that too, but it cannot carry a key.
 */
export async function follow(path, tell, signal) {
  let last = "", ended = false, pause = 500;
  const note = (event) => {
    if (event.id) last = event.id;
    if (event.kind === "state") ended = true;
    pause = 500;
    tell(event);
  };
  while (!ended && !signal.aborted) {
    try {
      const reply = await request(path, { headers: last ? { "Last-Event-ID": last } : {}, signal });
      if (!reply.ok) return;
      await read(reply, note);
    } catch (error) {
      if (signal.aborted) return;
    }
    if (!ended) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(2 * pause, 10_000);
    }
  }
}
