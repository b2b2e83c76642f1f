use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use helm_core::{ModelName, NanoUsd, Usage};
use tokio::time::Instant;
use tracing::{Instrument, Span, field};

use crate::answer::{ChatEvent, ChatResponse, Finish};
use crate::capabilities::Capabilities;
use crate::embedding::EmbeddingModel;
use crate::error::{Error, Result};
use crate::model::{Call, ChatModel, ChatStream};
use crate::request::ChatRequest;

/// Makes each call of a model visible: a span with OpenTelemetry's GenAI fields, and its duration as
/// `helm_operation_duration_seconds{operation="model"}`; of an embedding model, `operation="embedding"`.
///
/// Inside [`Retry`](crate::Retry) it sees every attempt. No field and no label holds a text or a user.
#[derive(Debug)]
pub struct Observed<M> {
    model: M,
    provider: &'static str,
    asked: String,
}

impl<M> Observed<M> {
    /// Wraps a model of this provider, which knows it as `asked`.
    pub fn new(model: M, provider: &'static str, asked: impl Into<String>) -> Self {
        Self { model, provider, asked: asked.into() }
    }
}

impl<M: ChatModel> Observed<M> {
    fn begin(&self, call: &Call) -> Attempt {
        let span = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = self.provider,
            gen_ai.request.model = self.asked.as_str(),
            gen_ai.response.model = field::Empty,
            gen_ai.usage.input_tokens = field::Empty,
            gen_ai.usage.output_tokens = field::Empty,
            error.r#type = field::Empty,
            http.response.status_code = field::Empty,
            attempt = call.attempts() + 1,
        );
        Attempt { span, began: Instant::now(), operation: "model" }
    }
}

/// One call under way. Its duration is counted when it is dropped, however it ends.
#[derive(Debug)]
struct Attempt {
    span: Span,
    began: Instant,
    operation: &'static str,
}

impl Attempt {
    fn finished(&self, finish: &Finish) {
        if let Some(usage) = finish.usage {
            self.span.record("gen_ai.usage.input_tokens", usage.input.get());
            self.span.record("gen_ai.usage.output_tokens", usage.output.get());
        }
        if let Some(model) = &finish.model {
            self.span.record("gen_ai.response.model", model.as_str());
        }
    }

    fn failed(&self, error: &Error) {
        self.span.record("error.type", error.kind().as_str());
        if let Some(status) = error.status() {
            self.span.record("http.response.status_code", status);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        metrics::histogram!("helm_operation_duration_seconds", "operation" => self.operation)
            .record(self.began.elapsed().as_secs_f64());
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for Observed<M> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.model.capabilities()
    }

    fn is_available(&self) -> bool {
        self.model.is_available()
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        self.model.price(usage)
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        let attempt = self.begin(call);
        let answer = self.model.generate(request, call).instrument(attempt.span.clone()).await;
        match &answer {
            Ok(response) => attempt.finished(&response.finish),
            Err(error) => attempt.failed(error),
        }
        answer
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let attempt = self.begin(call);
        match self.model.stream(request, call).instrument(attempt.span.clone()).await {
            Ok(stream) => Ok(Watched { stream, attempt: Some(attempt) }.boxed()),
            Err(error) => {
                attempt.failed(&error);
                Err(error)
            }
        }
    }
}

/// A stream whose end is noted.
struct Watched {
    stream: ChatStream,
    attempt: Option<Attempt>,
}

impl Stream for Watched {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let entered = self.attempt.as_ref().map(|attempt| attempt.span.clone().entered());
        let polled = self.stream.poll_next_unpin(context);
        drop(entered);
        match &polled {
            Poll::Ready(Some(Ok(ChatEvent::Finished(finish)))) => {
                self.attempt.take().iter().for_each(|attempt| attempt.finished(finish));
            }
            Poll::Ready(Some(Err(error))) => {
                self.attempt.take().iter().for_each(|attempt| attempt.failed(error));
            }
            _ => {}
        }
        polled
    }
}

#[async_trait]
impl<M: EmbeddingModel> EmbeddingModel for Observed<M> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn dimensions(&self) -> usize {
        self.model.dimensions()
    }

    async fn embed(&self, texts: &[String], call: &Call) -> Result<Vec<Vec<f32>>> {
        let span = tracing::info_span!(
            "embeddings",
            gen_ai.operation.name = "embeddings",
            gen_ai.provider.name = self.provider,
            gen_ai.request.model = self.asked.as_str(),
            error.r#type = field::Empty,
            http.response.status_code = field::Empty,
        );
        let attempt = Attempt { span, began: Instant::now(), operation: "embedding" };
        let embedded = self.model.embed(texts, call).instrument(attempt.span.clone()).await;
        embedded.inspect_err(|error| attempt.failed(error))
    }
}
