use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{
    ConversationId, Decision, DecisionId, Outcome, Reward, SourceName, StatsRow, StrategyId, TaskId,
    TenantId, Timestamp, TurnStatus, UnitInterval, UserId,
};
use serde::{Deserialize, Serialize};

use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery};
use crate::retention::{Retained, Retention};
use crate::rows::{RowQuery, TurnRow};
use crate::{Case, Result};

/// The log of turns, which is also the feature store: context, decision, outcome, reward and feedback of every
/// turn, by tenant.
#[async_trait]
pub trait InteractionLog: Send + Sync {
    /// One turn; `None` when there is none of that id in this tenant.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn turn(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<TurnView>>;

    /// At most `limit` turns that match, but never more than 10,000, newest first, continuing after `after`.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn scan(
        &self,
        tenant: &TenantId,
        query: &LogQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnView>>;

    /// At most `limit` turns that have ended and match, but never more than 10,000, as flat rows, oldest first by
    /// (began, id), continuing after `after`.
    ///
    /// A turn that is committed meanwhile appears if it began after what was read last. Nothing appears twice.
    /// [`InteractionLogExt::stream_rows`](crate::InteractionLogExt::stream_rows) reads page after page.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn rows(
        &self,
        tenant: &TenantId,
        query: &RowQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnRow>>;

    /// The draw that a user, or one conversation of theirs, keeps to in a task: of the decisions with mode
    /// [`Sampled`](helm_core::DecisionMode::Sampled) the one that replaced most draws in turn
    /// ([`Decision::drawn_by`]), and of several that replaced as many the one with the earliest id. So whoever
    /// looks later sees the same draw, also when two were made at once.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn last_draw(&self, tenant: &TenantId, query: &DrawQuery) -> Result<Option<Decision>>;

    /// At most `limit` decisions of a task that have been settled, but never more than 10,000, in order of their
    /// ids, beginning after `after`; each with all evidence and what it came to, of one moment.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn settled(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<SettledDecision>>;

    /// What happened in each slot of a stretch of time, task by task: sorted by task and slot, without slots in which
    /// nothing did. Counted where the log is kept; a hundred thousand turns take some tens of milliseconds.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn activity(&self, tenant: &TenantId, query: &ActivityQuery) -> Result<Vec<Activity>>;

    /// What guards found in turns that have ended, by kind, the most frequent first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn findings(&self, tenant: &TenantId, query: &FindingQuery) -> Result<Vec<Finding>>;

    /// Removes turns that began before a moment, with their decisions, judgements, rewards and messages. Memories,
    /// preferences and all that was learnt stay: what the decisions had contributed is kept as a checkpoint in the
    /// same transaction, and audits and totals go on counting it.
    ///
    /// A turn stays while a living job names it as `decision` in its body, as the one does that waits for the end of
    /// a reward window, or while its decision is the draw that a user or a conversation keeps to
    /// ([`InteractionLog::last_draw`]) in a task that is not [`fleeting`](Retention::fleeting); so does a decision whose
    /// turn has not ended. Later feedback on what is gone
    /// is [`NotFound`](crate::ErrorKind::NotFound), and whoever sends a removed turn once more writes a new one: keep
    /// turns for longer than a write may be on its way.
    ///
    /// Works in transactions of [`Retention::batch`] turns, after each of which `progress` is told what was removed
    /// so far, and may be cut off and called again at any moment. Answers the same with [`Retention::dry_run`], and
    /// changes nothing then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn retain(
        &self,
        tenant: &TenantId,
        retention: &Retention,
        progress: &mut (dyn FnMut(Retained) + Send),
    ) -> Result<Retained>;
}

