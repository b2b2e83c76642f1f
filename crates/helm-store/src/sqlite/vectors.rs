//! Searching memories: a few rows are read and scored; of many a shard says which have to be.

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use helm_core::{TenantId, Timestamp, UserId};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::BACKEND;
use super::decode::{decision_id, get, integer, json, natural, parsed, to_json, whole};
use super::error::{driver, unreadable};
use super::loading::Loaded;
use super::memories::{self, StoredCollection, collection, follow, selected, stored_collection};
use super::shards::{Candidate, Probe, Sight, Slot, View, candidates};
use super::store::SqliteStore;
use crate::batch::size;
use crate::error::{Error, ErrorKind, Result};
use crate::vector::{
    Collection, CollectionInfo, Hit, Memory, MemoryId, Rank, Scorer, Selection, Top, VectorQuery,
    VectorStore, Whose,
};

pub(super) const SEARCH: &str = "search";

/// How often a search looks for a moment that a shard is of, while others write, before it reads the rows.
const TRIES: usize = 16;
/// How many rows more than the wanted ones are scored at first.
const SPARE: usize = 54;

const ROWS_OF_USER: &str = "SELECT c.metric, c.dimension,
        m.rowid, m.user_id, m.turn, m.number, m.text, m.embedding, m.metadata, m.at
    FROM helm_collection c CROSS JOIN helm_memory m INDEXED BY helm_memory_by_collection
        ON m.tenant = c.tenant AND m.collection = c.name AND m.user_id = ?
    WHERE c.tenant = ? AND c.name = ? LIMIT ?";

const ROWS_OF_EVERYONE: &str = "SELECT c.metric, c.dimension,
        m.rowid, m.user_id, m.turn, m.number, m.text, m.embedding, m.metadata, m.at
    FROM helm_collection c CROSS JOIN helm_memory m INDEXED BY helm_memory_by_collection
        ON m.tenant = c.tenant AND m.collection = c.name
    WHERE c.tenant = ? AND c.name = ? LIMIT ?";

/// Tenant and collection are conditions once more: no mistake about numbers may lead to another's memories. The
/// order of tables and the look-up by number are forced, or SQLite would read the whole collection.
const ROWS_BY_NUMBER: &str =
    "SELECT m.rowid, m.user_id, m.turn, m.number, m.text, m.embedding, m.metadata, m.at
    FROM json_each(?) wanted CROSS JOIN helm_memory m NOT INDEXED ON m.rowid = wanted.value
    WHERE m.tenant = ? AND m.collection = ?";

/// What a search among rows found out.
enum Found {
    Hits(Vec<Hit>),
    /// There are more rows than should be read.
    TooMany,
}

impl SqliteStore {
    /// Reads the rows, at most `limit` of them, and scores them.
    async fn search_rows(
        &self,
        tenant: &TenantId,
        query: &VectorQuery,
        limit: Option<usize>,
    ) -> Result<Found> {
        let selection = &query.selection;
        let statement = match &selection.whose {
            Whose::User(user) => sqlx::query(ROWS_OF_USER).bind(user.as_str()),
            Whose::Everyone => sqlx::query(ROWS_OF_EVERYONE),
        };
        let most = limit.map_or(Ok(-1), |limit| integer(limit.saturating_add(1), "limit", SEARCH))?;
        let statement = statement.bind(tenant.as_str()).bind(&selection.collection).bind(most);
        let mut reader = self.readers.get(SEARCH).await?;
        let mut rows = statement.fetch(&mut *reader);
        let (mut scoring, mut top, mut read) = (None, Top::new(query.k), 0);
        while let Some(row) = rows.try_next().await.map_err(|error| driver(SEARCH, error))? {
            let (scorer, dimension) = match &scoring {
                Some(scoring) => scoring,
                None => scoring
                    .insert(scoring_for(query, &collection(&row, selection.collection.clone(), SEARCH)?)?),
            };
            read += 1;
            if limit.is_some_and(|limit| read > limit) {
                return Ok(Found::TooMany);
            }
            offer(&mut top, scorer, *dimension, selection, row)?;
        }
        drop(rows);
        drop(reader);
        if scoring.is_none() {
            self.check_without_rows(tenant, query).await?;
        }
        hits(top, &selection.collection).map(Found::Hits)
    }

    /// Refuses what the collection would refuse, when no row said what it is.
    async fn check_without_rows(&self, tenant: &TenantId, query: &VectorQuery) -> Result<()> {
        let mut connection = self.readers.get(SEARCH).await?;
        let stored = stored_collection(&mut connection, tenant, &query.selection.collection, SEARCH).await?;
        query.check(BACKEND, SEARCH, stored.as_ref().map(|stored| &stored.collection))
    }

