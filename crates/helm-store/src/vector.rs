use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{DecisionId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;

/// Texts with embeddings, recalled by cosine similarity within one tenant, user and collection. A committed
/// memory is visible to the next search; a deleted one never returns.
#[async_trait]
pub trait VectorStore: Send + Sync {
    /// Inserts memories, or replaces those of the same id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when an embedding is empty, all zeros, holds NaN or
    /// infinity, or has another length than the collection's.
    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()>;

    /// The `k` most similar memories, best first, ties by id. Exact.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) as for [`VectorStore::upsert`].
    async fn search(&self, tenant: &TenantId, user: &UserId, query: &VectorQuery) -> Result<Vec<Hit>>;

    /// Removes memories by id and answers how many there were.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64>;
}

#[async_trait]
impl<T: VectorStore + ?Sized> VectorStore for Arc<T> {
    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()> {
        (**self).upsert(tenant, user, memories).await
    }

    async fn search(&self, tenant: &TenantId, user: &UserId, query: &VectorQuery) -> Result<Vec<Hit>> {
        (**self).search(tenant, user, query).await
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64> {
        (**self).delete(tenant, user, ids).await
    }
}

/// A memory's id: the turn it came from and its number within that turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MemoryId {
    /// The turn.
    pub turn: DecisionId,
    /// Counted from 0.
    pub index: u32,
}

/// A text with its embedding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// Its id.
    pub id: MemoryId,
    /// Texts of one collection have embeddings of one model, so of one length.
    pub collection: String,
    /// The text.
    pub text: String,
    /// Its embedding; any length but zero, any norm but zero.
    pub embedding: Vec<f32>,
    /// Anything else the application wants to keep.
    pub metadata: Value,
    /// When it was made.
    pub at: Timestamp,
}

/// What to recall.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorQuery {
    /// From which collection.
    pub collection: String,
    /// The embedding to be similar to.
    pub embedding: Vec<f32>,
    /// How many.
    pub k: usize,
}

/// A recalled memory.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// The memory.
    pub memory: Memory,
    /// Cosine similarity, from -1 to 1.
    pub similarity: f32,
}
