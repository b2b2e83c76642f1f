use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{
    Epoch, Fixed, PolicyHash, Scope, SegmentName, Stats, StatsRow, StrategyId, TaskId, TenantId, UserId,
};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Learning state: additive statistics by tenant, task, scope, strategy version and epoch. Only the store's
/// own transactions change it, and always to what its log says; there is deliberately no method that takes
/// statistics from its caller.
#[async_trait]
pub trait BanditStore: Send + Sync {
    /// The rows of the task and of the segment and user that the query names, with the prior of the policy that
    /// it names. Empty for a task nobody has used. Rows are sorted by scope, strategy (name, then version), epoch
    /// and layout.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn load(&self, tenant: &TenantId, task: &TaskId, query: &StateQuery) -> Result<BanditState>;

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

    /// Decisions and people's feedback by strategy, also of what has left the log; feedback counts one value for each decision and source, at
    /// its last value. Sorted by strategy.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn strategy_totals(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StrategyTotal>>;

    /// What the decisions that have left the log had contributed
    /// ([`InteractionLog::retain`](crate::InteractionLog::retain)), sorted by scope, strategy, epoch and layout. State
    /// is always the sum of this and of what the log's decisions have contributed.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn checkpoint(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StatsRow>>;

    /// Adds the logged contributions of all decisions up again, with those that have left the log, and compares them
    /// with the state.
    ///
    /// # Errors
    ///
    /// Fails when the database does; a difference is not an error but a [`Mismatch`] in the answer.
    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit>;
}

#[async_trait]
impl<T: BanditStore + ?Sized> BanditStore for Arc<T> {
    async fn load(&self, tenant: &TenantId, task: &TaskId, query: &StateQuery) -> Result<BanditState> {
        (**self).load(tenant, task, query).await
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

    async fn checkpoint(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StatsRow>> {
        (**self).checkpoint(tenant, task).await
    }

    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
        (**self).audit(tenant, task).await
    }
}

/// Which part of a task's learning state is wanted. Default: the task's own rows, of all epochs, no prior.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct StateQuery {
    /// This user's rows too.
    pub user: Option<UserId>,
    /// This segment's rows too.
    pub segment: Option<SegmentName>,
    /// Rows of epochs before this one are summed by scope, strategy and layout into one row, whose epoch is the
    /// newest of them: for a policy that no longer tells them apart.
    pub since: Option<Epoch>,
    /// The prior of the policy with this hash.
    pub policy: Option<PolicyHash>,
}

impl StateQuery {
    /// This user's rows too.
    #[must_use]
    pub fn with_user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// This segment's rows too.
    #[must_use]
    pub fn with_segment(mut self, segment: SegmentName) -> Self {
        self.segment = Some(segment);
        self
    }

    /// Sums up what is older than this epoch.
    #[must_use]
    pub fn with_since(mut self, since: Epoch) -> Self {
        self.since = Some(since);
        self
    }

    /// The prior of the policy with this hash.
    #[must_use]
    pub fn with_policy(mut self, policy: PolicyHash) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Whether rows of this scope are wanted.
    pub(crate) fn wants(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Task => true,
            Scope::Segment(segment) => self.segment.as_ref() == Some(segment),
            Scope::User(user) => self.user.as_ref() == Some(user),
            _ => false,
        }
    }
}

/// What a policy needs to decide.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BanditState {
    /// Statistics of the task, and of the segment and user that were asked for.
    pub rows: Vec<StatsRow>,
    /// The prior, when one was asked for and has been computed.
    pub prior: Option<PriorDocument>,
}

/// What is not additive, recomputed in the background and stored with its own revision. The store does not
/// look inside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PriorDocument {
    /// The policy that it was estimated for: another configuration reads another prior.
    pub policy: PolicyHash,
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
    /// How many decisions have a contribution, with those that have left the log.
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
