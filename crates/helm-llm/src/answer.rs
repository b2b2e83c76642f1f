use helm_core::{Message, ModelName, NanoUsd, Part, ProviderBlock, Role, ToolCall, ToolCallId, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::Tool;

/// A piece of an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChatEvent {
    /// More text; never empty.
    Delta(String),
    /// More of the model's refusal to answer, which takes the text's place; never empty.
    Refusal(String),
    /// More of what the model thinks, where the provider shows it; never empty. Not part of the answer.
    Reasoning(String),
    /// A tool call begins, or more of its arguments.
    CallDelta(CallDelta),
    /// A tool call is complete.
    Call(RequestedCall),
    /// Something of the provider's own that it wants back with the conversation.
    Provider(ProviderBlock),
    /// The end; the last event.
    Finished(Finish),
}

/// A piece of a tool call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallDelta {
    /// Which of the answer's calls, from 0.
    pub index: usize,
    /// In a call's first piece: its id and the tool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<(ToolCallId, String)>,
    /// More of the arguments' text; may be empty in the first piece.
    pub arguments: String,
}

/// A tool call that a model made, and whether it can be carried out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestedCall {
    /// The call.
    pub call: ToolCall,
    /// What is wrong with it; `None` when its arguments are an object that fits the tool's schema. The model can
    /// be told, as the result of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<CallProblem>,
}

/// Why a tool call cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallProblem {
    /// There is no such tool.
    #[error("there is no tool of this name")]
    UnknownTool,
    /// The arguments are not a JSON object; the text says where they go wrong.
    #[error("the arguments are not a JSON object: {0}")]
    NotAnObject(String),
    /// The arguments do not fit the tool's schema; the text says where.
    #[error("the arguments do not fit: {0}")]
    Mismatch(String),
}

impl RequestedCall {
    /// A call whose arguments are looked at, but not compared with a schema.
    #[must_use]
    pub fn new(call: ToolCall) -> Self {
        let problem = arguments(&call).err();
        Self { call, problem }
    }

    /// A call compared with the tools that the model was given.
    #[must_use]
    pub fn checked(call: ToolCall, tools: &[Tool]) -> Self {
        let problem = check(&call, tools).err();
        Self { call, problem }
    }

    /// The arguments, an object that fits.
    ///
    /// # Errors
    ///
    /// The problem, when there is one.
    pub fn arguments(&self) -> Result<Value, CallProblem> {
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None => arguments(&self.call),
        }
    }
}

fn arguments(call: &ToolCall) -> Result<Value, CallProblem> {
    let value = call.parsed_arguments().map_err(|error| CallProblem::NotAnObject(error.to_string()))?;
    match value.is_object() {
        true => Ok(value),
        false => Err(CallProblem::NotAnObject("it is another kind of value".to_owned())),
    }
}

fn check(call: &ToolCall, tools: &[Tool]) -> Result<(), CallProblem> {
    let tool = tools.iter().find(|tool| tool.name.as_str() == call.name).ok_or(CallProblem::UnknownTool)?;
    let checked = tool.parameters.check(&arguments(call)?);
    checked.map_err(|mismatch| CallProblem::Mismatch(mismatch.to_string()))
}

/// How an answer ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// Tokens as the provider reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it cost; `None` when the price or the tokens are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<NanoUsd>,
    /// The model as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// What the provider calls the request, to ask it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The tokens of a whole answer with what might have stood in their place, where that was
    /// [asked for](crate::ChatRequest::alternatives) and the provider tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenChoice>,
}

/// A token of an answer, and the likely ones in its place.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TokenChoice {
    /// The token.
    pub token: String,
    /// Likely tokens, this one mostly among them, with the natural logarithms of their probabilities.
    pub alternatives: Vec<(String, f64)>,
}

impl Finish {
    /// An end of which only the reason is known.
    #[must_use]
    pub fn new(reason: FinishReason) -> Self {
        Self { reason, usage: None, cost: None, model: None, request_id: None, tokens: Vec::new() }
    }

    /// Adds the tokens.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<Usage>) -> Self {
        self.usage = usage;
        self
    }

    /// Adds what it cost.
    #[must_use]
    pub fn with_cost(mut self, cost: Option<NanoUsd>) -> Self {
        self.cost = cost;
        self
    }

    /// Adds the model as the provider names it.
    #[must_use]
    pub fn with_model(mut self, model: Option<ModelName>) -> Self {
        self.model = model;
        self
    }

    /// Adds the tokens and what might have stood in their place.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Vec<TokenChoice>) -> Self {
        self.tokens = tokens;
        self
    }

    /// Adds what the provider calls the request.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }
}

