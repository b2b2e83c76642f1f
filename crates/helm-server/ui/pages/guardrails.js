import { get } from "../api.js";
import { h } from "../dom.js";
import { count, stretch, words } from "../format.js";
import { empty, heading, hoursSelect, pager, select, severity, share, table, tiles, total, turnColumns } from "../parts.js";

export async function page({ query, signal, go }) {
  const [hours, task] = [query.get("hours"), query.get("task")];
  const [{ tasks }, found] = await Promise.all([get("/helm/v1/tasks", null, signal), get("/helm/v1/guardrails/findings", { hours, task }, signal)]);
  const move = (change) => {
    const given = Object.entries({ hours, task, ...change }).filter(([, value]) => value);
    go(given.length ? `/ui/guardrails?${new URLSearchParams(given)}` : "/ui/guardrails");
  };
  const title = "Guardrails";
  const controls = [select("Task", [["", "all tasks"], ...tasks.map((name) => [name, name])], task ?? "", (value) => move({ task: value })), hoursSelect(hours, (value) => move({ hours: value }))];
  const list = pager(
    (after) => get("/helm/v1/decisions", { found: true, task, since: found.since, until: found.until, after, limit: 25 }, signal),
    (page) => (page.turns.length ? table("Turns in which guards found something, newest first", columns, page.turns) : null),
    "turns",
  );
  const { at, task: of, user, found: what, status, message } = turnColumns;
  const columns = [at, what, status, of, user, message];
  const nodes = [heading(title, ...controls)];
  if (!found.findings.length) {
    nodes.push(empty(`Guards found nothing in the last ${stretch(found.hours)}`, "What they find in messages, answers and tool calls is counted here, with what was done about it. The text itself is never kept."));
    return { title, nodes };
  }
  await list.first();
  const sum = (action) => total(found.findings, (one) => (!action || one.action === action ? one.count : 0));
  nodes.push(
    tiles([
      { name: "Findings", value: count(sum()), note: `in the last ${stretch(found.hours)}` },
      { name: "Blocked", value: count(sum("block")) },
      { name: "Redacted", value: count(sum("redact")) },
      { name: "Flagged", value: count(sum("flag")) },
    ]),
    h("section", { class: "card" }, kinds(found.findings, sum())),
    h("section", { class: "card" }, list.node),
  );
  return { title, nodes };
}

function kinds(findings, all) {
  const columns = [
    { name: "What", of: (one) => words(one.entity.toLowerCase()) },
    { name: "Kind", of: (one) => words(one.category) },
    { name: "In", of: (one) => words(one.stage) },
    { name: "Done", of: (one) => one.action },
    { name: "Severity", of: (one) => severity(one.severity) },
    { name: "Count", of: (one) => count(one.count), number: true },
    { name: "Share", of: (one) => share(one.count / all, "s1") },
  ];
  return table("What was found and what was done about it; the text itself is never kept", columns, findings);
}
