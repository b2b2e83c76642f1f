use helm_core::{Message, Violation};

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
    /// What the output guards found; `None` when they did not look.
    pub violations: Option<&'a [Violation]>,
    /// Whether the answer came to its own end.
    pub finished: bool,
    /// Whether the answer was withheld as unsafe, by the output guards or by the provider.
    pub withheld: bool,
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
            violations: None,
            finished: true,
            withheld: false,
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
}
