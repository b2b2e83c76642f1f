import { get, text } from "../api.js";
import { intervals, lines } from "../chart.js";
import { experimentPath, h, link, taskPath } from "../dom.js";
import { NONE, count, fixed, moment, percent, signed, words } from "../format.js";
import { card, code, empty, heading, styleOf, table } from "../parts.js";

export async function page({ part: key, signal }) {
  return key ? report(key, signal) : list(signal);
}

async function list(signal) {
  const { experiments } = await get("/helm/v1/experiments", null, signal);
  const title = "Experiments";
  if (!experiments.length) {
    const example = '[experiment]\nkey = "tone"\ntask = "support"\nmode = "sequential"';
    return { title, nodes: [heading(title), empty("No experiment is configured", "An experiment holds users to one side of a comparison, and says when it is decided. It begins with a file:", code(example), h("p", null, "docs/experiments.md has the whole of it."))] };
  }
  const columns = [
    { name: "Experiment", of: (one) => link(experimentPath(one.key), one.key) },
    { name: "Version", of: (one) => count(one.version), number: true },
    { name: "Task", of: (one) => link(taskPath(one.task), one.task) },
    { name: "State", of: (one) => (one.assigns ? "Assigns users" : "Assigns nobody: A/B testing is off") },
    { name: "Variants", of: (one) => one.variants.map((variant) => `${variant.name} ${percent(variant.weight, 0)}${variant.control ? " (control)" : ""}`).join(", ") },
  ];
  return { title, nodes: [heading(title), h("section", { class: "card" }, table("Configured experiments", columns, experiments))] };
}

const VERDICTS = { ship: "good", roll_back: "bad", keep_going: "quiet", inconclusive: "quiet", invalid: "bad" };
const STATES = { fine: "good", warning: "fair", too_few: "quiet", failed: "bad" };

function title(decision) {
  const names = { roll_back: "Keep the control", keep_going: "Keep going", inconclusive: "Nothing found", invalid: "Not to be trusted" };
  return decision.kind === "ship" ? `Ship ${decision.variant}` : (names[decision.kind] ?? words(decision.kind));
}

async function report(key, signal) {
  const path = `/helm/v1/experiments/${encodeURIComponent(key)}`;
  const found = await get(path, null, signal);
  const nodes = [
    heading(`Experiment ${found.experiment}`, download(path, found)),
    h("p", { class: "lead" }, "On task ", link(taskPath(found.task), found.task), ` · version ${found.version} · ${found.period ? `${moment(found.period[0])} to ${moment(found.period[1])}` : "no turn yet"}`),
    verdict(found),
    h("div", { class: "grid" }, h("section", { class: "card" }, variants(found)), h("section", { class: "card" }, health(found))),
    ...found.metrics.map((metric) => metrics(metric, found)),
    segments(found),
  ];
  return { title: `Experiment ${key}`, nodes: nodes.filter(Boolean) };
}

