use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::ModelName;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::body::{self, MOST_OF_ANSWER, MOST_OF_ERROR};
use super::config::OpenAiChatConfig;
use super::failure;
use super::reader::Reader;
use super::wire::{self, Answer};
use crate::capabilities::Capabilities;
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::{Call, ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, Finish, FinishReason};

/// A model behind OpenAI chat completions. One attempt for each call; [`Retry`](crate::Retry) adds more.
///
/// A whole answer is bounded by the call's deadline alone: its first byte comes when the last token is ready. A
/// streamed one is bounded by the configured [`Timeouts`](crate::Timeouts) too.
#[derive(Clone, Debug)]
pub struct OpenAiChat {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: OpenAiChatConfig,
    url: Url,
    authorization: Option<HeaderValue>,
    client: reqwest::Client,
}

impl OpenAiChat {
    /// Sets up a client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setup`] when the address is not one, the key cannot be a header, or no TLS provider has been
    /// installed in this process.
    pub fn new(config: OpenAiChatConfig) -> Result<Self> {
        let setup = |detail: String| Error::new(ErrorKind::Setup, config.name.clone()).with_detail(detail);
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let detail = "install a TLS provider once at the start of the program: rustls::crypto::ring::default_provider().install_default()";
            return Err(setup(detail.to_owned()));
        }
        let url = address(&config).map_err(setup)?;
        let authorization = authorization(&config).map_err(setup)?;
        let client = reqwest::Client::builder()
            .connect_timeout(config.timeouts.connect)
            .user_agent(concat!("helm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                let detail = "TLS has no root certificates or is not usable; on Debian: apt-get install ca-certificates";
                setup(detail.to_owned()).with_source(error)
            })?;
        Ok(Self { shared: Arc::new(Shared { config, url, authorization, client }) })
    }

    /// Sends one request; the answer's head, when it is a success.
    async fn send(&self, request: &ChatRequest, call: &Call, streamed: bool) -> Result<reqwest::Response> {
        let Shared { config, url, authorization, client } = &*self.shared;
        let checked = config.capabilities.check(&request.sampling, request.max_output_tokens);
        checked.map_err(|error| self.fails(ErrorKind::BadRequest).with_detail(error.to_string()))?;
        call.count_attempt();
        let mut post = client.post(url.clone()).json(&wire::body(config, request, streamed));
        if let Some(authorization) = authorization {
            post = post.header(AUTHORIZATION, authorization.clone());
        }
        let response = post.send().await.map_err(|error| failure::transport(&config.name, error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    async fn refused(&self, mut response: reqwest::Response) -> Error {
        let config = &self.shared.config;
        let (status, headers) = (response.status(), response.headers().clone());
        // A body that cannot be read has nothing to add to the status.
        let read = timeout(config.timeouts.idle, body::read(&mut response, MOST_OF_ERROR)).await;
        let (bytes, _) = read.ok().and_then(Result::ok).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        failure::refused(&config.name, status, &headers, &text, config.api_key.as_ref())
    }

    async fn whole(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        let response = self.send(request, call, false).await?;
        self.read_whole(response).await
    }

    async fn read_whole(&self, mut response: reqwest::Response) -> Result<ChatResponse> {
        let read = body::read(&mut response, MOST_OF_ANSWER).await;
        let (bytes, all) = read.map_err(|error| failure::broken_off(self.name(), error))?;
        if !all {
            let detail = format!("it has more than {MOST_OF_ANSWER} bytes");
            return Err(self.fails(ErrorKind::Decode).with_detail(detail));
        }
        let answer =
            Answer::parse(&bytes).map_err(|error| self.fails(ErrorKind::Decode).with_source(error))?;
        self.shared.check(&answer)?;
        if !answer.has_choice() {
            return Err(self.fails(ErrorKind::Decode).with_detail("it holds no choice"));
        }
        let reason = answer.finish_reason().ok_or_else(|| self.fails(ErrorKind::Truncated))?;
        Ok(ChatResponse { text: answer.text(), finish: self.shared.finish(reason, &answer) })
    }

    fn fails(&self, kind: ErrorKind) -> Error {
        self.shared.fails(kind)
    }

    /// Bounds `work` by the call's deadline and its cancellation, and by `limit` where there is one.
    async fn bounded<T>(
        &self,
        call: &Call,
        limit: Option<Instant>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limit = limit.map(|limit| (limit, TimeoutKind::FirstToken));
        let limit = earlier(limit, call.deadline);
        let in_time = async {
            let Some((limit, kind)) = limit else { return work.await };
            timeout_at(limit, work).await.unwrap_or_else(|_| Err(self.fails(ErrorKind::Timeout(kind))))
        };
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => Err(self.fails(ErrorKind::Cancelled)),
            ended = in_time => ended,
        }
    }
}

/// Where completions are asked for. The base may have a query, which some gateways route by.
fn address(config: &OpenAiChatConfig) -> Result<Url, String> {
    let shown = &config.base_url;
    let wrong = || format!("base_url {shown:?} must begin with http:// or https:// and name a host");
    let mut url =
        Url::parse(shown.expose()).map_err(|error| format!("base_url {shown:?} is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong());
    }
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(["chat", "completions"]);
    Ok(url)
}

fn authorization(config: &OpenAiChatConfig) -> Result<Option<HeaderValue>, String> {
    let Some(key) = &config.api_key else { return Ok(None) };
    let header = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
    let mut header = header.map_err(|_| {
        "the key holds a line break or another character that no key has; check where it comes from"
            .to_owned()
    })?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// What comes first: a limit of its own kind, or the deadline of everything.
pub(super) fn earlier(
    limit: Option<(Instant, TimeoutKind)>,
    deadline: Option<Instant>,
) -> Option<(Instant, TimeoutKind)> {
    let total = deadline.map(|deadline| (deadline, TimeoutKind::Total));
    limit.into_iter().chain(total).min_by_key(|(limit, _)| *limit)
}

impl Shared {
    pub(super) fn check(&self, answer: &Answer) -> Result<()> {
        match answer.error() {
            Some(error) => Err(failure::in_answer(&self.config.name, error, self.config.api_key.as_ref())),
            None => Ok(()),
        }
    }

    pub(super) fn finish(&self, reason: FinishReason, answer: &Answer) -> Finish {
        let finish = Finish { reason, usage: answer.usage(), cost: None, model: answer.model_name() };
        self.priced(finish)
    }

    pub(super) fn priced(&self, finish: Finish) -> Finish {
        let cost = self.config.prices.zip(finish.usage).and_then(|(prices, usage)| prices.of(usage));
        Finish { cost, ..finish }
    }

    pub(super) fn fails(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.config.name.clone())
    }
}

/// How a success to a streamed request is to be read.
enum Form {
    Events,
    Whole,
    Unknown(String),
}

impl Form {
    fn of(response: &reqwest::Response) -> Self {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            // Some servers do not say what they send, or say something general.
            "text/event-stream" | "" | "text/plain" | "application/octet-stream" => Self::Events,
            json if json == "application/json" || json.ends_with("+json") => Self::Whole,
            _ => Self::Unknown(kind),
        }
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
        self.bounded(call, None, self.whole(request, call)).await
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let began = Instant::now();
        let limit = began + self.shared.config.timeouts.first_token;
        let response = self.bounded(call, Some(limit), self.send(request, call, true)).await?;
        match Form::of(&response) {
            Form::Events => {
                let reader = Reader::new(Arc::clone(&self.shared), call.clone(), response, began.elapsed());
                Ok(reader.events().boxed())
            }
            // A server that does not stream answers whole; an error is an answer, too.
            Form::Whole => {
                let ChatResponse { text, finish } =
                    self.bounded(call, None, self.read_whole(response)).await?;
                let delta = (!text.is_empty()).then_some(ChatEvent::Delta(text));
                let events = delta.into_iter().chain([ChatEvent::Finished(finish)]);
                Ok(stream::iter(events.map(Ok)).boxed())
            }
            Form::Unknown(kind) => {
                let detail = format!("it is {kind}, not a stream of events; check base_url");
                Err(self.fails(ErrorKind::Decode).with_detail(detail))
            }
        }
    }
}
