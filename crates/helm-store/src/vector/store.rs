use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{TenantId, UserId};

use super::collection::{Collection, CollectionInfo};
use super::items::{Hit, Memory, MemoryId, Selection, VectorQuery};
use crate::error::Result;

/// Texts with embeddings, recalled by similarity within one tenant and collection, of one user or, when the
/// selection says so, of all.
///
/// - **Collections.** A tenant's memories live in collections. A collection has one
///   [`Metric`](crate::Metric) and one dimension, fixed by [`VectorStore::create_collection`] or by its first
///   memory (then the metric is cosine). It keeps them when its last memory is deleted;
///   [`VectorStore::drop_collection`] ends it. Two tenants' collections of one name have nothing in common.
/// - **Owners.** A memory belongs to one user, and its [`MemoryId`] is that user's: two users may have memories of
///   the same id. A [`Selection`] says whose memories it means; there is no default.
/// - **Scores.** Larger is better under every metric. Ties are broken by the smaller memory id, then by the
///   smaller user id.
/// - **Filters** are [`Filter::matches`](crate::Filter::matches), no more and no less: what is missing does not
///   match, and its negation does.
/// - **Moments.** A committed memory, also one that came with a turn, is found by the next search; a deleted one by
///   none. A search is of one moment: it finds all of a write or nothing of it.
#[async_trait]
pub trait VectorStore: Send + Sync {
    /// Makes an empty collection, to give it a metric other than cosine or to fix its dimension early. Answers
    /// whether it is new; making the same again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when its name or dimension is impossible;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when it exists with another metric or dimension.
    async fn create_collection(&self, tenant: &TenantId, collection: &Collection) -> Result<bool>;

    /// All collections of a tenant, by name.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn collections(&self, tenant: &TenantId) -> Result<Vec<CollectionInfo>>;

    /// Removes a collection and all that is in it, whoever it belongs to. Answers how many memories there were;
    /// `None` when there is no such collection.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn drop_collection(&self, tenant: &TenantId, name: &str) -> Result<Option<u64>>;

    /// Inserts memories, or replaces those of the user with the same id. All of them or none. A collection that
    /// does not exist is made, compared by cosine, with the length of its first embedding.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when an embedding is none of its collection's: of
    /// another length, with NaN or infinity in it, or all zeros in a collection compared by cosine.
    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()>;

    /// The `k` memories most similar to the query, best first, ties by memory id and then by user. Nothing when
    /// there is no such collection. Backends whose search is not exact say so.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) as for [`VectorStore::upsert`], when the query names
    /// another metric than the collection's, or its filter cannot be evaluated.
    async fn search(&self, tenant: &TenantId, query: &VectorQuery) -> Result<Vec<Hit>>;

    /// Removes a user's memories by id and answers how many there were.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64>;

    /// Removes the selected memories and answers how many there were. The collection stays.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the filter cannot be evaluated.
    async fn delete_where(&self, tenant: &TenantId, selection: &Selection) -> Result<u64>;

    /// How many memories are selected.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the filter cannot be evaluated.
    async fn count(&self, tenant: &TenantId, selection: &Selection) -> Result<u64>;

    /// Does what makes searches of many memories quick, where the backend leaves that to a moment when nobody waits
    /// for it: to be called now and then, by any number of processes. It may take minutes. Answers how many memories
    /// were taken into an index. Default: there is nothing to do, and none were.
    ///
    /// # Cancellation safety
    ///
    /// Cut off anywhere, it is finished by the next call.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn build_indexes(&self) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl<T: VectorStore + ?Sized> VectorStore for Arc<T> {
    async fn create_collection(&self, tenant: &TenantId, collection: &Collection) -> Result<bool> {
        (**self).create_collection(tenant, collection).await
    }

    async fn collections(&self, tenant: &TenantId) -> Result<Vec<CollectionInfo>> {
        (**self).collections(tenant).await
    }

    async fn drop_collection(&self, tenant: &TenantId, name: &str) -> Result<Option<u64>> {
        (**self).drop_collection(tenant, name).await
    }

    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()> {
        (**self).upsert(tenant, user, memories).await
    }

    async fn search(&self, tenant: &TenantId, query: &VectorQuery) -> Result<Vec<Hit>> {
        (**self).search(tenant, query).await
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64> {
        (**self).delete(tenant, user, ids).await
    }

    async fn delete_where(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        (**self).delete_where(tenant, selection).await
    }

    async fn count(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        (**self).count(tenant, selection).await
    }

    async fn build_indexes(&self) -> Result<u64> {
        (**self).build_indexes().await
    }
}
