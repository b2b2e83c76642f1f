use helm_core::{EvaluatorName, ScoreOutcome};

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::model::{Head, Placed};

/// Would people prefer it to another answer to the same request?
///
/// One logistic function of all [signals](crate::Signals) but those of passages, fitted on pairs of answers of which
/// people preferred one, and on good answers beside longer ones that answer a similar question, so that length does not
/// buy the score. Meant for comparing answers to the same request; between requests it says little. Figures and the
/// data are in `models/README.md`.
#[derive(Clone, Debug)]
pub struct Preference {
    name: EvaluatorName,
    head: Placed,
}

impl Preference {
    /// The evaluator, called `preference`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self { name: EvaluatorName::new("preference")?, head: Head::built_in("preference") })
    }

    /// With a head of its own, to be tested on what that was not fitted on.
    #[cfg(feature = "report")]
    pub(crate) fn with_head(head: Placed) -> Result<Self> {
        Ok(Self { head, ..Self::new()? })
    }
}

impl Heuristic for Preference {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        exchange.with_shared(|view, exchange| {
            let value = self.head.probability(view.signals(exchange));
            scored(value, 0.4, || "by what people preferred in pairs of answers".to_owned())
        })
    }
}
