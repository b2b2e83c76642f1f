use helm_core::{EvaluatorName, NotScored, ScoreOutcome};

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::text::{content, cosine, recall, words};

/// Is it about what was asked?
///
/// A logistic function of the share of the question's content words that the answer has, and of the cosine
/// between the two. Only the question itself counts, not what was said before it.
#[derive(Clone, Debug)]
pub struct Relevance(EvaluatorName);

impl Relevance {
    /// The evaluator, called `relevance`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self(EvaluatorName::new("relevance")?))
    }
}

impl Heuristic for Relevance {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let (asked, answered) = (words(exchange.user), words(exchange.response));
        let (wanted, found) = (content(&asked), content(&answered));
        if answered.is_empty() {
            return scored(0.0, 1.0, || "there is no answer".to_owned());
        }
        if wanted.is_empty() {
            let why = "the question has no content words".to_owned();
            return ScoreOutcome::NotScored(NotScored::NotApplicable(why));
        }
        let (recall, cosine) = (recall(&wanted, &found), cosine(&wanted, &found));
        let logit = -2.2 + 5.0 * recall + 6.0 * cosine;
        // Few content words leave much to chance.
        let confidence = 0.4 + 0.5 * (wanted.len() as f64 / (wanted.len() as f64 + 3.0));
        scored(1.0 / (1.0 + (-logit).exp()), confidence, || {
            format!("{:.0} % of the question's content words are in the answer", 100.0 * recall)
        })
    }
}
