use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{Fixed, Stats, StatsRow, StrategyId, TaskId, TenantId, UserId};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Learning state: additive statistics by tenant, task, scope, strategy version and epoch. Only the store's
/// own transactions change it; there is deliberately no method that overwrites statistics.
#[async_trait]
pub trait BanditStore: Send + Sync {
    /// The rows of the task and, when `user` is given, of that user, with the current prior. Empty for a task
    /// nobody has used. Rows are sorted by scope, strategy and epoch.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn load(&self, tenant: &TenantId, task: &TaskId, user: Option<&UserId>) -> Result<BanditState>;

    /// Totals over epochs of at most `users` users, in order of user id, beginning after `after`.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn user_totals(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<&UserId>,
        users: usize,
    ) -> Result<Vec<UserTotal>>;

    /// Replaces the prior if its revision is the one that `prior` was derived from (`prior.revision - 1`).
    /// Answers whether it was replaced: `false` means that another process was first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn put_prior(&self, tenant: &TenantId, task: &TaskId, prior: &PriorDocument) -> Result<bool>;

    /// Decisions and people's feedback by strategy; feedback counts one value for each decision and source, at
    /// its last value. Sorted by strategy.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn strategy_totals(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StrategyTotal>>;

    /// Adds the logged contributions of all decisions up again and compares them with the state.
    ///
    /// # Errors
    ///
    /// Fails when the database does; a difference is not an error but a [`Mismatch`] in the answer.
    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit>;
}

#[async_trait]
impl<T: BanditStore + ?Sized> BanditStore for Arc<T> {
    async fn load(&self, tenant: &TenantId, task: &TaskId, user: Option<&UserId>) -> Result<BanditState> {
        (**self).load(tenant, task, user).await
    }

    async fn user_totals(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<&UserId>,
        users: usize,
    ) -> Result<Vec<UserTotal>> {
        (**self).user_totals(tenant, task, after, users).await
    }

    async fn put_prior(&self, tenant: &TenantId, task: &TaskId, prior: &PriorDocument) -> Result<bool> {
        (**self).put_prior(tenant, task, prior).await
    }

    async fn strategy_totals(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StrategyTotal>> {
        (**self).strategy_totals(tenant, task).await
    }

    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
        (**self).audit(tenant, task).await
    }
}

/// What a policy needs to decide.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BanditState {
    /// Statistics of the task and of the user.
    pub rows: Vec<StatsRow>,
    /// The prior, when one has been computed.
    pub prior: Option<PriorDocument>,
}

/// What is not additive, recomputed in the background and stored with its own revision. The store does not
/// look inside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PriorDocument {
    /// Counted from 1.
    pub revision: u64,
    /// The policy's own document.
    pub body: serde_json::Value,
}

/// One user's statistics of one strategy, over all epochs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserTotal {
    /// Whose.
    pub user: UserId,
    /// Of which strategy.
    pub strategy: StrategyId,
    /// The sum.
    pub stats: Stats,
}

/// How often a strategy was chosen and what people say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StrategyTotal {
    /// The strategy.
    pub strategy: StrategyId,
    /// How many logged decisions chose it, in any mode.
    pub decisions: u64,
    /// How many judgements people gave: one for each decision and source.
    pub feedback_count: u64,
    /// Their sum, each in \[0, 1\] and quantised on its own.
    pub feedback_sum: Fixed,
}

/// The result of comparing learning state with the log.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Audit {
    /// How many decisions have a contribution.
    pub decisions: u64,
    /// How many rows of state were compared.
    pub rows: u64,
    /// Rows that differ; empty when all is well.
    pub mismatches: Vec<Mismatch>,
}

/// A row of state that is not the sum of its contributions.
#[derive(Clone, PartialEq, Debug)]
pub struct Mismatch {
    /// What the log adds up to.
    pub expected: StatsRow,
    /// What the state holds.
    pub found: Stats,
}
