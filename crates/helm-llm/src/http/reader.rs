use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use helm_core::{ModelName, Usage};
use tokio::time::{Instant, timeout_at};

use super::client::{Shared, earlier};
use super::failure;
use super::wire::Answer;
use crate::error::{ErrorKind, Result, TimeoutKind};
use crate::model::{Call, ChatEvent, Finish, FinishReason};
use crate::sse::SseDecoder;

/// How long the tokens are waited for once the answer is complete.
const USAGE_WAIT: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    BeforeContent,
    Content,
    Over,
}

/// Reads a streamed answer.
pub(super) struct Reader {
    shared: Arc<Shared>,
    call: Call,
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: SseDecoder,
    /// Events that are decoded and not yet handed on, last first.
    waiting: Vec<String>,
    /// Once it is known the answer is complete, and only the tokens are still to come.
    reason: Option<FinishReason>,
    usage: Option<Usage>,
    model: Option<ModelName>,
    /// Time spent waiting for the provider since the last content. A slow reader is not the provider's fault.
    waited: Duration,
    phase: Phase,
}

impl Reader {
    /// A reader of this answer, for whose head was waited so long.
    pub(super) fn new(
        shared: Arc<Shared>,
        call: Call,
        response: reqwest::Response,
        waited: Duration,
    ) -> Self {
        Self {
            shared,
            call,
            bytes: response.bytes_stream().boxed(),
            decoder: SseDecoder::default(),
            waiting: Vec::new(),
            reason: None,
            usage: None,
            model: None,
            waited,
            phase: Phase::BeforeContent,
        }
    }

    pub(super) fn events(self) -> impl Stream<Item = Result<ChatEvent>> {
        stream::unfold(self, |mut reader| async move {
            if reader.phase == Phase::Over {
                return None;
            }
            let event = reader.next().await;
            if !matches!(event, Ok(ChatEvent::Delta(_))) {
                reader.phase = Phase::Over;
            }
            Some((event, reader))
        })
    }

    /// The next event. What fails after the answer is complete takes nothing from it.
    async fn next(&mut self) -> Result<ChatEvent> {
        match self.advance().await {
            Err(error) if error.kind() != ErrorKind::Cancelled && self.reason.is_some() => {
                tracing::debug!(%error, "a complete answer was followed by a failure");
                self.end()
            }
            event => event,
        }
    }

    async fn advance(&mut self) -> Result<ChatEvent> {
        loop {
            while let Some(data) = self.waiting.pop() {
                if let Some(event) = self.read(&data)? {
                    return Ok(event);
                }
            }
            match self.receive().await? {
                Some(bytes) => {
                    let events = self.decoder.push(&bytes);
                    self.waiting =
                        events.map_err(|error| self.shared.fails(ErrorKind::Decode).with_source(error))?;
                    self.waiting.reverse();
                }
                // Some servers close without `[DONE]`; the reason is marker enough.
                None => return self.end(),
            }
        }
    }

    /// More bytes; `None` at the end.
    async fn receive(&mut self) -> Result<Option<Bytes>> {
        let timeouts = &self.shared.config.timeouts;
        let (allowed, kind) = match (&self.reason, self.phase) {
            (Some(_), _) => (USAGE_WAIT.min(timeouts.idle), TimeoutKind::Idle),
            (None, Phase::BeforeContent) => (timeouts.first_token, TimeoutKind::FirstToken),
            (None, _) => (timeouts.idle, TimeoutKind::Idle),
        };
        let began = Instant::now();
        let limit = began + allowed.saturating_sub(self.waited);
        let (limit, kind) = earlier(Some((limit, kind)), self.call.deadline).unwrap_or((limit, kind));
        let received = tokio::select! {
            biased;
            () = self.call.cancel.cancelled() => return Err(self.shared.fails(ErrorKind::Cancelled)),
            received = timeout_at(limit, self.bytes.next()) => received,
        };
        self.waited += began.elapsed();
        match received {
            Err(_) => Err(self.shared.fails(ErrorKind::Timeout(kind))),
            Ok(bytes) => {
                bytes.transpose().map_err(|error| failure::broken_off(&self.shared.config.name, error))
            }
        }
    }

    /// The event in a chunk, if it holds one.
    fn read(&mut self, data: &str) -> Result<Option<ChatEvent>> {
        if data.trim() == "[DONE]" {
            return self.end().map(Some);
        }
        let answer = Answer::parse(data.as_bytes())
            .map_err(|error| self.shared.fails(ErrorKind::Decode).with_source(error))?;
        self.shared.check(&answer)?;
        self.usage = answer.usage().or(self.usage);
        self.model = answer.model_name().or(self.model.take());
        if let Some(reason) = answer.finish_reason() {
            self.reason = Some(reason);
            self.waited = Duration::ZERO;
        }
        let text = answer.text();
        if text.is_empty() {
            return Ok(None);
        }
        self.phase = Phase::Content;
        self.waited = Duration::ZERO;
        Ok(Some(ChatEvent::Delta(text)))
    }

    /// The last event; without a reason to end, the answer was cut off.
    fn end(&mut self) -> Result<ChatEvent> {
        let reason = self.reason.take().ok_or_else(|| self.shared.fails(ErrorKind::Truncated))?;
        let finish = Finish { reason, usage: self.usage, cost: None, model: self.model.take() };
        Ok(ChatEvent::Finished(self.shared.priced(finish)))
    }
}
