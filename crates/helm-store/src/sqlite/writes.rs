use helm_core::{TaskId, TenantId, Timestamp, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::BACKEND;
use super::decode::{
    FORMAT, body, decision_id, get, integer, json, natural, pack_floats, to_json, unpack_floats,
};
use super::error::driver;
use super::load::dimensions;
use crate::bandit::PriorDocument;
use crate::changes::{apply_preferences, check_embedding};
use crate::error::{Error, ErrorKind, Result};
use crate::preference::{PreferenceChange, Preferences};
use crate::vector::{Memory, MemoryId};

/// Writes something that nobody reads, to see that writing works.
pub(super) async fn beat(connection: &mut SqliteConnection) -> Result<()> {
    let beaten = sqlx::query(
        "INSERT INTO helm_health (id, beats) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET beats = beats + 1",
    );
    beaten.execute(connection).await.map(drop).map_err(|error| driver("health", error))
}

pub(super) async fn change_preferences(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    changes: &[PreferenceChange],
    expect: Option<u64>,
) -> Result<Preferences> {
    const OPERATION: &str = "apply_preferences";
    let row =
        sqlx::query("SELECT revision, format, body FROM helm_preference WHERE tenant = ? AND user_id = ?");
    let row = row.bind(tenant.as_str()).bind(user.as_str()).fetch_optional(&mut *connection).await;
    let row = row.map_err(|error| driver(OPERATION, error))?;
    let before = row.map_or(Ok(Preferences::default()), |row| preferences(&row, OPERATION))?;
    if expect.is_some_and(|expected| expected != before.revision) {
        let message = format!("the preferences are at revision {}; read them again", before.revision);
        return Err(Error::new(ErrorKind::Conflict, BACKEND, OPERATION, message));
    }
    let after = apply_preferences(BACKEND, &before, changes)?;
    write_preferences(connection, tenant, user, &after).await?;
    Ok(after)
}

/// Replaces a user's preferences.
pub(super) async fn write_preferences(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    after: &Preferences,
) -> Result<()> {
    const OPERATION: &str = "apply_preferences";
    sqlx::query(
        "INSERT INTO helm_preference (tenant, user_id, revision, format, body) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET revision = excluded.revision, format = excluded.format, body = excluded.body",
    )
    .bind(tenant.as_str())
    .bind(user.as_str())
    .bind(integer(after.revision, "revision", OPERATION)?)
    .bind(FORMAT)
    .bind(to_json(&after.values, OPERATION)?)
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}

/// A row of helm_preference.
pub(super) fn preferences(row: &SqliteRow, operation: &'static str) -> Result<Preferences> {
    let revision: i64 = get(row, "revision", operation)?;
    let revision = natural(revision, "revision", operation)?;
    Ok(Preferences { revision, values: body(row, "body", operation)? })
}

pub(super) async fn put_prior(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    prior: &PriorDocument,
) -> Result<bool> {
    const OPERATION: &str = "put_prior";
    let revision = integer(prior.revision, "revision", OPERATION)?;
    let put = sqlx::query(
        "INSERT INTO helm_prior (tenant, task, policy_hash, revision, format, body)
         SELECT ?1, ?2, ?5, ?3, ?6, ?4 WHERE ?3 = 1 OR EXISTS (
             SELECT 1 FROM helm_prior WHERE tenant = ?1 AND task = ?2 AND policy_hash = ?5)
         ON CONFLICT DO UPDATE SET revision = excluded.revision, format = excluded.format, body = excluded.body
             WHERE helm_prior.revision = excluded.revision - 1",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(revision)
    .bind(to_json(&prior.body, OPERATION)?)
    .bind(prior.policy.as_str())
    .bind(FORMAT)
    .execute(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    Ok(put.rows_affected() == 1)
}

pub(super) async fn put_memories(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    memories: &[Memory],
) -> Result<()> {
    let of = |memory: &Memory| (tenant.clone(), user.clone(), memory.collection.clone());
    let mut lengths = dimensions(connection, &memories.iter().map(of).collect()).await?;
    for memory in memories {
        check_embedding(BACKEND, &memory.embedding, lengths.get(&of(memory)).copied())?;
        lengths.insert(of(memory), memory.embedding.len());
        put_memory(connection, tenant, user, memory).await?;
    }
    Ok(())
}

/// Inserts or replaces a memory that has been checked.
pub(super) async fn put_memory(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    memory: &Memory,
) -> Result<()> {
    const OPERATION: &str = "upsert_memories";
    sqlx::query(
        "INSERT INTO helm_memory (tenant, user_id, collection, turn, number, text, embedding, metadata, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET collection = excluded.collection, text = excluded.text,
             embedding = excluded.embedding, metadata = excluded.metadata, at = excluded.at",
    )
    .bind(tenant.as_str())
    .bind(user.as_str())
    .bind(&memory.collection)
    .bind(memory.id.turn.as_bytes().as_slice())
    .bind(memory.id.index)
    .bind(&memory.text)
    .bind(pack_floats(&memory.embedding))
    .bind(to_json(&memory.metadata, OPERATION)?)
    .bind(memory.at.as_micros())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}

pub(super) async fn delete_memories(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
    ids: &[MemoryId],
) -> Result<u64> {
    let mut deleted = 0;
    for id in ids {
        let gone = sqlx::query(
            "DELETE FROM helm_memory WHERE tenant = ? AND user_id = ? AND turn = ? AND number = ?",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(id.turn.as_bytes().as_slice())
        .bind(id.index)
        .execute(&mut *connection)
        .await
        .map_err(|error| driver("delete_memories", error))?;
        deleted += gone.rows_affected();
    }
    Ok(deleted)
}

/// A row of helm_memory.
pub(super) fn memory(row: &SqliteRow, operation: &'static str) -> Result<Memory> {
    let embedding: &[u8] = get(row, "embedding", operation)?;
    Ok(Memory {
        id: MemoryId { turn: decision_id(row, "turn", operation)?, index: get(row, "number", operation)? },
        collection: get(row, "collection", operation)?,
        text: get(row, "text", operation)?,
        embedding: unpack_floats(embedding, operation)?,
        metadata: json(row, "metadata", operation)?,
        at: Timestamp::from_micros(get(row, "at", operation)?),
    })
}
