use helm_core::{EvaluatorName, NotScored, ScoreOutcome};

use super::{percent, scored};
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::model::{Head, Placed};

/// Is it about what was asked?
///
/// The probability that the answer is one to this question, and not one to another question drawn at random: a
/// logistic function of the TF-IDF cosine, BM25, the share of the question's content words (by their stems) in the
/// answer and the like, fitted on answers under their own and under swapped questions. So .9 means nine of ten. Only the
/// question itself counts, not what was said before it. Figures and the data are in `models/README.md`.
///
/// Fails on answers in other words or in another language, and on those to questions without content words, which are
/// not scored.
#[derive(Clone, Debug)]
pub struct Relevance {
    name: EvaluatorName,
    head: Placed,
}

impl Relevance {
    /// The evaluator, called `relevance`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self { name: EvaluatorName::new("relevance")?, head: Head::built_in("relevance") })
    }

    /// With a head of its own, to be tested on what that was not fitted on.
    #[cfg(feature = "report")]
    pub(crate) fn with_head(head: Placed) -> Result<Self> {
        Ok(Self { head, ..Self::new()? })
    }
}

impl Heuristic for Relevance {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        exchange.with_shared(|view, exchange| {
            let wanted = view.user(exchange).stems().len() as f64;
            if view.response(exchange).words.is_empty() {
                return scored(0.0, 1.0, || "there is no answer".to_owned());
            }
            if wanted == 0.0 {
                let why = "the question has no content words".to_owned();
                return ScoreOutcome::NotScored(NotScored::NotApplicable(why));
            }
            let signals = view.signals(exchange);
            // Few content words leave much to chance.
            let confidence = 0.4 + 0.5 * (wanted / (wanted + 3.0));
            scored(self.head.probability(signals), confidence, || {
                let recall = percent(signals.get("recall_user").unwrap_or(0.0));
                format!("{recall} % of the question's content words are in the answer")
            })
        })
    }
}
