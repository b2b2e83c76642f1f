//! What is kept of a user beside preferences and turns.

use std::collections::BTreeMap;

use helm_core::{ConversationId, TenantId, UserId};
use sqlx::postgres::{PgPool, PgRow};

use super::columns::uuid;
use super::decode::{
    body, decision_id, get, json, limit as rows_at_most, moment, natural, parsed, stats_row,
};
use super::error::driver;
use super::job_text;
use crate::conversation::{StoredMessage, Summary};
use crate::error::Result;
use crate::user::{MemoryPage, UserConversation, UserJob, UserRecords, UserStatistics};
use crate::vector::{Memory, MemoryId};

const OPERATION: &str = "records";

const DECISIONS: &str = "SELECT id FROM helm_decision d WHERE tenant = $1 AND user_id = $2
        AND NOT EXISTS (SELECT 1 FROM helm_turn t WHERE t.tenant = d.tenant AND t.id = d.id)
    ORDER BY id";
const MESSAGES: &str = "SELECT conversation, turn, format, body::text AS body, at FROM helm_message
    WHERE tenant = $1 AND user_id = $2 ORDER BY conversation, turn, number";
const SUMMARIES: &str =
    "SELECT conversation, turn, text, at FROM helm_summary WHERE tenant = $1 AND user_id = $2";
const MEMORIES: &str = "SELECT collection, turn, number, text, embedding::real[] AS embedding,
        metadata::text AS metadata, at
    FROM helm_memory WHERE tenant = $1 AND user_id = $2 ORDER BY turn, number";
const JOBS: &str = concat!(
    "SELECT kind, body::text AS body, last_error FROM helm_job WHERE tenant = $1 AND ",
    job_text!("user"),
    " = $2 ORDER BY id"
);
const STATISTICS: &str = "SELECT task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost,
        tokens, latency_us, failures, loss, packed::text AS packed
    FROM helm_stats WHERE tenant = $1 AND scope = 'user' AND member = $2 ORDER BY task, strategy, epoch, layout";

pub(super) async fn records(pool: &PgPool, tenant: &TenantId, user: &UserId) -> Result<UserRecords> {
    let found = |row: &PgRow| {
        Ok(UserStatistics { task: parsed(row, "task", OPERATION)?, row: stats_row(row, OPERATION)? })
    };
    let name = user.as_str();
    let decisions = all(pool, DECISIONS, tenant, name).await?;
    Ok(UserRecords {
        decisions: decisions.iter().map(|row| decision_id(row, "id", OPERATION)).collect::<Result<_>>()?,
        conversations: conversations(pool, tenant, user).await?,
        memories: all(pool, MEMORIES, tenant, name).await?.iter().map(memory).collect::<Result<_>>()?,
        jobs: all(pool, JOBS, tenant, name).await?.iter().map(job).collect::<Result<_>>()?,
        statistics: all(pool, STATISTICS, tenant, name).await?.iter().map(found).collect::<Result<_>>()?,
    })
}

const MEMORY_PAGE: &str = "SELECT collection, turn, number, text, embedding::real[] AS embedding,
        metadata::text AS metadata, at
    FROM helm_memory WHERE tenant = $1 AND user_id = $2 AND collection = $3 AND (turn, number) < ($4, $5)
    ORDER BY turn DESC, number DESC LIMIT $6";

/// A page of a user's memories, the latest first.
pub(super) async fn memories(pool: &PgPool, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>> {
    let (turn, number) = page.end();
    let rows = sqlx::query(MEMORY_PAGE)
        .bind(tenant.as_str())
        .bind(page.user.as_str())
        .bind(&page.collection)
        .bind(uuid(turn))
        .bind(number)
        .bind(rows_at_most(page.limit));
    let rows = rows.fetch_all(pool).await.map_err(|error| driver("memories", error))?;
    rows.iter().map(memory).collect()
}

async fn all(pool: &PgPool, sql: &'static str, tenant: &TenantId, whose: &str) -> Result<Vec<PgRow>> {
    let rows = sqlx::query(sql).bind(tenant.as_str()).bind(whose).fetch_all(pool).await;
    rows.map_err(|error| driver(OPERATION, error))
}

async fn conversations(pool: &PgPool, tenant: &TenantId, user: &UserId) -> Result<Vec<UserConversation>> {
    let mut found: BTreeMap<ConversationId, UserConversation> = BTreeMap::new();
    let id = |row: &PgRow| parsed::<_, ConversationId>(row, "conversation", OPERATION);
    for row in all(pool, MESSAGES, tenant, user.as_str()).await? {
        let id = id(&row)?;
        let message = StoredMessage {
            turn: decision_id(&row, "turn", OPERATION)?,
            message: body(&row, "body", OPERATION)?,
            at: moment(&row, "at", OPERATION)?,
        };
        found.entry(id.clone()).or_insert_with(|| UserConversation::new(id)).messages.push(message);
    }
    for row in all(pool, SUMMARIES, tenant, user.as_str()).await? {
        let id = id(&row)?;
        let covers = decision_id(&row, "turn", OPERATION)?;
        let (text, at) = (get(&row, "text", OPERATION)?, moment(&row, "at", OPERATION)?);
        let summary = Summary { text, covers, at };
        found.entry(id.clone()).or_insert_with(|| UserConversation::new(id)).summary = Some(summary);
    }
    Ok(found.into_values().collect())
}

fn memory(row: &PgRow) -> Result<Memory> {
    let index = natural(get(row, "number", OPERATION)?, "number", OPERATION)?;
    Ok(Memory {
        id: MemoryId { turn: decision_id(row, "turn", OPERATION)?, index },
        collection: get(row, "collection", OPERATION)?,
        text: get(row, "text", OPERATION)?,
        embedding: get(row, "embedding", OPERATION)?,
        metadata: json(row, "metadata", OPERATION)?,
        at: moment(row, "at", OPERATION)?,
    })
}

fn job(row: &PgRow) -> Result<UserJob> {
    Ok(UserJob {
        kind: get(row, "kind", OPERATION)?,
        body: get(row, "body", OPERATION)?,
        error: get(row, "last_error", OPERATION)?,
    })
}
