use async_trait::async_trait;
use helm_core::{TenantId, UserId};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::request::Tool;

/// A tool that is called here on a model's behalf.
#[async_trait]
pub trait ToolHandler: Send + Sync {
    /// What the model is told of it.
    fn tool(&self) -> &Tool;

    /// Calls it. The arguments have been compared with the tool's schema.
    ///
    /// # Errors
    ///
    /// [`ToolFailure`], which the model is told, so that it can do without or call again.
    ///
    /// # Cancellation safety
    ///
    /// The future is dropped when the turn is cancelled or its time is over; what must not be left half-done belongs
    /// in a task of its own.
    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<String, ToolFailure>;
}

/// The circumstances of a tool's call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolContext {
    /// On whose behalf.
    pub tenant: TenantId,
    /// For which user.
    pub user: UserId,
    /// When it must be over.
    pub deadline: Option<Instant>,
    /// Ends it early.
    pub cancel: CancellationToken,
}

impl ToolContext {
    /// A call without a deadline that nobody cancels.
    #[must_use]
    pub fn new(tenant: TenantId, user: UserId) -> Self {
        Self { tenant, user, deadline: None, cancel: CancellationToken::new() }
    }

    /// Sets when it must be over.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets what ends it early.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }
}

/// Why a tool has no result, in words for the model. It reaches the provider, and so may not hold a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ToolFailure(String);

impl ToolFailure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}
