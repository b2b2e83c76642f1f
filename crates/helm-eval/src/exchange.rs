use helm_core::{Message, ToolCall, Violation};
use serde_json::Value;

use crate::needs::{Need, Needs};
use crate::view::View;

/// What an evaluator may look at. Borrowed, so it costs nothing to make.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// The instructions the model had.
    pub system: Option<&'a str>,
    /// What was said before.
    pub history: &'a [Message],
    /// What the user wrote.
    pub user: &'a str,
    /// What the model wrote.
    pub response: &'a str,
    /// Texts the answer should rest on.
    pub passages: &'a [&'a str],
    /// A known good answer.
    pub reference: Option<&'a str>,
    /// The JSON Schema that the answer should fit.
    pub schema: Option<&'a Value>,
    /// The tools that the model called, in order.
    pub tools: &'a [ToolCall],
    /// The tool calls that were expected, in order; `None` when nobody said. Their ids do not matter.
    pub expected_tools: Option<&'a [ToolCall]>,
    /// What the output guards found; `None` when they did not look.
    pub violations: Option<&'a [Violation]>,
    /// Whether the answer came to its own end.
    pub finished: bool,
    /// Whether the answer was withheld as unsafe, by the output guards or by the provider.
    pub withheld: bool,
    view: Option<&'a View>,
}

impl<'a> Exchange<'a> {
    /// One question and one answer.
    #[must_use]
    pub fn new(user: &'a str, response: &'a str) -> Self {
        Self {
            system: None,
            history: &[],
            user,
            response,
            passages: &[],
            reference: None,
            schema: None,
            tools: &[],
            expected_tools: None,
            violations: None,
            finished: true,
            withheld: false,
            view: None,
        }
    }

    /// Adds the instructions.
    #[must_use]
    pub fn with_system(mut self, system: &'a str) -> Self {
        self.system = Some(system);
        self
    }

    /// Adds what was said before.
    #[must_use]
    pub fn with_history(mut self, history: &'a [Message]) -> Self {
        self.history = history;
        self
    }

    /// Adds texts the answer should rest on.
    #[must_use]
    pub fn with_passages(mut self, passages: &'a [&'a str]) -> Self {
        self.passages = passages;
        self
    }

    /// Adds a known good answer.
    #[must_use]
    pub fn with_reference(mut self, reference: &'a str) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Adds the JSON Schema that the answer should fit.
    #[must_use]
    pub fn with_schema(mut self, schema: &'a Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Adds the tools that the model called.
    #[must_use]
    pub fn with_tools(mut self, tools: &'a [ToolCall]) -> Self {
        self.tools = tools;
        self
    }

    /// Adds the tool calls that were expected; an empty slice says that none should have been made.
    #[must_use]
    pub fn with_expected_tools(mut self, expected: &'a [ToolCall]) -> Self {
        self.expected_tools = Some(expected);
        self
    }

    /// The first of `needs` that this exchange does not meet. What needs the network is the engine's to say.
    #[must_use]
    pub fn lacks(&self, needs: Needs) -> Option<Need> {
        needs.iter().find(|need| !self.has(*need))
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Reference => self.reference.is_some(),
            Need::Passages => self.passages.iter().any(|passage| !passage.trim().is_empty()),
            Need::History => !self.history.is_empty(),
            Need::Tools => self.expected_tools.is_some(),
            Need::Schema => self.schema.is_some(),
            Need::Network => true,
        }
    }

    /// Adds what the output guards found.
    #[must_use]
    pub fn with_violations(mut self, violations: &'a [Violation]) -> Self {
        self.violations = Some(violations);
        self
    }

    /// Says whether the answer came to its own end.
    #[must_use]
    pub fn with_finished(mut self, finished: bool) -> Self {
        self.finished = finished;
        self
    }

    /// Says that the answer was withheld as unsafe.
    #[must_use]
    pub fn withheld(mut self) -> Self {
        self.withheld = true;
        self
    }

    /// The same exchange with work that evaluators share.
    pub(crate) fn sharing(mut self, view: &'a View) -> Self {
        self.view = Some(view);
        self
    }

    /// Gives the shared work to `with`; where there is none, or the exchange was changed since, work of its own.
    pub(crate) fn with_shared<T>(&self, with: impl FnOnce(&View, &Self) -> T) -> T {
        match self.view.filter(|view| view.is_of(self)) {
            Some(view) => with(view, self),
            None => with(&View::of(self), self),
        }
    }
}
