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
