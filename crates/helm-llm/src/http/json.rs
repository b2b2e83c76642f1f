use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use super::address::{endpoint, header};
use super::body::read;
use super::transport::{HttpReply, HttpRequest, HttpTransport, Transport, TransportError};
use crate::codec::Authorization;
use crate::redacted::RedactedUrl;
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// The most bytes of an answer.
const MOST_OF_ANSWER: usize = 256 << 10;
/// The most characters that are told of a refusal.
const MOST_OF_REFUSAL: usize = 500;

/// An address that JSON is posted to, such as that of a tool or of a classifier. What is posted becomes the body and
/// nothing else, so it cannot choose where the request goes.
pub struct JsonEndpoint {
    url: Url,
    headers: HeaderMap,
    secrets: Scrubber,
    timeout: Duration,
    transport: Arc<dyn Transport>,
}

/// Why an address gave no answer. Never holds its query, which may hold a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It could not be reached, or its answer broke off.
    #[error("it cannot be reached")]
    Unreachable(#[source] TransportError),
    /// There was no answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// The answer is too long.
    #[error("its answer has more than {MOST_OF_ANSWER} bytes")]
    TooLong,
    /// It refused.
    #[error("it answered with status {status}: {start}")]
    Refused {
        /// The status.
        status: u16,
        /// The first 500 characters of what it said, without secrets.
        start: String,
    },
}

impl JsonEndpoint {
    /// An address in the network whose answers may take so long; a key is sent as a bearer token. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the address or the key, or that there is no TLS.
    pub fn new(url: &RedactedUrl, key: Option<&Secret>, timeout: Duration) -> Result<Self, String> {
        let transport = HttpTransport::new(Duration::from_secs(5).min(timeout));
        let transport = transport.map_err(|error| error.to_string())?;
        Self::over(url, key, timeout, Arc::new(transport))
    }

    /// The same with another way to carry requests.
    ///
    /// # Errors
    ///
    /// As for [`JsonEndpoint::new`], but for TLS.
    pub fn over(
        url: &RedactedUrl,
        key: Option<&Secret>,
        timeout: Duration,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, String> {
        let url = endpoint(url, &[])?;
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/plain"));
        if let Some(key) = key {
            let (name, value) = header(Authorization::Bearer, key)?;
            headers.insert(name, value);
        }
        let secrets = Scrubber::knowing(key).and_those_of(&url);
        Ok(Self { url, headers, secrets, timeout, transport })
    }

    /// Posts `body`; the answer's text, of at most 256 KiB.
    ///
    /// # Errors
    ///
    /// [`EndpointError`], also when the status is no success.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future drops the connection.
    pub async fn post(&self, body: &Value) -> Result<String, EndpointError> {
        let late = |_| EndpointError::Late(self.timeout);
        tokio::time::timeout(self.timeout, self.exchange(body)).await.map_err(late)?
    }

    async fn exchange(&self, body: &Value) -> Result<String, EndpointError> {
        let request = HttpRequest::new(self.url.clone(), self.headers.clone(), body.to_string());
        let mut reply = self.transport.post(request).await.map_err(EndpointError::Unreachable)?;
        let (bytes, whole) = read(&mut reply, MOST_OF_ANSWER).await.map_err(EndpointError::Unreachable)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match (reply.status, whole) {
            (200..300, true) => Ok(text),
            (200..300, false) => Err(EndpointError::TooLong),
            _ => Err(self.refused(&reply, &text)),
        }
    }

    fn refused(&self, reply: &HttpReply, text: &str) -> EndpointError {
        let start = self.secrets.text(text).chars().take(MOST_OF_REFUSAL).collect();
        EndpointError::Refused { status: reply.status, start }
    }
}

impl fmt::Debug for JsonEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = RedactedUrl::new(self.url.as_str());
        f.debug_struct("JsonEndpoint").field("url", &url).finish_non_exhaustive()
    }
}
