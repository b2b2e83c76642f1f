import { events, get } from "../api.js";
import { decisionPath, h, link, say, userPath } from "../dom.js";
import { dollars, duration, fixed, moment } from "../format.js";
import { empty, heading, select, status } from "../parts.js";

/** The most turns that are on the page. */
const SHOWN = 100;
/** How long to wait before asking again, in milliseconds: longer each time. */
const WAITS = [1000, 2000, 5000, 10_000];

export async function page({ query, signal, go }) {
  const task = query.get("task");
  const { tasks } = await get("/helm/v1/tasks", null, signal);
  const state = h("span", { class: "chip quiet", role: "status" }, "connecting");
  const list = h("ol", { class: "live", "aria-label": "Turns, newest first" });
  const waiting = empty("Waiting for turns", "Each turn appears here when it ends, about a second later, whichever server it was on.");
  const held = [];
  const pause = h("button", { type: "button", "aria-pressed": "false", class: "plain" }, "Pause");
  const add = (turn) => {
    waiting.remove();
    list.prepend(entry(turn));
    while (list.children.length > SHOWN) list.lastChild.remove();
  };
  const paused = () => pause.getAttribute("aria-pressed") === "true";
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", paused() ? "false" : "true");
    if (!paused()) held.splice(0).forEach(add);
    pause.textContent = paused() ? "Go on" : "Pause";
  });
  const take = (turn) => {
    if (!paused()) return add(turn);
    held.push(turn);
    if (held.length > SHOWN) held.shift();
    pause.textContent = `Go on (${held.length} waiting)`;
    return undefined;
  };
  follow({ task }, signal, state, take);
  const title = "Live";
  const choose = select("Task", [["", "all tasks"], ...tasks.map((name) => [name, name])], task ?? "", (value) => go(value ? `/ui/live?task=${encodeURIComponent(value)}` : "/ui/live"));
  return { title, nodes: [heading(title, state, choose, pause), waiting, list] };
}

/** Watches until the reader leaves, and again after the server has gone and come back. */
async function follow(query, signal, state, take) {
  const tell = (tone, text) => {
    if (state.textContent === text) return;
    state.className = `chip ${tone}`;
    state.textContent = text;
  };
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      for await (const event of events("/helm/v1/decisions", query, signal)) {
        if (event.name === "ready") {
          failures = 0;
          tell("good", "connected");
        } else if (event.name === "turn") take(event.data);
        else if (event.name === "error") tell("bad", event.data.detail ?? "the log cannot be read");
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) return tell("bad", "the key does not open this");
      tell("bad", `${error.message} Trying again.`);
    }
    if (signal.aborted) return undefined;
    if (failures === 0) tell("fair", "the server ended the connection; trying again");
    await new Promise((done) => setTimeout(done, WAITS[Math.min(failures, WAITS.length - 1)]));
  }
  return undefined;
}

function entry(turn) {
  say(`A turn of ${turn.task} ended`);
  const head = h(
    "div",
    { class: "line" },
    link(decisionPath(turn.decision_id), moment(turn.at)),
    status(turn.status),
    h("strong", null, turn.task),
    turn.strategy ? h("span", null, turn.strategy) : null,
    link(userPath(turn.user_id, turn.task), turn.user_id),
    h("span", { class: "note" }, `reward ${fixed(turn.reward)} · ${duration(turn.latency_ms)} · ${dollars(turn.cost_usd)}`),
  );
  const text = (who, words) => (words ? h("p", { class: `text ${who}` }, words) : null);
  return h("li", { class: "card" }, head, text("asked", turn.message), text("answered", turn.answer));
}
