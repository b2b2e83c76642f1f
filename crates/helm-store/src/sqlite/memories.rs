//! Writing memories. What is written is noted for the shards that hold the collection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use helm_core::{TenantId, Timestamp, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::BACKEND;
use super::decode::{get, integer, json, natural, pack_floats, to_json};
use super::error::{driver, unreadable};
use super::load::collections;
use super::many::{Many, many};
use super::script::{Bound, Script};
use super::shards::{Change, Facts, Shards, Written};
use crate::error::Result;
use crate::vector::{Collection, Memory, MemoryId, Metric, Selection, Whose, check_memories};

/// Removals beyond this are not noted one by one: loading again is cheaper than holding up commits.
const MOST_NOTED: usize = 4_096;

/// A row of helm_collection.
pub(super) struct StoredCollection {
    pub(super) id: i64,
    pub(super) revision: i64,
    pub(super) collection: Collection,
}

/// A tenant's collection of that name.
pub(super) async fn stored_collection(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    name: &str,
    operation: &'static str,
) -> Result<Option<StoredCollection>> {
    let row = sqlx::query(
        "SELECT id, metric, dimension, revision FROM helm_collection WHERE tenant = ? AND name = ?",
    );
    let row = row.bind(tenant.as_str()).bind(name).fetch_optional(connection).await;
    let row = row.map_err(|error| driver(operation, error))?;
    let stored = |row: SqliteRow| {
        let (id, revision) = (get(&row, "id", operation)?, get(&row, "revision", operation)?);
        Ok(StoredCollection { id, revision, collection: collection(&row, name.to_owned(), operation)? })
    };
    row.map(stored).transpose()
}

/// The collection of that name with the columns `metric` and `dimension`.
pub(super) fn collection(row: &SqliteRow, name: String, operation: &'static str) -> Result<Collection> {
    let metric: &str = get(row, "metric", operation)?;
    let known = Metric::from_name(metric);
    let metric = known.ok_or_else(|| unreadable(operation, "metric", format!("{metric:?} is not known")))?;
    let dimension = natural(get(row, "dimension", operation)?, "dimension", operation)?;
    let dimension = usize::try_from(dimension).map_err(|error| unreadable(operation, "dimension", error))?;
    Ok(Collection::new(name, dimension).with_metric(metric))
}

pub(super) async fn create_collection(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    collection: &Collection,
) -> Result<bool> {
    const OPERATION: &str = "create_collection";
    collection.check(BACKEND, OPERATION)?;
    if let Some(stored) = stored_collection(connection, tenant, &collection.name, OPERATION).await? {
        stored.collection.check_same(BACKEND, OPERATION, collection)?;
        return Ok(false);
    }
    insert_collection(connection, tenant, collection, OPERATION).await.map(|()| true)
}

const INSERT_COLLECTION: &str =
    "INSERT INTO helm_collection (tenant, name, metric, dimension) VALUES (?, ?, ?, ?)";

/// Makes a collection that does not exist.
async fn insert_collection(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    collection: &Collection,
    operation: &'static str,
) -> Result<()> {
    let mut script = Script::new(connection);
    add_collection(&mut script, tenant, collection, operation)?;
    script.send().await.map(drop)
}

/// The same, with what else a script does.
pub(super) fn add_collection(
    script: &mut Script<'_>,
    tenant: &TenantId,
    collection: &Collection,
    operation: &'static str,
) -> Result<()> {
    let bind = |query: Bound| {
        Ok(query.bind(tenant.as_str()).bind(&collection.name).bind(collection.metric.as_str()).bind(integer(
            collection.dimension,
            "dimension",
            operation,
        )?))
    };
    script.add(INSERT_COLLECTION, operation, bind).map(drop)
}

/// A memory with whose it is.
pub(super) type Owned<'m> = (&'m TenantId, &'m UserId, &'m Memory);

/// Puts one user's memories into their collections, which are made where there are none.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    memories: &[Memory],
    shards: &Shards,
) -> Result<Vec<Written>> {
    let key = |name: &str| (tenant.clone(), name.to_owned());
    let keys = memories.iter().map(|memory| key(&memory.collection)).collect();
    let known = collections(connection, &keys).await?;
    for begun in check_memories(BACKEND, memories, |name| known.get(&key(name)))? {
        insert_collection(connection, tenant, &begun, "upsert_memories").await?;
    }
    let memories: Vec<_> = memories.iter().map(|memory| (tenant, user, memory)).collect();
    let mut script = Script::new(connection);
    let written = put_memories(&mut script, &memories, shards).await?;
    script.send().await?;
    Ok(written)
}

/// A collection that a shard holds, and what is done to it.
struct Watched<'m> {
    tenant: &'m TenantId,
    before: StoredCollection,
    changes: Vec<Change>,
}