    /// Searches through a shard, loading it if need be; `None` when that cannot be done.
    async fn search_shard(&self, tenant: &TenantId, query: &VectorQuery) -> Result<Option<Vec<Hit>>> {
        let selection = &query.selection;
        let slot = self.shards.slot(tenant, &selection.collection);
        for _ in 0..TRIES {
            // One transaction, so that the revision and the rows are of the same moment.
            let mut reader = self.readers.get(SEARCH).await?;
            let mut snapshot = reader.begin().await.map_err(|error| driver(SEARCH, error))?;
            let stored = stored_collection(&mut snapshot, tenant, &selection.collection, SEARCH).await?;
            query.check(BACKEND, SEARCH, stored.as_ref().map(|stored| &stored.collection))?;
            let Some(stored) = stored else { return Ok(Some(Vec::new())) };
            match self.sight(&slot, &stored, &selection.whose).await {
                Sight::Same(view) => {
                    return found(&mut snapshot, tenant, &stored, query, view).await.map(Some);
                }
                Sight::Later => continue,
                Sight::Behind => {}
            }
            if self.fitting(&mut snapshot, tenant, &stored.collection).await?.is_none() {
                return Ok(None);
            }
            // Whoever loads or waits for it holds none of the connections that others read with.
            drop(snapshot);
            drop(reader);
            match self.load_shard(tenant, &slot, &stored, query).await? {
                Loaded::Found(hits) => return Ok(Some(hits)),
                Loaded::Already => {}
                Loaded::TooLarge => return Ok(None),
            }
        }
        Ok(None)
    }

    /// What the slot has of a snapshot's revision, when our own commits have come there.
    async fn sight(&self, slot: &Slot, stored: &StoredCollection, whose: &Whose) -> Sight {
        match slot.sight(stored.id, stored.revision, whose) {
            Sight::Behind => {
                // A commit of our own that can be seen may be on its way to the shard.
                self.shards.landed().await;
                slot.sight(stored.id, stored.revision, whose)
            }
            seen => seen,
        }
    }
}

/// What scores rows of a collection, after the query was checked, and how many components they have.
fn scoring_for<'q>(query: &'q VectorQuery, collection: &Collection) -> Result<(Scorer<'q>, usize)> {
    query.check(BACKEND, SEARCH, Some(collection))?;
    Ok((Scorer::new(collection.metric, &query.embedding), collection.dimension))
}

/// Scores a row where it lies, and keeps it if it may be among the best and matches.
fn offer(
    top: &mut Top<SqliteRow>,
    scorer: &Scorer<'_>,
    dimension: usize,
    selection: &Selection,
    row: SqliteRow,
) -> Result<()> {
    let score = scorer.score_bytes(stored_embedding(&row, dimension)?);
    if !top.may_take(score) {
        return Ok(());
    }
    let at = Timestamp::from_micros(get(&row, "at", SEARCH)?);
    if selection.filter.is_none() || selection.matches(&json(&row, "metadata", SEARCH)?, at) {
        let (id, user) = (memory_id(&row)?, parsed(&row, "user_id", SEARCH)?);
        top.put(Rank { score, id, user }, row);
    }
    Ok(())
}

pub(super) fn stored_embedding(row: &SqliteRow, dimension: usize) -> Result<&[[u8; 4]]> {
    let parts = whole::<4>(get(row, "embedding", SEARCH)?, "embedding", SEARCH)?;
    if parts.len() == dimension {
        return Ok(parts);
    }
    let message = format!("it has {} components, its collection {dimension}", parts.len());
    Err(unreadable(SEARCH, "embedding", message))
}

fn memory_id(row: &SqliteRow) -> Result<MemoryId> {
    Ok(MemoryId { turn: decision_id(row, "turn", SEARCH)?, index: get(row, "number", SEARCH)? })
}

fn hits(top: Top<SqliteRow>, collection: &str) -> Result<Vec<Hit>> {
    let hit = |(rank, row): (Rank, SqliteRow)| {
        let embedding = whole::<4>(get(&row, "embedding", SEARCH)?, "embedding", SEARCH)?;
        let memory = Memory {
            id: rank.id,
            collection: collection.to_owned(),
            text: get(&row, "text", SEARCH)?,
            embedding: embedding.iter().map(|part| f32::from_le_bytes(*part)).collect(),
            metadata: json(&row, "metadata", SEARCH)?,
            at: Timestamp::from_micros(get(&row, "at", SEARCH)?),
        };
        Ok(Hit::new(rank.user, memory, rank.score))
    };
    top.into_sorted().map(hit).collect()
}

