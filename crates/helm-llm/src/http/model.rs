use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{Clock, ModelName, NanoUsd, SystemClock, Usage};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::address;
use super::body::{self, MOST_OF_ANSWER, MOST_OF_ERROR};
use super::config::HttpConfig;
use super::failure::{self, Told};
use super::reader::Reader;
use super::transport::{HttpReply, HttpRequest, HttpTransport, Transport};
use crate::answer::{AnswerPart, ChatResponse, Finish, RequestedCall};
use crate::capabilities::Capabilities;
use crate::codec::{Codec, Fault, Framing};
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::{Call, ChatModel, ChatStream};
use crate::request::ChatRequest;
use crate::scrub::Scrubber;

/// A model behind HTTP, in any wire format. One attempt for each call; [`Retry`](crate::Retry) adds more.
///
/// A whole answer is bounded by the call's deadline alone: its first byte comes when the last token is ready. A
/// streamed one is bounded by the configured [`Timeouts`](crate::Timeouts) too.
#[derive(Clone)]
pub struct HttpModel {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) config: HttpConfig,
    pub(super) codec: Box<dyn Codec>,
    transport: Arc<dyn Transport>,
    url: Url,
    headers: HeaderMap,
    secrets: Scrubber,
}

impl fmt::Debug for HttpModel {
    /// The address is shown as the configuration shows it: the whole one may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpModel").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl HttpModel {
    /// Sets up a client for the network. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setup`] when the address is not one, the key cannot be a header, or no TLS provider has been
    /// installed in this process.
    pub fn new(codec: impl Codec, config: HttpConfig) -> Result<Self> {
        let transport = HttpTransport::new(config.timeouts.connect);
        let transport = transport.map_err(|error| failure::transport(&config.name, error))?;
        Self::over(codec, config, Arc::new(transport))
    }

    /// Sets up a client for another way to carry requests.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setup`] when the address is not one, or the key cannot be a header.
    pub fn over(codec: impl Codec, mut config: HttpConfig, transport: Arc<dyn Transport>) -> Result<Self> {
        let setup = |detail: String| Error::new(ErrorKind::Setup, config.name.clone()).with_detail(detail);
        let url = address::endpoint(&config.base_url, codec.path()).map_err(setup)?;
        let headers = headers(&codec, &config).map_err(setup)?;
        config.capabilities = config.capabilities.within(&codec.capabilities());
        let secrets = Scrubber::knowing(&config.api_key).and_those_of(&url);
        let shared = Shared { config, codec: Box::new(codec), transport, url, headers, secrets };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Sends one request; the answer's head, when it is a success.
    async fn send(&self, request: &ChatRequest, call: &Call, streamed: bool) -> Result<HttpReply> {
        let Shared { config, codec, transport, url, headers, .. } = &*self.shared;
        let refuse =
            |error: crate::Unsupported| self.fails(ErrorKind::BadRequest).with_detail(error.to_string());
        config.capabilities.check_request(request).map_err(refuse)?;
        let body = codec.encode(request, streamed).map_err(refuse)?;
        call.count_attempt();
        let mut headers = headers.clone();
        if let Some(trace) = &config.trace {
            trace.add(&mut headers);
        }
        let reply = transport.post(HttpRequest::new(url.clone(), headers, body)).await;
        let reply = reply.map_err(|error| failure::transport(&config.name, error))?;
        if (200..300).contains(&reply.status) { Ok(reply) } else { Err(self.refused(reply).await) }
    }

    async fn refused(&self, mut reply: HttpReply) -> Error {
        // A body that cannot be read has nothing to add to the status.
        let read = timeout(self.shared.config.timeouts.idle, body::read(&mut reply, MOST_OF_ERROR)).await;
        let (bytes, _) = read.ok().and_then(Result::ok).unwrap_or_default();
        failure::refused(self.shared.told(), reply.status, &reply.headers, &bytes)
    }

    async fn whole(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        let reply = self.send(request, call, false).await?;
        self.read_whole(reply, request).await
    }

    async fn read_whole(&self, mut reply: HttpReply, request: &ChatRequest) -> Result<ChatResponse> {
        let read = body::read(&mut reply, MOST_OF_ANSWER).await;
        let (bytes, all) = read.map_err(|error| failure::transport(self.name(), error))?;
        let within = |fault| self.shared.within(fault, &reply.headers);
        if !all {
            return Err(within(Fault::decode(format!("it has more than {MOST_OF_ANSWER} bytes"))));
        }
        let mut response = self.shared.codec.decode(&bytes).map_err(within)?;
        for part in &mut response.parts {
            if let AnswerPart::Call(requested) = part {
                *requested = RequestedCall::checked(requested.call.clone(), &request.tools);
            }
        }
        response.finish = self.shared.completed(response.finish, &reply.headers);
        Ok(response)
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

fn headers(codec: &dyn Codec, config: &HttpConfig) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream, application/x-ndjson"),
    );
    for (name, value) in codec.headers() {
        let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("{name} has a value that no header has"))?;
        headers.insert(name, value);
    }
    if let Some(key) = &config.api_key {
        let (name, value) = address::header(codec.authorization(), key)?;
        headers.insert(name, value);
    }
    Ok(headers)
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
    /// The end of an answer with what the codec does not know.
    pub(super) fn completed(&self, finish: Finish, headers: &HeaderMap) -> Finish {
        let cost = finish.usage.and_then(|usage| self.price(usage));
        finish.with_cost(cost).with_request_id(failure::request_id(headers))
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        let prices = self.config.prices.as_ref()?.at(SystemClock.now())?;
        prices.of(usage)
    }

