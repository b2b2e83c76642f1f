//! Memories: exact search over a user's rows of a collection.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use helm_core::{TenantId, UserId};
use sqlx::postgres::{PgConnection, PgRow};

use super::BACKEND;
use super::columns::{Moment, uuid};
use super::decode::{decision_id, get, json, moment, natural, to_json};
use super::error::{driver, failure};
use super::load::numbered;
use super::store::{PostgresStore, Work};
use crate::batch::Failure;
use crate::changes::{check_embedding, nearest};
use crate::error::Result;
use crate::vector::{Hit, Memory, MemoryId, VectorQuery, VectorStore};

/// A user's collection of a tenant.
type Collection = (TenantId, UserId, String);

const DIMENSIONS: &str = "SELECT k.n, m.length
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY k (tenant, user_id, collection, n)
    JOIN LATERAL (SELECT cardinality(embedding::real[])::bigint AS length FROM helm_memory
        WHERE tenant = k.tenant AND user_id = k.user_id AND collection = k.collection LIMIT 1) m ON true";

/// Who begins a collection is alone with it until the transaction ends, so its first two memories cannot be of
/// two lengths.
const BEGIN: &str = "SELECT pg_advisory_xact_lock(hashtextextended(k.name, 7))
    FROM (SELECT name FROM unnest($1::text[]) u (name) ORDER BY name) k";

const PUT: &str = "INSERT INTO helm_memory (tenant, user_id, collection, turn, number, text, embedding, metadata, at)
    SELECT tenant, user_id, collection, turn, number, text, embedding::real[], metadata::json, at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::text[], $8::text[],
        $9::timestamptz[]) k (tenant, user_id, collection, turn, number, text, embedding, metadata, at)
    ON CONFLICT (tenant, user_id, turn, number) DO UPDATE SET collection = excluded.collection,
        text = excluded.text, embedding = excluded.embedding, metadata = excluded.metadata, at = excluded.at";

/// The lengths of the embeddings of collections that are not empty.
pub(super) async fn dimensions(
    connection: &mut PgConnection,
    collections: &BTreeSet<Collection>,
) -> Result<HashMap<Collection, usize>, Failure> {
    if collections.is_empty() {
        return Ok(HashMap::new());
    }
    let found = known(connection, collections).await?;
    let new: BTreeSet<_> = collections.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
    if new.is_empty() {
        return Ok(found);
    }
    let names: Vec<_> = new.iter().map(|(tenant, user, name)| format!("{tenant}\n{user}\n{name}")).collect();
    let locked = sqlx::query(BEGIN).bind(names).execute(&mut *connection).await;
    locked.map_err(|error| failure("upsert_memories", error))?;
    let mut found = found;
    found.extend(known(connection, &new).await?);
    Ok(found)
}

async fn known(
    connection: &mut PgConnection,
    collections: &BTreeSet<Collection>,
) -> Result<HashMap<Collection, usize>, Failure> {
    const OPERATION: &str = "upsert_memories";
    let wanted: Vec<_> = collections.iter().collect();
    let column = |part: fn(&Collection) -> &str| collections.iter().map(part).collect::<Vec<_>>();
    let rows = sqlx::query(DIMENSIONS)
        .bind(column(|collection| collection.0.as_str()))
        .bind(column(|collection| collection.1.as_str()))
        .bind(column(|collection| collection.2.as_str()))
        .fetch_all(connection)
        .await
        .map_err(|error| failure(OPERATION, error))?;
    let read = rows.iter().map(|row| {
        let length = natural(get(row, "length", OPERATION)?, "embedding", OPERATION)?;
        Ok((numbered(row, &wanted)?.clone(), length))
    });
    Ok(read.collect::<Result<_>>()?)
}

