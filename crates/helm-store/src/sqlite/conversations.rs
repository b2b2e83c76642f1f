//! Conversations, and what their beginnings came to.

use async_trait::async_trait;
use helm_core::{ConversationId, TenantId, Timestamp, UserId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{body, decision_id, get};
use super::error::driver;
use super::script::rows_of;
use super::store::SqliteStore;
use crate::batch::size;
use crate::conversation::{ConversationStore, StoredMessage, Summary};
use crate::error::Result;

/// The sum keeps SQLite from planning anew for each limit.
const RECENT: &str =
    "SELECT turn, format, body, at FROM helm_message WHERE tenant = ? AND user_id = ? AND conversation = ?
    ORDER BY turn DESC, number DESC LIMIT (? + 0)";

#[async_trait]
impl ConversationStore for SqliteStore {
    async fn recent(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        limit: usize,
    ) -> Result<Vec<StoredMessage>> {
        const OPERATION: &str = "recent";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut reader = self.readers.get(OPERATION).await?;
        let rows = rows_of(reader.link(), RECENT, OPERATION, |bound| {
            bound.bind(tenant.as_str()).bind(user.as_str()).bind(conversation.as_str()).bind(limit)
        });
        let rows = rows.await?;
        let message = |row: &SqliteRow| {
            Ok(StoredMessage {
                turn: decision_id(row, "turn", OPERATION)?,
                message: body(row, "body", OPERATION)?,
                at: Timestamp::from_micros(get(row, "at", OPERATION)?),
            })
        };
        rows.iter().rev().map(message).collect()
    }

    async fn summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<Option<Summary>> {
        const OPERATION: &str = "summary";
        let row = sqlx::query(
            "SELECT turn, text, at FROM helm_summary WHERE tenant = ? AND user_id = ? AND conversation = ?",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(conversation.as_str())
        .fetch_optional(&mut *self.readers.get(OPERATION).await?)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let summary = |row: SqliteRow| {
            Ok(Summary {
                text: get(&row, "text", OPERATION)?,
                covers: decision_id(&row, "turn", OPERATION)?,
                at: Timestamp::from_micros(get(&row, "at", OPERATION)?),
            })
        };
        row.map(summary).transpose()
    }

    async fn set_summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        summary: &Summary,
    ) -> Result<bool> {
        let key = (tenant.clone(), user.clone(), conversation.clone());
        let summary = summary.clone();
        self.write("set_summary", size::SMALL + summary.text.len(), move |connection| {
            Box::pin(async move { put(connection, &key, &summary).await })
        })
        .await
    }
}

/// Only forward, and only up to a turn that is in the conversation.
const PUT: &str = "INSERT INTO helm_summary (tenant, user_id, conversation, turn, text, at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (
        SELECT 1 FROM helm_message WHERE tenant = ?1 AND user_id = ?2 AND conversation = ?3 AND turn = ?4)
    ON CONFLICT DO UPDATE SET turn = excluded.turn, text = excluded.text, at = excluded.at
        WHERE helm_summary.turn < excluded.turn";

async fn put(
    connection: &mut SqliteConnection,
    (tenant, user, conversation): &(TenantId, UserId, ConversationId),
    summary: &Summary,
) -> Result<bool> {
    let put = sqlx::query(PUT)
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(conversation.as_str())
        .bind(summary.covers.as_bytes().as_slice())
        .bind(&summary.text)
        .bind(summary.at.as_micros())
        .execute(connection)
        .await;
    put.map(|put| put.rows_affected() == 1).map_err(|error| driver("set_summary", error))
}
