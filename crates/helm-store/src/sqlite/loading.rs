//! Loading shards: by one search at a time, on a connection of its own.

use futures::TryStreamExt;
use helm_core::{TenantId, Timestamp, UserId};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::connect;
use super::decode::{get, parsed};
use super::error::{driver, unreadable};
use super::memories::{StoredCollection, stored_collection};
use super::shards::{Facts, Shard, Sight, Slot};
use super::store::SqliteStore;
use super::vectors::{SEARCH, count, found, stored_embedding};
use crate::error::{Result, chain};
use crate::vector::{Collection, Hit, VectorQuery, Whose};

pub(super) const ROWS_TO_LOAD: &str = "SELECT rowid, user_id, embedding, metadata, at
    FROM helm_memory INDEXED BY helm_memory_by_collection WHERE tenant = ? AND collection = ?";

/// What came of loading a shard.
pub(super) enum Loaded {
    /// It is loaded, and this is what was searched for.
    Found(Vec<Hit>),
    /// Another search was faster.
    Already,
    /// It does not fit.
    TooLarge,
}

impl SqliteStore {
    /// How many memories a shard of the collection would have; `None` when it does not fit.
    pub(super) async fn fitting(
        &self,
        snapshot: &mut SqliteConnection,
        tenant: &TenantId,
        collection: &Collection,
    ) -> Result<Option<usize>> {
        let memories = count(snapshot, tenant, &collection.name, &Whose::Everyone, SEARCH).await?;
        let memories = usize::try_from(memories).unwrap_or(usize::MAX);
        let fits = Shard::bytes_of(memories, collection.dimension) <= self.shards.budget();
        Ok(fits.then_some(memories))
    }

    /// Loads a collection's shard and answers a query from it, unless another search has loaded it since this
    /// revision was seen.
    pub(super) async fn load_shard(
        &self,
        tenant: &TenantId,
        slot: &Slot,
        seen: &StoredCollection,
        query: &VectorQuery,
    ) -> Result<Loaded> {
        let turn = slot.loading.lock().await;
        if !matches!(slot.sight(seen.id, seen.revision, &query.selection.whose), Sight::Behind) {
            return Ok(Loaded::Already);
        }
        // Closing the store waits for the connection.
        let open = self.tracker.token();
        let mut connection = connect::reader(&self.options).await?;
        let loaded = self.load_on(&mut connection, tenant, slot, query).await;
        drop(turn);
        self.shards.evict();
        if let Err(error) = connection.close().await {
            tracing::debug!(error = %chain(&error), "a connection could not be closed");
        }
        drop(open);
        loaded
    }

    async fn load_on(
        &self,
        connection: &mut SqliteConnection,
        tenant: &TenantId,
        slot: &Slot,
        query: &VectorQuery,
    ) -> Result<Loaded> {
        let name = &query.selection.collection;
        let Some(now) = stored_collection(connection, tenant, name, SEARCH).await? else {
            return Ok(Loaded::Found(Vec::new()));
        };
        if !matches!(slot.sight(now.id, now.revision, &query.selection.whose), Sight::Behind) {
            return Ok(Loaded::Already);
        }
        // What is written from here on is noted, so the snapshot may be of any later moment.
        let loading = slot.begin_loading();
        let mut snapshot = connection.begin().await.map_err(|error| driver(SEARCH, error))?;
        let Some(stored) = stored_collection(&mut snapshot, tenant, name, SEARCH).await? else {
            return Ok(Loaded::Found(Vec::new()));
        };
        query.check(super::BACKEND, SEARCH, Some(&stored.collection))?;
        let Some(shard) = self.read_shard(&mut snapshot, tenant, &stored).await? else {
            return Ok(Loaded::TooLarge);
        };
        let view = shard.view(&query.selection.whose);
        loading.finish(shard);
        found(&mut snapshot, tenant, &stored, query, view).await.map(Loaded::Found)
    }

    /// Reads a whole collection; `None` when it is larger than all shards may be.
    async fn read_shard(
        &self,
        snapshot: &mut SqliteConnection,
        tenant: &TenantId,
        stored: &StoredCollection,
    ) -> Result<Option<Shard>> {
        let collection = &stored.collection;
        let Some(memories) = self.fitting(snapshot, tenant, collection).await? else { return Ok(None) };
        let mut shard = Shard::new(stored.id, stored.revision, collection.metric, collection.dimension);
        shard.expect(memories);
        let rows = sqlx::query(ROWS_TO_LOAD).bind(tenant.as_str()).bind(&collection.name);
        let mut rows = rows.fetch(snapshot);
        let mut last = None;
        let (mut read, mut embedding) = (0_usize, Vec::with_capacity(collection.dimension));
        while let Some(row) = rows.try_next().await.map_err(|error| driver(SEARCH, error))? {
            let (user, facts) = (owner(&row, last)?, facts(&row, &shard)?);
            embedding.clear();
            let parts = stored_embedding(&row, collection.dimension)?;
            embedding.extend(parts.iter().map(|part| f32::from_le_bytes(*part)));
            let at = Timestamp::from_micros(get(&row, "at", SEARCH)?);
            shard.put(get(&row, "rowid", SEARCH)?, &user, &embedding, facts, at);
            last = Some(user);
            read += 1;
            if read.is_multiple_of(1_024) {
                if shard.bytes() > self.shards.budget() {
                    return Ok(None);
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(Some(shard))
    }
}

/// A row's owner; neighbours often have the same.
fn owner(row: &SqliteRow, last: Option<UserId>) -> Result<UserId> {
    let user: &str = get(row, "user_id", SEARCH)?;
    match last.filter(|last| last.as_str() == user) {
        Some(last) => Ok(last),
        None => parsed(row, "user_id", SEARCH),
    }
}

/// A row's metadata; often others in the shard have the same.
fn facts(row: &SqliteRow, shard: &Shard) -> Result<Facts> {
    let text: &str = get(row, "metadata", SEARCH)?;
    match shard.known(text) {
        Some(known) => Ok(known),
        None => Facts::parse(text).map_err(|error| unreadable(SEARCH, "metadata", error)),
    }
}
