use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{Either, join_all, select};
use helm_core::{EvaluatorName, NotScored, ScoreEntry, ScoreOutcome};

use crate::error::{Error, Result};
use crate::evaluator::{Evaluator, inline};
use crate::evaluators::{
    Coherence, Groundedness, Length, Preference, Refusal, Relevance, Safety, Specificity, ToolCalls,
};
use crate::exchange::Exchange;
use crate::metrics::Reference;
use crate::needs::Need;
use crate::view::View;

/// Runs evaluators. Immutable; cloning is cheap.
#[derive(Clone, Default)]
pub struct EvaluationEngine {
    evaluators: Vec<Arc<dyn Evaluator>>,
    offline: bool,
}

impl EvaluationEngine {
    /// An engine without evaluators.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The evaluators that the [standard reward](crate::RewardSpec::standard) counts: length, relevance, coherence, safety,
    /// specificity, preference and, where there are passages, groundedness.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn standard() -> Result<Self> {
        Self::new()
            .with_evaluator(Arc::new(inline(Length::new()?)))?
            .with_evaluator(Arc::new(inline(Relevance::new()?)))?
            .with_evaluator(Arc::new(inline(Coherence::new()?)))?
            .with_evaluator(Arc::new(inline(Safety::new()?)))?
            .with_evaluator(Arc::new(inline(Specificity::new()?)))?
            .with_evaluator(Arc::new(inline(Preference::new()?)))?
            .with_evaluator(Arc::new(inline(Groundedness::new()?)))
    }

    /// All evaluators of this crate that only compute: those of [`standard`](Self::standard), refusal
    /// and tool calls. What needs more than a question and an answer says what is
    /// missing. Metrics against a reference and schemas are added one by one.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn all_inline() -> Result<Self> {
        Self::standard()?
            .with_evaluator(Arc::new(inline(Refusal::new()?)))?
            .with_evaluator(Arc::new(inline(ToolCalls::new()?)))
    }

    /// All evaluators of this crate that need no setting: those of [`all_inline`](Self::all_inline), and `chrf`,
    /// `rouge_l`, `bleu` and `exact` against a reference, where there is one.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn all_with_references() -> Result<Self> {
        Self::all_inline()?
            .with_evaluator(Arc::new(inline(Reference::chrf()?)))?
            .with_evaluator(Arc::new(inline(Reference::rouge_l()?)))?
            .with_evaluator(Arc::new(inline(Reference::bleu()?)))?
            .with_evaluator(Arc::new(inline(Reference::exact()?)))
    }

    /// Adds an evaluator.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateEvaluator`] when its name is taken.
    pub fn with_evaluator(mut self, evaluator: Arc<dyn Evaluator>) -> Result<Self> {
        if self.names().any(|name| name == evaluator.name()) {
            return Err(Error::DuplicateEvaluator { name: evaluator.name().clone() });
        }
        self.evaluators.push(evaluator);
        Ok(self)
    }

    /// Only those evaluators whose names are wanted.
    #[must_use]
    pub fn only(mut self, is_wanted: impl Fn(&EvaluatorName) -> bool) -> Self {
        self.evaluators.retain(|evaluator| is_wanted(evaluator.name()));
        self
    }

    /// Asks no evaluator that needs the network: each is recorded as not scored, for want of it.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// The evaluators, in the order they were added.
    pub fn evaluators(&self) -> impl Iterator<Item = &Arc<dyn Evaluator>> {
        self.evaluators.iter()
    }

    /// The evaluators' names, in the order they were added.
    pub fn names(&self) -> impl Iterator<Item = &EvaluatorName> {
        self.evaluators.iter().map(Evaluator::name)
    }

    /// What every evaluator says, in the order they were added. One that fails or panics is recorded as not
    /// scored, and one whose [needs](Evaluator::needs) are not met is not asked: it is
    /// [`NotScored::Missing`], with the [name](crate::Need::as_str) of the first thing missing.
    pub async fn evaluate(&self, exchange: &Exchange<'_>) -> Vec<ScoreEntry> {
        self.evaluate_until(exchange, pending()).await
    }

    /// As [`evaluate`](Self::evaluate), but what has not judged when `cut` ends is recorded as not scored, for
    /// the reason that `cut` gives.
    pub async fn evaluate_until(
        &self,
        exchange: &Exchange<'_>,
        cut: impl Future<Output = NotScored> + Send,
    ) -> Vec<ScoreEntry> {
        let cut = cut.boxed().shared();
        let view = View::of(exchange);
        let exchange = &exchange.sharing(&view);
        let running = self.evaluators.iter().map(|evaluator| {
            let cut = cut.clone();
            async move {
                let outcome = match self.missing(&**evaluator, exchange) {
                    Some(need) => ScoreOutcome::NotScored(NotScored::Missing(need.to_string())),
                    None => match select(pin!(judge(&**evaluator, exchange)), cut).await {
                        Either::Left((outcome, _)) => outcome,
                        Either::Right((reason, _)) => ScoreOutcome::NotScored(reason),
                    },
                };
                ScoreEntry { evaluator: evaluator.name().clone(), outcome }
            }
        });
        join_all(running).await
    }

    fn missing(&self, evaluator: &dyn Evaluator, exchange: &Exchange<'_>) -> Option<Need> {
        let needs = evaluator.needs();
        if self.offline && needs.contains(Need::Network) {
            return Some(Need::Network);
        }
        exchange.lacks(needs)
    }
}

async fn judge(evaluator: &dyn Evaluator, exchange: &Exchange<'_>) -> ScoreOutcome {
    let failed = |why: String| ScoreOutcome::NotScored(NotScored::Failed(why));
    // An evaluator may panic while its future is made as well as while it runs.
    let judging = AssertUnwindSafe(async { evaluator.evaluate(exchange).await });
    match judging.catch_unwind().await {
        Ok(outcome) => outcome.unwrap_or_else(|error| failed(error.to_string())),
        Err(_) => failed("the evaluator panicked".to_owned()),
    }
}
