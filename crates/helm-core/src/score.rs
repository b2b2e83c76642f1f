use serde::{Deserialize, Serialize};

use crate::{EvaluatorName, UnitInterval};

/// How good a turn was in one respect.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Score {
    /// From 0, bad, to 1, good.
    pub value: UnitInterval,
    /// How sure the evaluator is: 0 is a guess, 1 is certain.
    pub confidence: UnitInterval,
    /// Why, in a short sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
}

impl Score {
    /// A score without a rationale.
    #[must_use]
    pub fn new(value: UnitInterval, confidence: UnitInterval) -> Self {
        Self { value, confidence, rationale: None }
    }

    /// Adds a reason.
    #[must_use]
    pub fn because(mut self, rationale: impl Into<String>) -> Self {
        self.rationale = Some(rationale.into());
        self
    }
}

/// Why there is no score. Never stands for a score of 0.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotScored {
    /// The evaluator needs something the turn does not have, for example a reference answer.
    Missing(String),
    /// The question does not apply to this turn.
    NotApplicable(String),
    /// The turn did not complete.
    Incomplete,
    /// The evaluator failed; the text is its error.
    Failed(String),
}

/// What an evaluator says of a turn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScoreOutcome {
    /// It was scored.
    Scored(Score),
    /// It was not, for a reason.
    NotScored(NotScored),
}

impl ScoreOutcome {
    /// The score, if there is one.
    #[must_use]
    pub fn score(&self) -> Option<&Score> {
        match self {
            Self::Scored(score) => Some(score),
            Self::NotScored(_) => None,
        }
    }
}

/// One evaluator's entry in a turn's record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScoreEntry {
    /// Which evaluator.
    pub evaluator: EvaluatorName,
    /// What it says.
    pub outcome: ScoreOutcome,
}
