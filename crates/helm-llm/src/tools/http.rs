use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::handler::{ToolContext, ToolFailure, ToolHandler};
use crate::http::{EndpointError, JsonEndpoint, Transport};
use crate::redacted::RedactedUrl;
use crate::request::Tool;
use crate::secret::Secret;

/// A tool behind an address: the arguments are posted as a JSON object, and the answer's body is the result.
///
/// What the model writes becomes the body and nothing else, so it cannot choose where the request goes. A status that
/// is no success is a failure which the model is told with its first 500 characters.
pub struct HttpTool {
    tool: Tool,
    endpoint: JsonEndpoint,
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
        Ok(Self { tool, endpoint: JsonEndpoint::new(url, key, timeout)? })
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
        Ok(Self { tool, endpoint: JsonEndpoint::over(url, key, timeout, transport)? })
    }

    /// What the model is told.
    fn failure(&self, error: &EndpointError) -> ToolFailure {
        match error {
            EndpointError::Unreachable(error) => {
                tracing::warn!(tool = %self.tool.name, %error, "a tool's address did not answer");
                ToolFailure::new("the tool cannot be reached")
            }
            EndpointError::Refused { status, start } => {
                ToolFailure::new(format!("the tool answered with status {status}: {start}"))
            }
            other => ToolFailure::new(other.to_string()),
        }
    }
}

#[async_trait]
impl ToolHandler for HttpTool {
    fn tool(&self) -> &Tool {
        &self.tool
    }

    async fn call(&self, arguments: Value, _: &ToolContext) -> Result<String, ToolFailure> {
        self.endpoint.post(&arguments).await.map_err(|error| self.failure(&error))
    }
}

impl fmt::Debug for HttpTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpTool").field(&self.tool.name).finish()
    }
}
