//! Requests to JSON, JSON to events: pure.

use helm_core::{Message, ModelName, TokenCount, Usage};
use serde::Serialize;
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

/// A whole answer, or a chunk of a streamed one. Servers that call themselves compatible leave out, null and
/// rearrange much of it, so only what is needed is looked at, where it stands.
pub(super) struct Answer(Value);

/// It is JSON, but no object.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not a JSON object")]
pub(super) struct NotAnObject;

impl Answer {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let value: Value = serde_json::from_slice(bytes)?;
        if value.is_object() { Ok(Self(value)) } else { Err(NotAnObject.into()) }
    }

    /// Some servers send an error with a good status, or in a stream that began well.
    pub(super) fn error(&self) -> Option<&Value> {
        self.0.get("error").filter(|error| !error.is_null())
    }

    /// Whether it holds a choice, as a whole answer must.
    pub(super) fn has_choice(&self) -> bool {
        self.choice().is_some_and(Value::is_object)
    }

    fn choice(&self) -> Option<&Value> {
        self.0.get("choices")?.get(0)
    }

    /// The text of the first choice; a refusal is text too.
    pub(super) fn text(&self) -> String {
        let parts = ["/message/content", "/delta/content", "/message/refusal", "/delta/refusal"];
        let texts = parts.iter().filter_map(|part| text_of(self.choice()?.pointer(part)?));
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    pub(super) fn finish_reason(&self) -> Option<FinishReason> {
        let reason = self.choice()?.get("finish_reason")?.as_str().filter(|reason| !reason.is_empty())?;
        Some(match reason {
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            "content_filter" => FinishReason::ContentFilter,
            other => FinishReason::Other(other.to_owned()),
        })
    }

    /// The tokens, when both numbers are there: half of them would be priced as if the rest were free.
    pub(super) fn usage(&self) -> Option<Usage> {
        let tokens = |name: &str| self.0.get("usage")?.get(name)?.as_u64().map(TokenCount::new);
        let (input, output) = (tokens("prompt_tokens")?, tokens("completion_tokens")?);
        Some(Usage { input, output, estimated: false })
    }

    /// The provider's name of the model, when it can be a name.
    pub(super) fn model_name(&self) -> Option<ModelName> {
        self.0.get("model")?.as_str().and_then(|model| ModelName::new(model).ok())
    }
}

/// A content is a text or a list of parts, of which those of thought are not part of the answer.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(part_text).collect()),
        _ => None,
    }
}

fn part_text(part: &Value) -> Option<&str> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
    let text = part.as_str().or_else(|| part.get("text")?.as_str())?;
    matches!(kind, "text" | "output_text").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_compatible_servers_leave_out_or_null_is_no_error() {
        let empty = answer(r#"{"choices":null,"usage":null,"model":null,"error":null}"#);
        assert!(empty.text().is_empty() && empty.usage().is_none() && empty.error().is_none());
        assert!(!empty.has_choice() && empty.finish_reason().is_none() && empty.model_name().is_none());
        let half = answer(r#"{"usage":{"prompt_tokens":3,"completion_tokens":null}}"#);
        assert_eq!(half.usage(), None);
        let listed = r#"{"choices":[{"message":{"content":[{"type":"thinking","text":"hm"},{"type":"text","text":"a"},{"text":"b"}]}}]}"#;
        assert_eq!(answer(listed).text(), "ab");
        let refused = r#"{"choices":[{"delta":{"content":"","refusal":"no"},"finish_reason":""}]}"#;
        assert_eq!((answer(refused).text().as_str(), answer(refused).finish_reason()), ("no", None));
        for bad in ["[]", "\"x\"", "{", "1"] {
            assert!(Answer::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
