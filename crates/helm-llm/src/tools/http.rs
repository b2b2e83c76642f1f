use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use super::handler::{ToolContext, ToolFailure, ToolHandler};
use crate::codec::Authorization;
use crate::http::{HttpReply, HttpRequest, HttpTransport, Transport, endpoint, header, read};
use crate::redacted::RedactedUrl;
use crate::request::Tool;
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// The most bytes of an answer.
const MOST_OF_RESULT: usize = 256 << 10;
/// The most characters that a model is told of a refusal.
const MOST_OF_REFUSAL: usize = 500;

/// A tool behind an address: the arguments are posted as a JSON object, and the answer's body is the result.
///
/// What the model writes becomes the body and nothing else, so it cannot choose where the request goes. A status that
/// is no success is a failure which the model is told with its first 500 characters.
pub struct HttpTool {
    tool: Tool,
    url: Url,
    headers: HeaderMap,
    secrets: Scrubber,
    timeout: Duration,
    transport: Arc<dyn Transport>,
}

impl HttpTool {
    /// A tool over the network, of which one call may take so long. Nothing is sent.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the address or the key, or that there is no TLS.
    pub fn new(
        tool: Tool,
        url: &RedactedUrl,
        key: Option<&Secret>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let transport = HttpTransport::new(Duration::from_secs(5).min(timeout));
        let transport = transport.map_err(|error| error.to_string())?;
        Self::over(tool, url, key, timeout, Arc::new(transport))
    }

    /// The same with another way to carry requests.
    ///
    /// # Errors
    ///
    /// As for [`HttpTool::new`], but for TLS.
    pub fn over(
        tool: Tool,
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
        Ok(Self { tool, url, headers, secrets, timeout, transport })
    }

    async fn post(&self, arguments: &Value) -> Result<String, ToolFailure> {
        let request = HttpRequest::new(self.url.clone(), self.headers.clone(), arguments.to_string());
        let gone = |error| {
            tracing::warn!(tool = %self.tool.name, %error, "a tool's address did not answer");
            ToolFailure::new("the tool cannot be reached")
        };
        let mut reply = self.transport.post(request).await.map_err(gone)?;
        let (bytes, whole) = read(&mut reply, MOST_OF_RESULT).await.map_err(gone)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match (reply.status, whole) {
            (200..300, true) => Ok(text),
            (200..300, false) => {
                Err(ToolFailure::new(format!("its answer has more than {MOST_OF_RESULT} bytes")))
            }
            _ => Err(self.refused(&reply, &text)),
        }
    }

    fn refused(&self, reply: &HttpReply, text: &str) -> ToolFailure {
        let start: String = self.secrets.text(text).chars().take(MOST_OF_REFUSAL).collect();
        ToolFailure::new(format!("the tool answered with status {}: {start}", reply.status))
    }
}

#[async_trait]
impl ToolHandler for HttpTool {
    fn tool(&self) -> &Tool {
        &self.tool
    }

    async fn call(&self, arguments: Value, _: &ToolContext) -> Result<String, ToolFailure> {
        let late = || ToolFailure::new(format!("no answer within {} s", self.timeout.as_secs_f64()));
        tokio::time::timeout(self.timeout, self.post(&arguments)).await.unwrap_or_else(|_| Err(late()))
    }
}

impl fmt::Debug for HttpTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpTool").field(&self.tool.name).finish()
    }
}
