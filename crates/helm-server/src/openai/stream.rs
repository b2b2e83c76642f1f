use axum::response::sse::Event;
use helm_core::ToolCall;
use helm_orchestrator::{Error, TurnEvent, TurnResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::Object;

use super::answer::{UsageShown, assistant, completion_id, finish_reason, finish_reasons};
use crate::dialect;
use crate::events::{Encoder, data};
use crate::problem::Problem;
use crate::schemas;
use crate::shown::{Asked, HelmShown};

/// Writes a turn's events as the chunks of a streamed completion.
pub(super) struct Chunks {
    model: String,
    created: i64,
    with_usage: bool,
    request_id: String,
    asked: Asked,
    id: String,
    begun: bool,
    calls: usize,
}

/// A chunk. With usage asked for, it is null in all but the one that brings it; else it is not there.
#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletionChunk)]
pub(super) struct Chunk<'a> {
    id: &'a str,
    #[schema(schema_with = chunk)]
    object: &'static str,
    created: i64,
    model: &'a str,
    #[schema(value_type = Vec<Choice<'a>>)]
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UsageShown>)]
    usage: Option<Option<UsageShown>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    helm: Option<HelmShown>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatChunkChoice)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    #[schema(schema_with = finish_reasons_or_none)]
    finish_reason: Option<&'static str>,
    #[schema(schema_with = schemas::null)]
    logprobs: Option<()>,
}

/// What is new. Clients join all texts, so what is told once must not be told again.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ChatDelta)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = assistant)]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<CallDelta<'a>>>)]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

/// A call begins with its id, its type and its name; its arguments follow.
#[derive(Serialize, ToSchema)]
#[schema(as = ChatToolCallDelta)]
struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::tools::function)]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatFunctionDelta)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// Null as long as it goes on.
fn finish_reasons_or_none() -> Schema {
    schemas::or_null(finish_reasons())
}

fn chunk() -> Object {
    schemas::words(&["chat.completion.chunk"])
}

impl Chunks {
    pub(super) fn new(
        model: String,
        created: i64,
        with_usage: bool,
        request_id: String,
        asked: Asked,
    ) -> Self {
        let (id, begun, calls) = (String::new(), false, 0);
        Self { model, created, with_usage, request_id, asked, id, begun, calls }
    }

    fn begin(&mut self, event: &TurnEvent, events: &mut Vec<Event>) {
        if self.begun {
            return;
        }
        let Some(helm) = HelmShown::of_event(event, &self.asked) else { return };
        self.begun = true;
        self.id = completion_id(&helm.decision_id);
        let delta = Delta { role: Some("assistant"), content: Some(""), ..Delta::default() };
        events.push(self.chunk(delta, None, Some(helm)));
    }

    fn more(&self, delta: Delta<'_>) -> Event {
        self.chunk(delta, None, None)
    }

    fn chunk(&self, delta: Delta<'_>, finish_reason: Option<&'static str>, helm: Option<HelmShown>) -> Event {
        let choice = Choice { index: 0, delta, finish_reason, logprobs: None };
        self.written(&[choice], None, helm)
    }

    fn written(&self, choices: &[Choice<'_>], usage: Option<UsageShown>, helm: Option<HelmShown>) -> Event {
        data(&Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage: self.with_usage.then_some(usage),
            helm,
        })
    }

    /// A call in two pieces: what begins it, and its arguments.
    fn call(&mut self, call: &ToolCall, events: &mut Vec<Event>) {
        let index = self.calls;
        self.calls += 1;
        let begins = CallDelta {
            index,
            id: Some(call.id.as_str()),
            kind: Some("function"),
            function: FunctionDelta { name: Some(&call.name), arguments: "" },
        };
        let function = FunctionDelta { name: None, arguments: &call.arguments };
        let arguments = CallDelta { index, id: None, kind: None, function };
        for piece in [begins, arguments] {
            events.push(self.more(Delta { tool_calls: Some([piece]), ..Delta::default() }));
        }
    }

    fn end(&mut self, turn: &TurnResponse, events: &mut Vec<Event>) {
        if let Some(problem) = Problem::of_turn(turn) {
            return self.fail(problem, events);
        }
        events.push(self.chunk(Delta::default(), Some(finish_reason(turn)), Some(HelmShown::of(turn))));
        if self.with_usage {
            events.push(self.written(&[], Some(turn.usage.into()), None));
        }
        events.push(Event::default().data("[DONE]"));
    }

    fn fail(&self, problem: Problem, events: &mut Vec<Event>) {
        events.push(data(&dialect::openai(&problem.with_request_id(&self.request_id))));
    }
}

impl Encoder for Chunks {
    fn encode(&mut self, event: Result<TurnEvent, Error>, events: &mut Vec<Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => return self.fail(error.into(), events),
        };
        self.begin(&event, events);
        match event {
            TurnEvent::Delta(text) => {
                events.push(self.more(Delta { content: Some(&text), ..Delta::default() }));
            }
            TurnEvent::Refusal(text) => {
                events.push(self.more(Delta { refusal: Some(&text), ..Delta::default() }));
            }
            TurnEvent::Call(call) => self.call(&call, events),
            TurnEvent::Ended(turn) => self.end(&turn, events),
            _ => {}
        }
    }
}
