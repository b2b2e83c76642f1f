mod protocol;
mod request;

use serde_json::{Map, Value};

use super::contract::Codec;
use super::decoder::{Decoder, Framing};
use super::fault::Fault;
use super::json;
use crate::answer::ChatResponse;
use crate::capabilities::{Capabilities, Unsupported};
use crate::request::ChatRequest;

/// OpenAI responses, without state on the provider's side: nothing is stored there.
///
/// The wire format has no texts to stop at and no seed. Reasoning goes back with the conversation where the provider
/// sends it encrypted, which is asked for when an effort is set.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenAiResponses {
    model: String,
    developer_role: bool,
    extra: Map<String, Value>,
}

impl OpenAiResponses {
    /// The codec for a model that the provider calls so.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), developer_role: false, extra: Map::new() }
    }

    /// Gives instructions the role `developer` instead of `system`. Default: no.
    #[must_use]
    pub fn with_developer_role(mut self, developer: bool) -> Self {
        self.developer_role = developer;
        self
    }

    /// Sends these fields too, such as `prompt_cache_key`. They replace none that a request sets.
    #[must_use]
    pub fn with_extra(mut self, extra: Map<String, Value>) -> Self {
        self.extra = extra;
        self
    }
}

impl Codec for OpenAiResponses {
    fn provider(&self) -> &'static str {
        "openai"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn path(&self) -> &'static [&'static str] {
        &["responses"]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { stop: false, seed: false, ..Capabilities::default() }
    }

    fn encode(&self, request: &ChatRequest, streamed: bool) -> Result<Vec<u8>, Unsupported> {
        request::body(&self.model, self.developer_role, request, streamed).into_bytes(&self.extra)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, Fault> {
        let (mut protocol, mut events) = (protocol::Responses::default(), Vec::new());
        protocol.end(&json::body(body)?, &mut events)?;
        ChatResponse::from_events(events).ok_or_else(Fault::truncated)
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(Framing::Events, protocol::Responses::default())
    }
}

/// What blocks of this wire format are marked with.
const FORMAT: &str = "openai-responses";
