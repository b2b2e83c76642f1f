use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{ConversationId, DecisionId, Message, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::Result;

/// What was said, by tenant, user and conversation. Turns append in their own transaction.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// The last `limit` messages in the order they were said. Empty when there are none; another user's
    /// conversation of the same id is another conversation.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn recent(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        limit: usize,
    ) -> Result<Vec<StoredMessage>>;

    /// What the beginning of a conversation came to, if anybody has said so.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<Option<Summary>>;

    /// Says what the beginning of a conversation came to. Summaries only move forward: one that covers no more than
    /// the stored one is not taken, nor is one up to a turn without messages in this conversation. Answers whether it
    /// was. It leaves with the [log's](crate::InteractionLog::retain) last turn that it covers.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn set_summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        summary: &Summary,
    ) -> Result<bool>;
}

#[async_trait]
impl<T: ConversationStore + ?Sized> ConversationStore for Arc<T> {
    async fn recent(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        limit: usize,
    ) -> Result<Vec<StoredMessage>> {
        (**self).recent(tenant, user, conversation, limit).await
    }

    async fn summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<Option<Summary>> {
        (**self).summary(tenant, user, conversation).await
    }

    async fn set_summary(
        &self,
        tenant: &TenantId,
        user: &UserId,
        conversation: &ConversationId,
        summary: &Summary,
    ) -> Result<bool> {
        (**self).set_summary(tenant, user, conversation, summary).await
    }
}

/// A message as it was stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoredMessage {
    /// The turn it belongs to.
    pub turn: DecisionId,
    /// What was said.
    pub message: Message,
    /// When the turn was committed.
    pub at: Timestamp,
}

/// What the beginning of a conversation came to. The messages themselves stay as they were said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// In words.
    pub text: String,
    /// The last turn that it covers, with all of its messages; it covers all before it, too.
    pub covers: DecisionId,
    /// When it was made.
    pub at: Timestamp,
}