/// Writes memories that were checked, and notes what shards want to know of it.
pub(super) async fn put_memories(
    script: &mut Script<'_>,
    memories: &[Owned<'_>],
    shards: &Shards,
) -> Result<Vec<Written>> {
    let names: BTreeSet<_> =
        memories.iter().map(|(tenant, _, memory)| (*tenant, &*memory.collection)).collect();
    let watched: Vec<_> = names.into_iter().filter(|(tenant, name)| shards.watches(tenant, name)).collect();
    match watched.is_empty() {
        true => put_unwatched(script, memories).await.map(|()| Vec::new()),
        false => put_watched(script.connection().await?, memories, watched).await,
    }
}

/// Writes memories of which some are in collections that shards hold.
async fn put_watched<'m>(
    connection: &mut SqliteConnection,
    memories: &[Owned<'m>],
    names: Vec<(&'m TenantId, &'m str)>,
) -> Result<Vec<Written>> {
    const OPERATION: &str = "upsert_memories";
    let mut watched = watched(connection, names).await?;
    // In their order, for the last of two of one id counts, also when they are of two collections.
    for (tenant, user, memory) in memories {
        let metadata = to_json(&memory.metadata, OPERATION)?;
        let row = put_memory(connection, tenant, user, memory, &metadata).await?;
        if let Some(watched) = watched.get_mut(&(*tenant, &*memory.collection)) {
            let facts = Facts::parse(&metadata).map_err(|error| unreadable(OPERATION, "metadata", error))?;
            let (user, embedding, at) = ((*user).clone(), memory.embedding.clone(), memory.at);
            watched.changes.push(Change::Put { row, user, embedding, facts, at });
        }
    }
    let mut written = Vec::new();
    for Watched { tenant, before, changes } in watched.into_values() {
        written.push(note(connection, tenant, before, changes, OPERATION).await?);
    }
    Ok(written)
}

/// Collections that shards hold, as they are before.
async fn watched<'m>(
    connection: &mut SqliteConnection,
    names: Vec<(&'m TenantId, &'m str)>,
) -> Result<BTreeMap<(&'m TenantId, &'m str), Watched<'m>>> {
    let mut watched = BTreeMap::new();
    for (tenant, name) in names {
        if let Some(before) = stored_collection(connection, tenant, name, "upsert_memories").await? {
            watched.insert((tenant, name), Watched { tenant, before, changes: Vec::new() });
        }
    }
    Ok(watched)
}

const PUT: Many = many!(
    "INSERT INTO helm_memory (tenant, user_id, collection, turn, number, text, embedding, metadata, at) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT DO UPDATE SET collection = excluded.collection, text = excluded.text,
         embedding = excluded.embedding, metadata = excluded.metadata, at = excluded.at"
);

/// Writes memories of which no shard wants to know.
async fn put_unwatched(script: &mut Script<'_>, memories: &[Owned<'_>]) -> Result<()> {
    const OPERATION: &str = "upsert_memories";
    let put = script.write(&PUT, memories, OPERATION, |query, (tenant, user, memory)| {
        Ok(query
            .bind(tenant.as_str())
            .bind(user.as_str())
            .bind(&memory.collection)
            .bind(memory.id.turn.as_bytes().as_slice())
            .bind(memory.id.index)
            .bind(&memory.text)
            .bind(pack_floats(&memory.embedding))
            .bind(to_json(&memory.metadata, OPERATION)?)
            .bind(memory.at.as_micros()))
    });
    put.await
}

