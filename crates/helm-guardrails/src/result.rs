use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{Category, GuardAction, Violation};
use serde::Serialize;

/// A verdict on a text. Holds where things are, never what they are, and shows nothing of the text.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GuardrailResult {
    /// What is done: the strictest action of all violations.
    pub action: GuardAction,
    /// The strictest action that the rules ask for. Stricter than `action` only where a stage is monitored.
    pub intended: GuardAction,
    /// What was found, in order of position; properties of the whole text come last. At most 1,000, of the
    /// strictest action.
    pub violations: Vec<Violation>,
    /// How many violations more there were; all of them were acted upon.
    pub omitted: u64,
    /// What looked at the text.
    pub ran: Arc<[Ran]>,
    /// The hash of the settings that judged.
    pub policy_version: Arc<str>,
    /// The text with what must not pass replaced; `None` when nothing was replaced or nothing passes.
    #[serde(skip)]
    pub(crate) redacted: Option<String>,
}

/// A check, and how it went.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Ran {
    /// The detector or remote check.
    pub detector: Arc<str>,
    /// How it went.
    pub outcome: RanOutcome,
    /// How long it took; of remote checks, and of detectors where the engine is told to
    /// [measure](crate::GuardrailBuilder::timing).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<Duration>,
}

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RanOutcome {
    /// It came to its end.
    Done,
    /// It panicked.
    Panicked,
    /// It failed.
    Failed,
    /// It did not answer in time.
    TimedOut,
    /// As many were running as may.
    Busy,
    /// The text was too long for it.
    Skipped,
    /// It failed so often that it is left alone for a while.
    Resting,
    /// A remote check was not asked, for the caller did not wait for it.
    NotAsked,
}

impl GuardrailResult {
    /// Whether nothing of the text passes as it is: it is refused, or to be written anew, or a person is to be asked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.action > GuardAction::Redact && self.redacted.is_none()
    }

    /// The text that may pass, given the text that was checked. Empty when it is blocked.
    #[must_use]
    pub fn text<'a>(&'a self, original: &'a str) -> &'a str {
        match &self.redacted {
            Some(redacted) => redacted,
            None if self.is_blocked() => "",
            None => original,
        }
    }

    /// The highest score of a category, 0 when nothing of it was found.
    #[must_use]
    pub fn score(&self, category: Category) -> f64 {
        let scores = self.violations.iter().filter(|violation| violation.category == category);
        scores.map(|violation| violation.score.get()).fold(0.0, f64::max)
    }
}

impl fmt::Debug for GuardrailResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardrailResult")
            .field("action", &self.action)
            .field("intended", &self.intended)
            .field("violations", &self.violations)
            .field("omitted", &self.omitted)
            .field("ran", &self.ran)
            .field("policy_version", &self.policy_version)
            .finish_non_exhaustive()
    }
}
