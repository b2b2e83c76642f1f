mod protocol;
mod request;

use serde_json::{Map, Value};

use super::contract::Codec;
use super::decoder::{Decoder, Framing, Protocol};
use super::fault::Fault;
use super::json;
use crate::answer::ChatResponse;
use crate::capabilities::{Capabilities, Unsupported};
use crate::request::{ChatRequest, ToolChoice};

/// Ollama's own chat, which can set what its compatible addresses cannot, such as the length of the context.
///
/// The model itself chooses whether to call tools, and pictures must be sent along.
#[derive(Clone, PartialEq, Debug)]
pub struct Ollama {
    model: String,
    extra: Map<String, Value>,
}

impl Ollama {
    /// The codec for a model that the server calls so.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), extra: Map::new() }
    }

    /// Sends these fields too, such as `keep_alive` or `options = { num_ctx = 8192 }`. They replace none that a
    /// request sets.
    #[must_use]
    pub fn with_extra(mut self, extra: Map<String, Value>) -> Self {
        self.extra = extra;
        self
    }
}

impl Codec for Ollama {
    fn provider(&self) -> &'static str {
        "ollama"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn path(&self) -> &'static [&'static str] {
        &["api", "chat"]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { tool_choice: false, image_urls: false, ..Capabilities::default() }
    }

    fn encode(&self, request: &ChatRequest, streamed: bool) -> Result<Vec<u8>, Unsupported> {
        if let Some(choice @ (ToolChoice::Required | ToolChoice::Named(_))) = &request.tool_choice {
            let accepted = "the model itself chooses whether to call a tool; leave it out";
            return Err(Unsupported::new("tool_choice", format!("{choice:?}"), accepted));
        }
        request::body(&self.model, request, streamed).into_bytes(&self.extra)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, Fault> {
        let (mut protocol, mut events) = (protocol::Chat::default(), Vec::new());
        protocol.take(&json::body(body)?, &mut events)?;
        protocol.close(&mut events)?;
        ChatResponse::from_events(events).ok_or_else(Fault::truncated)
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(Framing::Lines, protocol::Chat::default())
    }
}
