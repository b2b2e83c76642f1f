use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use helm_core::{ModelName, NanoUsd, TenantId, Usage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::{ChatEvent, ChatResponse};
use crate::capabilities::Capabilities;
use crate::error::Result;
use crate::request::ChatRequest;

/// A model that continues a conversation.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// The name it is configured under.
    fn name(&self) -> &ModelName;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Whether it may be called now; `false` while a [breaker](crate::Breaker) rests it. Layers around a model hand
    /// this on. Default: yes.
    fn is_available(&self) -> bool {
        true
    }

    /// What so many tokens would cost now; `None` when nobody knows. Layers around a model hand this on. Default: nobody
    /// knows.
    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        let _ = usage;
        None
    }

    /// The whole answer.
    ///
    /// # Errors
    ///
    /// Fails when the model does not answer; the error's kind says why.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future drops the connection.
    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse>;

    /// The answer piece by piece. A stream ends with [`ChatEvent::Finished`] or with an error; one that just
    /// ends is broken.
    ///
    /// # Errors
    ///
    /// Fails when the answer does not begin; later errors come through the stream.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future or the stream drops the connection.
    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream>;
}

#[async_trait]
impl<M: ChatModel + ?Sized> ChatModel for Arc<M> {
    fn name(&self) -> &ModelName {
        (**self).name()
    }

    fn capabilities(&self) -> &Capabilities {
        (**self).capabilities()
    }

    fn is_available(&self) -> bool {
        (**self).is_available()
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        (**self).price(usage)
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        (**self).generate(request, call).await
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        (**self).stream(request, call).await
    }
}

/// The events of an answer.
pub type ChatStream = BoxStream<'static, Result<ChatEvent>>;

/// The circumstances of one call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// On whose behalf.
    pub tenant: TenantId,
    /// When it must be over, retries included.
    pub deadline: Option<Instant>,
    /// Ends it early.
    pub cancel: CancellationToken,
    attempts: Arc<AtomicU32>,
}

impl Call {
    /// A call without a deadline that nobody cancels.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            deadline: None,
            cancel: CancellationToken::new(),
            attempts: Arc::new(AtomicU32::new(0)),
        }
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

    /// How many requests have been sent to a provider.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Counts a request that is about to be sent. Models call this once for each.
    pub fn count_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }
}