/// Answers a query from a shard of just the snapshot's revision.
pub(super) async fn found(
    snapshot: &mut SqliteConnection,
    tenant: &TenantId,
    stored: &StoredCollection,
    query: &VectorQuery,
    view: View,
) -> Result<Vec<Hit>> {
    let candidates = scan(view, &stored.collection, query).await?;
    rescore(snapshot, tenant, &stored.collection, query, &candidates).await
}

/// Scans a shard where it holds up nothing else.
async fn scan(view: View, collection: &Collection, query: &VectorQuery) -> Result<Vec<Candidate>> {
    let probe = Probe::new(collection.metric, &query.embedding);
    let (k, filter) = (query.k, query.selection.filter.clone());
    let scanned = tokio::task::spawn_blocking(move || candidates(&view, &probe, k, filter.as_ref()));
    scanned.await.map_err(|error| {
        Error::new(ErrorKind::Internal, BACKEND, SEARCH, "the scan ended early").with_source(error)
    })
}

/// Reads and scores candidates, best first, until no other can be better than what is found.
async fn rescore(
    snapshot: &mut SqliteConnection,
    tenant: &TenantId,
    collection: &Collection,
    query: &VectorQuery,
    mut candidates: &[Candidate],
) -> Result<Vec<Hit>> {
    let scorer = Scorer::new(collection.metric, &query.embedding);
    let mut top = Top::new(query.k);
    let mut round = query.k.saturating_add(SPARE);
    while let Some(next) = candidates.first()
        && top.may_take(next.high)
    {
        let (now, later) = candidates.split_at_checked(round).unwrap_or((candidates, &[]));
        let numbers: Vec<i64> = now.iter().map(|candidate| candidate.row).collect();
        let rows = sqlx::query(ROWS_BY_NUMBER).bind(to_json(&numbers, SEARCH)?);
        let rows = rows.bind(tenant.as_str()).bind(&collection.name).fetch_all(&mut *snapshot).await;
        for row in rows.map_err(|error| driver(SEARCH, error))? {
            // The shard has applied the filter.
            let user: UserId = parsed(&row, "user_id", SEARCH)?;
            let score = scorer.score_bytes(stored_embedding(&row, collection.dimension)?);
            if query.selection.whose.includes(&user) && top.may_take(score) {
                top.put(Rank { score, id: memory_id(&row)?, user }, row);
            }
        }
        candidates = later;
        round = round.saturating_mul(2);
    }
    hits(top, &collection.name)
}

/// How many memories there are, filters aside.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    name: &str,
    whose: &Whose,
    operation: &'static str,
) -> Result<u64> {
    let statement = match whose {
        Whose::User(user) => sqlx::query(COUNT_OF_USER).bind(user.as_str()),
        Whose::Everyone => sqlx::query(COUNT_OF_EVERYONE),
    };
    let row = statement.bind(tenant.as_str()).bind(name).fetch_one(connection).await;
    let row = row.map_err(|error| driver(operation, error))?;
    natural(get(&row, "memories", operation)?, "count", operation)
}

const COUNT_OF_USER: &str =
    "SELECT COUNT(*) AS memories FROM helm_memory INDEXED BY helm_memory_by_collection
    WHERE user_id = ? AND tenant = ? AND collection = ?";

const COUNT_OF_EVERYONE: &str = "SELECT COUNT(*) AS memories
    FROM helm_memory INDEXED BY helm_memory_by_collection WHERE tenant = ? AND collection = ?";

const COLLECTIONS: &str = "SELECT name, metric, dimension, (
        SELECT COUNT(*) FROM helm_memory m INDEXED BY helm_memory_by_collection
        WHERE m.tenant = c.tenant AND m.collection = c.name) AS memories
    FROM helm_collection c WHERE tenant = ? ORDER BY name";

#[async_trait]
impl VectorStore for SqliteStore {
    async fn create_collection(&self, tenant: &TenantId, collection: &Collection) -> Result<bool> {
        let (tenant, collection) = (tenant.clone(), collection.clone());
        self.write("create_collection", size::SMALL, move |connection| {
            Box::pin(async move { memories::create_collection(connection, &tenant, &collection).await })
        })
        .await
    }

