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
}

impl Finish {
    /// An end of which only the reason is known.
    #[must_use]
    pub fn new(reason: FinishReason) -> Self {
        Self { reason, usage: None, cost: None, model: None, request_id: None }
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
    /// The text; empty when the model only calls tools, or refuses.
    pub text: String,
    /// The model's refusal, which takes the text's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What the model thinks, where the provider shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// The tools that it wants to be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<RequestedCall>,
    /// What the provider wants back with the conversation, each with the number of calls that came before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider: Vec<(usize, ProviderBlock)>,
    /// How it ended.
    pub finish: Finish,
}

impl ChatResponse {
    /// An answer of text alone.
    #[must_use]
    pub fn new(text: impl Into<String>, finish: Finish) -> Self {
        Self {
            text: text.into(),
            refusal: None,
            reasoning: String::new(),
            calls: Vec::new(),
            provider: Vec::new(),
            finish,
        }
    }

    /// The answer that these events make; `None` when they have no end.
    #[must_use]
    pub fn from_events(events: impl IntoIterator<Item = ChatEvent>) -> Option<Self> {
        let mut response = Self::new("", Finish::new(FinishReason::Stop));
        for event in events {
            match event {
                ChatEvent::Delta(text) => response.text.push_str(&text),
                ChatEvent::Refusal(text) => response.refusal.get_or_insert_default().push_str(&text),
                ChatEvent::Reasoning(text) => response.reasoning.push_str(&text),
                ChatEvent::CallDelta(_) => {}
                ChatEvent::Call(call) => response.calls.push(call),
                ChatEvent::Provider(block) => response.provider.push((response.calls.len(), block)),
                ChatEvent::Finished(finish) => return Some(Self { finish, ..response }),
            }
        }
        None
    }

    /// The answer as events: what streams of it would have brought, each piece whole.
    #[must_use]
    pub fn into_events(self) -> Vec<ChatEvent> {
        let whole = |text: String| (!text.is_empty()).then_some(text);
        let mut events = Vec::new();
        let placed =
            self.in_order(|block| ChatEvent::Provider(block.clone()), |call| ChatEvent::Call(call.clone()));
        let (before, after) = placed;
        events.extend(whole(self.reasoning).map(ChatEvent::Reasoning));
        events.extend(before);
        events.extend(whole(self.text).map(ChatEvent::Delta));
        events.extend(self.refusal.and_then(whole).map(ChatEvent::Refusal));
        events.extend(after);
        events.push(ChatEvent::Finished(self.finish));
        events
    }

    /// What a person is to read: the text, and the refusal that takes its place or ends it.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}{}", self.text, self.refusal.as_deref().unwrap_or_default())
    }

    /// The answer as a message of the conversation, to be followed by the results of its calls.
    #[must_use]
    pub fn to_message(&self) -> Message {
        let call = |requested: &RequestedCall| Part::ToolCall(requested.call.clone());
        let (mut parts, after) = self.in_order(|block| Part::Provider(block.clone()), call);
        if !self.text.is_empty() {
            parts.push(Part::Text { text: self.text.clone() });
        }
        parts.extend(self.refusal.iter().map(|text| Part::Refusal { text: text.clone() }));
        parts.extend(after);
        Message::new(Role::Assistant, parts)
    }

    /// The provider's blocks that came before the first call, which stand before the text; then the calls with the
    /// blocks between them. Some providers refuse their blocks in another order.
    fn in_order<T>(
        &self,
        block: impl Fn(&ProviderBlock) -> T,
        call: impl Fn(&RequestedCall) -> T,
    ) -> (Vec<T>, Vec<T>) {
        let at = |place: usize| {
            self.provider.iter().filter(move |(before, _)| *before == place).map(|(_, block)| block)
        };
        let before = at(0).map(&block).collect();
        let mut after = Vec::new();
        for (place, requested) in self.calls.iter().enumerate() {
            after.push(call(requested));
            after.extend(at(place + 1).map(&block));
        }
        (before, after)
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
        let mut response = ChatResponse::new("Hi.", Finish::new(FinishReason::ToolCalls));
        response.reasoning = "Hm.".to_owned();
        response.calls = vec![RequestedCall::new(call("add", "{}")), RequestedCall::new(call("sub", "{}"))];
        let block = |n: u8| ProviderBlock { format: "x".to_owned(), block: json!(n) };
        response.provider = vec![(0, block(1)), (1, block(2))];
        let again = ChatResponse::from_events(response.clone().into_events());
        assert_eq!(again.as_ref(), Some(&response));
        assert_eq!(ChatResponse::from_events([ChatEvent::Delta("Hi".to_owned())]), None);
        let kept: ChatResponse = serde_json::from_value(serde_json::to_value(&response).unwrap()).unwrap();
        assert_eq!(kept, response);
        let parts = response.to_message().parts;
        assert!(matches!(
            parts.as_slice(),
            [Part::Provider(_), Part::Text { .. }, Part::ToolCall(_), Part::Provider(_), Part::ToolCall(_)]
        ));
    }
}
