use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{EvaluatorName, NanoUsd, UnitInterval};
use helm_llm::Call;

use super::judging::sum;
use super::panel::union;
use super::{Judged, Judging};
use crate::error::Result;
use crate::exchange::Exchange;
use crate::needs::Needs;

/// What a cheap judge says where it is sure enough, and what a strong one says elsewhere.
///
/// How sure a cheap judge is says little before it was [calibrated](super::Judge::calibrated): consistent judges can be wrong
/// together. On adversarial pairs a cascade fell from .72 to .47 of the strong judge's agreement with people.
pub struct Cascade {
    name: EvaluatorName,
    cheap: Arc<dyn Judging>,
    strong: Arc<dyn Judging>,
    sure: UnitInterval,
}

impl Cascade {
    /// Takes the cheap judge's word when its confidence is at least `sure`.
    ///
    /// # Errors
    ///
    /// Fails when `name` is not an evaluator's name.
    pub fn new(
        name: &str,
        cheap: Arc<dyn Judging>,
        strong: Arc<dyn Judging>,
        sure: UnitInterval,
    ) -> Result<Self> {
        Ok(Self { name: EvaluatorName::new(name)?, cheap, strong, sure })
    }
}

#[async_trait]
impl Judging for Cascade {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn needs(&self) -> Needs {
        union(&[Arc::clone(&self.cheap), Arc::clone(&self.strong)])
    }

    fn identity(&self) -> String {
        format!("cascade/1/{}/{}/{}", self.sure, self.cheap.identity(), self.strong.identity())
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        sum(self.cheap.most(exchange), self.strong.most(exchange))
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        let cheap = self.cheap.judge(exchange, call).await;
        let is_sure =
            |judged: &Judged| judged.outcome.score().is_some_and(|score| score.confidence >= self.sure);
        if is_sure(&cheap) {
            return cheap;
        }
        let strong = self.strong.judge(exchange, call).await;
        // An unsure word is better than none.
        match strong.outcome.score().or(cheap.outcome.score()) {
            None => strong.after([&cheap]),
            Some(_) if strong.outcome.score().is_none() => cheap.after([&strong]),
            Some(_) => strong.after([&cheap]),
        }
    }
}
