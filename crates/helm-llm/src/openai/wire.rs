//! Requests to JSON, JSON to events: pure.

use helm_core::{Message, ModelName, TokenCount, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::OpenAiChatConfig;
use crate::model::{ChatRequest, FinishReason};

/// The body of a request.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<Value>,
}

#[derive(Serialize)]
struct WireMessage {
    role: &'static str,
    content: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn body<'a>(config: &'a OpenAiChatConfig, request: &'a ChatRequest, stream: bool) -> Body<'a> {
    let limit = request.max_output_tokens.map(TokenCount::get);
    let message =
        |message: &Message| WireMessage { role: message.role.as_str(), content: message.joined_text() };
    Body {
        model: &config.model,
        messages: request.messages.iter().map(message).collect(),
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        reasoning_effort: request.sampling.effort.as_deref(),
        max_completion_tokens: limit.filter(|_| !config.legacy_max_tokens),
        max_tokens: limit.filter(|_| config.legacy_max_tokens),
        stream,
        stream_options: (stream && config.stream_usage).then(|| serde_json::json!({ "include_usage": true })),
    }
}

/// A whole answer, or a chunk of a streamed one. Read leniently: what is not needed may be missing.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<WireUsage>,
    /// Some servers send an error in a stream that began well.
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    message: Option<Content>,
    #[serde(default)]
    delta: Option<Content>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl Answer {
    /// The text of the first choice; a refusal is text too.
    pub(super) fn text(&self) -> String {
        let content =
            self.choices.first().and_then(|choice| choice.message.as_ref().or(choice.delta.as_ref()));
        let text = content.and_then(|content| content.content.as_deref().or(content.refusal.as_deref()));
        text.unwrap_or_default().to_owned()
    }

    pub(super) fn finish_reason(&self) -> Option<FinishReason> {
        let reason = self.choices.first()?.finish_reason.as_deref().filter(|reason| !reason.is_empty())?;
        Some(match reason {
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            "content_filter" => FinishReason::ContentFilter,
            other => FinishReason::Other(other.to_owned()),
        })
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().map(|usage| Usage {
            input: TokenCount::new(usage.prompt_tokens),
            output: TokenCount::new(usage.completion_tokens),
            estimated: false,
        })
    }

    /// The provider's name of the model, when it can be a name.
    pub(super) fn model_name(&self) -> Option<ModelName> {
        self.model.as_deref().and_then(|model| ModelName::new(model).ok())
    }
}