    async fn collections(&self, tenant: &TenantId) -> Result<Vec<CollectionInfo>> {
        const OPERATION: &str = "collections";
        let rows = sqlx::query(COLLECTIONS)
            .bind(tenant.as_str())
            .fetch_all(&mut *self.readers.get(OPERATION).await?)
            .await;
        let info = |row: &SqliteRow| {
            let memories = natural(get(row, "memories", OPERATION)?, "count", OPERATION)?;
            let name = get(row, "name", OPERATION)?;
            Ok(CollectionInfo::new(collection(row, name, OPERATION)?, memories))
        };
        rows.map_err(|error| driver(OPERATION, error))?.iter().map(info).collect()
    }

    async fn drop_collection(&self, tenant: &TenantId, name: &str) -> Result<Option<u64>> {
        let (tenant, name, shards) = (tenant.clone(), name.to_owned(), Arc::clone(&self.shards));
        self.write_then("drop_collection", size::SMALL, follow(shards), move |connection| {
            Box::pin(async move { memories::drop_collection(connection, &tenant, &name).await })
        })
        .await
    }

    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()> {
        let (tenant, user, memories) = (tenant.clone(), user.clone(), memories.to_vec());
        let (shards, bytes) = (Arc::clone(&self.shards), size::SMALL + size::memories(&memories));
        let after = follow(Arc::clone(&shards));
        self.write_then("upsert_memories", bytes, after, move |connection| {
            Box::pin(async move {
                let written = memories::upsert(connection, &tenant, &user, &memories, &shards).await?;
                Ok(((), written))
            })
        })
        .await
    }

    async fn search(&self, tenant: &TenantId, query: &VectorQuery) -> Result<Vec<Hit>> {
        let most = self.options.shard_after;
        let (name, whose) = (&query.selection.collection, &query.selection.whose);
        // What a shard says about numbers may be out of date; it only decides which way is quicker.
        if self.shards.memories(tenant, name, whose).is_none_or(|memories| memories <= most)
            && let Found::Hits(hits) = self.search_rows(tenant, query, Some(most)).await?
        {
            return Ok(hits);
        }
        if let Some(hits) = self.search_shard(tenant, query).await? {
            return Ok(hits);
        }
        match self.search_rows(tenant, query, None).await? {
            Found::Hits(hits) => Ok(hits),
            Found::TooMany => Ok(Vec::new()),
        }
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64> {
        let (tenant, user, ids) = (tenant.clone(), user.clone(), ids.to_vec());
        let shards = Arc::clone(&self.shards);
        let after = follow(Arc::clone(&shards));
        self.write_then("delete_memories", size::SMALL, after, move |connection| {
            Box::pin(
                async move { memories::delete_memories(connection, &tenant, &user, &ids, &shards).await },
            )
        })
        .await
    }

    async fn delete_where(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        let (tenant, selection, shards) = (tenant.clone(), selection.clone(), Arc::clone(&self.shards));
        let after = follow(Arc::clone(&shards));
        self.write_then("delete_memories", size::SMALL, after, move |connection| {
            Box::pin(async move { memories::delete_selected(connection, &tenant, &selection, &shards).await })
        })
        .await
    }

    async fn count(&self, tenant: &TenantId, selection: &Selection) -> Result<u64> {
        const OPERATION: &str = "count_memories";
        selection.check(BACKEND, OPERATION)?;
        let mut connection = self.readers.get(OPERATION).await?;
        if selection.filter.is_some() {
            return Ok(selected(&mut connection, tenant, selection, OPERATION).await?.len() as u64);
        }
        count(&mut connection, tenant, &selection.collection, &selection.whose, OPERATION).await
    }
}

#[cfg(test)]
mod tests {
    use helm_core::DecisionId;

    use super::super::loading::ROWS_TO_LOAD;
    use super::*;
    use crate::sqlite::SqliteOptions;

    fn memory(number: u8) -> Memory {
        Memory {
            id: MemoryId { turn: DecisionId::from_bytes([number; 16]), index: 0 },
            collection: "c".to_owned(),
            text: String::new(),
            embedding: vec![1.0, number.into()],
            metadata: serde_json::Value::Null,
            at: Timestamp::from_micros(0),
        }
    }

    /// Whether the shard is of the collection's revision in the file.
    async fn is_up_to_date(store: &SqliteStore, tenant: &TenantId) -> bool {
        let mut connection = store.readers.get("test").await.unwrap();
        let stored = stored_collection(&mut connection, tenant, "c", SEARCH).await.unwrap().unwrap();
        let slot = store.shards.slot(tenant, "c");
        matches!(slot.sight(stored.id, stored.revision, &Whose::Everyone), Sight::Same(_))
    }

