use std::collections::{BTreeMap, HashMap};

use helm_core::{TenantId, UserId};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::super::BACKEND;
use super::super::columns::{Moment, uuid};
use super::super::decode::{get, integer, json, moment, to_json};
use super::super::error::failure;
use super::super::save::column;
use super::super::store::Work;
use super::super::together::Together;
use super::collections::{insert, load, space};
use super::filter;
use super::sql::Sql;
use crate::batch::{CollectionKey, Failure};
use crate::error::{Error, ErrorKind, Result};
use crate::vector::{Collection, Memory, MemoryId, Selection, Whose, check_memories};

const UPSERT: &str = "upsert_memories";

/// All embeddings come as one array, each row with where its own begins and ends. What is written while there is an
/// index waits to be taken into it; what is written before is there when it is built.
const PUT: &str =
    "INSERT INTO helm_memory (tenant, user_id, collection, space, indexed, turn, number, text, embedding, metadata, at)
    SELECT k.tenant, k.user_id, k.collection, k.space,
        to_regclass('helm_memory_' || replace(k.space, '/', '_')) IS NULL
            AND to_regclass('helm_memory_' || replace(k.space, '/', '_') || '_half') IS NULL,
        k.turn, k.number, k.text, ($8::real[])[k.first:k.last], k.metadata::json, k.at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[],
        $9::int[], $10::int[], $11::text[], $12::timestamptz[])
        k (tenant, user_id, collection, space, turn, number, text, first, last, metadata, at)
    ON CONFLICT (tenant, user_id, turn, number) DO UPDATE SET collection = excluded.collection,
        space = excluded.space, indexed = excluded.indexed, text = excluded.text, embedding = excluded.embedding,
        metadata = excluded.metadata, at = excluded.at";

/// Memories by whose they are.
type Memories = BTreeMap<(TenantId, UserId, MemoryId), Memory>;

/// Inserts or replaces memories that have been checked against these collections.
pub(in super::super) fn put(
    writes: &mut Together,
    memories: &Memories,
    collections: &HashMap<CollectionKey, Collection>,
) -> Result<()> {
    if memories.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = memories.iter().collect();
    let metadata = rows.iter().map(|(_, memory)| to_json(&memory.metadata, UPSERT));
    let spaces = rows.iter().map(|((tenant, ..), memory)| {
        let found = collections.get(&(tenant.clone(), memory.collection.clone()));
        found.map(space).ok_or_else(|| Error::new(ErrorKind::Internal, BACKEND, UPSERT, "no such collection"))
    });
    let embeddings: Vec<f32> = rows.iter().flat_map(|(_, memory)| memory.embedding.iter().copied()).collect();
    let (firsts, lasts) = places(&rows.iter().map(|(_, memory)| memory.embedding.len()).collect::<Vec<_>>())?;
    writes
        .write(PUT, None)
        .bind(column(&rows, |((tenant, ..), _)| tenant.as_str()))?
        .bind(column(&rows, |((_, user, _), _)| user.as_str()))?
        .bind(column(&rows, |(_, memory)| memory.collection.as_str()))?
        .bind(spaces.collect::<Result<Vec<_>>>()?)?
        .bind(column(&rows, |((.., id), _)| uuid(id.turn)))?
        .bind(column(&rows, |((.., id), _)| i64::from(id.index)))?
        .bind(column(&rows, |(_, memory)| memory.text.as_str()))?
        .bind(embeddings)?
        .bind(firsts)?
        .bind(lasts)?
        .bind(metadata.collect::<Result<Vec<_>>>()?)?
        .bind(column(&rows, |(_, memory)| Moment(memory.at)))?;
    Ok(())
}

/// Where in one array parts of these lengths begin and end, counted from 1.
fn places(lengths: &[usize]) -> Result<(Vec<i32>, Vec<i32>)> {
    let too_many = |error| {
        Error::new(ErrorKind::Invalid, BACKEND, UPSERT, "too many components at once; send fewer memories")
            .with_source(error)
    };
    let mut end = 0_usize;
    let places = lengths.iter().map(|length| {
        let first = i32::try_from(end + 1).map_err(too_many)?;
        end += length;
        Ok((first, i32::try_from(end).map_err(too_many)?))
    });
    Ok(places.collect::<Result<Vec<_>>>()?.into_iter().unzip())
}

/// Puts one user's memories into their collections.
pub(super) struct Upsert<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) user: &'a UserId,
    pub(super) memories: &'a [Memory],
}

impl Work for Upsert<'_> {
    type Done = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        if self.memories.is_empty() {
            return Ok(());
        }
        let key = |name: &str| (self.tenant.clone(), name.to_owned());
        let keys = self.memories.iter().map(|memory| key(&memory.collection)).collect();
        let mut known = load(connection, &keys).await?;
        let begun = check_memories(BACKEND, self.memories, |name| known.get(&key(name)))?;
        let begun: BTreeMap<_, _> = begun.into_iter().map(|begun| (key(&begun.name), begun)).collect();
        let mut writes = Together::new(UPSERT);
        insert(&mut writes, &begun)?;
        known.extend(begun);
        let owned = |memory: &Memory| ((self.tenant.clone(), self.user.clone(), memory.id), memory.clone());
        put(&mut writes, &self.memories.iter().map(owned).collect(), &known)?;
        writes.run(connection).await.map(drop)
    }
}