/// Inserts or replaces memories that have been checked.
pub(super) async fn put(
    connection: &mut PgConnection,
    memories: &BTreeMap<(TenantId, UserId, MemoryId), Memory>,
) -> Result<(), Failure> {
    const OPERATION: &str = "upsert_memories";
    let keys = || memories.keys();
    let metadata = memories.values().map(|memory| to_json(&memory.metadata, OPERATION));
    let put = sqlx::query(PUT)
        .bind(keys().map(|key| key.0.as_str()).collect::<Vec<_>>())
        .bind(keys().map(|key| key.1.as_str()).collect::<Vec<_>>())
        .bind(memories.values().map(|memory| memory.collection.as_str()).collect::<Vec<_>>())
        .bind(keys().map(|key| uuid(key.2.turn)).collect::<Vec<_>>())
        .bind(keys().map(|key| i64::from(key.2.index)).collect::<Vec<_>>())
        .bind(memories.values().map(|memory| memory.text.as_str()).collect::<Vec<_>>())
        .bind(memories.values().map(|memory| written(&memory.embedding)).collect::<Vec<_>>())
        .bind(metadata.collect::<Result<Vec<_>>>()?)
        .bind(memories.values().map(|memory| Moment(memory.at)).collect::<Vec<_>>());
    put.execute(connection).await.map(drop).map_err(|error| failure(OPERATION, error))
}

/// An array as PostgreSQL reads it: the shortest digits that give the same float again.
fn written(embedding: &[f32]) -> String {
    let parts: Vec<_> = embedding.iter().map(ToString::to_string).collect();
    format!("{{{}}}", parts.join(","))
}

/// One user's memories.
struct Upsert<'a> {
    tenant: &'a TenantId,
    user: &'a UserId,
    memories: &'a [Memory],
}

impl Work for Upsert<'_> {
    type Done = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        let of = |memory: &Memory| (self.tenant.clone(), self.user.clone(), memory.collection.clone());
        let mut lengths = dimensions(connection, &self.memories.iter().map(of).collect()).await?;
        let mut checked = BTreeMap::new();
        for memory in self.memories {
            check_embedding(BACKEND, &memory.embedding, lengths.get(&of(memory)).copied())?;
            lengths.insert(of(memory), memory.embedding.len());
            checked.insert((self.tenant.clone(), self.user.clone(), memory.id), memory.clone());
        }
        put(connection, &checked).await
    }
}

fn memory(row: &PgRow, operation: &'static str) -> Result<Memory> {
    let index: i64 = get(row, "number", operation)?;
    Ok(Memory {
        id: MemoryId {
            turn: decision_id(row, "turn", operation)?,
            index: natural(index, "number", operation)?,
        },
        collection: get(row, "collection", operation)?,
        text: get(row, "text", operation)?,
        embedding: get(row, "embedding", operation)?,
        metadata: json(row, "metadata", operation)?,
        at: moment(row, "at", operation)?,
    })
}

#[async_trait]
impl VectorStore for PostgresStore {
    async fn upsert(&self, tenant: &TenantId, user: &UserId, memories: &[Memory]) -> Result<()> {
        self.transaction("upsert_memories", Upsert { tenant, user, memories }).await
    }

    async fn search(&self, tenant: &TenantId, user: &UserId, query: &VectorQuery) -> Result<Vec<Hit>> {
        const OPERATION: &str = "search";
        let rows = sqlx::query(
            "SELECT collection, turn, number, text, embedding::real[] AS embedding, metadata::text AS metadata, at
             FROM helm_memory WHERE tenant = $1 AND user_id = $2 AND collection = $3",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(&query.collection)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let memories = rows.iter().map(|row| memory(row, OPERATION)).collect::<Result<Vec<_>>>()?;
        check_embedding(BACKEND, &query.embedding, memories.first().map(|memory| memory.embedding.len()))?;
        Ok(nearest(memories, &query.embedding, query.k))
    }

    async fn delete(&self, tenant: &TenantId, user: &UserId, ids: &[MemoryId]) -> Result<u64> {
        const OPERATION: &str = "delete_memories";
        let deleted = sqlx::query(
            "DELETE FROM helm_memory m USING unnest($3::uuid[], $4::bigint[]) k (turn, number)
             WHERE m.tenant = $1 AND m.user_id = $2 AND m.turn = k.turn AND m.number = k.number",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(ids.iter().map(|id| uuid(id.turn)).collect::<Vec<_>>())
        .bind(ids.iter().map(|id| i64::from(id.index)).collect::<Vec<_>>())
        .execute(&self.pool)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        Ok(deleted.rows_affected())
    }
}
