use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{Decision, DecisionId, Feedback, Reward, TaskId, TenantId, Timestamp};
use serde::Serialize;

use crate::{
    ApiKeyStore, Applied, BanditStore, ConversationStore, FeedbackReceipt, InteractionLog, JobQueue,
    PreferenceStore, Result, Settle, TurnReceipt, TurnRecord, UserStore, VectorStore,
};

/// All durable state of an installation.
///
/// Every write is idempotent by its own key, so a write whose answer was lost is simply sent again.
///
/// # Cancellation safety
///
/// Dropping the future of a write leaves it undecided whether the write happens; it happens wholly or not at
/// all.
#[async_trait]
pub trait Store: Send + Sync {
    /// What this backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Learning state.
    fn bandits(&self) -> &dyn BanditStore;

    /// The log of turns.
    fn log(&self) -> &dyn InteractionLog;

    /// Preferences.
    fn preferences(&self) -> &dyn PreferenceStore;

    /// Conversations.
    fn conversations(&self) -> &dyn ConversationStore;

    /// Memories.
    fn vectors(&self) -> &dyn VectorStore;

    /// Follow-up work.
    fn jobs(&self) -> &dyn JobQueue;

    /// Keys of the API.
    fn api_keys(&self) -> &dyn ApiKeyStore;

    /// All that is kept of one person.
    fn users(&self) -> &dyn UserStore;

    /// A turn's first transaction: makes its decision durable. `Duplicate` when the same decision is stored.
    ///
    /// From `deadline` on there is a job of the kind [`TURN_DEADLINE`](crate::TURN_DEADLINE) for it, unless
    /// [`Store::commit_turn`] has ended the turn. So a decision whose process ended before its turn did is found, and can be
    /// given an end. Choose a deadline after which no commit can still be on its way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when another decision has this id.
    async fn log_decision(&self, decision: &Decision, deadline: Timestamp) -> Result<Applied>;

    /// A turn's second transaction: outcome, settled reward, folded state, preferences, conversation,
    /// memories and jobs, together or not at all. The same turn sent again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when a part of the record is refused;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when another turn has this id, or the turn is not of its
    /// decision's user and task, as when the user was forgotten meanwhile;
    /// [`ErrorKind::Unsettled`](crate::ErrorKind::Unsettled) when the settlement refuses.
    async fn commit_turn(&self, turn: TurnRecord, settle: Arc<dyn Settle>) -> Result<TurnReceipt>;

    /// Records a person's judgement, settles the decision again and adds the difference to the state.
    ///
    /// A feedback whose idempotency key was seen before is a duplicate, whatever came in between. Without a
    /// key it is a duplicate when its value is the source's current one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when there is no such decision in this tenant;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when the key was used with other content.
    async fn record_feedback(
        &self,
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    ) -> Result<FeedbackReceipt>;

    /// Notes that a decision's reward window has ended and settles it again. Answers its reward.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when there is no such decision in this tenant.
    async fn end_silence(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>>;

    /// Settles a decision again from its stored evidence, as after a change of policy or reward, and adds the
    /// difference to the state. Answers its reward. Doing it twice changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when there is no such decision in this tenant;
    /// [`ErrorKind::Unsettled`](crate::ErrorKind::Unsettled) when the settlement refuses;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) when the state has lost what the decision added:
    /// [`Store::restate`] puts it right.
    async fn resettle(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>>;

    /// Makes a task's learning state exactly the sum of its decisions' contributions, and of the checkpoint of those
    /// that have left the log, in one transaction: rows that no contribution explains are dropped. Answers how many rows there are then.
    ///
    /// # Errors
    ///
    /// Fails when the database does, or the sum leaves its range.
    async fn restate(&self, tenant: &TenantId, task: &TaskId) -> Result<u64>;

    /// Brings the schema up to this build's version. Safe to run from several processes at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SchemaMismatch`](crate::ErrorKind::SchemaMismatch) when the schema is newer than this
    /// build, or an applied migration is not the one this build knows.
    async fn migrate(&self) -> Result<MigrationReport>;

    /// Whether the store can be written to, and what it is.
    ///
    /// # Errors
    ///
    /// Fails when it cannot.
    async fn health(&self) -> Result<Health>;

    /// Waits for what is queued and closes. Calls after it fail as unavailable.
    async fn close(&self);
}

/// What a backend can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// The backend's name, for messages and metrics.
    pub backend: &'static str,
    /// Whether acknowledged writes survive the end of the process.
    pub durable: bool,
    /// Whether several processes may use it at once.
    pub shared: bool,
}

impl Capabilities {
    /// The capabilities of `backend`.
    #[must_use]
    pub fn new(backend: &'static str, durable: bool, shared: bool) -> Self {
        Self { backend, durable, shared }
    }
}

/// What [`Store::migrate`] did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct MigrationReport {
    /// The schema's version now.
    pub version: u32,
    /// The migrations applied by this call, in order.
    pub applied: Vec<u32>,
}

/// A migration that this build knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MigrationStatus {
    /// Its number.
    pub version: u32,
    /// What it is about.
    pub name: &'static str,
    /// Whether the database has it.
    pub applied: bool,
}

/// A store's state of health.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Health {
    /// The backend's name.
    pub backend: &'static str,
    /// What it runs on, for people: a file, a server's version.
    pub detail: String,
    /// The schema's version.
    pub schema: u32,
    /// What somebody should see to although everything works, in sentences for people.
    pub warnings: Vec<String>,
}
