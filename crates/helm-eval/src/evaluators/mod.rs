//! The evaluators that come with the crate.

mod coherence;
mod groundedness;
mod length;
mod preference;
mod refusal;
mod relevance;
mod safety;
#[cfg(feature = "schema")]
mod schema;
mod specificity;
mod tools;

pub use coherence::Coherence;
pub use groundedness::Groundedness;
pub use length::Length;
pub use preference::Preference;
pub use refusal::Refusal;
pub use relevance::Relevance;
pub use safety::Safety;
#[cfg(feature = "schema")]
pub use schema::SchemaFit;
pub use specificity::Specificity;
pub use tools::ToolCalls;

use helm_core::{NotScored, Score, ScoreOutcome, UnitInterval};

/// A score with a confidence; arithmetic that leaves \[0, 1\] by rounding is brought back.
pub(crate) fn scored(value: f64, confidence: f64, why: impl FnOnce() -> String) -> ScoreOutcome {
    match (UnitInterval::clamped(value), UnitInterval::clamped(confidence)) {
        (Ok(value), Ok(confidence)) => ScoreOutcome::Scored(Score::new(value, confidence).because(why())),
        _ => ScoreOutcome::NotScored(NotScored::Failed("the score is not a number".to_owned())),
    }
}
