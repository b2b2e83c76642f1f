use helm_core::{TokenCount, ToolCall, TurnStatus, Usage};
use helm_orchestrator::TurnResponse;
use helm_orchestrator::llm::FinishReason;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::Object;

use crate::schemas;
use crate::shown::HelmShown;

/// A message of the assistant.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageAnswer)]
pub(super) struct MessageShown<'a> {
    id: String,
    #[serde(rename = "type")]
    #[schema(schema_with = message)]
    kind: &'static str,
    #[schema(schema_with = assistant)]
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    #[schema(schema_with = stop_reasons)]
    stop_reason: Option<&'static str>,
    #[schema(schema_with = schemas::null)]
    stop_sequence: Option<()>,
    usage: UsageShown,
    helm: HelmShown,
}

/// A piece of an answer.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = AnswerBlock)]
pub(super) enum Block<'a> {
    Text {
        /// What is said.
        text: &'a str,
    },
    ToolUse {
        /// To be answered with.
        id: &'a str,
        /// The tool.
        name: &'a str,
        /// The arguments.
        #[schema(schema_with = schemas::object)]
        input: Value,
    },
}

impl<'a> Block<'a> {
    /// A call with its arguments; what the model wrote that is no JSON is left out.
    fn of_call(call: &'a ToolCall) -> Self {
        let input = call.parsed_arguments().unwrap_or_else(|_| Value::Object(serde_json::Map::new()));
        Self::ToolUse { id: call.id.as_str(), name: &call.name, input }
    }

    /// A call whose arguments are still to come.
    pub(super) fn begun(call: &'a ToolCall) -> Self {
        Self::ToolUse { id: call.id.as_str(), name: &call.name, input: Value::Object(serde_json::Map::new()) }
    }
}

impl<'a> MessageShown<'a> {
    /// The whole answer of a turn that has one, or that a guard took it from.
    pub(super) fn of(turn: &'a TurnResponse, model: &'a str) -> Self {
        let said = turn.answer.as_deref().filter(|text| !text.is_empty()).map(|text| Block::Text { text });
        Self {
            content: said.into_iter().chain(turn.calls.iter().map(Block::of_call)).collect(),
            stop_reason: Some(stop_reason(turn)),
            usage: turn.usage.into(),
            ..Self::begun(model, HelmShown::of(turn))
        }
    }

    /// An answer that has only begun.
    pub(super) fn begun(model: &'a str, helm: HelmShown) -> Self {
        Self {
            id: format!("msg_{}", helm.decision_id),
            kind: "message",
            role: "assistant",
            model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: Usage::default().into(),
            helm,
        }
    }
}

/// Why the answer ended, in Anthropic's words. Of a text to stop at providers do not tell which it was, so it counts
/// as an end.
pub(super) fn stop_reason(turn: &TurnResponse) -> &'static str {
    match turn.status {
        TurnStatus::Blocked => "refusal",
        TurnStatus::Length | TurnStatus::ToolLimit => "max_tokens",
        _ if !turn.calls.is_empty() => "tool_use",
        _ if turn.finish == Some(FinishReason::Refusal) => "refusal",
        _ => "end_turn",
    }
}

fn message() -> Object {
    schemas::words(&["message"])
}

fn assistant() -> Object {
    schemas::words(&["assistant"])
}

/// All that [`stop_reason`] says, and null while the answer has only begun.
pub(super) fn stop_reasons() -> Schema {
    let reasons = schemas::words(&["end_turn", "max_tokens", "tool_use", "refusal"]);
    schemas::or_null(reasons)
}

/// Tokens.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = MessageUsage)]
pub(super) struct UsageShown {
    /// Without those that a cache gave or took.
    input_tokens: u64,
    output_tokens: u64,
    /// Null where the provider does not tell.
    cache_creation_input_tokens: Option<u64>,
    /// Null where the provider does not tell.
    cache_read_input_tokens: Option<u64>,
}

impl From<Usage> for UsageShown {
    /// Here the tokens that a cache gave or took are counted apart.
    fn from(usage: Usage) -> Self {
        let (read, written) = (usage.cached.map(TokenCount::get), usage.cache_write.map(TokenCount::get));
        let apart = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        Self {
            input_tokens: usage.input.get().saturating_sub(apart),
            output_tokens: usage.output.get(),
            cache_creation_input_tokens: written,
            cache_read_input_tokens: read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_a_cache_gave_or_took_are_counted_once() {
        let mut usage = Usage::reported(TokenCount::new(100), TokenCount::new(7));
        usage.cached = Some(TokenCount::new(60));
        usage.cache_write = Some(TokenCount::new(30));
        let shown = serde_json::to_value(UsageShown::from(usage)).unwrap();
        let expected = serde_json::json!({
            "input_tokens": 10, "output_tokens": 7,
            "cache_creation_input_tokens": 30, "cache_read_input_tokens": 60,
        });
        assert_eq!(shown, expected);
    }
}