/// Why an answer ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// It was complete, or reached a text to stop at.
    Stop,
    /// It reached its limit of tokens.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// The model refused.
    Refusal,
    /// The provider's filter cut it.
    ContentFilter,
    /// The provider paused a long answer; sent back as it is, it goes on.
    Paused,
    /// Anything else, in the provider's word.
    Other(String),
}

/// A whole answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatResponse {
    /// What the model wrote, called and sent along, in its order: some providers refuse their own blocks in another.
    pub parts: Vec<AnswerPart>,
    /// How it ended.
    pub finish: Finish,
}

/// A piece of a whole answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnswerPart {
    /// What it says.
    Text(String),
    /// Its refusal to answer.
    Refusal(String),
    /// What the model thinks, where the provider shows it. Not part of the answer.
    Reasoning(String),
    /// A tool that it wants to be called.
    Call(RequestedCall),
    /// What the provider wants back with the conversation.
    Provider(ProviderBlock),
}

impl ChatResponse {
    /// An answer of text alone; without any, of nothing.
    #[must_use]
    pub fn new(text: impl Into<String>, finish: Finish) -> Self {
        let text = text.into();
        let parts = if text.is_empty() { Vec::new() } else { vec![AnswerPart::Text(text)] };
        Self { parts, finish }
    }

    /// An answer of these parts.
    #[must_use]
    pub fn of_parts(parts: Vec<AnswerPart>, finish: Finish) -> Self {
        Self { parts, finish }
    }

    /// The answer that these events make; `None` when they have no end.
    #[must_use]
    pub fn from_events(events: impl IntoIterator<Item = ChatEvent>) -> Option<Self> {
        let mut parts = AnswerParts::default();
        for event in events {
            match event {
                ChatEvent::Finished(finish) => return Some(Self { parts: parts.into_vec(), finish }),
                event => parts.add(event),
            }
        }
        None
    }

    /// The answer as events: what a stream of it would have brought, each piece whole.
    #[must_use]
    pub fn into_events(self) -> Vec<ChatEvent> {
        let event = |part| match part {
            AnswerPart::Text(text) => ChatEvent::Delta(text),
            AnswerPart::Refusal(text) => ChatEvent::Refusal(text),
            AnswerPart::Reasoning(text) => ChatEvent::Reasoning(text),
            AnswerPart::Call(call) => ChatEvent::Call(call),
            AnswerPart::Provider(block) => ChatEvent::Provider(block),
        };
        self.parts.into_iter().map(event).chain([ChatEvent::Finished(self.finish)]).collect()
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> String {
        self.joined(|part| match part {
            AnswerPart::Text(text) => Some(text),
            _ => None,
        })
    }

    /// The model's refusal to answer, when it refused.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let said = self.joined(|part| match part {
            AnswerPart::Refusal(text) => Some(text),
            _ => None,
        });
        (!said.is_empty()).then_some(said)
    }

    /// What the model thinks, where the provider shows it.
    #[must_use]
    pub fn reasoning(&self) -> String {
        self.joined(|part| match part {
            AnswerPart::Reasoning(text) => Some(text),
            _ => None,
        })
    }

    /// The tools that it wants to be called.
    pub fn calls(&self) -> impl Iterator<Item = &RequestedCall> {
        self.parts.iter().filter_map(|part| match part {
            AnswerPart::Call(call) => Some(call),
            _ => None,
        })
    }

    /// What a person is to read: the text, and the refusal that takes its place or ends it.
    #[must_use]
    pub fn shown(&self) -> String {
        self.joined(|part| match part {
            AnswerPart::Text(text) | AnswerPart::Refusal(text) => Some(text),
            _ => None,
        })
    }

    /// The answer as a message of the conversation, to be followed by the results of its calls.
    #[must_use]
    pub fn to_message(&self) -> Message {
        Message::new(Role::Assistant, self.parts.iter().filter_map(AnswerPart::to_part).collect())
    }

    fn joined<'a>(&'a self, text: impl Fn(&'a AnswerPart) -> Option<&'a String>) -> String {
        self.parts.iter().filter_map(text).map(String::as_str).collect()
    }
}