/// Goes on with the condition that a row is selected; of the filter only what can be pushed.
pub(super) fn selected(sql: &mut Sql, tenant: &TenantId, selection: &Selection) -> Result<()> {
    sql.push(" m.tenant = ").bind(tenant.as_str())?;
    sql.push(" AND m.collection = ").bind(selection.collection.as_str())?;
    if let Whose::User(user) = &selection.whose {
        sql.push(" AND m.user_id = ").bind(user.as_str())?;
    }
    match &selection.filter {
        Some(filter) if filter::can_push(filter) => filter::push(sql.push(" AND "), filter),
        _ => Ok(()),
    }
}

/// Whether a filter is left to be evaluated here.
pub(super) fn is_left(selection: &Selection) -> bool {
    selection.filter.as_ref().is_some_and(|filter| !filter::can_push(filter))
}

/// Whether a row matches what was left of the selection.
pub(super) fn matches(row: &PgRow, selection: &Selection, operation: &'static str) -> Result<bool> {
    Ok(!is_left(selection)
        || selection.matches(&json(row, "metadata", operation)?, moment(row, "at", operation)?))
}

/// How many memories are selected.
pub(super) async fn count(
    connection: &mut PgConnection,
    tenant: &TenantId,
    selection: &Selection,
) -> Result<u64, Failure> {
    const OPERATION: &str = "count_memories";
    if is_left(selection) {
        return Ok(keys(connection, tenant, selection, "", OPERATION).await?.len() as u64);
    }
    let mut sql = Sql::default();
    selected(sql.push("SELECT count(*) FROM helm_memory m WHERE"), tenant, selection)?;
    let row = sql.query().fetch_one(connection).await.map_err(|error| failure(OPERATION, error))?;
    let count: i64 = row.try_get(0).map_err(|error| failure(OPERATION, error))?;
    Ok(count.unsigned_abs())
}

/// The keys of selected rows, user, turn and number; `lock` is how the statement ends.
async fn keys(
    connection: &mut PgConnection,
    tenant: &TenantId,
    selection: &Selection,
    lock: &'static str,
    operation: &'static str,
) -> Result<Vec<(String, Uuid, i64)>, Failure> {
    use futures::TryStreamExt;
    let mut sql = Sql::default();
    sql.push(
        "SELECT m.user_id, m.turn, m.number, m.metadata::text AS metadata, m.at FROM helm_memory m WHERE",
    );
    selected(&mut sql, tenant, selection)?;
    sql.push(lock);
    let mut rows = sql.query().fetch(connection);
    let mut keys = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(|error| failure(operation, error))? {
        if matches(&row, selection, operation)? {
            keys.push((
                get(&row, "user_id", operation)?,
                get(&row, "turn", operation)?,
                get(&row, "number", operation)?,
            ));
        }
    }
    Ok(keys)
}

const DELETE: &str = "DELETE FROM helm_memory m
    USING unnest($2::text[], $3::uuid[], $4::bigint[]) k (user_id, turn, number)
    WHERE m.tenant = $1 AND m.user_id = k.user_id AND m.turn = k.turn AND m.number = k.number";

async fn delete(
    connection: &mut PgConnection,
    tenant: &TenantId,
    keys: &[(String, Uuid, i64)],
) -> Result<u64, Failure> {
    let deleted = sqlx::query(DELETE)
        .bind(tenant.as_str())
        .bind(column(keys, |(user, ..)| user.as_str()))
        .bind(column(keys, |(_, turn, _)| *turn))
        .bind(column(keys, |(.., number)| *number))
        .execute(connection)
        .await;
    Ok(deleted.map_err(|error| failure("delete_memories", error))?.rows_affected())
}

/// Removes one user's memories by id.
pub(super) struct Delete<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) user: &'a UserId,
    pub(super) ids: &'a [MemoryId],
}

impl Work for Delete<'_> {
    type Done = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, Failure> {
        let mut ids = self.ids.to_vec();
        ids.sort_unstable();
        let key = |id: &MemoryId| (self.user.to_string(), uuid(id.turn), i64::from(id.index));
        delete(connection, self.tenant, &ids.iter().map(key).collect::<Vec<_>>()).await
    }
}

/// Removes what is selected.
pub(super) struct DeleteWhere<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) selection: &'a Selection,
}

impl Work for DeleteWhere<'_> {
    type Done = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, Failure> {
        const OPERATION: &str = "delete_memories";
        let (tenant, selection) = (self.tenant, self.selection);
        let failed = |error| failure(OPERATION, error);
        sqlx::query("SET LOCAL statement_timeout = '10min'")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        if is_left(selection) {
            let keys = keys(connection, tenant, selection, " FOR UPDATE OF m", OPERATION).await?;
            return delete(connection, tenant, &keys).await;
        }
        let mut sql = Sql::default();
        selected(sql.push("DELETE FROM helm_memory m WHERE"), tenant, selection)?;
        Ok(sql.query().execute(connection).await.map_err(failed)?.rows_affected())
    }
}

/// How many rows a limit lets through, as PostgreSQL can hold it.
pub(super) fn at_most(rows: usize) -> Result<i64> {
    integer(rows, "number of memories", "search")
}
