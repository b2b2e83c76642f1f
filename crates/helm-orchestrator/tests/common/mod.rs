//! Parts that fail in the ways a test asks for.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{Decision, DecisionId, Feedback, ModelName, Reward, TaskId, TenantId, Timestamp, UserId};
use helm_orchestrator::llm::{
    self, Call, ChatModel, ChatRequest, ChatResponse, ChatStream, EmbeddingModel, Finish, FinishReason,
};
use helm_orchestrator::store::{
    self, Applied, BanditStore, Collection, CollectionInfo, ConversationStore, ErrorKind, FeedbackReceipt,
    Health, Hit, InteractionLog, JobQueue, Memory, MemoryId, MigrationReport, PreferenceStore, Selection,
    Settle, Store, TurnReceipt, TurnRecord, VectorQuery, VectorStore, memory::MemoryStore,
};
use tokio::sync::Semaphore;

/// A store in memory that refuses some writes.
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    /// So many decisions are refused, slowly.
    pub(crate) refuse_decisions: AtomicU32,
    /// Turns with preferences or memories are refused.
    pub(crate) refuse_consequences: bool,
    /// Turns are committed once this lets them.
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

/// Memories that are indexed for ever.
#[derive(Default)]
pub(crate) struct SlowIndexes {
    inner: MemoryStore,
    /// How many times building has begun, and how many times it is going on.
    pub(crate) begun: AtomicU32,
    pub(crate) building: Arc<AtomicU32>,
}

struct Building(Arc<AtomicU32>);

impl Drop for Building {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl VectorStore for SlowIndexes {
    async fn create_collection(&self, tenant: &TenantId, collection: &Collection) -> store::Result<bool> {
        self.inner.create_collection(tenant, collection).await
    }

    async fn collections(&self, tenant: &TenantId) -> store::Result<Vec<CollectionInfo>> {
        self.inner.collections(tenant).await
    }

    async fn drop_collection(&self, tenant: &TenantId, name: &str) -> store::Result<Option<u64>> {
        self.inner.drop_collection(tenant, name).await
    }

    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> store::Result<()> {
        self.inner.upsert(tenant, user, memories).await
    }

    async fn search(&self, tenant: &TenantId, query: &VectorQuery) -> store::Result<Vec<Hit>> {
        self.inner.search(tenant, query).await
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> store::Result<u64> {
        self.inner.delete(tenant, user, ids).await
    }

    async fn delete_where(&self, tenant: &TenantId, selection: &Selection) -> store::Result<u64> {
        self.inner.delete_where(tenant, selection).await
    }

    async fn count(&self, tenant: &TenantId, selection: &Selection) -> store::Result<u64> {
        self.inner.count(tenant, selection).await
    }

    async fn build_indexes(&self) -> store::Result<u64> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.building.fetch_add(1, Ordering::SeqCst);
        let _building = Building(Arc::clone(&self.building));
        std::future::pending().await
    }
}

/// A model whose provider stops the answer, or that panics.
pub(crate) struct OddModel {
    name: ModelName,
    capabilities: llm::Capabilities,
    panics: bool,
}

impl OddModel {
    pub(crate) fn filtering() -> Self {
        Self { name: "main".parse().unwrap(), capabilities: llm::Capabilities::default(), panics: false }
    }

    pub(crate) fn panicking() -> Self {
        Self { panics: true, ..Self::filtering() }
    }

    fn answer(&self) -> ChatResponse {
        assert!(!self.panics, "on purpose");
        let text = "You reset your password in the settings of your account. ".to_owned();
        let finish = Finish::new(FinishReason::ContentFilter);
        ChatResponse::new(text, finish)
    }
}

#[async_trait]
impl ChatModel for OddModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn capabilities(&self) -> &llm::Capabilities {
        &self.capabilities
    }

    async fn generate(&self, _: &ChatRequest, _: &Call) -> llm::Result<ChatResponse> {
        Ok(self.answer())
    }

    async fn stream(&self, _: &ChatRequest, _: &Call) -> llm::Result<ChatStream> {
        Ok(stream::iter(self.answer().into_events().into_iter().map(Ok)).boxed())
    }
}

/// An embedding model of a name and a length, or one that never answers.
pub(crate) struct OddEmbedder {
    pub(crate) name: ModelName,
    pub(crate) dimensions: usize,
    pub(crate) hangs: bool,
    /// The last call.
    pub(crate) heard: Arc<Mutex<Option<Call>>>,
}

#[async_trait]
impl EmbeddingModel for OddEmbedder {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    async fn embed(&self, texts: &[String], call: &Call) -> llm::Result<Vec<Vec<f32>>> {
        *self.heard.lock().unwrap() = Some(call.clone());
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(texts.iter().map(|_| vec![1.0; self.dimensions]).collect())
    }
}
