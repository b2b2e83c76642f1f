//! Conversations, and what their beginnings came to.

use async_trait::async_trait;
use helm_core::{ConversationId, TenantId, UserId};
use sqlx::postgres::PgRow;

use super::columns::{Moment, uuid};
use super::decode::{body, decision_id, get, limit, moment};
use super::error::driver;
use super::store::PostgresStore;
use crate::conversation::{ConversationStore, StoredMessage, Summary};
use crate::error::Result;

#[async_trait]
impl ConversationStore for PostgresStore {
    async fn recent(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        last: usize,
    ) -> Result<Vec<StoredMessage>> {
        const OPERATION: &str = "recent";
        let rows = sqlx::query(
            "SELECT turn, format, body::text AS body, at FROM helm_message
             WHERE tenant = $1 AND user_id = $2 AND conversation = $3 ORDER BY turn DESC, number DESC LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(conversation.as_str())
        .bind(limit(last))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let message = |row: &PgRow| {
            Ok(StoredMessage {
                turn: decision_id(row, "turn", OPERATION)?,
                message: body(row, "body", OPERATION)?,
                at: moment(row, "at", OPERATION)?,
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
            "SELECT turn, text, at FROM helm_summary WHERE tenant = $1 AND user_id = $2 AND conversation = $3",
        )
        .bind(tenant.as_str())
        .bind(user.as_str())
        .bind(conversation.as_str())
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let summary = |row: PgRow| {
            Ok(Summary {
                text: get(&row, "text", OPERATION)?,
                covers: decision_id(&row, "turn", OPERATION)?,
                at: moment(&row, "at", OPERATION)?,
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
        let put = sqlx::query(PUT)
            .bind(tenant.as_str())
            .bind(user.as_str())
            .bind(conversation.as_str())
            .bind(uuid(summary.covers))
            .bind(&summary.text)
            .bind(Moment(summary.at))
            .execute(&self.pool)
            .await;
        put.map(|put| put.rows_affected() == 1).map_err(|error| driver("set_summary", error))
    }
}

/// Only forward, and only up to a turn that is in the conversation.
const PUT: &str = "INSERT INTO helm_summary (tenant, user_id, conversation, turn, text, at)
    SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (
        SELECT 1 FROM helm_message WHERE tenant = $1 AND user_id = $2 AND conversation = $3 AND turn = $4)
    ON CONFLICT (tenant, user_id, conversation) DO UPDATE SET turn = excluded.turn, text = excluded.text,
        at = excluded.at WHERE helm_summary.turn < excluded.turn";
