use async_trait::async_trait;
use helm_core::{TenantId, UserId};
use sqlx::postgres::PgRow;

use super::super::BACKEND;
use super::super::decode::{get, natural};
use super::super::error::{driver, failure};
use super::super::store::PostgresStore;
use super::collections::{Create, Remove, collection};
use super::index::build;
use super::rows::{Delete, DeleteWhere, Upsert, count};
use super::search::{Embeddings, Search};
use crate::batch::{Failure, closed};
use crate::error::Result;
use crate::vector::{Collection, CollectionInfo, Hit, Memory, MemoryId, Selection, VectorQuery, VectorStore};

const COLLECTIONS: &str = "SELECT name, metric, dimension, (SELECT count(*) FROM helm_memory m
        WHERE m.tenant = c.tenant AND m.collection = c.name) AS memories
    FROM helm_collection c WHERE tenant = $1 ORDER BY name";

#[async_trait]
impl VectorStore for PostgresStore {
    async fn create_collection(&self, tenant: &TenantId, collection: &Collection) -> Result<bool> {
        self.transaction("create_collection", Create { tenant, collection }).await
    }

    async fn collections(&self, tenant: &TenantId) -> Result<Vec<CollectionInfo>> {
        const OPERATION: &str = "collections";
        let rows = sqlx::query(COLLECTIONS).bind(tenant.as_str()).fetch_all(&self.pool).await;
        let info = |row: &PgRow| {
            let memories = natural(get(row, "memories", OPERATION)?, "count", OPERATION)?;
            let name = get(row, "name", OPERATION)?;
            Ok(CollectionInfo::new(collection(row, name, OPERATION)?, memories))
        };
        rows.map_err(|error| driver(OPERATION, error))?.iter().map(info).collect()
    }

    async fn drop_collection(&self, tenant: &TenantId, name: &str) -> Result<Option<u64>> {
        self.transaction("drop_collection", Remove { tenant, name }).await
    }

    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()> {
        self.transaction("upsert_memories", Upsert { tenant, user, memories }).await
    }

    async fn search(&self, tenant: &TenantId, query: &VectorQuery) -> Result<Vec<Hit>> {
        let (embeddings, half) = (self.embeddings, self.options.half_precision_index);
        let search = Search { tenant, query, embeddings, half, seen: &self.seen };
        let mut connection = self.searchers.acquire().await.map_err(|error| driver("search", error))?;
        search.run(&mut connection).await
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64> {
        self.transaction("delete_memories", Delete { tenant, user, ids }).await
    }

    async fn delete_where(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        selection.check(BACKEND, "delete_memories")?;
        self.transaction("delete_memories", DeleteWhere { tenant, selection }).await
    }

    async fn count(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        const OPERATION: &str = "count_memories";
        selection.check(BACKEND, OPERATION)?;
        let connection = self.searchers.acquire().await.map_err(|error| failure(OPERATION, error));
        let counted = match connection {
            Ok(mut connection) => count(&mut connection, tenant, selection).await,
            Err(error) => Err(error),
        };
        counted.map_err(Failure::into_error)
    }

    async fn build_indexes(&self) -> Result<u64> {
        if self.embeddings == Embeddings::Arrays {
            return Ok(0);
        }
        // Closing the store does not wait for it.
        let built = self.stop.run_until_cancelled(build(&self.options)).await;
        built.unwrap_or_else(|| Err(closed(BACKEND, "build_indexes")))
    }
}