impl AnswerPart {
    fn to_part(&self) -> Option<Part> {
        match self {
            Self::Text(text) => Some(Part::Text { text: text.clone() }),
            Self::Refusal(text) => Some(Part::Refusal { text: text.clone() }),
            // What the provider wants back of its reasoning is a block of its own.
            Self::Reasoning(_) => None,
            Self::Call(requested) => Some(Part::ToolCall(requested.call.clone())),
            Self::Provider(block) => Some(Part::Provider(block.clone())),
        }
    }
}

/// The parts of an answer, as its events bring them.
#[derive(Debug, Default)]
pub struct AnswerParts(Vec<AnswerPart>);

impl AnswerParts {
    /// Adds what an event brings; the end brings nothing.
    pub fn add(&mut self, event: ChatEvent) {
        match (event, self.0.last_mut()) {
            (ChatEvent::Delta(more), Some(AnswerPart::Text(text)))
            | (ChatEvent::Refusal(more), Some(AnswerPart::Refusal(text)))
            | (ChatEvent::Reasoning(more), Some(AnswerPart::Reasoning(text))) => text.push_str(&more),
            (ChatEvent::Delta(text), _) => self.0.push(AnswerPart::Text(text)),
            (ChatEvent::Refusal(text), _) => self.0.push(AnswerPart::Refusal(text)),
            (ChatEvent::Reasoning(text), _) => self.0.push(AnswerPart::Reasoning(text)),
            (ChatEvent::Call(call), _) => self.0.push(AnswerPart::Call(call)),
            (ChatEvent::Provider(block), _) => self.0.push(AnswerPart::Provider(block)),
            (ChatEvent::CallDelta(_) | ChatEvent::Finished(_), _) => {}
        }
    }

    /// The parts so far.
    #[must_use]
    pub fn into_vec(self) -> Vec<AnswerPart> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall::new(ToolCallId::new("1"), name, arguments)
    }

    #[test]
    fn calls_are_compared_with_their_tools() {
        let schema =
            json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] });
        let tool = Tool::new("add".parse().unwrap(), "Adds.", Schema::new(schema).unwrap());
        let problem = |name: &str, arguments: &str| {
            RequestedCall::checked(call(name, arguments), std::slice::from_ref(&tool)).problem
        };
        assert_eq!(problem("add", "{\"a\":1}"), None);
        assert_eq!(problem("sub", "{}"), Some(CallProblem::UnknownTool));
        assert!(matches!(problem("add", "{\"a\":"), Some(CallProblem::NotAnObject(_))));
        assert!(matches!(problem("add", "[1]"), Some(CallProblem::NotAnObject(_))));
        assert!(matches!(problem("add", ""), Some(CallProblem::Mismatch(_))));
    }

    #[test]
    fn an_answer_and_its_events_say_the_same() {
        let block = |n: u8| ProviderBlock { format: "x".to_owned(), block: json!(n) };
        let requested = |name| AnswerPart::Call(RequestedCall::new(call(name, "{}")));
        let parts = vec![
            AnswerPart::Reasoning("Hm.".to_owned()),
            AnswerPart::Provider(block(1)),
            AnswerPart::Text("Hi.".to_owned()),
            requested("add"),
            AnswerPart::Provider(block(2)),
            requested("sub"),
        ];
        let response = ChatResponse::of_parts(parts, Finish::new(FinishReason::ToolCalls));
        let again = ChatResponse::from_events(response.clone().into_events());
        assert_eq!(again.as_ref(), Some(&response));
        let kept: ChatResponse = serde_json::from_value(serde_json::to_value(&response).unwrap()).unwrap();
        assert_eq!(kept, response);
        assert_eq!((response.text().as_str(), response.reasoning().as_str()), ("Hi.", "Hm."));
        assert_eq!((response.calls().count(), response.refusal()), (2, None));
        let parts = response.to_message().parts;
        assert!(matches!(
            parts.as_slice(),
            [Part::Provider(_), Part::Text { .. }, Part::ToolCall(_), Part::Provider(_), Part::ToolCall(_)]
        ));
    }

    #[test]
    fn pieces_of_one_kind_are_joined_and_an_answer_without_an_end_is_none() {
        let piece = |text: &str| ChatEvent::Delta(text.to_owned());
        assert_eq!(ChatResponse::from_events([piece("Hi")]), None);
        let finish = || Finish::new(FinishReason::Stop);
        let joined = ChatResponse::from_events([piece("H"), piece("i"), ChatEvent::Finished(finish())]);
        assert_eq!(joined, Some(ChatResponse::new("Hi", finish())));
    }
}
