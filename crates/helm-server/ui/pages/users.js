import { get } from "../api.js";
import { intervals } from "../chart.js";
import { h, link, taskPath, userPath } from "../dom.js";
import { NONE, count, fixed, percent } from "../format.js";
import { card, empty, facts, heading, pager, select, share, styleOf, table, turnColumns } from "../parts.js";

export async function page({ part: user, query, signal, go }) {
  const { tasks } = await get("/helm/v1/tasks", null, signal);
  const task = query.get("task") ?? tasks[0];
  if (!task) return { title: "Users", nodes: [heading("Users"), empty("No task is configured", "Users are known by what they teach a task.")] };
  return user ? one(user, task, tasks, signal, go) : all(task, tasks, signal, go);
}

const pathOf = (task) => `/helm/v1/tasks/${encodeURIComponent(task)}/users`;

async function all(task, tasks, signal, go) {
  // Nobody's own rewards count for a user who is new.
  const outlook = await get(`${pathOf(task)}/newcomer`, null, signal);
  const mean = (person, strategy) => {
    const own = person.strategies[strategy];
    return own?.count ? h("span", null, fixed(own.mean, 2), h("span", { class: "note" }, ` (${count(own.count)})`)) : NONE;
  };
  const list = pager(
    (after) => get(pathOf(task), { after, limit: 50 }, signal),
    (found) => {
      if (!found.users.length) return empty("Nobody has taught this task anything yet", "A user appears here with their first reward.");
      const names = [...new Set(found.users.flatMap((person) => Object.keys(person.strategies)))].sort();
      const columns = [
        { name: "User", of: (person) => link(userPath(person.user_id, task), person.user_id), style: "id" },
        ...names.map((name) => ({ name, of: (person) => mean(person, name), number: true })),
      ];
      return table("Mean reward by user and strategy, with how many rewards it rests on", columns, found.users);
    },
    "users",
  );
  await list.first();
  const title = "Users";
  const nodes = [
    heading(title, select("Task", tasks.map((name) => [name, name]), task, (value) => go(`/ui/users?task=${encodeURIComponent(value)}`))),
    finder(task, go),
    h("div", { class: "grid" }, population(outlook.population), card("How they are learnt about", h("p", null, "What all users together have taught is where a new user begins: the population. Each user's own rewards then pull the expectation their way, more the more there are."), h("p", null, "Whether users are told apart at all is the policy's choice; see ", link(taskPath(task), "the task"), "."))),
    h("section", { class: "card" }, list.node),
  ];
  return { title, nodes };
}

function finder(task, go) {
  const submit = (event) => {
    event.preventDefault();
    const id = new FormData(event.target).get("user").trim();
    if (id) go(userPath(id, task));
  };
  return h("form", { class: "card search", role: "search", onsubmit: submit }, h("label", { class: "field" }, h("span", null, "User"), h("input", { name: "user", placeholder: "their id", autocomplete: "off", spellcheck: "false" })), h("div", { class: "buttons" }, h("button", { type: "submit" }, "Look up")));
}

const interval = (candidate, index) => ({ label: candidate.strategy, value: candidate.mean, low: candidate.mean - 2 * candidate.deviation, high: candidate.mean + 2 * candidate.deviation, style: styleOf(index) });

function population(candidates) {
  if (!candidates.length) return empty("Nothing is eligible now", "No strategy's model can be asked at the moment.");
  return intervals({ title: "The population: what a new user is expected to like", note: "Expected reward of each strategy, with twice its standard deviation.", rows: candidates.map(interval), format: (value) => fixed(value, 2) });
}

async function one(user, task, tasks, signal, go) {
  const own = `/helm/v1/users/${encodeURIComponent(user)}`;
  const [outlook, preferences, memories, { turns }] = await Promise.all([
    get(`${pathOf(task)}/${encodeURIComponent(user)}`, null, signal),
    get(`${own}/preferences`, null, signal),
    get(`${own}/memories`, null, signal).catch(() => ({ count: null })),
    get("/helm/v1/decisions", { user, limit: 25 }, signal),
  ]);
  const { at, task: of, message, strategy, status, reward } = turnColumns;
  const recent = turns.length ? table("Latest decisions", [at, message, of, strategy, status, reward], turns) : empty("No decisions", "The log has no turn of this user.");
  const nodes = [
    heading(`User ${user}`, select("Task", tasks.map((name) => [name, name]), task, (value) => go(userPath(user, value)))),
    h("section", { class: "card" }, beside(outlook)),
    h("div", { class: "grid" }, individual(outlook), known(preferences, memories)),
    h("section", { class: "card" }, recent, h("p", null, link(`/ui/decisions?user=${encodeURIComponent(user)}`, "All decisions of this user"))),
  ];
  return { title: `User ${user}`, nodes };
}

function beside({ user, population }) {
  const all = new Map(population.map((candidate) => [candidate.strategy, candidate]));
  const belief = (candidate) => (candidate ? `${fixed(candidate.mean)} ± ${fixed(candidate.deviation)}` : NONE);
  const columns = [
    { name: "Strategy", of: (candidate) => candidate.strategy },
    { name: "Probability for this user", of: (candidate) => share(candidate.probability) },
    { name: "for a new user", of: (candidate) => percent(all.get(candidate.strategy)?.probability), number: true },
    { name: "Expected of this user", of: (candidate) => belief(candidate), number: true },
    { name: "of a new user", of: (candidate) => belief(all.get(candidate.strategy)), number: true },
  ];
  return table("This user beside the population", columns, user);
}

function individual({ user, population }) {
  const all = new Map(population.map((candidate) => [candidate.strategy, candidate]));
  const rows = user.flatMap((candidate, index) => {
    const other = all.get(candidate.strategy);
    return [interval(candidate, index), other && { ...interval(other, index), label: "  a new user", style: "quiet" }].filter(Boolean);
  });
  if (!rows.length) return null;
  return intervals({ title: "Expected reward", note: "Of each strategy for this user, and below it for a new one, with twice its standard deviation.", rows, format: (value) => fixed(value, 2) });
}

function known(preferences, memories) {
  const entries = Object.entries(preferences.values).filter(([name]) => !name.startsWith("_"));
  const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return card("What is known", facts([["Memories", count(memories.count)], ...entries.map(([name, value]) => [name, shown(value)])]), entries.length ? null : h("p", { class: "note" }, "No preferences."));
}
