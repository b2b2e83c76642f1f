use helm_core::{TokenCount, ToolCall, TurnStatus, Usage};
use helm_orchestrator::TurnResponse;
use helm_orchestrator::llm::FinishReason;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::schemas;
use crate::shown::HelmShown;

/// A chat completion.
#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletion)]
pub(super) struct Completion<'a> {
    id: String,
    #[schema(schema_with = completion)]
    object: &'static str,
    /// In seconds since 1970.
    created: i64,
    model: &'a str,
    /// One.
    #[schema(value_type = Vec<Choice<'a>>)]
    choices: [Choice<'a>; 1],
    usage: UsageShown,
    helm: HelmShown,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletionChoice)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    #[schema(schema_with = finish_reasons)]
    finish_reason: &'static str,
    #[schema(schema_with = schemas::null)]
    logprobs: Option<()>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletionMessage)]
struct Message<'a> {
    #[schema(schema_with = assistant)]
    role: &'static str,
    content: Option<&'a str>,
    /// What a model says that refuses.
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallShown<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletionToolCall)]
struct CallShown<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    #[schema(schema_with = super::tools::function)]
    kind: &'static str,
    function: FunctionShown<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletionFunctionCall)]
struct FunctionShown<'a> {
    name: &'a str,
    /// JSON as a text, as the model wrote it.
    arguments: &'a str,
}

impl<'a> Completion<'a> {
    /// The whole answer of a turn that has one, or that a guard took it from.
    pub(super) fn of(turn: &'a TurnResponse, model: &'a str, created: i64) -> Self {
        let said = turn.answer.as_deref().filter(|text| !text.is_empty());
        let refuses = turn.finish == Some(FinishReason::Refusal);
        let message = Message {
            role: "assistant",
            content: said.filter(|_| !refuses),
            refusal: said.filter(|_| refuses),
            tool_calls: turn.calls.iter().map(CallShown::of).collect(),
        };
        let choice = Choice { index: 0, message, finish_reason: finish_reason(turn), logprobs: None };
        Self {
            id: completion_id(&turn.decision_id),
            object: "chat.completion",
            created,
            model,
            choices: [choice],
            usage: turn.usage.into(),
            helm: HelmShown::of(turn),
        }
    }
}

impl<'a> CallShown<'a> {
    fn of(call: &'a ToolCall) -> Self {
        let function = FunctionShown { name: &call.name, arguments: &call.arguments };
        Self { id: call.id.as_str(), kind: "function", function }
    }
}

pub(super) fn completion_id(decision: &helm_core::DecisionId) -> String {
    format!("chatcmpl-{decision}")
}

/// Why the answer ended, in `OpenAI`'s words.
pub(super) fn finish_reason(turn: &TurnResponse) -> &'static str {
    match turn.status {
        TurnStatus::Blocked => "content_filter",
        TurnStatus::Length | TurnStatus::ToolLimit => "length",
        _ if !turn.calls.is_empty() => "tool_calls",
        _ => "stop",
    }
}

fn completion() -> Object {
    schemas::words(&["chat.completion"])
}

/// The role of who answers.
pub(super) fn assistant() -> Object {
    schemas::words(&["assistant"])
}

/// All that [`finish_reason`] says.
pub(super) fn finish_reasons() -> Object {
    schemas::words(&["stop", "length", "tool_calls", "content_filter"])
}

/// Tokens. What the provider does not tell is null, not 0.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = ChatUsage)]
pub(super) struct UsageShown {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: AnswerDetails,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = ChatPromptTokens)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = ChatCompletionTokens)]
struct AnswerDetails {
    reasoning_tokens: Option<u64>,
}

impl From<Usage> for UsageShown {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input.get(),
            completion_tokens: usage.output.get(),
            total_tokens: usage.total().get(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached.map(TokenCount::get),
                cache_write_tokens: usage.cache_write.map(TokenCount::get),
            },
            completion_tokens_details: AnswerDetails {
                reasoning_tokens: usage.reasoning.map(TokenCount::get),
            },
        }
    }
}