/// Writes a memory; its row's number.
async fn put_memory(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    memory: &Memory,
    metadata: &str,
) -> Result<i64> {
    const OPERATION: &str = "upsert_memories";
    let row = sqlx::query(
        "INSERT INTO helm_memory (tenant, user_id, collection, turn, number, text, embedding, metadata, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET collection = excluded.collection, text = excluded.text,
             embedding = excluded.embedding, metadata = excluded.metadata, at = excluded.at
         RETURNING rowid",
    )
    .bind(tenant.as_str())
    .bind(user.as_str())
    .bind(&memory.collection)
    .bind(memory.id.turn.as_bytes().as_slice())
    .bind(memory.id.index)
    .bind(&memory.text)
    .bind(pack_floats(&memory.embedding))
    .bind(metadata)
    .bind(memory.at.as_micros())
    .fetch_one(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    get(&row, "rowid", OPERATION)
}

/// What a write did to a collection that was as `before` says.
async fn note(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    before: StoredCollection,
    changes: Vec<Change>,
    operation: &'static str,
) -> Result<Written> {
    let StoredCollection { id, revision: from, collection } = before;
    let after = stored_collection(connection, tenant, &collection.name, operation).await?;
    let to = after.map_or(from, |after| after.revision);
    // Each change raises the revision by one. A memory that moved to another collection raises it unnoted.
    let all = i64::try_from(changes.len()).is_ok_and(|changed| changed == to - from);
    let changes = all.then_some(changes);
    Ok(Written { tenant: tenant.clone(), name: collection.name, collection: id, from, to, changes })
}

/// What removing these rows did to a collection.
async fn note_removed(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    name: &str,
    rows: &[i64],
    shards: &Shards,
) -> Result<Option<Written>> {
    const OPERATION: &str = "delete_memories";
    if rows.is_empty() || !shards.watches(tenant, name) {
        return Ok(None);
    }
    let Some(after) = stored_collection(connection, tenant, name, OPERATION).await? else {
        return Ok(None);
    };
    let removed = integer(rows.len(), "number of memories", OPERATION)?;
    let few = rows.len() <= MOST_NOTED;
    let changes = few.then(|| rows.iter().map(|row| Change::Remove { row: *row }).collect());
    Ok(Some(Written {
        tenant: tenant.clone(),
        name: name.to_owned(),
        collection: after.id,
        from: after.revision - removed,
        to: after.revision,
        changes,
    }))
}

pub(super) async fn delete_memories(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    ids: &[MemoryId],
    shards: &Shards,
) -> Result<(u64, Vec<Written>)> {
    const OPERATION: &str = "delete_memories";
    let mut removed: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for id in ids {
        let gone = sqlx::query(
            "DELETE FROM helm_memory WHERE tenant = ? AND user_id = ? AND turn = ? AND number = ?
             RETURNING rowid, collection",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(id.turn.as_bytes().as_slice())
        .bind(id.index)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        for row in &gone {
            let rows = removed.entry(get(row, "collection", OPERATION)?).or_default();
            rows.push(get(row, "rowid", OPERATION)?);
        }
    }
    let mut written = Vec::new();
    for (name, rows) in &removed {
        written.extend(note_removed(connection, tenant, name, rows, shards).await?);
    }
    Ok((removed.values().map(Vec::len).sum::<usize>() as u64, written))
}

pub(super) async fn delete_selected(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    selection: &Selection,
    shards: &Shards,
) -> Result<(u64, Vec<Written>)> {
    const OPERATION: &str = "delete_memories";
    selection.check(BACKEND, OPERATION)?;
    let rows = selected(connection, tenant, selection, OPERATION).await?;
    let gone = sqlx::query("DELETE FROM helm_memory WHERE rowid IN (SELECT value FROM json_each(?))");
    let gone = gone.bind(to_json(&rows, OPERATION)?).execute(&mut *connection).await;
    let gone = gone.map_err(|error| driver(OPERATION, error))?.rows_affected();
    let written = note_removed(connection, tenant, &selection.collection, &rows, shards).await?;
    Ok((gone, written.into_iter().collect()))
}

/// The numbers of the selected rows.
pub(super) async fn selected(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    selection: &Selection,
    operation: &'static str,
) -> Result<Vec<i64>> {
    use futures::TryStreamExt;
    let statement = match &selection.whose {
        Whose::User(user) => sqlx::query(FACTS_OF_USER).bind(user.as_str()),
        Whose::Everyone => sqlx::query(FACTS_OF_EVERYONE),
    };
    let mut stream = statement.bind(tenant.as_str()).bind(&selection.collection).fetch(connection);
    let mut selected = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(|error| driver(operation, error))? {
        let at = Timestamp::from_micros(get(&row, "at", operation)?);
        if selection.filter.is_none() || selection.matches(&json(&row, "metadata", operation)?, at) {
            selected.push(get(&row, "rowid", operation)?);
        }
    }
    Ok(selected)
}

const FACTS_OF_USER: &str = "SELECT rowid, metadata, at FROM helm_memory INDEXED BY helm_memory_by_collection
    WHERE user_id = ? AND tenant = ? AND collection = ?";

const FACTS_OF_EVERYONE: &str =
    "SELECT rowid, metadata, at FROM helm_memory INDEXED BY helm_memory_by_collection
    WHERE tenant = ? AND collection = ?";

pub(super) async fn drop_collection(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    name: &str,
) -> Result<(Option<u64>, Vec<Written>)> {
    const OPERATION: &str = "drop_collection";
    let failed = |error| driver(OPERATION, error);
    let Some(stored) = stored_collection(connection, tenant, name, OPERATION).await? else {
        return Ok((None, Vec::new()));
    };
    let gone = sqlx::query("DELETE FROM helm_memory WHERE tenant = ? AND collection = ?");
    let gone = gone.bind(tenant.as_str()).bind(name).execute(&mut *connection).await.map_err(failed)?;
    let dropped = sqlx::query("DELETE FROM helm_collection WHERE id = ?").bind(stored.id);
    dropped.execute(connection).await.map_err(failed)?;
    let written = Written {
        tenant: tenant.clone(),
        name: name.to_owned(),
        collection: stored.id,
        from: stored.revision,
        to: i64::MAX,
        changes: None,
    };
    Ok((Some(gone.rows_affected()), vec![written]))
}

/// For writes that are noted for shards.
pub(super) type Noted<T> = (T, Vec<Written>);

/// Carries what was noted to the shards, once it is committed.
pub(super) fn follow<T>(shards: Arc<Shards>) -> impl FnOnce(Noted<T>) -> T + Send + 'static {
    move |(value, written)| {
        shards.follow(written);
        value
    }
}
