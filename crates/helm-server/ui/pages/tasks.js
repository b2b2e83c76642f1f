import { get } from "../api.js";
import { h, link, taskPath } from "../dom.js";
import { count, fixed } from "../format.js";
import { empty, heading, table, total } from "../parts.js";

export async function page({ signal }) {
  const overview = await get("/helm/v1/overview", { hours: 720, slots: 48 }, signal);
  const tasks = overview.tasks.filter((task) => task.configured);
  const title = "Tasks";
  if (!tasks.length) {
    return { title, nodes: [heading(title), empty("No task is configured", "A task owns the strategies that its policy chooses among. Add one to helm.toml:", h("pre", { tabindex: "0" }, h("code", null, '[tasks.support.strategies.concise]\nsystem = "Answer in at most two sentences."')))] };
  }
  const reward = (task) => {
    const rewarded = total(task.slots, (slot) => slot.rewarded);
    return rewarded ? total(task.slots, (slot) => (slot.reward ?? 0) * slot.rewarded) / rewarded : null;
  };
  const columns = [
    { name: "Task", of: (task) => link(taskPath(task.task), task.task) },
    { name: "Turns", of: (task) => count(total(task.slots, (slot) => slot.turns)), number: true },
    { name: "Reward", of: (task) => fixed(reward(task)), number: true },
    { name: "Choosing evenly", of: (task) => fixed(task.baseline), number: true },
  ];
  return { title, nodes: [heading(title), h("section", { class: "card" }, table("Tasks, with their last 30 days", columns, tasks))] };
}
