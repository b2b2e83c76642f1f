import { get } from "../api.js";
import { decisionPath, h } from "../dom.js";
import { words } from "../format.js";
import { empty, heading, pager, table, turnColumns } from "../parts.js";

const STATUSES = ["completed", "length", "tool_limit", "blocked", "upstream_error", "timeout", "cancelled", "storage_error"];
const FIELDS = ["task", "user", "strategy", "status", "since", "until", "found"];

export async function page({ query, signal, go }) {
  const { tasks } = await get("/helm/v1/tasks", null, signal);
  const filters = Object.fromEntries(FIELDS.map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const asked = Object.keys(filters).length > 0;
  const list = pager(
    (after) => get("/helm/v1/decisions", { ...filters, after, limit: 25 }, signal),
    (found) => (found.turns.length ? table("Decisions, newest first", columns, found.turns, { hidden: true }) : none(asked)),
    "decisions",
  );
  const { at, task, user, strategy, message, status, reward, latency } = turnColumns;
  const columns = [at, message, task, user, strategy, status, reward, latency];
  await list.first();
  const title = "Decisions";
  return { title, nodes: [heading(title), search(tasks, filters, go), h("section", { class: "card" }, list.node)] };
}

function none(asked) {
  return asked ? empty("No decision matches", "Take a condition away, or look at a longer time.") : empty("No decisions yet", "Each message to POST /chat makes one, and it is explained here.");
}

function search(tasks, filters, go) {
  const text = (name, label, hint) => h("label", { class: "field" }, h("span", null, label), h("input", { name, value: filters[name] ?? "", placeholder: hint, autocomplete: "off", spellcheck: "false" }));
  const choice = (name, label, values) =>
    h("label", { class: "field" }, h("span", null, label), h("select", { name }, h("option", { value: "" }, "any"), values.map((value) => h("option", { value, selected: value === filters[name] }, words(value)))));
  const moment = (name, label) => h("label", { class: "field" }, h("span", null, label), h("input", { name, type: "datetime-local", value: local(filters[name]) }));
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    const id = given.get("id").trim();
    if (id) return go(decisionPath(id));
    const next = new URLSearchParams();
    for (const name of FIELDS) {
      const value = given.get(name)?.trim();
      if (value) next.set(name, name === "since" || name === "until" ? new Date(value).toISOString() : value);
    }
    return go(next.size ? `/ui/decisions?${next}` : "/ui/decisions");
  };
  return h(
    "form",
    { class: "card search", role: "search", onsubmit: submit },
    text("id", "Decision", "its id"),
    text("user", "User", "its id"),
    choice("task", "Task", tasks),
    text("strategy", "Strategy", "name@version"),
    choice("status", "Ended", STATUSES),
    moment("since", "From"),
    moment("until", "Until"),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "found", value: "true", checked: filters.found === "true" }), "guards found something"),
    h("div", { class: "buttons" }, h("button", { type: "submit" }, "Search"), h("button", { type: "button", class: "plain", onclick: () => go("/ui/decisions") }, "Clear")),
  );
}

/** A moment as a field for local time has it. */
function local(text) {
  if (!text) return "";
  const at = new Date(text);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
