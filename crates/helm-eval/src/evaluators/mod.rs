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

/// A share in whole percent.
pub(crate) fn percent(share: f64) -> u64 {
    whole(100.0 * share)
}

/// A number above 0 as `{:.0}` rounds it, but written in less time.
pub(crate) fn whole(number: f64) -> u64 {
    number.round_ties_even() as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_rounded_as_they_are_formatted() {
        for half in 0..40 {
            let number = f64::from(half) / 2.0;
            assert_eq!(format!("{number:.0}"), super::whole(number).to_string());
        }
    }
}