    pub(super) fn within(&self, fault: Fault, headers: &HeaderMap) -> Error {
        failure::within(self.told(), fault, headers)
    }

    fn told(&self) -> Told<'_> {
        Told { model: &self.config.name, secrets: &self.secrets }
    }

    pub(super) fn fails(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.config.name.clone())
    }
}

/// How a success to a streamed request is to be read.
enum Form {
    Stream,
    Whole,
    Unknown(String),
}

impl Form {
    fn of(reply: &HttpReply, framing: Framing) -> Self {
        let kind = reply.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match (kind.as_str(), framing) {
            // Some servers do not say what they send, or say something general.
            ("" | "text/plain" | "application/octet-stream", _) | ("text/event-stream", Framing::Events) => {
                Self::Stream
            }
            ("application/x-ndjson" | "application/jsonl" | "application/json", Framing::Lines) => {
                Self::Stream
            }
            (json, _) if json == "application/json" || json.ends_with("+json") => Self::Whole,
            _ => Self::Unknown(kind),
        }
    }
}

#[async_trait]
impl ChatModel for HttpModel {
    fn name(&self) -> &ModelName {
        &self.shared.config.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.shared.config.capabilities
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        self.shared.price(usage)
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        self.bounded(call, None, self.whole(request, call)).await
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let began = Instant::now();
        let limit = began + self.shared.config.timeouts.first_token;
        let reply = self.bounded(call, Some(limit), self.send(request, call, true)).await?;
        let decoder = self.shared.codec.decoder();
        match Form::of(&reply, decoder.framing()) {
            Form::Stream => {
                let tools = request.tools.clone();
                let reader = Reader::new(Arc::clone(&self.shared), call.clone(), reply, decoder);
                Ok(reader.with_tools(tools).having_waited(began.elapsed()).events().boxed())
            }
            // A server that does not stream answers whole; an error is an answer, too.
            Form::Whole => {
                let response = self.bounded(call, None, self.read_whole(reply, request)).await?;
                Ok(stream::iter(response.into_events().into_iter().map(Ok)).boxed())
            }
            Form::Unknown(kind) => {
                let detail = format!("it is {kind}, not a stream of events; check base_url");
                Err(self.shared.within(Fault::decode(detail), &reply.headers))
            }
        }
    }
}
