// What pages are made of.

import { decisionPath, h, link, taskPath, userPath } from "./dom.js";
import { NONE, dollars, duration, fixed, moment, stretch, words } from "./format.js";

export function heading(title, ...beside) {
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), beside.length ? h("div", { class: "controls" }, ...beside) : null);
}

/** What is said where nothing is yet, and what to do about it. */
export function empty(title, ...advice) {
  return h("div", { class: "empty" }, h("h2", null, title), ...advice.map((one) => (typeof one === "string" ? h("p", null, one) : one)));
}

export function code(text) {
  return h("pre", { tabindex: "0" }, h("code", null, text));
}

export function tiles(entries) {
  const tile = ({ name, value, note, style }) => h("div", { class: `tile ${style ?? ""}` }, h("dt", null, name), h("dd", null, value), note ? h("dd", { class: "note" }, note) : null);
  return h("dl", { class: "tiles" }, entries.filter(Boolean).map(tile));
}

/** A table. `columns`: name, of (what a row shows), and whether it is a number; the first column heads its row. */
export function table(caption, columns, rows, { hidden } = {}) {
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.name));
  const cell = (column, index, row) => h(index ? "td" : "th", { scope: index ? null : "row", class: column.number ? "number" : (column.style ?? null) }, column.of(row));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      null,
      h("caption", { class: hidden ? "hidden" : null }, caption),
      h("thead", null, h("tr", null, head)),
      h("tbody", null, rows.map((row) => h("tr", null, columns.map((column, index) => cell(column, index, row))))),
    ),
  );
}

export function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", null, title), ...children);
}

export function facts(entries) {
  return h("dl", { class: "facts" }, entries.filter(Boolean).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value ?? NONE))));
}

const TONES = { completed: "good", length: "fair", tool_limit: "fair", blocked: "bad", upstream_error: "bad", timeout: "bad", storage_error: "bad", cancelled: "quiet" };

export function status(name) {
  return name ? h("span", { class: `chip ${TONES[name] ?? "quiet"}` }, words(name)) : h("span", { class: "chip quiet" }, "running");
}

const SEVERITIES = { info: "quiet", low: "quiet", medium: "fair", high: "bad", critical: "bad" };

export function severity(name) {
  return h("span", { class: `chip ${SEVERITIES[name] ?? "quiet"}` }, name);
}

/** A share as a bar with its number. */
export function share(value, style = "s0") {
  if (!Number.isFinite(value)) return NONE;
  const meter = h("span", { class: `meter ${style}`, "aria-hidden": "true" }, h("span", null));
  meter.firstChild.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  return h("span", { class: "share" }, meter, `${(100 * value).toFixed(1)} %`);
}

/** Eight ways of drawing, and again from the first. */
export const styleOf = (index) => `s${index % 8}`;

export function select(label, options, chosen, changed) {
  const option = ([value, name]) => h("option", { value, selected: String(value) === String(chosen) }, name);
  const id = `choose-${label.toLowerCase()}`;
  return h("div", { class: "field" }, h("label", { for: id }, label), h("select", { id, onchange: (event) => changed(event.target.value) }, options.map(option)));
}

export function hoursSelect(chosen, changed) {
  const lengths = [1, 24, 168, 720, 8760].map((hours) => [hours, `last ${stretch(hours)}`]);
  return select("Time", [["", "all there is, up to 30 days"], ...lengths], chosen ?? "", changed);
}

/** The columns of lists of turns. */
export const turnColumns = {
  at: { name: "Began", of: (turn) => link(decisionPath(turn.decision_id), moment(turn.at)), style: "moment" },
  task: { name: "Task", of: (turn) => link(taskPath(turn.task), turn.task) },
  user: { name: "User", of: (turn) => link(userPath(turn.user_id, turn.task), turn.user_id), style: "id" },
  strategy: { name: "Strategy", of: (turn) => turn.strategy ?? NONE },
  message: { name: "Message", of: (turn) => turn.message || h("span", { class: "note" }, "not kept"), style: "words" },
  status: { name: "Ended", of: (turn) => status(turn.status) },
  reward: { name: "Reward", of: (turn) => fixed(turn.reward), number: true },
  latency: { name: "Latency", of: (turn) => duration(turn.latency_ms), number: true },
  cost: { name: "Cost", of: (turn) => dollars(turn.cost_usd), number: true },
  found: {
    name: "Found",
    of: (turn) => turn.violations.map((one) => h("span", { class: `chip ${SEVERITIES[one.severity] ?? "quiet"}` }, `${words(one.entity.toLowerCase())}: ${one.action}`)),
  },
};

/** What went wrong, and the way back. */
export function failure(error, again) {
  const id = error.requestId ? h("p", { class: "note" }, `Request ${error.requestId}: the server's log has it under this id.`) : null;
  return h(
    "div",
    { class: "empty failure", role: "alert" },
    h("h2", null, error.status === 404 ? "Not found" : error.status === 0 ? "No connection" : "That did not work"),
    h("p", null, error.message),
    id,
    again ? h("button", { type: "button", onclick: again }, "Try again") : null,
  );
}

export function loading() {
  return h("div", { class: "loading", role: "status" }, h("span", { class: "hidden" }, "Loading"), [1, 2, 3].map(() => h("div", { class: "bone" })));
}

/** Pages of a list, one below the other. `load(after)` answers rows and where to go on. */
export function pager(load, show, what) {
  const place = h("div", { class: "stack" });
  const more = h("button", { type: "button", class: "more" }, "Show more");
  const next = async (after) => {
    more.disabled = true;
    try {
      const page = await load(after);
      place.append(show(page));
      more.hidden = !page.next;
      more.onclick = () => next(page.next);
      return page;
    } catch (error) {
      if (error.name !== "AbortError") place.append(failure(error, () => next(after)));
      more.hidden = true;
      return null;
    } finally {
      more.disabled = false;
    }
  };
  more.setAttribute("aria-label", `Show more ${what}`);
  return { node: h("div", { class: "stack" }, place, more), first: () => next(null) };
}

export const total = (slots, of) => slots.reduce((sum, slot) => sum + (of(slot) ?? 0), 0);
