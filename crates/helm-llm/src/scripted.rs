use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{HeuristicTokenCounter, ModelName, NanoUsd, TokenCounter, Usage};

use crate::answer::{ChatEvent, ChatResponse, Finish, FinishReason};
use crate::capabilities::Capabilities;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Call, ChatModel, ChatStream};
use crate::prices::Prices;
use crate::request::ChatRequest;

/// What a [`ScriptedModel`] does in one call.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Scripted {
    /// Answers; streamed, word by word.
    Answer(String),
    /// Answers in any way: with a refusal, with tool calls. Streamed, each piece whole.
    Respond(Box<ChatResponse>),
    /// Answers after this long.
    Slow(Duration, String),
    /// Fails before any content.
    Fail(ErrorKind),
    /// Streams this much and then fails; whole, just fails.
    Cut(String, ErrorKind),
    /// Streams this much and then nothing, for ever; whole, never answers.
    Hang(String),
}

/// A model that does what a test tells it to, call by call, and at the end of its script the last thing again.
#[derive(Debug)]
pub struct ScriptedModel {
    name: ModelName,
    capabilities: Capabilities,
    prices: Option<Prices>,
    script: Mutex<VecDeque<Scripted>>,
    requests: Mutex<Vec<ChatRequest>>,
}

impl ScriptedModel {
    /// A model with this script. An empty one answers with an empty text.
    #[must_use]
    pub fn new(name: ModelName, script: impl IntoIterator<Item = Scripted>) -> Self {
        Self {
            name,
            capabilities: Capabilities::default(),
            prices: None,
            script: Mutex::new(script.into_iter().collect()),
            requests: Mutex::new(Vec::new()),
        }
    }

    /// A model that can do no more than this.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// A model whose answers cost so much. Default: what they cost is not known.
    #[must_use]
    pub fn with_prices(mut self, prices: Prices) -> Self {
        self.prices = Some(prices);
        self
    }

    /// What it has been asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn next(&self, request: &ChatRequest, call: &Call) -> Scripted {
        call.count_attempt();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        next.unwrap_or_else(|| Scripted::Answer(String::new()))
    }

    fn fails(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.name.clone())
    }
}

fn finish(request: &ChatRequest, text: &str) -> Finish {
    let asked: String = request.messages.iter().map(helm_core::Message::joined_text).collect();
    let count = |text: &str| HeuristicTokenCounter.count(text);
    let usage = Usage::reported(count(&asked), count(text));
    Finish::new(FinishReason::Stop).with_usage(Some(usage))
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        self.prices?.of(usage)
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        let text = match self.next(request, call) {
            Scripted::Answer(text) => text,
            Scripted::Respond(response) => return Ok(*response),
            Scripted::Slow(pause, text) => {
                tokio::time::sleep(pause).await;
                text
            }
            Scripted::Fail(kind) | Scripted::Cut(_, kind) => return Err(self.fails(kind)),
            Scripted::Hang(_) => std::future::pending().await,
        };
        let finish = finish(request, &text);
        let cost = finish.usage.and_then(|usage| self.price(usage));
        Ok(ChatResponse::new(text, finish.with_cost(cost)))
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let (text, pause, last) = match self.next(request, call) {
            Scripted::Answer(text) => (text, Duration::ZERO, None),
            Scripted::Respond(response) => {
                return Ok(stream::iter(response.into_events().into_iter().map(Ok)).boxed());
            }
            Scripted::Slow(pause, text) => (text, pause, None),
            Scripted::Fail(kind) => return Err(self.fails(kind)),
            Scripted::Cut(text, kind) => (text, Duration::ZERO, Some(Err(self.fails(kind)))),
            Scripted::Hang(text) => {
                let words: Vec<_> =
                    text.split_inclusive(' ').map(|word| Ok(ChatEvent::Delta(word.to_owned()))).collect();
                return Ok(stream::iter(words).chain(stream::pending()).boxed());
            }
        };
        tokio::time::sleep(pause).await;
        let last = last.unwrap_or_else(|| Ok(ChatEvent::Finished(finish(request, &text))));
        let words: Vec<_> =
            text.split_inclusive(' ').map(|word| Ok(ChatEvent::Delta(word.to_owned()))).collect();
        Ok(stream::iter(words).chain(stream::once(async { last })).boxed())
    }
}
