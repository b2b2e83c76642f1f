use std::sync::Arc;

use futures::future::join_all;
use helm_core::{EvaluatorName, NotScored, ScoreEntry, ScoreOutcome};

use crate::error::{Error, Result};
use crate::evaluator::{Evaluator, inline};
use crate::evaluators::{Coherence, Length, Relevance, Safety};
use crate::exchange::Exchange;

/// Runs evaluators. Immutable; cloning is cheap.
#[derive(Clone, Default)]
pub struct EvaluationEngine {
    evaluators: Vec<Arc<dyn Evaluator>>,
}

impl EvaluationEngine {
    /// An engine without evaluators.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Length, relevance, coherence and safety.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn standard() -> Result<Self> {
        Self::new()
            .with_evaluator(Arc::new(inline(Length::new()?)))?
            .with_evaluator(Arc::new(inline(Relevance::new()?)))?
            .with_evaluator(Arc::new(inline(Coherence::new()?)))?
            .with_evaluator(Arc::new(inline(Safety::new()?)))
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

    /// The evaluators' names, in the order they were added.
    pub fn names(&self) -> impl Iterator<Item = &EvaluatorName> {
        self.evaluators.iter().map(super::evaluator::Evaluator::name)
    }

    /// What every evaluator says, in the order they were added. One that fails is recorded as not scored.
    pub async fn evaluate(&self, exchange: &Exchange<'_>) -> Vec<ScoreEntry> {
        let running = self.evaluators.iter().map(|evaluator| async move {
            let outcome = evaluator.evaluate(exchange).await;
            let outcome =
                outcome.unwrap_or_else(|error| ScoreOutcome::NotScored(NotScored::Failed(error.to_string())));
            ScoreEntry { evaluator: evaluator.name().clone(), outcome }
        });
        join_all(running).await
    }
}
