use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use reqwest::header::HeaderMap;
use url::Url;

use crate::error::{ErrorKind, TimeoutKind};
use crate::redacted::RedactedUrl;

/// What carries requests to providers: the network, or a [cassette](crate::cassette).
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Posts a request; the answer's head, and a stream of its body.
    ///
    /// # Errors
    ///
    /// Fails when no head comes. A status that is no success is an answer, too.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future or the body drops the connection.
    async fn post(&self, request: HttpRequest) -> Result<HttpReply, TransportError>;
}

/// A request that is to be posted. Shown without its address's query, which may hold a key, and without its body.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// Where to.
    pub url: Url,
    /// The headers; those that hold a secret are marked as sensitive.
    pub headers: HeaderMap,
    /// The body, which is JSON.
    pub body: Bytes,
}

impl HttpRequest {
    /// A request of these parts.
    #[must_use]
    pub fn new(url: Url, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self { url, headers, body: body.into() }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = RedactedUrl::new(self.url.as_str());
        f.debug_struct("HttpRequest").field("url", &url).finish_non_exhaustive()
    }
}

/// The answer to a request.
#[non_exhaustive]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it comes.
    pub body: BoxStream<'static, Result<Bytes, TransportError>>,
}

impl HttpReply {
    /// An answer of these parts.
    #[must_use]
    pub fn new(
        status: u16,
        headers: HeaderMap,
        body: BoxStream<'static, Result<Bytes, TransportError>>,
    ) -> Self {
        Self { status, headers, body }
    }

    /// A header, as far as it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why a request brought no answer, or not all of it. Never holds the address, which may hold a key.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: ErrorKind,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// An error of this kind with its cause.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn into_parts(self) -> (ErrorKind, Option<Box<dyn StdError + Send + Sync>>) {
        (self.kind, self.source)
    }
}

/// The network.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// A client that takes at most this long to reach a provider. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setup`] when no TLS provider has been installed in this process, or TLS is not usable.
    pub fn new(connect: Duration) -> Result<Self, TransportError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let detail = "install a TLS provider once at the start of the program: rustls::crypto::ring::default_provider().install_default()";
            return Err(TransportError::new(ErrorKind::Setup, detail));
        }
        let client = reqwest::Client::builder()
            .connect_timeout(connect)
            // Whoever is sent elsewhere would take the conversation, and perhaps the key, along.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("helm/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| {
            let detail =
                "TLS has no root certificates or is not usable; on Debian: apt-get install ca-certificates";
            TransportError::new(ErrorKind::Setup, format!("{detail}: {error}"))
        })?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn post(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        let post = self.client.post(request.url).headers(request.headers).body(request.body);
        let response = post.send().await.map_err(before_head)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response
            .bytes_stream()
            .map_err(|error| TransportError::new(ErrorKind::Truncated, error.without_url()));
        Ok(HttpReply { status, headers, body: body.boxed() })
    }
}

fn before_head(error: reqwest::Error) -> TransportError {
    let kind = match () {
        () if error.is_builder() => ErrorKind::Setup,
        () if error.is_connect() && error.is_timeout() => ErrorKind::Timeout(TimeoutKind::Connect),
        () => ErrorKind::Transport,
    };
    // The address may hold a key in its query.
    TransportError::new(kind, error.without_url())
}