function download(path, found) {
  const save = async (event) => {
    const button = event.target;
    button.disabled = true;
    try {
      const page = await text(path, "text/html");
      const address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
      h("a", { href: address, download: `experiment-${found.experiment}.html` }).click();
      URL.revokeObjectURL(address);
    } catch (error) {
      button.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  };
  return h("button", { type: "button", class: "plain", onclick: save }, "Save as a page");
}

function verdict({ verdict: { decision, rule, because }, guarantee }) {
  return h(
    "section",
    { class: `card verdict ${VERDICTS[decision.kind] ?? "quiet"}` },
    h("h2", null, title(decision)),
    because.length ? h("ul", null, because.map((reason) => h("li", null, reason))) : null,
    h("p", { class: "note" }, `Rule: ${rule}`),
    h("p", { class: "note" }, guarantee),
  );
}

function variants(found) {
  const columns = [
    { name: "Variant", of: (one) => one.variant },
    { name: "Share", of: (one) => percent(one.weight, 0), number: true },
    { name: "Users", of: (one) => count(one.users), number: true },
    { name: "Turns", of: (one) => count(one.turns), number: true },
  ];
  return table("Variants", columns, found.variants);
}

function health(found) {
  const columns = [
    { name: "Check", of: (check) => words(check.name) },
    { name: "State", of: (check) => h("span", { class: `chip ${STATES[check.state] ?? "quiet"}` }, words(check.state)) },
    { name: "What was found", of: (check) => check.message, style: "words" },
  ];
  return table("Whether the log can be trusted", columns, found.health);
}

const estimate = (comparison) => (comparison.effect.status === "estimated" ? comparison.effect : null);

function metrics(metric, found) {
  const values = table(
    "Values",
    [
      { name: "Variant", of: (one) => one.variant },
      { name: "Value", of: (one) => fixed(one.value, 4), number: true },
      { name: "Users", of: (one) => count(one.users), number: true },
    ],
    metric.values,
  );
  const known = metric.comparisons.filter(estimate);
  const rows = known.map((one, index) => {
    const { difference, interval } = estimate(one);
    return { label: one.variant, value: difference, low: interval.low ?? NaN, high: interval.high ?? NaN, style: styleOf(index) };
  });
  const plot = rows.length ? intervals({ title: `${words(metric.key)}: difference from the control`, note: `Better is ${metric.better}. Dashed: no difference.`, rows, level: 0, bounds: { least: -Infinity }, format: (value) => signed(value, 2) }) : null;
  return h("section", { class: "stack" }, h("div", { class: "grid" }, card(`${words(metric.key)} (${metric.role})`, values, comparisons(metric)), plot), cumulative(metric, found));
}

function comparisons(metric) {
  const chips = { better: "good", worse: "bad", open: "quiet" };
  const reasons = metric.comparisons.filter((one) => !estimate(one)).map((one) => h("p", { class: "note" }, `${one.variant}: ${one.effect.reason}`));
  const bound = (value) => (value === null ? "∞" : fixed(value));
  const columns = [
    { name: "Beside the control", of: (one) => one.variant },
    { name: "Difference", of: (one) => signed(estimate(one).difference), number: true },
    { name: "Interval", of: (one) => `${bound(estimate(one).interval.low)} to ${bound(estimate(one).interval.high)}`, number: true },
    { name: "p", of: (one) => (estimate(one).p === null ? NONE : fixed(estimate(one).p, 4)), number: true },
    { name: "Found", of: (one) => h("span", { class: `chip ${chips[estimate(one).found] ?? "quiet"}` }, words(estimate(one).found)) },
  ];
  const known = metric.comparisons.filter(estimate);
  return [known.length ? table("Comparisons", columns, known) : null, ...reasons];
}

function cumulative(metric, found) {
  const names = [...new Set(metric.cumulative.map((look) => look.variant))];
  const points = (name) =>
    metric.cumulative
      .filter((look) => look.variant === name && look.difference !== null)
      .map((look) => ({ at: Date.parse(look.until), value: look.difference, ...(look.interval.low === null || look.interval.high === null ? {} : { low: look.interval.low, high: look.interval.high }) }));
  const series = names.map((name, index) => ({ name, style: styleOf(index), points: points(name) })).filter((one) => one.points.length > 1);
  if (!series.length || !found.period) return null;
  const [since, until] = found.period.map(Date.parse);
  if (until <= since) return null;
  const time = { since, until, hours: (until - since) / 3_600_000 };
  return lines({ title: `${words(metric.key)}: what was known when`, note: "The difference of all turns up to a moment, with its interval. Dashed: no difference.", wide: true, time, series, level: { name: "No difference", value: 0 }, format: (value) => signed(value, 2), bounds: { least: -Infinity } });
}

function segments(found) {
  const rows = found.segments.flatMap((segment) => segment.comparisons.map((comparison) => ({ ...segment, ...comparison })));
  if (!rows.length) return null;
  const told = (attribute) => (typeof attribute === "string" ? words(attribute) : words(Object.values(attribute)[0]?.toString()));
  const columns = [
    { name: "Part", of: (row) => `${told(row.attribute)} ${row.level ?? "(none)"}` },
    { name: "Metric", of: (row) => words(row.metric) },
    { name: "Users", of: (row) => count(row.users), number: true },
    { name: "Variant", of: (row) => row.variant },
    { name: "Difference", of: (row) => (estimate(row) ? signed(estimate(row).difference) : NONE), number: true },
  ];
  return h("section", { class: "card" }, table("By parts of the users", columns, rows));
}
