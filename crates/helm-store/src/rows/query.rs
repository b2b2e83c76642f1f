use helm_core::{StrategyId, TaskId, Timestamp, TurnStatus, UserId};

/// Which turns [`InteractionLog::rows`](crate::InteractionLog::rows) answers with. Default: all that have ended,
/// without their texts.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct RowQuery {
    /// Only this task's.
    pub task: Option<TaskId>,
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those whose decision chose this version of a strategy.
    pub strategy: Option<StrategyId>,
    /// Only those that ended so.
    pub status: Option<TurnStatus>,
    /// Only those that began at this moment or later.
    pub since: Option<Timestamp>,
    /// Only those that began before this moment.
    pub until: Option<Timestamp>,
    /// Only those with a reward (`true`) or without one (`false`).
    pub rewarded: Option<bool>,
    /// Whether rows hold what was written and answered. Default: no, for it may be personal.
    pub texts: bool,
}

impl RowQuery {
    /// Only this task's turns.
    #[must_use]
    pub fn with_task(mut self, task: TaskId) -> Self {
        self.task = Some(task);
        self
    }

    /// Only this user's turns.
    #[must_use]
    pub fn with_user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Only turns whose decision chose this version of a strategy.
    #[must_use]
    pub fn with_strategy(mut self, strategy: StrategyId) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Only turns that ended so.
    #[must_use]
    pub fn with_status(mut self, status: TurnStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Only turns that began at `since` or later.
    #[must_use]
    pub fn with_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Only turns that began before `until`.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Only turns with a reward, or only turns without one.
    #[must_use]
    pub fn with_reward(mut self, rewarded: bool) -> Self {
        self.rewarded = Some(rewarded);
        self
    }

    /// Also what was written and answered.
    #[must_use]
    pub fn with_texts(mut self) -> Self {
        self.texts = true;
        self
    }
}
