import { get, post } from "../api.js";
import { decisionPath, experimentPath, h, link, say, taskPath, userPath } from "../dom.js";
import { NONE, count, dollars, duration, fixed, moment, percent, words } from "../format.js";
import { card, facts, heading, severity, share, status, styleOf, table } from "../parts.js";

export async function page({ part: id, signal, again }) {
  const decision = await get(`/helm/v1/decisions/${encodeURIComponent(id)}`, null, signal);
  const said = decision.conversation_id ? await conversation(decision, signal) : null;
  const nodes = [
    heading("Decision", status(decision.status), decision.simulated ? h("span", { class: "chip fair" }, "built-in demonstration model") : null),
    h("p", { class: "lead mono" }, decision.decision_id),
    h("div", { class: "grid" }, exchange(decision), h("div", { class: "stack" }, outcome(decision), feedback(decision, again))),
    why(decision),
    h("div", { class: "grid" }, reward(decision), found(decision)),
    said,
  ];
  return { title: `Decision ${id}`, nodes: nodes.filter(Boolean) };
}

function exchange(decision) {
  const text = (who, words, none) => h("div", { class: `said ${who}` }, h("h3", null, who === "user" ? "User" : "Answer"), words ? h("p", { class: "text" }, words) : h("p", { class: "note" }, none));
  const blocked = decision.status === "blocked";
  return card(
    "What was said",
    text("user", decision.message, decision.status === null ? "The turn still runs." : "Not kept: guards refused it, or it was erased."),
    text("model", decision.answer, decision.error ?? (blocked ? "There is no answer: guards refused it." : "There is no answer.")),
  );
}

function outcome(decision) {
  const usage = decision.usage;
  return card(
    "How it went",
    facts([
      ["Task", link(taskPath(decision.task), decision.task)],
      ["User", link(userPath(decision.user_id, decision.task), decision.user_id)],
      ["Began", moment(decision.at)],
      ["Strategy", decision.strategy],
      decision.served && ["Answered by", decision.served],
      ["Model", decision.model],
      ["Latency", duration(decision.latency_ms)],
      decision.first_token_ms !== null && ["First word after", duration(decision.first_token_ms)],
      usage && ["Tokens", `${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out${usage.estimated ? ", estimated" : ""}`],
      ["Cost", dollars(decision.cost_usd)],
      decision.experiment && ["Experiment", [link(experimentPath(decision.experiment), decision.experiment), `, variant ${decision.variant}`]],
    ]),
  );
}

function why(decision) {
  const columns = [
    { name: "Strategy", of: (one) => [one.strategy, one.strategy === decision.strategy ? [" ", h("span", { class: "chip good" }, "chosen")] : null] },
    { name: "Probability", of: (one) => share(one.probability, styleOf(0)) },
    { name: "Expected reward", of: (one) => `${fixed(one.mean)} ± ${fixed(one.deviation)}`, number: true },
    { name: "Rewards so far", of: (one) => count(one.pulls), number: true },
  ];
  const excluded = decision.excluded.map((one) => h("li", null, h("strong", null, one.strategy), `: ${one.why}`));
  const ranked = decision.candidates.toSorted((a, b) => b.probability - a.probability);
  const mode = decision.mode ? `${words(decision.mode)}${decision.policy ? ` by policy ${decision.policy}` : ""}, with propensity ${percent(decision.propensity)}.` : "No strategy was chosen.";
  return card(
    "Why this strategy",
    h("p", null, mode[0].toUpperCase() + mode.slice(1)),
    ranked.length ? table("What the policy knew", columns, ranked) : h("p", { class: "text" }, decision.why),
    excluded.length ? [h("h3", null, "Not eligible"), h("ul", null, excluded)] : null,
    decision.drawn_by ? h("p", null, "It rests on ", link(decisionPath(decision.drawn_by), "an earlier draw"), ".") : null,
  );
}

