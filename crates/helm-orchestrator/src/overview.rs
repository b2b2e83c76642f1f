//! What people look at: how things went, and what the policy would do now.

use futures::{StreamExt, TryStreamExt, stream};
use helm_core::{Candidate, Context, DecisionId, StrategyId, TaskId, TenantId, Timestamp, UserId};
use helm_policy::{ChoiceRequest, Snapshot};
use helm_store::{
    Activity, ActivityQuery, Cursor, Finding, FindingQuery, LogQuery, Page, RowQuery, StateQuery, TurnView,
    UserTotal,
};

use crate::error::Result;
use crate::helm::Helm;
use crate::inner::{Inner, TaskRuntime};
use crate::raise::FRESH;
use crate::turn::snapshot;

/// How many decisions of a slot are looked at for what was offered in it.
const LOOKED_AT: usize = 8;
/// How many slots are looked at at once.
const AT_ONCE: usize = 4;

/// With which probabilities a policy drew, in a slot of time.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Offer {
    /// When the slot begins.
    pub from: Timestamp,
    /// How many decisions it is the mean of.
    pub decisions: u64,
    /// The mean probability of each strategy that was offered, by strategy.
    pub probabilities: Vec<(StrategyId, f64)>,
}

impl Helm {
    /// The present moment, by this installation's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner().clock.now()
    }

    /// When the log's first turn began; `None` while it is empty.
    ///
    /// # Errors
    ///
    /// Fails when the log cannot be read.
    pub async fn log_begins(&self) -> Result<Option<Timestamp>> {
        let first = self.inner().store.log().rows(&self.tenant, &RowQuery::default(), None, 1).await?;
        Ok(first.items.first().map(|turn| turn.began))
    }

    /// How turns went, slot by slot, as [`InteractionLog::activity`](helm_store::InteractionLog::activity) counts.
    ///
    /// # Errors
    ///
    /// Fails when the log cannot be read.
    pub async fn activity(&self, query: &ActivityQuery) -> Result<Vec<Activity>> {
        Ok(self.inner().store.log().activity(&self.tenant, query).await?)
    }

    /// What guards found, by kind.
    ///
    /// # Errors
    ///
    /// Fails when the log cannot be read.
    pub async fn findings(&self, query: &FindingQuery) -> Result<Vec<Finding>> {
        Ok(self.inner().store.log().findings(&self.tenant, query).await?)
    }

    /// At most `limit` turns that have ended and match, newest first, continuing after `after`.
    ///
    /// # Errors
    ///
    /// Fails when the log cannot be read.
    pub async fn turns(
        &self,
        query: &LogQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnView>> {
        Ok(self.inner().store.log().scan(&self.tenant, query, after, limit).await?)
    }

    /// What a task would earn if each of its strategies were chosen equally often: the mean of their mean rewards.
    /// `None` unless there are two at least and each has a reward.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; otherwise when state cannot be read.
    pub async fn evenly(&self, task: &TaskId) -> Result<Option<f64>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        let snapshot = known(&inner, &self.tenant, task, None).await?;
        let mean = |id: &StrategyId| {
            let total = snapshot.task_total(id);
            (total.count > 0).then(|| total.reward.to_f64() / total.count as f64)
        };
        let means: Option<Vec<f64>> = task.strategies.iter().map(|strategy| mean(&strategy.id)).collect();
        let means = means.filter(|means| means.len() > 1);
        Ok(means.map(|means| means.iter().sum::<f64>() / means.len() as f64))
    }

    /// What a task's policy believes of its strategies now, and with which probabilities it would choose: for this user,
    /// or for one whom it has never met, which is what all users together have taught it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; otherwise when state cannot be read.
    pub async fn outlook(&self, task: &TaskId, user: Option<&UserId>) -> Result<Vec<Candidate>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        let snapshot = known(&inner, &self.tenant, task, user).await?;
        offered(&inner, &self.tenant, task, user, &snapshot)
    }

    /// What each of at most `users` users has taught a task, in the order of their ids, beginning after `after`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; otherwise when state cannot be read.
    pub async fn user_totals(
        &self,
        task: &TaskId,
        after: Option<&UserId>,
        users: usize,
    ) -> Result<Vec<UserTotal>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        Ok(self.inner().store.bandits().user_totals(&self.tenant, &task.id, after, users).await?)
    }

    /// With which probabilities a task's strategies were drawn over time: in each slot, the mean over its first
    /// decisions that were drawn, eight at most. Slots without any are left out.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; otherwise when the log cannot be read.
    pub async fn offers(&self, task: &TaskId, query: &ActivityQuery) -> Result<Vec<Offer>> {
        self.inner().task(task)?;
        let bounds: Vec<_> = query.bounds().collect();
        let slots = bounds.iter().copied().zip(bounds.iter().skip(1).copied());
        let offers = stream::iter(slots).map(|(from, until)| self.offer(task, from, until));
        offers.buffered(AT_ONCE).try_filter_map(|offer| std::future::ready(Ok(offer))).try_collect().await
    }

    async fn offer(&self, task: &TaskId, from: Timestamp, until: Timestamp) -> Result<Option<Offer>> {
        let query = RowQuery::default().with_task(task.clone()).with_since(from).with_until(until);
        let page = self.inner().store.log().rows(&self.tenant, &query, None, LOOKED_AT).await?;
        let drawn: Vec<_> = page.items.iter().filter(|row| !row.candidates.is_empty()).collect();
        if drawn.is_empty() {
            return Ok(None);
        }
        let mut sums: std::collections::BTreeMap<StrategyId, f64> = std::collections::BTreeMap::new();
        for candidate in drawn.iter().flat_map(|row| &row.candidates) {
            *sums.entry(candidate.strategy.clone()).or_default() += candidate.probability.get();
        }
        let count = drawn.len();
        let probabilities = sums.into_iter().map(|(strategy, sum)| (strategy, sum / count as f64)).collect();
        Ok(Some(Offer { from, decisions: count as u64, probabilities }))
    }
}

/// What a task has learnt, with what this user taught it.
pub(crate) async fn known(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    user: Option<&UserId>,
) -> Result<Snapshot> {
    inner.look_at_candidate(tenant, task, FRESH).await?;
    let policy = inner.policy_of(tenant, task);
    let mut query = StateQuery::default().with_policy(policy.hash().clone());
    query.since = policy.history(inner.clock.now());
    query.user = user.cloned();
    snapshot(inner.store.bandits().load(tenant, &task.id, &query).await?)
}

/// What the policy would offer a user, or one it has never met.
pub(crate) fn offered(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    user: Option<&UserId>,
    snapshot: &Snapshot,
) -> Result<Vec<Candidate>> {
    let eligible = inner.eligibility(task, None).eligible;
    if eligible.is_empty() {
        return Ok(Vec::new());
    }
    let user = user.cloned().map_or_else(|| UserId::new("newcomer"), Ok)?;
    let context = Context::new(tenant.clone(), user, task.id.clone(), inner.clock.now());
    let id = DecisionId::from_bytes([0; 16]);
    let arms = task.arms(&eligible);
    Ok(inner.policy_of(tenant, task).choose(&ChoiceRequest::new(id, &context, &arms, snapshot))?.candidates)
}
