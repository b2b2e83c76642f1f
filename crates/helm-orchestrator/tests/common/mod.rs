//! Parts that fail in the ways a test asks for.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod faulty_store;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{ModelName, TenantId, UserId};
use helm_orchestrator::llm::{
    self, Call, ChatModel, ChatRequest, ChatResponse, ChatStream, EmbeddingModel, Finish, FinishReason,
};
use helm_orchestrator::store::{
    self, Collection, CollectionInfo, Hit, Memory, MemoryId, Selection, VectorQuery, VectorStore,
    memory::MemoryStore,
};

pub(crate) use faulty_store::FaultyStore;

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
