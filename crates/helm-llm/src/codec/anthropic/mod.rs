mod protocol;
mod request;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::contract::{Authorization, Codec};
use super::decoder::{Decoder, Framing};
use super::fault::Fault;
use super::json;
use crate::answer::ChatResponse;
use crate::capabilities::{Capabilities, Unsupported};
use crate::request::ChatRequest;

/// Anthropic messages, in either dated version.
///
/// The wire format has no seed, and must be told the most tokens of an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Anthropic {
    model: String,
    version: AnthropicVersion,
    max_tokens: u64,
    extra: Map<String, Value>,
}

/// The version of the wire format, which every request names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AnthropicVersion {
    /// `2023-06-01`: has sampling knobs, `temperature` up to 1; the key goes into `x-api-key`.
    #[serde(rename = "2023-06-01")]
    V2023,
    /// `2026-10-21`: has no sampling knobs; the key is a bearer token.
    #[default]
    #[serde(rename = "2026-10-21")]
    V2026,
}

impl Anthropic {
    /// The most tokens of an answer where neither the request nor the configuration says.
    pub const MAX_TOKENS: u64 = 4_096;

    /// The codec for a model that the provider calls so.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        let version = AnthropicVersion::default();
        Self { model: model.into(), version, max_tokens: Self::MAX_TOKENS, extra: Map::new() }
    }

    /// Speaks this version. Default: `2026-10-21`.
    #[must_use]
    pub fn with_version(mut self, version: AnthropicVersion) -> Self {
        self.version = version;
        self
    }

    /// The most tokens of an answer to a request that does not say. Default: 4,096.
    #[must_use]
    pub fn with_max_tokens(mut self, tokens: u64) -> Self {
        self.max_tokens = tokens;
        self
    }

    /// Sends these fields too, such as `thinking`. They replace none that a request sets.
    #[must_use]
    pub fn with_extra(mut self, extra: Map<String, Value>) -> Self {
        self.extra = extra;
        self
    }
}

impl Codec for Anthropic {
    fn provider(&self) -> &'static str {
        "anthropic"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn path(&self) -> &'static [&'static str] {
        &["messages"]
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.version {
            AnthropicVersion::V2023 => &[("anthropic-version", "2023-06-01")],
            AnthropicVersion::V2026 => &[("anthropic-version", "2026-10-21")],
        }
    }

    fn authorization(&self) -> Authorization {
        match self.version {
            AnthropicVersion::V2023 => Authorization::ApiKey,
            AnthropicVersion::V2026 => Authorization::Bearer,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let sampling = self.version == AnthropicVersion::V2023;
        Capabilities { sampling, max_temperature: 1.0, seed: false, ..Capabilities::default() }
    }

    fn encode(&self, request: &ChatRequest, streamed: bool) -> Result<Vec<u8>, Unsupported> {
        request::body(&self.model, self.max_tokens, request, streamed).into_bytes(&self.extra)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, Fault> {
        protocol::whole(&json::body(body)?)
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(Framing::Events, protocol::Messages::default())
    }
}

/// What blocks of this wire format are marked with.
const FORMAT: &str = "anthropic";