#[async_trait]
impl<T: InteractionLog + ?Sized> InteractionLog for Arc<T> {
    async fn turn(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<TurnView>> {
        (**self).turn(tenant, id).await
    }

    async fn scan(
        &self,
        tenant: &TenantId,
        query: &LogQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnView>> {
        (**self).scan(tenant, query, after, limit).await
    }

    async fn rows(
        &self,
        tenant: &TenantId,
        query: &RowQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnRow>> {
        (**self).rows(tenant, query, after, limit).await
    }

    async fn last_draw(&self, tenant: &TenantId, query: &DrawQuery) -> Result<Option<Decision>> {
        (**self).last_draw(tenant, query).await
    }

    async fn settled(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<SettledDecision>> {
        (**self).settled(tenant, task, after, limit).await
    }

    async fn activity(&self, tenant: &TenantId, query: &ActivityQuery) -> Result<Vec<Activity>> {
        (**self).activity(tenant, query).await
    }

    async fn findings(&self, tenant: &TenantId, query: &FindingQuery) -> Result<Vec<Finding>> {
        (**self).findings(tenant, query).await
    }

    async fn retain(
        &self,
        tenant: &TenantId,
        retention: &Retention,
        progress: &mut (dyn FnMut(Retained) + Send),
    ) -> Result<Retained> {
        (**self).retain(tenant, retention, progress).await
    }
}

/// Whose draw is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DrawQuery {
    /// In which task.
    pub task: TaskId,
    /// Of which user.
    pub user: UserId,
    /// Only in this conversation of theirs. Default: in all, and outside of any.
    pub conversation: Option<ConversationId>,
}

impl DrawQuery {
    /// The draw that this user keeps to in this task.
    #[must_use]
    pub fn of_user(task: TaskId, user: UserId) -> Self {
        Self { task, user, conversation: None }
    }

    /// Only in this conversation.
    #[must_use]
    pub fn in_conversation(mut self, conversation: ConversationId) -> Self {
        self.conversation = Some(conversation);
        self
    }
}

/// A decision, what is known of it, and what that came to when it was last settled.
#[derive(Clone, PartialEq, Debug)]
pub struct SettledDecision {
    /// The decision.
    pub decision: Decision,
    /// How it went; `None` while the turn is still running.
    pub outcome: Option<Outcome>,
    /// Current judgements of people and model judges, one for each source, sorted by source.
    pub feedback: Vec<(SourceName, UnitInterval)>,
    /// Whether the task's reward window has ended.
    pub silence_ended: bool,
    /// The reward.
    pub reward: Option<Reward>,
    /// What it has added to learning state.
    pub contribution: Vec<StatsRow>,
}

impl SettledDecision {
    /// The evidence, to be settled again.
    #[must_use]
    pub fn case(&self) -> Case<'_> {
        Case::new(&self.decision, self.outcome.as_ref(), &self.feedback, self.silence_ended)
    }
}

/// All that is stored about one turn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TurnView {
    /// The turn's id.
    pub id: DecisionId,
    /// Who was talking.
    pub user: UserId,
    /// What kind of work.
    pub task: TaskId,
    /// The conversation, if any.
    pub conversation: Option<ConversationId>,
    /// The decision; `None` when the turn ended before one was made.
    pub decision: Option<Decision>,
    /// What the user wrote, as stored; `None` while the turn is still running.
    pub input: Option<String>,
    /// What was answered, as stored.
    pub output: Option<String>,
    /// How it went; `None` while the turn is still running.
    pub outcome: Option<Outcome>,
    /// The reward so far.
    pub reward: Option<Reward>,
    /// Current judgements of people and model judges, one for each source.
    pub feedback: Vec<FeedbackEntry>,
    /// When the decision was made, or the turn began.
    pub at: Timestamp,
}

/// One source's current judgement.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedbackEntry {
    /// Who says so.
    pub source: SourceName,
    /// From 0, bad, to 1, good.
    pub value: UnitInterval,
    /// When it was last said.
    pub at: Timestamp,
}

/// The most turns in a page, whatever is asked for.
pub(crate) const MOST_TURNS: usize = 10_000;

/// Which turns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LogQuery {
    /// Only this task's.
    pub task: Option<TaskId>,
    /// Only this user's.
    pub user: Option<UserId>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Only those whose decision chose this version of a strategy.
    pub strategy: Option<StrategyId>,
    /// Only those that ended so.
    pub status: Option<TurnStatus>,
    /// Only those in which guards found something. Default: no.
    pub found: bool,
}

impl LogQuery {
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

    /// Only turns not before `since`.
    #[must_use]
    pub fn with_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Only turns before `until`.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
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

    /// Only turns in which guards found something.
    #[must_use]
    pub fn with_findings(mut self) -> Self {
        self.found = true;
        self
    }
}

/// Where a scan continues: just after this turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cursor {
    /// The last turn's moment.
    pub at: Timestamp,
    /// The last turn's id.
    pub id: DecisionId,
}

/// Some items and where the next ones begin.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to continue; `None` at the end.
    pub next: Option<Cursor>,
}

impl Page<TurnRow> {
    /// A page of at most `limit` rows, of which one more was looked for to see whether there is more.
    pub(crate) fn of_rows(mut items: Vec<TurnRow>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor { at: last.began, id: last.id });
        Self { items, next }
    }
}
