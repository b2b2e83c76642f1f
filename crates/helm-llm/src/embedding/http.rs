use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use helm_core::ModelName;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::model::EmbeddingModel;
use super::wire;
use crate::codec::{Authorization, Fault};
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::http::{
    HttpRequest, HttpTransport, MOST_OF_ERROR, MOST_OF_VECTORS, Told, Transport, endpoint, header, read,
    refused, transport, within,
};
use crate::model::Call;
use crate::redacted::RedactedUrl;
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// An address that understands OpenAI embeddings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmbedderConfig {
    /// The name it is configured under.
    pub name: ModelName,
    /// Its address up to and without `/embeddings`.
    pub base_url: RedactedUrl,
    /// What the provider calls the model.
    pub model: String,
    /// The length of its vectors. An answer of another length is refused.
    pub dimensions: usize,
    /// Whether the provider is asked for vectors of that length, which not every model can. Default: no.
    pub asks_dimensions: bool,
    /// The key. Default: none is sent.
    pub api_key: Option<Secret>,
    /// How many texts are sent in one request. Default: 128.
    pub batch: usize,
    /// Reaching the provider. Default: 5 s.
    pub connect: Duration,
    /// One request with its answer. Default: 10 s.
    pub timeout: Duration,
}

impl EmbedderConfig {
    /// The defaults, for this address and model.
    #[must_use]
    pub fn new(
        name: ModelName,
        base_url: impl Into<RedactedUrl>,
        model: impl Into<String>,
        dimensions: usize,
    ) -> Self {
        Self {
            name,
            base_url: base_url.into(),
            model: model.into(),
            dimensions,
            asks_dimensions: false,
            api_key: None,
            batch: 128,
            connect: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }

    /// Sends this key.
    #[must_use]
    pub fn with_api_key(mut self, key: Secret) -> Self {
        self.api_key = Some(key);
        self
    }

    /// Asks the provider for vectors of the configured length.
    #[must_use]
    pub fn asking_dimensions(mut self, asks: bool) -> Self {
        self.asks_dimensions = asks;
        self
    }

    /// Sets how many texts are sent in one request, at least one.
    #[must_use]
    pub fn with_batch(mut self, texts: usize) -> Self {
        self.batch = texts;
        self
    }

    /// Sets how long one request with its answer may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// An embedding model behind OpenAI embeddings, or whatever is compatible with them.
///
/// Texts are sent in batches, one after the other, one attempt for each; [`Retry`](crate::Retry) adds more. A text
/// without words is not sent, since providers refuse it, and has the zero vector.
#[derive(Clone)]
pub struct HttpEmbedder {
    config: EmbedderConfig,
    transport: Arc<dyn Transport>,
    url: Url,
    headers: HeaderMap,
    secrets: Scrubber,
}

impl fmt::Debug for HttpEmbedder {
    /// The address is shown as the configuration shows it: the whole one may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpEmbedder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl HttpEmbedder {
    /// Sets up a client for the network. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setup`] when the address is not one, the key cannot be a header, there are no dimensions, or no
    /// TLS provider has been installed in this process.
    pub fn new(config: EmbedderConfig) -> Result<Self> {
        let network = HttpTransport::new(config.connect);
        let network = network.map_err(|error| transport(&config.name, error))?;
        Self::over(config, Arc::new(network))
    }

    /// Sets up a client for another way to carry requests.
    ///
    /// # Errors
    ///
    /// As for [`HttpEmbedder::new`], but for TLS.
    pub fn over(config: EmbedderConfig, transport: Arc<dyn Transport>) -> Result<Self> {
        let setup = |detail: String| Error::new(ErrorKind::Setup, config.name.clone()).with_detail(detail);
        if config.dimensions == 0 {
            return Err(setup("vectors need at least one dimension".to_owned()));
        }
        let url = endpoint(&config.base_url, &["embeddings"]).map_err(setup)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &config.api_key {
            let (name, value) = header(Authorization::Bearer, key).map_err(setup)?;
            headers.insert(name, value);
        }
        let secrets = Scrubber::knowing(&config.api_key).and_those_of(&url);
        Ok(Self { config, transport, url, headers, secrets })
    }

    async fn embed_batch(&self, texts: &[&str], call: &Call) -> Result<Vec<Vec<f32>>> {
        let fails = |kind| Error::new(kind, self.config.name.clone());
        let own = Instant::now() + self.config.timeout;
        let (until, kind) = match call.deadline {
            Some(deadline) if deadline <= own => (deadline, TimeoutKind::Total),
            _ => (own, TimeoutKind::FirstToken),
        };
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => Err(fails(ErrorKind::Cancelled)),
            () = tokio::time::sleep_until(until) => Err(fails(ErrorKind::Timeout(kind))),
            vectors = self.ask(texts, call) => vectors,
        }
    }

    async fn ask(&self, texts: &[&str], call: &Call) -> Result<Vec<Vec<f32>>> {
        call.count_attempt();
        let EmbedderConfig { name, model, dimensions, asks_dimensions, .. } = &self.config;
        let told = Told { model: name, secrets: &self.secrets };
        let body = wire::body(model, texts, asks_dimensions.then_some(*dimensions));
        let post = self.transport.post(HttpRequest::new(self.url.clone(), self.headers.clone(), body)).await;
        let mut reply = post.map_err(|error| transport(name, error))?;
        if !(200..300).contains(&reply.status) {
            let (bytes, _) = read(&mut reply, MOST_OF_ERROR).await.unwrap_or_default();
            return Err(refused(told, reply.status, &reply.headers, &bytes));
        }
        let (bytes, all) = read(&mut reply, MOST_OF_VECTORS).await.map_err(|error| transport(name, error))?;
        let vectors = match all {
            true => wire::vectors(&bytes, texts.len(), *dimensions),
            false => Err(Fault::decode(format!("it has more than {MOST_OF_VECTORS} bytes"))),
        };
        vectors.map_err(|fault| within(told, fault, &reply.headers))
    }
}

#[async_trait]
impl EmbeddingModel for HttpEmbedder {
    fn name(&self) -> &ModelName {
        &self.config.name
    }

    fn dimensions(&self) -> usize {
        self.config.dimensions
    }

    async fn embed(&self, texts: &[String], call: &Call) -> Result<Vec<Vec<f32>>> {
        let wordless = |text: &str| !text.chars().any(char::is_alphanumeric);
        let asked: Vec<_> = texts.iter().map(String::as_str).filter(|text| !wordless(text)).collect();
        let mut vectors = Vec::with_capacity(asked.len());
        for batch in asked.chunks(self.config.batch.max(1)) {
            vectors.extend(self.embed_batch(batch, call).await?);
        }
        let (mut vectors, zero) = (vectors.into_iter(), || vec![0.0; self.config.dimensions]);
        let next = |text: &String| if wordless(text) { None } else { vectors.next() };
        Ok(texts.iter().map(next).map(|vector| vector.unwrap_or_else(zero)).collect())
    }
}
