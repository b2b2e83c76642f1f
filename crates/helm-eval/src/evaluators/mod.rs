//! The evaluators that come with the crate.

mod coherence;
mod length;
mod relevance;
mod safety;

pub use coherence::Coherence;
pub use length::Length;
pub use relevance::Relevance;
pub use safety::Safety;

use helm_core::{NotScored, Score, ScoreOutcome, UnitInterval};

/// A score with a confidence; arithmetic that leaves \[0, 1\] by rounding is brought back.
pub(crate) fn scored(value: f64, confidence: f64, why: impl FnOnce() -> String) -> ScoreOutcome {
    match (UnitInterval::clamped(value), UnitInterval::clamped(confidence)) {
        (Ok(value), Ok(confidence)) => ScoreOutcome::Scored(Score::new(value, confidence).because(why())),
        _ => ScoreOutcome::NotScored(NotScored::Failed("the score is not a number".to_owned())),
    }
}
