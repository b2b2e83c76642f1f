use helm_core::{Category, GuardAction, Severity, Stage, UnitInterval, Violation};
use serde::Serialize;

/// A verdict on a text. Holds where things are, never what they are.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct GuardrailResult {
    /// The strictest action of all violations.
    pub action: GuardAction,
    /// What was found, in order of position; properties of the whole text come last. At most 1,000, of the
    /// strictest action.
    pub violations: Vec<Violation>,
    /// How many violations more there were; all of them were acted upon.
    pub omitted: u64,
    /// The hash of the settings that judged.
    pub policy_version: String,
    /// The text with what must not pass replaced; `None` when nothing was replaced or everything is refused.
    #[serde(skip)]
    pub(crate) redacted: Option<String>,
}

impl GuardrailResult {
    /// Whether the whole text is refused.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.action == GuardAction::Block
    }

    /// The text that may pass, given the text that was checked. Empty when it is blocked.
    #[must_use]
    pub fn text<'a>(&'a self, original: &'a str) -> &'a str {
        match &self.redacted {
            _ if self.is_blocked() => "",
            Some(redacted) => redacted,
            None => original,
        }
    }

    /// The highest score of a category, 0 when nothing of it was found.
    #[must_use]
    pub fn score(&self, category: Category) -> f64 {
        let scores = self.violations.iter().filter(|violation| violation.category == category);
        scores.map(|violation| violation.score.get()).fold(0.0, f64::max)
    }

    pub(crate) fn too_long(stage: Stage, policy_version: &str) -> Self {
        let violation = Violation {
            stage,
            category: Category::Length,
            entity: "TOO_LONG".to_owned(),
            span: None,
            severity: Severity::Medium,
            score: UnitInterval::ONE,
            action: GuardAction::Block,
            detector: "length".to_owned(),
        };
        Self {
            action: GuardAction::Block,
            violations: vec![violation],
            omitted: 0,
            policy_version: policy_version.to_owned(),
            redacted: None,
        }
    }
}
