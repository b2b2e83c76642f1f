use helm_core::{EvaluatorName, ScoreOutcome};

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::model::{Head, Placed};

/// Does it say something?
///
/// High for rare and long words, content words that are new, and several sentences; low for "I don't know", hedges, and
/// one word over and over. Fitted on how engaging people found answers, with the signs held to these. Figures and the
/// data are in `models/README.md`.
///
/// Fails on closed questions, whose best answer is a word, and on jargon.
#[derive(Clone, Debug)]
pub struct Specificity {
    name: EvaluatorName,
    head: Placed,
}

impl Specificity {
    /// The evaluator, called `specificity`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self { name: EvaluatorName::new("specificity")?, head: Head::built_in("specificity") })
    }

    /// With a head of its own, to be tested on what that was not fitted on.
    #[cfg(feature = "report")]
    pub(crate) fn with_head(head: Placed) -> Result<Self> {
        Ok(Self { head, ..Self::new()? })
    }
}

impl Heuristic for Specificity {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        exchange.with_shared(|view, exchange| {
            let answer = view.response(exchange);
            if answer.words.is_empty() {
                return scored(0.0, 1.0, || "there is no answer".to_owned());
            }
            let value = self.head.probability(view.signals(exchange));
            scored(value, 0.5, || format!("{} different content words", answer.content.len()))
        })
    }
}
