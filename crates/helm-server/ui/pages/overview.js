import { get } from "../api.js";
import { bars, lines } from "../chart.js";
import { h, link, taskPath } from "../dom.js";
import { NONE, count, dollars, duration, fixed, many, percent, short, signed, stretch } from "../format.js";
import { code, empty, heading, hoursSelect, select, table, tiles, total } from "../parts.js";

export async function page({ query, signal, go }) {
  const [hours, task] = [query.get("hours"), query.get("task")];
  const attention = h("div", { hidden: true });
  // The page does not wait for it, and is complete without it but for the warnings.
  get("/health", null, signal).then((health) => warn(attention, health.store?.warnings ?? []), () => {});
  const overview = await get("/helm/v1/overview", { hours, task, slots: 48 }, signal);
  const move = (change) => {
    const next = { hours, task, ...change };
    const given = Object.entries(next).filter(([, value]) => value);
    go(given.length ? `/ui/?${new URLSearchParams(given)}` : "/ui/");
  };
  const known = task ? [task] : overview.tasks.map((one) => one.task);
  const controls = [
    select("Task", [["", "all tasks"], ...known.map((name) => [name, name])], task ?? "", (value) => move({ task: value })),
    hoursSelect(hours, (value) => move({ hours: value })),
  ];
  const merged = merge(overview.tasks);
  const nodes = [heading("Overview", ...controls), attention];
  if (!merged.length) nodes.push(nothing(overview, hours));
  else nodes.push(...summary(overview, merged));
  return { title: "Overview", nodes };
}

function warn(place, warnings) {
  if (!warnings.length) return;
  place.className = "notice";
  place.hidden = false;
  place.replaceChildren(h("h2", null, "Somebody should see to this"), h("ul", null, warnings.map((one) => h("li", null, one))));
}

function nothing(overview, hours) {
  if (hours) return empty(`No turns in the last ${stretch(overview.hours)}`, "Choose a longer time above, or look at it live.", h("p", null, link("/ui/live", "Live")));
  const task = overview.tasks[0]?.task ?? "support";
  const call = `curl ${location.origin}/chat -H 'content-type: application/json' \\\n  -d '{"user_id":"ana","task":"${task}","message":"How do I reset my password?"}'`;
  return empty("No turns yet", "Here will be how answers get better: rewards beside what choosing evenly would earn, what they cost and how long they take. The first turn is one request away:", code(call), h("p", null, "Then ", link("/ui/live", "watch turns come in"), "."));
}

/** The slots of all tasks, together. */
function merge(tasks) {
  const slots = new Map();
  for (const slot of tasks.flatMap((task) => task.slots)) {
    const own = slots.get(slot.from) ?? { from: slot.from, turns: 0, blocked: 0, failed: 0, found: 0, rewarded: 0, rewards: 0, squares: 0, latency: 0, slowest: 0, priced: 0, cost: 0 };
    for (const name of ["turns", "blocked", "failed", "found", "rewarded", "priced"]) own[name] += slot[name];
    own.rewards += (slot.reward ?? 0) * slot.rewarded;
    // From the mean and its standard error back to the sum of squares.
    own.squares += slot.rewarded * (slot.reward ?? 0) ** 2 + (slot.stderr ?? 0) ** 2 * slot.rewarded * (slot.rewarded - 1);
    own.latency += (slot.latency_ms ?? 0) * slot.turns;
    own.slowest = Math.max(own.slowest, slot.slowest_ms ?? 0);
    own.cost += slot.cost_usd ?? 0;
    slots.set(slot.from, own);
  }
  return [...slots.values()].sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
}

/** What choosing evenly would earn in all tasks, where that is known of each that has rewards. */
function evenly(tasks) {
  const rated = tasks.filter((task) => total(task.slots, (slot) => slot.rewarded) > 0);
  if (!rated.length || rated.some((task) => task.baseline === null)) return null;
  const weight = (task) => total(task.slots, (slot) => slot.rewarded);
  return total(rated, (task) => task.baseline * weight(task)) / total(rated, weight);
}

