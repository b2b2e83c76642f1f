use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{EvaluatorName, NotScored, Score, ScoreOutcome, UnitInterval};

use crate::error::Result;
use crate::exchange::Exchange;
use crate::needs::{Needs, Tier};

/// Judges a turn in one respect.
#[async_trait]
pub trait Evaluator: Send + Sync {
    /// What it is called in scores and reward specifications.
    fn name(&self) -> &EvaluatorName;

    /// What it cannot judge without; where that is missing the engine does not ask it and records
    /// [`NotScored::Missing`]. Default: nothing.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// Where it runs, and how long it may take. Default: [`Tier::Inline`].
    fn tier(&self) -> Tier {
        Tier::Inline
    }

    /// The score, or why there is none.
    ///
    /// # Errors
    ///
    /// What kept it from judging; recorded as not scored, never as 0.
    async fn evaluate(&self, exchange: &Exchange<'_>) -> Result<ScoreOutcome>;
}

#[async_trait]
impl<E: Evaluator + ?Sized> Evaluator for Arc<E> {
    fn name(&self) -> &EvaluatorName {
        (**self).name()
    }

    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn tier(&self) -> Tier {
        (**self).tier()
    }

    async fn evaluate(&self, exchange: &Exchange<'_>) -> Result<ScoreOutcome> {
        (**self).evaluate(exchange).await
    }
}

#[async_trait]
impl<E: Evaluator + ?Sized> Evaluator for Box<E> {
    fn name(&self) -> &EvaluatorName {
        (**self).name()
    }

    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn tier(&self) -> Tier {
        (**self).tier()
    }

    async fn evaluate(&self, exchange: &Exchange<'_>) -> Result<ScoreOutcome> {
        (**self).evaluate(exchange).await
    }
}

/// An evaluator that waits for nothing.
pub trait Heuristic: Send + Sync {
    /// What it is called.
    fn name(&self) -> &EvaluatorName;

    /// What it cannot judge without, as in [`Evaluator::needs`]. Default: nothing.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// Where it runs, as in [`Evaluator::tier`]. Default: [`Tier::Inline`].
    fn tier(&self) -> Tier {
        Tier::Inline
    }

    /// The score, or why there is none.
    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome;
}

/// A [`Heuristic`] as an [`Evaluator`].
#[derive(Clone, Copy, Debug)]
pub struct Inline<H>(H);

/// Makes a heuristic an evaluator.
pub fn inline<H: Heuristic>(heuristic: H) -> Inline<H> {
    Inline(heuristic)
}

#[async_trait]
impl<H: Heuristic> Evaluator for Inline<H> {
    fn name(&self) -> &EvaluatorName {
        self.0.name()
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn tier(&self) -> Tier {
        self.0.tier()
    }

    async fn evaluate(&self, exchange: &Exchange<'_>) -> Result<ScoreOutcome> {
        Ok(self.0.measure(exchange))
    }
}

struct Closure<F> {
    name: EvaluatorName,
    score: F,
}

impl<F: Fn(&Exchange<'_>) -> f64 + Send + Sync> Heuristic for Closure<F> {
    fn name(&self) -> &EvaluatorName {
        &self.name
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        match UnitInterval::new((self.score)(exchange)) {
            Ok(value) => ScoreOutcome::Scored(Score::new(value, UnitInterval::ONE)),
            Err(error) => ScoreOutcome::NotScored(NotScored::Failed(error.to_string())),
        }
    }
}

/// Makes a closure an evaluator. What it returns must be from 0 to 1; anything else is recorded as a failure.
///
/// # Errors
///
/// Fails when `name` is not an evaluator's name.
pub fn from_fn(
    name: &str,
    score: impl Fn(&Exchange<'_>) -> f64 + Send + Sync + 'static,
) -> Result<impl Evaluator + 'static> {
    Ok(inline(Closure { name: EvaluatorName::new(name)?, score }))
}
