use std::time::Duration;

use helm_core::{Message, NanoUsd, StrategyId, TokenCount, TokenCounter, ToolCall, Usage, Violation};
use helm_guardrails::GuardrailResult;
use helm_llm::{ChatRequest, Finish};
use tokio::time::Instant;

use crate::semantic::{Question, SimilarTurn};

/// What carrying a decision out has brought so far. It lives outside the work that fills it, so that it
/// survives a deadline or a cancellation.
#[derive(Default)]
pub(super) struct Progress {
    /// Whether the decision is durable.
    pub(super) logged: bool,
    /// Whether the caller knows of the decision.
    pub(super) announced: bool,
    /// The strategy that is being carried out: after a fallback another than the chosen one.
    pub(super) serving: Option<StrategyId>,
    /// What the model wrote, in all rounds.
    pub(super) raw: String,
    /// Whether all of that is a refusal.
    pub(super) refused: bool,
    /// What the guards let pass.
    pub(super) passed: String,
    pub(super) output: Option<GuardrailResult>,
    /// What the guards found in calls of tools and in their results.
    pub(super) violations: Vec<Violation>,
    /// How the last round ended.
    pub(super) finish: Option<Finish>,
    /// The calls that are the caller's to make.
    pub(super) calls: Vec<ToolCall>,
    /// The calls that were made here, and their results.
    pub(super) exchanged: Vec<Message>,
    /// From the call to the first content.
    pub(super) first_token: Option<Duration>,
    pub(super) attempts: u32,
    /// What was asked, where its answer may be used again.
    pub(super) question: Option<Question>,
    /// Whose answer is used again.
    pub(super) similar: Option<SimilarTurn>,
    spent: Spent,
    open: Option<Round>,
}

/// The tokens and the money of the rounds that came to an end.
#[derive(Default)]
struct Spent {
    usage: Usage,
    cost: Option<NanoUsd>,
    rounds: u32,
}

/// A call of the model that is under way.
struct Round {
    /// The tokens of the prompt, counted here.
    asked: TokenCount,
    began: Instant,
    /// How much had been written before.
    written: usize,
}

impl Progress {
    /// A call begins.
    pub(super) fn calls(&mut self, request: &ChatRequest, counter: &dyn TokenCounter) {
        let tokens = request.messages.iter().map(|message| counter.count(&message.joined_text()).get());
        let asked = TokenCount::new(tokens.sum());
        self.open = Some(Round { asked, began: Instant::now(), written: self.raw.len() });
    }

    /// The model has begun to answer.
    pub(super) fn has_content(&mut self) {
        let waited = self.open.as_ref().map(|round| round.began.elapsed());
        self.first_token = self.first_token.or(waited);
    }

    /// A call has brought its answer.
    pub(super) fn finished(&mut self, finish: Finish, counter: &dyn TokenCounter) {
        let estimate = self.open_usage(counter);
        self.open = None;
        let first = self.spent.rounds == 0;
        self.spent.rounds += 1;
        self.spent.usage = self.spent.usage.plus(finish.usage.unwrap_or(estimate));
        // One unknown price makes the sum unknown.
        self.spent.cost = match (first, self.spent.cost, finish.cost) {
            (true, _, cost) => cost,
            (false, Some(sum), Some(cost)) => sum.checked_add(cost),
            _ => None,
        };
        self.finish = Some(finish);
    }

    /// Whether text that comes now begins a paragraph of its own: what was said before tools were called and what is
    /// said after are two things.
    pub(super) fn begins_paragraph(&self) -> bool {
        let begins = self.open.as_ref().is_some_and(|round| round.written == self.raw.len());
        begins && !self.raw.is_empty()
    }

    /// A call has failed before it brought anything.
    pub(super) fn abandoned(&mut self) {
        self.open = None;
    }

    /// Whether something of the answer has been seen, or a tool called: then nobody else can answer instead.
    pub(super) fn is_committed(&self) -> bool {
        !self.raw.is_empty() || !self.exchanged.is_empty() || !self.calls.is_empty()
    }

    /// The tokens so far; those of a call that did not come to its end are estimated.
    pub(super) fn usage(&self, counter: &dyn TokenCounter) -> Usage {
        match self.open {
            Some(_) => self.spent.usage.plus(self.open_usage(counter)),
            None => self.spent.usage,
        }
    }

    fn open_usage(&self, counter: &dyn TokenCounter) -> Usage {
        let Some(round) = &self.open else { return Usage::default() };
        let written = self.raw.get(round.written..).unwrap_or_default();
        Usage::estimate(round.asked, counter.count(written))
    }

    /// The money so far; `None` when a price is unknown, or a call did not come to its end.
    pub(super) fn cost(&self) -> Option<NanoUsd> {
        if self.open.is_some() { None } else { self.spent.cost }
    }
}