    #[tokio::test]
    async fn a_shard_follows_a_commit_before_its_acknowledgement() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("helm.db")).with_shard_after(1);
        let store = SqliteStore::open(options).await.unwrap();
        let (t, ana, bo) = (TenantId::single(), "ana".parse().unwrap(), "bo".parse().unwrap());
        store.upsert(&t, &ana, &[memory(1)]).await.unwrap();
        let query = VectorQuery::new(Selection::of_everyone("c"), vec![1.0, 0.0], 9);
        assert_eq!(store.search(&t, &query).await.unwrap().len(), 1);
        assert!(!is_up_to_date(&store, &t).await, "one row is read as it is");
        store.upsert(&t, &bo, &[memory(2)]).await.unwrap();
        assert_eq!(store.search(&t, &query).await.unwrap().len(), 2);
        assert!(is_up_to_date(&store, &t).await, "two are found through a shard");
        store.upsert(&t, &ana, &[memory(3), memory(1)]).await.unwrap();
        assert!(is_up_to_date(&store, &t).await);
        assert_eq!(store.delete(&t, &ana, &[memory(1).id]).await.unwrap(), 1);
        assert!(is_up_to_date(&store, &t).await);
        assert_eq!(store.delete_where(&t, &Selection::of_user(ana.clone(), "c")).await.unwrap(), 1);
        assert!(is_up_to_date(&store, &t).await);
        // A memory that leaves the collection is not noted, so the shard is given up.
        store.upsert(&t, &ana, &[memory(4)]).await.unwrap();
        let moved = Memory { collection: "d".to_owned(), ..memory(4) };
        store.upsert(&t, &ana, &[moved, memory(5)]).await.unwrap();
        assert!(!is_up_to_date(&store, &t).await);
        assert_eq!(store.search(&t, &query).await.unwrap().len(), 2);
        assert!(is_up_to_date(&store, &t).await, "it is loaded again");
    }

    #[tokio::test]
    async fn searches_that_wait_for_a_shard_hold_up_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("helm.db")).with_shard_after(1);
        let store = SqliteStore::open(options).await.unwrap();
        let (t, ana) = (TenantId::single(), "ana".parse().unwrap());
        store.upsert(&t, &ana, &[memory(1), memory(2), memory(3)]).await.unwrap();
        let query = VectorQuery::new(Selection::of_everyone("c"), vec![1.0, 0.0], 9);
        let slot = store.shards.slot(&t, "c");
        let loading = slot.loading.lock().await;
        let searches = futures::future::join_all((0..16).map(|_| store.search(&t, &query)));
        let reads = async {
            for _ in 0..200 {
                assert_eq!(store.count(&t, &query.selection).await.unwrap(), 3);
            }
        };
        // Far less than a call waits for a connection.
        let reads = tokio::time::timeout(std::time::Duration::from_secs(4), reads);
        let beside = futures::future::select(Box::pin(searches), Box::pin(reads)).await;
        let futures::future::Either::Right((read, searches)) = beside else { panic!("nobody has loaded") };
        read.unwrap();
        drop(loading);
        for hits in searches.await {
            assert_eq!(hits.unwrap().len(), 3);
        }
        assert!(is_up_to_date(&store, &t).await);
    }

    #[tokio::test]
    async fn statements_are_served_by_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("helm.db"))).await.unwrap();
        for (sql, way) in [
            (ROWS_OF_USER, "helm_memory_by_collection (tenant=? AND collection=? AND user_id=?)"),
            (ROWS_OF_EVERYONE, "helm_memory_by_collection (tenant=? AND collection=?)"),
            (ROWS_BY_NUMBER, "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)"),
            (ROWS_TO_LOAD, "helm_memory_by_collection (tenant=? AND collection=?)"),
            (COUNT_OF_USER, "USING COVERING INDEX helm_memory_by_collection"),
            (COUNT_OF_EVERYONE, "USING COVERING INDEX helm_memory_by_collection"),
            (COLLECTIONS, "USING COVERING INDEX helm_memory_by_collection"),
        ] {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows =
                sqlx::query(explain).fetch_all(&mut *store.readers.get("test").await.unwrap()).await.unwrap();
            let plan: Vec<&str> = rows.iter().map(|row| get(row, "detail", SEARCH).unwrap()).collect();
            let plan = plan.join("; ");
            assert!(plan.contains(way) && !plan.contains("SCAN m"), "{sql}: {plan}");
        }
    }
}
