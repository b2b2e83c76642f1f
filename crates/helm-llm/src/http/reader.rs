use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::failure;
use super::model::{Shared, earlier};
use super::transport::HttpReply;
use crate::answer::{ChatEvent, RequestedCall};
use crate::codec::{Decoder, Fault};
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::Call;
use crate::request::Tool;

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
    reply: HttpReply,
    decoder: Decoder,
    tools: Vec<Tool>,
    /// What is decoded and not yet handed on.
    waiting: VecDeque<Result<ChatEvent, Fault>>,
    /// Time spent waiting for the provider since the last content. A slow reader is not the provider's fault.
    waited: Duration,
    phase: Phase,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, call: Call, reply: HttpReply, decoder: Decoder) -> Self {
        Self {
            shared,
            call,
            reply,
            decoder,
            tools: Vec::new(),
            waiting: VecDeque::new(),
            waited: Duration::ZERO,
            phase: Phase::BeforeContent,
        }
    }

    /// Compares the calls in the answer with these.
    pub(super) fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Says how long was waited for the answer's head.
    pub(super) fn having_waited(mut self, waited: Duration) -> Self {
        self.waited = waited;
        self
    }

    pub(super) fn events(self) -> impl Stream<Item = Result<ChatEvent>> {
        stream::unfold(self, |mut reader| async move {
            if reader.phase == Phase::Over {
                return None;
            }
            let event = reader.next().await;
            match &event {
                Ok(ChatEvent::Finished(_)) | Err(_) => reader.phase = Phase::Over,
                Ok(_) => reader.phase = Phase::Content,
            }
            Some((event, reader))
        })
    }

    async fn next(&mut self) -> Result<ChatEvent> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return self.hand_on(item);
            }
            let was_complete = self.decoder.is_complete();
            match self.receive().await {
                Ok(Some(bytes)) => self.waiting.extend(self.decoder.push(&bytes)),
                Ok(None) => self.close(),
                // What fails after the answer is complete takes nothing from it.
                Err(error) if was_complete && error.kind() != ErrorKind::Cancelled => {
                    tracing::debug!(%error, "a complete answer was followed by a failure");
                    self.close();
                }
                Err(error) => return Err(error),
            }
            if !self.waiting.is_empty() || self.decoder.is_complete() != was_complete {
                self.waited = Duration::ZERO;
            }
        }
    }

    fn close(&mut self) {
        self.waiting.extend(self.decoder.close());
        if self.waiting.is_empty() {
            self.waiting.push_back(Err(Fault::truncated()));
        }
    }

    /// More bytes; `None` at the end.
    async fn receive(&mut self) -> Result<Option<Bytes>> {
        let (limit, kind) = self.limit();
        let began = Instant::now();
        let received = tokio::select! {
            biased;
            () = self.call.cancel.cancelled() => return Err(self.shared.fails(ErrorKind::Cancelled)),
            received = timeout_at(limit, self.reply.body.next()) => received,
        };
        self.waited += began.elapsed();
        match received {
            Err(_) => Err(self.shared.fails(ErrorKind::Timeout(kind))),
            Ok(bytes) => bytes.transpose().map_err(|error| self.broken_off(error)),
        }
    }

    fn broken_off(&self, error: super::transport::TransportError) -> Error {
        failure::transport(&self.shared.config.name, error)
    }

    /// Until when more is waited for, and what it means if nothing comes.
    fn limit(&self) -> (Instant, TimeoutKind) {
        let timeouts = &self.shared.config.timeouts;
        let (allowed, kind) = match (self.decoder.is_complete(), self.phase) {
            (true, _) => (USAGE_WAIT.min(timeouts.idle), TimeoutKind::Idle),
            (false, Phase::BeforeContent) => (timeouts.first_token, TimeoutKind::FirstToken),
            (false, _) => (timeouts.idle, TimeoutKind::Idle),
        };
        let limit = Instant::now() + allowed.saturating_sub(self.waited);
        earlier(Some((limit, kind)), self.call.deadline).unwrap_or((limit, kind))
    }

    /// An event with what the codec does not know.
    fn hand_on(&self, item: Result<ChatEvent, Fault>) -> Result<ChatEvent> {
        match item.map_err(|fault| self.shared.within(fault, &self.reply.headers))? {
            ChatEvent::Call(requested) => {
                Ok(ChatEvent::Call(RequestedCall::checked(requested.call, &self.tools)))
            }
            ChatEvent::Finished(finish) => {
                Ok(ChatEvent::Finished(self.shared.completed(finish, &self.reply.headers)))
            }
            event => Ok(event),
        }
    }
}
