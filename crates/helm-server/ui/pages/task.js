import { get } from "../api.js";
import { intervals, lines } from "../chart.js";
import { h, link } from "../dom.js";
import { NONE, count, fixed, moment, percent, stretch } from "../format.js";
import { empty, heading, hoursSelect, share, styleOf, table } from "../parts.js";

export async function page({ part: task, query, signal, go }) {
  const hours = query.get("hours");
  const path = `/helm/v1/tasks/${encodeURIComponent(task)}`;
  const [report, offers, overview] = await Promise.all([
    get(`${path}/report`, null, signal),
    get(`${path}/probabilities`, { hours, slots: 40 }, signal),
    get("/helm/v1/overview", { hours, task, slots: 40 }, signal),
  ]);
  const styles = new Map(report.strategies.map((one, index) => [idOf(one), styleOf(index)]));
  const again = (value) => go(`/ui/tasks/${encodeURIComponent(task)}${value ? `?hours=${value}` : ""}`);
  const nodes = [
    heading(`Task ${task}`, hoursSelect(hours, again)),
    h("p", { class: "lead" }, "Policy ", h("strong", null, report.policy), ". ", link(`/ui/decisions?task=${encodeURIComponent(task)}`, "Its decisions"), " · ", link(`/ui/users?task=${encodeURIComponent(task)}`, "its users")),
    stands(report.candidate),
    alarms(report),
    h("section", { class: "card" }, strategies(report, styles)),
    h("div", { class: "grid" }, posteriors(report, styles), chosen(offers, overview, styles), rewards(overview)),
  ];
  return { title: `Task ${task}`, nodes: nodes.filter(Boolean) };
}

const idOf = (one) => `${one.strategy}@${one.version}`;

/** Which of the policy and its candidate decides. */
function stands(own) {
  if (!own) return null;
  const since = own.since ? ` since ${moment(own.since)}: ${own.because}` : "";
  const who = own.live ? `Its candidate ${own.candidate} decides in the place of ${own.policy}${since}.` : `Its candidate ${own.candidate} ${own.since ? `was rolled back${since}` : "waits"}.`;
  return h("p", null, who);
}

function alarms(report) {
  if (!report.warnings.length) return h("p", { class: "calm" }, "No drift: as far as the feedback that came to this server tells, people say what the reward says.");
  return h("div", { class: "notice", role: "note" }, h("h2", null, "Drift"), h("ul", null, report.warnings.map((one) => h("li", null, one))));
}

function strategies(report, styles) {
  const mean = (one) => (one.feedback.count ? one.feedback.sum / one.feedback.count : null);
  const columns = [
    { name: "Strategy", of: (one) => [h("span", { class: `key-dot ${styles.get(idOf(one))}`, "aria-hidden": "true" }), one.strategy] },
    { name: "Version", of: (one) => [`@${one.version}`, one.probability === null ? [" ", h("span", { class: "chip quiet" }, "retired")] : null] },
    { name: "Probability now", of: (one) => share(one.probability ?? NaN, styles.get(idOf(one))) },
    { name: "Chosen", of: (one) => count(one.pulls), number: true },
    { name: "Rewards", of: (one) => count(one.reward.count), number: true },
    { name: "Mean reward", of: (one) => (one.reward.mean === null ? NONE : `${fixed(one.reward.mean)}${one.reward.stderr === null ? "" : ` ± ${fixed(one.reward.stderr)}`}`), number: true },
    { name: "Posterior", of: (one) => (one.posterior ? `${fixed(one.posterior.mean)} ± ${fixed(one.posterior.deviation)}` : NONE), number: true },
    { name: "People say", of: (one) => (one.feedback.count ? `${fixed(mean(one), 2)} (${count(one.feedback.count)})` : NONE), number: true },
  ];
  return table("Strategies and their versions", columns, report.strategies);
}

function posteriors(report, styles) {
  const rows = report.strategies
    .filter((one) => one.posterior)
    .map((one) => {
      const { mean, deviation } = one.posterior;
      return { label: idOf(one), value: mean, low: mean - 2 * deviation, high: mean + 2 * deviation, style: styles.get(idOf(one)) };
    });
  if (!rows.length) return null;
  return intervals({ title: "What the policy expects", note: "Posterior mean of each strategy's reward for a new user, with twice its standard deviation.", rows, format: (value) => fixed(value, 2) });
}

function chosen(offers, overview, styles) {
  const time = { since: Date.parse(offers.since), until: Date.parse(offers.until), hours: overview.hours };
  const names = [...new Set(offers.slots.flatMap((slot) => Object.keys(slot.probabilities)))].sort();
  if (!names.length) return empty(`Nothing was drawn in the last ${stretch(overview.hours)}`, "Probabilities over time appear with the first decisions.");
  const points = (name) => offers.slots.map((slot) => ({ at: Date.parse(slot.from), value: slot.probabilities[name] ?? 0 }));
  const series = names.map((name) => ({ name, style: styles.get(name) ?? "s7", points: points(name) }));
  return lines({ title: "Probability over time", note: "As the first decisions of each slot have logged it.", time, series, format: (value) => percent(value, 0), bounds: { zero: true, most: 1 } });
}

function rewards(overview) {
  const [task] = overview.tasks;
  const time = { since: Date.parse(overview.since), until: Date.parse(overview.until), hours: overview.hours };
  const point = (slot) => {
    const error = slot.stderr;
    const known = error === null ? {} : { low: Math.max(0, slot.reward - 2 * error), high: Math.min(1, slot.reward + 2 * error) };
    return { at: Date.parse(slot.from), value: slot.reward, ...known };
  };
  const points = (task?.slots ?? []).filter((slot) => slot.rewarded).map(point);
  if (!points.length) return null;
  const level = task.baseline === null ? null : { name: "Choosing evenly", value: task.baseline };
  return lines({ title: "Reward over time", note: "Mean of each slot, with twice its standard error.", wide: true, time, level, series: [{ name: "Reward", style: "s0", points }], format: (value) => fixed(value, 2), bounds: { least: 0, most: 1 } });
}
