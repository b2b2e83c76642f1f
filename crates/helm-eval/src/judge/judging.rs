use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{EvaluatorName, NanoUsd, NotScored, ScoreOutcome, TenantId};
use helm_llm::Call;

use crate::error::Result;
use crate::evaluator::Evaluator;
use crate::exchange::Exchange;
use crate::needs::{Need, Needs, Tier};

/// Judges an exchange for money.
#[async_trait]
pub trait Judging: Send + Sync {
    /// What it is called in scores and rewards.
    fn name(&self) -> &EvaluatorName;

    /// What it cannot judge without, beside the network.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// Everything that its verdict depends on but the exchange, such as rubric and model: verdicts of judges with the same
    /// identity can stand for each other.
    fn identity(&self) -> String;

    /// The most that judging this exchange can cost; `None` when that is not known.
    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd>;

    /// The verdict, with what it cost. A judge that fails says so in the outcome; what it spent until then counts.
    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged;
}

#[async_trait]
impl<J: Judging + ?Sized> Judging for Arc<J> {
    fn name(&self) -> &EvaluatorName {
        (**self).name()
    }

    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn identity(&self) -> String {
        (**self).identity()
    }

    fn most(&self, exchange: &Exchange<'_>) -> Option<NanoUsd> {
        (**self).most(exchange)
    }

    async fn judge(&self, exchange: &Exchange<'_>, call: &Call) -> Judged {
        (**self).judge(exchange, call).await
    }
}

/// What a judge said, and what that cost.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Judged {
    /// The score, or why there is none.
    pub outcome: ScoreOutcome,
    /// What all its calls cost; `None` when that of one is not known.
    pub cost: Option<NanoUsd>,
    /// How often a model was asked.
    pub calls: u32,
}

impl Judged {
    /// A verdict that cost nothing.
    #[must_use]
    pub fn free(outcome: ScoreOutcome) -> Self {
        Self { outcome, cost: Some(NanoUsd::from_nanos(0)), calls: 0 }
    }

    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::free(ScoreOutcome::NotScored(NotScored::Failed(why.into())))
    }

    /// The same verdict after these others were paid for.
    pub(crate) fn after<'a>(mut self, others: impl IntoIterator<Item = &'a Self>) -> Self {
        for other in others {
            self.calls += other.calls;
            self.cost = sum(self.cost, other.cost);
        }
        self
    }
}

/// Both together; not known when one is not, or when they do not fit.
pub(crate) fn sum(first: Option<NanoUsd>, second: Option<NanoUsd>) -> Option<NanoUsd> {
    first?.nanos().checked_add(second?.nanos()).map(NanoUsd::from_nanos)
}

/// A [`Judging`] as an [`Evaluator`].
#[derive(Clone, Debug)]
pub struct Remote<J> {
    judge: J,
    tenant: TenantId,
}

/// Makes a judge an evaluator of the [remote](Tier::Remote) tier, which judges on behalf of the single tenant.
#[must_use]
pub fn remote<J: Judging>(judge: J) -> Remote<J> {
    Remote { judge, tenant: TenantId::single() }
}

#[async_trait]
impl<J: Judging> Evaluator for Remote<J> {
    fn name(&self) -> &EvaluatorName {
        self.judge.name()
    }

    fn needs(&self) -> Needs {
        let needs: Vec<Need> = self.judge.needs().iter().chain([Need::Network]).collect();
        Needs::of(&needs)
    }

    fn tier(&self) -> Tier {
        Tier::Remote
    }

    async fn evaluate(&self, exchange: &Exchange<'_>) -> Result<ScoreOutcome> {
        Ok(self.judge.judge(exchange, &Call::new(self.tenant.clone())).await.outcome)
    }
}
