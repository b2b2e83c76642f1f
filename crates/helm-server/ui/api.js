// The server's API. A key is kept for this tab alone, and sent to no other server.

const KEY = "helm-key";
let shown = null;

export function key() {
  try {
    return sessionStorage.getItem(KEY) ?? shown;
  } catch {
    return shown;
  }
}

export function useKey(value) {
  shown = value;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // Where nothing can be kept, the key lasts as long as the page.
  }
}

/** Why the server did not answer: its words, and its status where it had one. */
export class Refused extends Error {
  constructor(status, detail, id) {
    super(detail);
    this.status = status;
    this.requestId = id;
  }
}

async function call(path, options) {
  const headers = { ...options.headers };
  if (key()) headers.authorization = `Bearer ${key()}`;
  let response;
  try {
    response = await (begun(path) ?? fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it running, and can this device reach it?");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(response.status, problem.detail ?? `The server answered with status ${response.status}.`, problem.request_id);
}

/** The response to this address, where begin.js has asked for it already. It is good once. */
function begun(path) {
  if (window.helmBegun?.path !== path) return null;
  const { response } = window.helmBegun;
  window.helmBegun = null;
  return response;
}

function withQuery(path, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export async function get(path, query, signal) {
  const response = await call(withQuery(path, query), { signal, headers: { accept: "application/json" } });
  return response.json();
}

export async function text(path, kind, signal) {
  const response = await call(path, { signal, headers: { accept: kind } });
  return response.text();
}

export async function post(path, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const response = await call(path, { method: "POST", headers, body: JSON.stringify(body) });
  return response.json();
}

/** Server-sent events, read here since EventSource cannot send a key. Ends when the server does. */
export async function* events(path, query, signal) {
  const response = await call(withQuery(path, query), { signal, headers: { accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value.replaceAll("\r\n", "\n")).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const of = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
      const data = of("data").join("\n");
      if (data) yield { name: of("event")[0] ?? "message", data: JSON.parse(data) };
    }
  }
}