function summary(overview, slots) {
  const time = { since: Date.parse(overview.since), until: Date.parse(overview.until), hours: overview.hours };
  const step = overview.step_seconds * 1000;
  const baseline = evenly(overview.tasks);
  const sums = Object.fromEntries(["turns", "rewarded", "rewards", "latency", "priced", "cost", "found", "blocked", "failed"].map((name) => [name, total(slots, (slot) => slot[name])]));
  const reward = sums.rewarded ? sums.rewards / sums.rewarded : null;
  const gain = reward !== null && baseline !== null ? reward - baseline : null;
  const points = (of) => slots.map((slot) => ({ at: Date.parse(slot.from), value: of(slot) })).filter((point) => point.value !== null);
  return [
    tiles([
      { name: "Turns", value: short(sums.turns), note: `in the last ${stretch(overview.hours)}` },
      { name: "Reward", value: fixed(reward), note: gain === null ? `${many(sums.rewarded, "reward")}` : `${signed(gain)} beside choosing evenly`, style: gain === null ? "" : gain >= 0 ? "up" : "down" },
      { name: "Latency", value: duration(sums.turns ? sums.latency / sums.turns : null), note: `longest ${duration(Math.max(...slots.map((slot) => slot.slowest)))}` },
      { name: "Cost", value: sums.priced ? dollars(sums.cost) : NONE, note: sums.priced === sums.turns ? `${dollars(sums.cost / sums.turns)} a turn` : `of ${many(sums.priced, "turn")} whose price is known` },
      { name: "Guards found something", value: short(sums.found), note: `${many(sums.blocked, "turn")} refused` },
      { name: "Failed", value: short(sums.failed), note: percent(sums.turns ? sums.failed / sums.turns : 0), style: sums.failed ? "down" : "" },
    ]),
    h(
      "div",
      { class: "grid" },
      lines({
        title: "Reward over time",
        note: "Mean reward of each slot, with twice its standard error; dashed: what choosing every strategy equally often would earn.",
        wide: true,
        time,
        format: (value) => fixed(value, 2),
        bounds: { least: 0, most: 1 },
        level: baseline === null ? null : { name: "Choosing evenly", value: baseline },
        series: [{ name: "Reward", style: "s0", points: slots.filter((slot) => slot.rewarded).map(rewardPoint) }],
      }),
      bars({
        title: "Turns",
        time,
        step,
        format: count,
        series: [
          { name: "Answered", style: "s0", points: points((slot) => slot.turns - slot.blocked - slot.failed) },
          { name: "Refused by guards", style: "s1", points: points((slot) => slot.blocked) },
          { name: "Failed", style: "s2", points: points((slot) => slot.failed) },
        ],
      }),
      lines({ title: "Latency", note: "Mean of each slot.", time, format: duration, bounds: { zero: true }, series: [{ name: "Latency", style: "s0", points: points((slot) => (slot.turns ? slot.latency / slot.turns : null)) }] }),
      bars({ title: "Cost", note: sums.priced < sums.turns ? "Of turns whose price is known." : null, time, step, format: dollars, series: [{ name: "Cost", style: "s4", points: points((slot) => slot.cost) }] }),
      bars({ title: "Turns in which guards found something", time, step, format: count, series: [{ name: "Found", style: "s1", points: points((slot) => slot.found) }] }),
    ),
    byTask(overview.tasks),
  ];
}

function rewardPoint(slot) {
  const value = slot.rewards / slot.rewarded;
  const point = { at: Date.parse(slot.from), value };
  if (slot.rewarded > 1) {
    const variance = Math.max(0, slot.squares - slot.rewarded * value * value) / (slot.rewarded - 1);
    const error = Math.sqrt(variance / slot.rewarded);
    Object.assign(point, { low: Math.max(0, value - 2 * error), high: Math.min(1, value + 2 * error) });
  }
  return point;
}

function byTask(tasks) {
  const of = (task) => {
    const sum = (name) => total(task.slots, (slot) => slot[name]);
    const rewards = total(task.slots, (slot) => (slot.reward ?? 0) * slot.rewarded);
    return { ...task, turns: sum("turns"), failed: sum("failed"), blocked: sum("blocked"), priced: sum("priced"), cost: sum("cost_usd"), reward: sum("rewarded") ? rewards / sum("rewarded") : null };
  };
  const columns = [
    { name: "Task", of: (task) => (task.configured ? link(taskPath(task.task), task.task) : [task.task, " ", h("span", { class: "chip quiet" }, "no longer configured")]) },
    { name: "Turns", of: (task) => count(task.turns), number: true },
    { name: "Reward", of: (task) => fixed(task.reward), number: true },
    { name: "Choosing evenly", of: (task) => fixed(task.baseline), number: true },
    { name: "Refused", of: (task) => count(task.blocked), number: true },
    { name: "Failed", of: (task) => count(task.failed), number: true },
    { name: "Cost", of: (task) => (task.priced ? dollars(task.cost) : NONE), number: true },
  ];
  return h("section", { class: "card" }, table("By task", columns, tasks.map(of)));
}