function reward(decision) {
  const parts = [
    { name: "Part", of: (part) => words(part.name) },
    { name: "Value", of: (part) => fixed(part.value), number: true },
    { name: "Weight", of: (part) => fixed(part.weight), number: true },
  ];
  const unscored = Object.entries(decision.not_scored).map(([name, reason]) => h("li", null, `${words(name)}: ${typeof reason === "string" ? words(reason) : words(Object.keys(reason)[0])}`));
  return card(
    "Reward",
    h("p", { class: "big" }, fixed(decision.reward), decision.reward_stage ? h("span", { class: "note" }, ` ${words(decision.reward_stage)}`) : null),
    decision.reward === null ? h("p", { class: "note" }, "There is not enough evidence for one, so it teaches nothing yet.") : null,
    decision.reward_parts.length ? table("What it is made of", parts, decision.reward_parts) : null,
    unscored.length ? h("details", null, h("summary", null, `Not scored (${unscored.length})`), h("ul", null, unscored)) : null,
  );
}

function found(decision) {
  if (!decision.violations.length) return card("Guards", h("p", { class: "note" }, "They found nothing."));
  const columns = [
    { name: "What", of: (one) => words(one.entity.toLowerCase()) },
    { name: "Kind", of: (one) => words(one.category) },
    { name: "In", of: (one) => words(one.stage) },
    { name: "Severity", of: (one) => severity(one.severity) },
    { name: "Done", of: (one) => one.action },
  ];
  return card("Guards", table("What guards found; the text itself is never kept", columns, decision.violations));
}

function feedback(decision, again) {
  const given = decision.feedback.length
    ? table(
        "Given so far",
        [
          { name: "Source", of: (one) => one.source },
          { name: "Value", of: (one) => fixed(one.value, 2), number: true },
          { name: "When", of: (one) => moment(one.at), style: "moment" },
        ],
        decision.feedback,
      )
    : h("p", { class: "note" }, "Nobody has judged it yet.");
  if (!decision.strategy) return card("Feedback", h("p", { class: "note" }, "No strategy was chosen, so there is nothing to learn from a judgement."));
  const answer = h("p", { class: "note", role: "status" });
  const rate = async (rating) => {
    answer.textContent = "Sending…";
    try {
      const receipt = await post("/feedback", { decision_id: decision.decision_id, source: "dashboard", rating });
      say(`Your rating is kept. The reward is now ${fixed(receipt.reward)}.`);
      again();
    } catch (error) {
      answer.className = "wrong";
      answer.textContent = error.message;
    }
  };
  const names = ["bad", "poor", "fair", "good", "very good"];
  const own = decision.feedback.find((one) => one.source === "dashboard");
  const chosen = own ? Math.round(own.value * 4) + 1 : null;
  const button = (name, index) => h("button", { type: "button", class: "rate", "aria-label": `${index + 1} of 5, ${name}`, "aria-pressed": chosen === index + 1 ? "true" : "false", onclick: () => rate(index + 1) }, String(index + 1));
  return card(
    "Feedback",
    given,
    h("div", { role: "group", "aria-labelledby": "rate" }, h("p", { id: "rate" }, "How good was the answer?"), h("div", { class: "rates" }, h("span", { class: "note" }, "bad"), names.map(button), h("span", { class: "note" }, "very good"))),
    answer,
  );
}

async function conversation(decision, signal) {
  const path = `/helm/v1/users/${encodeURIComponent(decision.user_id)}/conversations/${encodeURIComponent(decision.conversation_id)}`;
  const { messages, summary } = await get(path, { limit: 100 }, signal);
  if (!messages.length) return null;
  const text = (message) => message.parts.map((part) => part.text ?? `[${words(part.type ?? "part")}]`).join("\n");
  const entry = (message) => {
    const here = message.decision_id === decision.decision_id;
    const head = [words(message.role), " · ", here ? "this turn" : link(decisionPath(message.decision_id), moment(message.at))];
    return h("li", { class: `said ${message.role === "user" ? "user" : "model"}${here ? " here" : ""}` }, h("h3", null, head), h("p", { class: "text" }, text(message) || NONE));
  };
  return card(
    "Conversation",
    h("p", { class: "note mono" }, decision.conversation_id),
    summary ? h("div", { class: "said" }, h("h3", null, "What its beginning came to"), h("p", { class: "text" }, summary.text)) : null,
    h("ol", { class: "talk" }, messages.map(entry)),
  );
}
