mod protocol;
mod request;

use serde_json::{Map, Value};

use super::contract::Codec;
use super::decoder::{Decoder, Framing, Protocol};
use super::fault::Fault;
use super::json;
use crate::answer::ChatResponse;
use crate::capabilities::{Capabilities, Unsupported};
use crate::request::ChatRequest;

/// OpenAI chat completions, and whatever is compatible with them.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenAiChat {
    model: String,
    quirks: ChatQuirks,
    extra: Map<String, Value>,
}

/// What a server that calls itself compatible does otherwise than OpenAI. The defaults are OpenAI's ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ChatQuirks {
    /// Whether the limit of tokens is called `max_tokens`, as older servers do, instead of
    /// `max_completion_tokens`. Default: no.
    pub legacy_max_tokens: bool,
    /// Whether `stream_options` may be sent to have the tokens of a stream reported. Default: yes.
    pub stream_usage: bool,
    /// Whether instructions have the role `developer` instead of `system`. Default: no.
    pub developer_role: bool,
    /// Whether the model can call several tools in one answer, and `parallel_tool_calls` may be sent. Default: yes.
    pub parallel_tool_calls: bool,
    /// Whether `strict` may be sent with tools and forms. Default: yes.
    pub strict: bool,
    /// Whether `tool_choice` may be an object that names a tool, and not only a word. Where it may not, only that
    /// tool is offered. Default: yes.
    pub named_tool_choice: bool,
}

impl Default for ChatQuirks {
    fn default() -> Self {
        Self {
            legacy_max_tokens: false,
            stream_usage: true,
            developer_role: false,
            parallel_tool_calls: true,
            strict: true,
            named_tool_choice: true,
        }
    }
}

impl OpenAiChat {
    /// The codec for a model that the provider calls so.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), quirks: ChatQuirks::default(), extra: Map::new() }
    }

    /// Says what the server does otherwise.
    #[must_use]
    pub fn with_quirks(mut self, quirks: ChatQuirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Sends these fields too, such as `top_k`. They replace none that a request sets.
    #[must_use]
    pub fn with_extra(mut self, extra: Map<String, Value>) -> Self {
        self.extra = extra;
        self
    }
}

impl Codec for OpenAiChat {
    fn provider(&self) -> &'static str {
        "openai"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn path(&self) -> &'static [&'static str] {
        &["chat", "completions"]
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { parallel_tool_calls: self.quirks.parallel_tool_calls, ..Capabilities::default() }
    }

    fn encode(&self, request: &ChatRequest, streamed: bool) -> Result<Vec<u8>, Unsupported> {
        request::body(&self.model, self.quirks, request, streamed).into_bytes(&self.extra)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, Fault> {
        let value = json::body(body)?;
        let (mut protocol, mut events) = (protocol::Chat::default(), Vec::new());
        protocol.take(&value, &mut events)?;
        if !value.pointer("/choices/0").is_some_and(Value::is_object) {
            return Err(Fault::decode("it holds no choice"));
        }
        protocol.close(&mut events)?;
        ChatResponse::from_events(events).ok_or_else(Fault::truncated)
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(Framing::Events, protocol::Chat::default())
    }
}
