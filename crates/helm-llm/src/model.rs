use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use helm_core::{Message, ModelName, NanoUsd, Sampling, TenantId, TokenCount, Usage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::capabilities::Capabilities;
use crate::error::Result;

/// A model that continues a conversation.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// The name it is configured under.
    fn name(&self) -> &ModelName;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

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

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        (**self).generate(request, call).await
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        (**self).stream(request, call).await
    }
}

/// The events of an answer.
pub type ChatStream = BoxStream<'static, Result<ChatEvent>>;

/// What a model is asked.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The conversation, instructions first.
    pub messages: Vec<Message>,
    /// How to sample.
    pub sampling: Sampling,
    /// The most tokens the answer may have.
    pub max_output_tokens: Option<TokenCount>,
}

impl ChatRequest {
    /// Continues these messages.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, sampling: Sampling::default(), max_output_tokens: None }
    }

    /// Says how to sample.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Bounds the answer.
    #[must_use]
    pub fn with_max_output_tokens(mut self, tokens: TokenCount) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }
}

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

/// A piece of an answer.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum ChatEvent {
    /// More text; never empty.
    Delta(String),
    /// The end; the last event.
    Finished(Finish),
}

/// How an answer ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// Tokens as the provider reports them.
    pub usage: Option<Usage>,
    /// What it cost; `None` when the price or the tokens are unknown.
    pub cost: Option<NanoUsd>,
    /// The model as the provider names it.
    pub model: Option<ModelName>,
}

/// Why an answer ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FinishReason {
    /// It was complete.
    Stop,
    /// It reached its limit of tokens.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// The provider's filter cut it.
    ContentFilter,
    /// Anything else, in the provider's word.
    Other(String),
}

/// A whole answer.
#[derive(Clone, PartialEq, Debug)]
pub struct ChatResponse {
    /// The text.
    pub text: String,
    /// How it ended.
    pub finish: Finish,
}
