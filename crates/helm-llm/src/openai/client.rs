use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use helm_core::ModelName;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::config::OpenAiChatConfig;
use super::failure;
use super::wire::{self, Answer};
use crate::capabilities::Capabilities;
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::{Call, ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, Finish, FinishReason};
use crate::sse::SseDecoder;

/// A model behind OpenAI chat completions. One attempt for each call; [`Retry`](crate::Retry) adds more.
#[derive(Clone, Debug)]
pub struct OpenAiChat {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: OpenAiChatConfig,
    url: Url,
    client: reqwest::Client,
}

impl OpenAiChat {
    /// Sets up a client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setup`] when the address is not one, or no TLS provider has been installed in this process.
    pub fn new(config: OpenAiChatConfig) -> Result<Self> {
        let setup = |detail: String| Error::new(ErrorKind::Setup, config.name.clone()).with_detail(detail);
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let detail = "install a TLS provider once at the start of the program: rustls::crypto::ring::default_provider().install_default()";
            return Err(setup(detail.to_owned()));
        }
        let address = format!("{}/chat/completions", config.base_url.trim_end_matches('/'));
        let url = Url::parse(&address)
            .map_err(|error| setup(format!("base_url {:?}: {error}", config.base_url)))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(setup(format!("base_url {:?} must begin with http:// or https://", config.base_url)));
        }
        let client = reqwest::Client::builder()
            .connect_timeout(config.timeouts.connect)
            .user_agent(concat!("helm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(String::new()).with_source(error))?;
        Ok(Self { shared: Arc::new(Shared { config, url, client }) })
    }

    /// Sends one request; the answer's head, when it is a success.
    async fn send(&self, request: &ChatRequest, call: &Call, streamed: bool) -> Result<reqwest::Response> {
        let Shared { config, url, client } = &*self.shared;
        let checked = config.capabilities.check(&request.sampling, request.max_output_tokens);
        checked.map_err(|error| self.fails(ErrorKind::BadRequest).with_detail(error.to_string()))?;
        call.count_attempt();
        let mut post = client.post(url.clone()).json(&wire::body(config, request, streamed));
        if let Some(key) = &config.api_key {
            post = post.bearer_auth(key.expose());
        }
        let response = post.send().await.map_err(|error| failure::transport(&config.name, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // A body that cannot be read has nothing to add to the status.
        let body = response.text().await.unwrap_or_default();
        Err(failure::refused(&config.name, status, &headers, &body, config.api_key.as_ref()))
    }

    async fn whole(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        let response = self.send(request, call, false).await?;
        let bytes = response.bytes().await.map_err(|error| failure::transport(self.name(), error))?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| self.fails(ErrorKind::Decode).with_source(error))?;
        self.shared.check(&answer)?;
        let reason = answer.finish_reason().ok_or_else(|| self.fails(ErrorKind::Truncated))?;
        Ok(ChatResponse { text: answer.text(), finish: self.shared.finish(reason, &answer) })
    }

    fn fails(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.shared.config.name.clone())
    }

    /// Bounds `work` by a timeout of its own, the call's deadline and its cancellation.
    async fn bounded<T>(&self, call: &Call, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = Instant::now() + self.shared.config.timeouts.first_token;
        let (limit, kind) = earlier(limit, TimeoutKind::FirstToken, call.deadline);
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => Err(self.fails(ErrorKind::Cancelled)),
            ended = timeout_at(limit, work) => ended.unwrap_or_else(|_| Err(self.fails(ErrorKind::Timeout(kind)))),
        }
    }
}

fn earlier(limit: Instant, kind: TimeoutKind, deadline: Option<Instant>) -> (Instant, TimeoutKind) {
    match deadline {
        Some(deadline) if deadline < limit => (deadline, TimeoutKind::Total),
        _ => (limit, kind),
    }
}

