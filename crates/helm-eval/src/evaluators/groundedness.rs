use helm_core::{EvaluatorName, NotScored, ScoreOutcome};

use super::{percent, scored};
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::model::{Head, Placed};
use crate::needs::{Need, Needs};

/// Is it supported by the passages?
///
/// The probability that a person would say so: a logistic function of the shares of the answer's words (by rarity),
/// runs of two and three words, and words in the same order that the passages have, and of numbers and names that they
/// have not. The order is compared over the first 1,024 words of each. Figures and the data are in `models/README.md`.
///
/// Needs [passages](Exchange::passages). Fails on true paraphrases, which score low, and on negations, which score high.
#[derive(Clone, Debug)]
pub struct Groundedness {
    name: EvaluatorName,
    head: Placed,
}

impl Groundedness {
    /// The evaluator, called `groundedness`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self { name: EvaluatorName::new("groundedness")?, head: Head::built_in("groundedness") })
    }

    /// With a head of its own, to be tested on what that was not fitted on.
    #[cfg(feature = "report")]
    pub(crate) fn with_head(head: Placed) -> Result<Self> {
        Ok(Self { head, ..Self::new()? })
    }
}

impl Heuristic for Groundedness {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn needs(&self) -> Needs {
        Needs::of(&[Need::Passages])
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        if exchange.lacks(self.needs()).is_some() {
            return ScoreOutcome::NotScored(NotScored::Missing(Need::Passages.to_string()));
        }
        exchange.with_shared(|view, exchange| {
            if view.response(exchange).words.is_empty() {
                let why = "there is no answer".to_owned();
                return ScoreOutcome::NotScored(NotScored::NotApplicable(why));
            }
            let signals = view.signals(exchange);
            let value = self.head.probability(signals);
            // The doubtful middle is for a judge.
            let confidence = 0.5 + (value - 0.5).abs();
            scored(value, confidence, || {
                let share = |name| signals.get(name).unwrap_or(0.0);
                let numbers = share("k_new_numbers").exp_m1().round() as u64;
                let names = share("k_new_names").exp_m1().round() as u64;
                let words = percent(share("k_precision"));
                format!(
                    "{words} % of content words are in the passages, {numbers} numbers and {names} names are not"
                )
            })
        })
    }
}
