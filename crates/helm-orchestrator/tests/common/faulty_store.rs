//! A store that fails in the ways a test asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{Decision, DecisionId, Feedback, Reward, TaskId, TenantId, Timestamp};
use helm_orchestrator::store::{
    self, Applied, BanditStore, ConversationStore, ErrorKind, FeedbackReceipt, Health, InteractionLog,
    JobQueue, MigrationReport, PreferenceStore, Settle, Store, TurnReceipt, TurnRecord, VectorStore,
    memory::MemoryStore,
};
use tokio::sync::Semaphore;

/// A store in memory that refuses some writes.
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    /// So many decisions are refused, slowly.
    pub(crate) refuse_decisions: AtomicU32,
    /// Turns with preferences or memories are refused.
    pub(crate) refuse_consequences: bool,
    /// Turns are committed, and judgements recorded, once this lets them.
    pub(crate) commits: Semaphore,
    /// Closing never ends.
    pub(crate) never_closes: bool,
    /// Where memories are, instead.
    pub(crate) vectors: Option<Arc<dyn VectorStore>>,
}

impl FaultyStore {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryStore::new(),
            refuse_decisions: AtomicU32::new(0),
            refuse_consequences: false,
            commits: Semaphore::new(Semaphore::MAX_PERMITS),
            never_closes: false,
            vectors: None,
        }
    }

    fn refusal(kind: ErrorKind) -> store::Error {
        store::Error::new(kind, "faulty", "write", "refused on purpose")
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn capabilities(&self) -> store::Capabilities {
        self.inner.capabilities()
    }

    fn bandits(&self) -> &dyn BanditStore {
        self.inner.bandits()
    }

    fn log(&self) -> &dyn InteractionLog {
        self.inner.log()
    }

    fn preferences(&self) -> &dyn PreferenceStore {
        self.inner.preferences()
    }

    fn conversations(&self) -> &dyn ConversationStore {
        self.inner.conversations()
    }

    fn vectors(&self) -> &dyn VectorStore {
        self.vectors.as_deref().unwrap_or(self.inner.vectors())
    }

    fn jobs(&self) -> &dyn JobQueue {
        self.inner.jobs()
    }

    fn api_keys(&self) -> &dyn store::ApiKeyStore {
        self.inner.api_keys()
    }

    fn users(&self) -> &dyn store::UserStore {
        self.inner.users()
    }

    async fn log_decision(&self, decision: &Decision, deadline: Timestamp) -> store::Result<Applied> {
        let taken = |left: u32| left.checked_sub(1);
        if self.refuse_decisions.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok() {
            // Late enough for the model to have answered.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Err(Self::refusal(ErrorKind::Internal));
        }
        self.inner.log_decision(decision, deadline).await
    }

    async fn commit_turn(&self, turn: TurnRecord, settle: Arc<dyn Settle>) -> store::Result<TurnReceipt> {
        if self.refuse_consequences && !(turn.preferences.is_empty() && turn.memories.is_empty()) {
            return Err(Self::refusal(ErrorKind::Invalid));
        }
        let _may = self.commits.acquire().await.unwrap();
        self.inner.commit_turn(turn, settle).await
    }

    async fn record_feedback(
        &self,
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    ) -> store::Result<FeedbackReceipt> {
        let _may = self.commits.acquire().await.unwrap();
        self.inner.record_feedback(tenant, feedback, at, settle).await
    }

    async fn end_silence(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> store::Result<Option<Reward>> {
        self.inner.end_silence(tenant, decision, settle).await
    }

    async fn resettle(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> store::Result<Option<Reward>> {
        self.inner.resettle(tenant, decision, settle).await
    }

    async fn restate(&self, tenant: &TenantId, task: &TaskId) -> store::Result<u64> {
        self.inner.restate(tenant, task).await
    }

    async fn migrate(&self) -> store::Result<MigrationReport> {
        self.inner.migrate().await
    }

    async fn health(&self) -> store::Result<Health> {
        self.inner.health().await
    }

    async fn close(&self) {
        if self.never_closes {
            std::future::pending::<()>().await;
        }
        self.inner.close().await;
    }
}