impl Shared {
    fn check(&self, answer: &Answer) -> Result<()> {
        match &answer.error {
            Some(error) => Err(failure::in_stream(&self.config.name, error, self.config.api_key.as_ref())),
            None => Ok(()),
        }
    }

    fn finish(&self, reason: FinishReason, answer: &Answer) -> Finish {
        let usage = answer.usage();
        let cost = self.config.prices.zip(usage).and_then(|(prices, usage)| prices.of(usage));
        Finish { reason, usage, cost, model: answer.model_name() }
    }
}

#[async_trait]
impl ChatModel for OpenAiChat {
    fn name(&self) -> &ModelName {
        &self.shared.config.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.shared.config.capabilities
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        self.bounded(call, self.whole(request, call)).await
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let began = Instant::now();
        let response = self.bounded(call, self.send(request, call, true)).await?;
        let reader = Reader {
            shared: Arc::clone(&self.shared),
            call: call.clone(),
            bytes: response.bytes_stream().boxed(),
            decoder: SseDecoder::default(),
            waiting: Vec::new(),
            finish: None,
            wait_until: began + self.shared.config.timeouts.first_token,
            phase: Phase::BeforeContent,
        };
        Ok(reader.events().boxed())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    BeforeContent,
    Content,
    Over,
}

/// Reads a streamed answer.
struct Reader {
    shared: Arc<Shared>,
    call: Call,
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: SseDecoder,
    /// Events that are decoded and not yet handed on, last first.
    waiting: Vec<String>,
    /// Known once the reason is, completed by a later chunk with the tokens.
    finish: Option<Finish>,
    wait_until: Instant,
    phase: Phase,
}

impl Reader {
    fn events(self) -> impl Stream<Item = Result<ChatEvent>> {
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

    async fn next(&mut self) -> Result<ChatEvent> {
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
                        events.map_err(|error| self.fails(ErrorKind::Decode).with_source(error))?;
                    self.waiting.reverse();
                }
                // Some servers close without `[DONE]`; the reason is marker enough.
                None => return self.end(),
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<Bytes>> {
        let kind = if self.phase == Phase::Content { TimeoutKind::Idle } else { TimeoutKind::FirstToken };
        let (limit, kind) = earlier(self.wait_until, kind, self.call.deadline);
        let name = &self.shared.config.name;
        tokio::select! {
            biased;
            () = self.call.cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, name.clone())),
            received = timeout_at(limit, self.bytes.next()) => match received {
                Err(_) => Err(Error::new(ErrorKind::Timeout(kind), name.clone())),
                Ok(None) => Ok(None),
                Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
                Ok(Some(Err(error))) => {
                    Err(Error::new(ErrorKind::Truncated, name.clone()).with_source(error.without_url()))
                }
            },
        }
    }

    /// The event in a chunk, if it holds one.
    fn read(&mut self, data: &str) -> Result<Option<ChatEvent>> {
        if data.trim() == "[DONE]" {
            return self.end().map(Some);
        }
        let answer: Answer =
            serde_json::from_str(data).map_err(|error| self.fails(ErrorKind::Decode).with_source(error))?;
        self.shared.check(&answer)?;
        if let Some(reason) = answer.finish_reason() {
            self.finish = Some(self.shared.finish(reason, &answer));
        } else if let (Some(finish), Some(_)) = (&mut self.finish, answer.usage()) {
            *finish = self.shared.finish(finish.reason.clone(), &answer);
        }
        let text = answer.text();
        if text.is_empty() {
            return Ok(None);
        }
        self.phase = Phase::Content;
        self.wait_until = Instant::now() + self.shared.config.timeouts.idle;
        Ok(Some(ChatEvent::Delta(text)))
    }

    /// The last event; without a reason to end, the answer was cut off.
    fn end(&mut self) -> Result<ChatEvent> {
        match self.finish.take() {
            Some(finish) => Ok(ChatEvent::Finished(finish)),
            None => Err(self.fails(ErrorKind::Truncated)),
        }
    }

    fn fails(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.shared.config.name.clone())
    }
}
