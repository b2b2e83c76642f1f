//! What is kept of a user beside preferences and turns.

use std::collections::BTreeMap;

use helm_core::{ConversationId, TenantId, Timestamp, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{body, decision_id, get, json, natural, parsed, stats_row, whole};
use super::error::driver;
use super::readers::Readers;
use crate::conversation::{StoredMessage, Summary};
use crate::error::Result;
use crate::user::{MemoryPage, UserConversation, UserJob, UserRecords, UserStatistics};
use crate::vector::{Memory, MemoryId};

const OPERATION: &str = "records";

const DECISIONS: &str = "SELECT id FROM helm_decision d WHERE tenant = ? AND user_id = ?
        AND NOT EXISTS (SELECT 1 FROM helm_turn t WHERE t.tenant = d.tenant AND t.id = d.id)
    ORDER BY id";
const MESSAGES: &str = "SELECT conversation, turn, format, body, at FROM helm_message
    WHERE tenant = ? AND user_id = ? ORDER BY conversation, turn, number";
const SUMMARIES: &str =
    "SELECT conversation, turn, text, at FROM helm_summary WHERE tenant = ? AND user_id = ?";
const MEMORIES: &str = "SELECT collection, turn, number, text, embedding, metadata, at FROM helm_memory
    WHERE tenant = ?1 AND user_id = ?2 AND collection IN (SELECT name FROM helm_collection WHERE tenant = ?1)
    ORDER BY turn, number";
const JOBS: &str = "SELECT kind, body, last_error FROM helm_job
    WHERE tenant = ?1 AND json_valid(body) AND body ->> '$.user' = ?2 ORDER BY id";
const STATISTICS: &str = "SELECT task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost,
        tokens, latency_us, failures, loss, packed
    FROM helm_stats WHERE tenant = ? AND scope = 'user' AND member = ? ORDER BY task, strategy, epoch, layout";

pub(super) async fn records(readers: &Readers, tenant: &TenantId, user: &UserId) -> Result<UserRecords> {
    let mut connection = readers.get(OPERATION).await?;
    let found = |row: &SqliteRow| {
        Ok(UserStatistics { task: parsed(row, "task", OPERATION)?, row: stats_row(row, OPERATION)? })
    };
    let user_text = user.as_str();
    let decisions = all(&mut connection, DECISIONS, tenant, user_text).await?;
    Ok(UserRecords {
        decisions: decisions.iter().map(|row| decision_id(row, "id", OPERATION)).collect::<Result<_>>()?,
        conversations: conversations(&mut connection, tenant, user).await?,
        memories: all(&mut connection, MEMORIES, tenant, user_text)
            .await?
            .iter()
            .map(memory)
            .collect::<Result<_>>()?,
        jobs: all(&mut connection, JOBS, tenant, user_text).await?.iter().map(job).collect::<Result<_>>()?,
        statistics: all(&mut connection, STATISTICS, tenant, user_text)
            .await?
            .iter()
            .map(found)
            .collect::<Result<_>>()?,
    })
}

/// The rows are chosen by their keys first: embeddings are long.
const MEMORY_PAGE: &str = "SELECT collection, turn, number, text, embedding, metadata, at FROM helm_memory
    WHERE rowid IN (SELECT rowid FROM helm_memory INDEXED BY helm_memory_by_collection
        WHERE tenant = ? AND user_id = ? AND collection = ? AND (turn, number) < (?, ?)
        ORDER BY turn DESC, number DESC LIMIT ?)
    ORDER BY turn DESC, number DESC";

/// A page of a user's memories, the latest first.
pub(super) async fn memories(readers: &Readers, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>> {
    let (turn, number) = page.end();
    let rows = sqlx::query(MEMORY_PAGE)
        .bind(tenant.as_str())
        .bind(page.user.as_str())
        .bind(&page.collection)
        .bind(turn.as_bytes().as_slice())
        .bind(number)
        .bind(i64::try_from(page.limit).unwrap_or(i64::MAX));
    let rows = rows.fetch_all(&mut *readers.get("memories").await?).await;
    rows.map_err(|error| driver("memories", error))?.iter().map(memory).collect()
}

async fn all(
    connection: &mut SqliteConnection,
    sql: &'static str,
    tenant: &TenantId,
    whose: &str,
) -> Result<Vec<SqliteRow>> {
    let rows = sqlx::query(sql).bind(tenant.as_str()).bind(whose).fetch_all(connection).await;
    rows.map_err(|error| driver(OPERATION, error))
}

async fn conversations(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    user: &UserId,
) -> Result<Vec<UserConversation>> {
    let mut found: BTreeMap<ConversationId, UserConversation> = BTreeMap::new();
    let id = |row: &SqliteRow| parsed::<_, ConversationId>(row, "conversation", OPERATION);
    for row in all(connection, MESSAGES, tenant, user.as_str()).await? {
        let id = id(&row)?;
        let message = StoredMessage {
            turn: decision_id(&row, "turn", OPERATION)?,
            message: body(&row, "body", OPERATION)?,
            at: at(&row)?,
        };
        found.entry(id.clone()).or_insert_with(|| UserConversation::new(id)).messages.push(message);
    }
    for row in all(connection, SUMMARIES, tenant, user.as_str()).await? {
        let id = id(&row)?;
        let covers = decision_id(&row, "turn", OPERATION)?;
        let summary = Summary { text: get(&row, "text", OPERATION)?, covers, at: at(&row)? };
        found.entry(id.clone()).or_insert_with(|| UserConversation::new(id)).summary = Some(summary);
    }
    Ok(found.into_values().collect())
}

fn at(row: &SqliteRow) -> Result<Timestamp> {
    get(row, "at", OPERATION).map(Timestamp::from_micros)
}

fn memory(row: &SqliteRow) -> Result<Memory> {
    let number: i64 = get(row, "number", OPERATION)?;
    let index = u32::try_from(natural(number, "number", OPERATION)?).unwrap_or(u32::MAX);
    let bytes: &[u8] = get(row, "embedding", OPERATION)?;
    let floats = whole::<4>(bytes, "embedding", OPERATION)?;
    Ok(Memory {
        id: MemoryId { turn: decision_id(row, "turn", OPERATION)?, index },
        collection: get(row, "collection", OPERATION)?,
        text: get(row, "text", OPERATION)?,
        embedding: floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        metadata: json(row, "metadata", OPERATION)?,
        at: at(row)?,
    })
}

fn job(row: &SqliteRow) -> Result<UserJob> {
    Ok(UserJob {
        kind: get(row, "kind", OPERATION)?,
        body: get(row, "body", OPERATION)?,
        error: get(row, "last_error", OPERATION)?,
    })
}
