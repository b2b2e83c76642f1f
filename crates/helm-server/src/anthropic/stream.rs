use axum::response::sse::Event;
use helm_core::ToolCall;
use helm_orchestrator::{Error, TurnEvent, TurnResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Block, MessageShown, UsageShown, stop_reason, stop_reasons};
use crate::dialect;
use crate::events::{Encoder, named};
use crate::problem::Problem;
use crate::schemas;
use crate::shown::{Asked, HelmShown};

/// What comes of a streamed message; each event has the name of its type. One that says `error` is an
/// [`AnthropicError`](dialect::AnthropicError).
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = MessageEvent)]
pub(super) enum Told<'a> {
    /// The message without content, and with what is known of the turn.
    MessageStart {
        /// The message.
        message: MessageShown<'a>,
    },
    /// Nothing.
    Ping,
    /// A block begins.
    ContentBlockStart {
        /// Which it is.
        index: usize,
        /// The block, still empty.
        content_block: Block<'a>,
    },
    /// A block goes on.
    ContentBlockDelta {
        /// Which it is.
        index: usize,
        /// What is new.
        delta: More<'a>,
    },
    /// A block is complete.
    ContentBlockStop {
        /// Which it is.
        index: usize,
    },
    /// The message is complete.
    MessageDelta {
        /// How it ended.
        delta: End,
        /// All tokens.
        usage: UsageShown,
        /// The whole turn.
        helm: HelmShown,
    },
    /// The end.
    MessageStop,
}

/// More of a block.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = BlockDelta)]
pub(super) enum More<'a> {
    /// Of a text.
    TextDelta {
        /// To be added.
        text: &'a str,
    },
    /// Of a call's arguments.
    InputJsonDelta {
        /// To be added.
        partial_json: &'a str,
    },
}

/// How a message ended.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageEnd)]
pub(super) struct End {
    #[schema(schema_with = stop_reasons)]
    stop_reason: Option<&'static str>,
    #[schema(schema_with = schemas::null)]
    stop_sequence: Option<()>,
}

impl Told<'_> {
    fn event(&self) -> Event {
        let name = match self {
            Self::MessageStart { .. } => "message_start",
            Self::Ping => "ping",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        };
        named(name, self)
    }
}

/// Writes a turn's events as those of a streamed message.
pub(super) struct Events {
    model: String,
    request_id: String,
    asked: Asked,
    begun: bool,
    /// The blocks so far.
    blocks: usize,
    /// Whether the last one is a text that may go on.
    open: bool,
}

impl Events {
    pub(super) fn new(model: String, request_id: String, asked: Asked) -> Self {
        Self { model, request_id, asked, begun: false, blocks: 0, open: false }
    }

    fn begin(&mut self, event: &TurnEvent, events: &mut Vec<Event>) {
        if self.begun {
            return;
        }
        let Some(helm) = HelmShown::of_event(event, &self.asked) else { return };
        self.begun = true;
        let message = MessageShown::begun(&self.model, helm);
        events.push(Told::MessageStart { message }.event());
        events.push(ping());
    }

    fn text(&mut self, text: &str, events: &mut Vec<Event>) {
        if !self.open {
            self.open_block(Block::Text { text: "" }, events);
            self.open = true;
        }
        events.push(self.delta(More::TextDelta { text }));
    }

    fn call(&mut self, call: &ToolCall, events: &mut Vec<Event>) {
        self.close_block(events);
        self.open_block(Block::begun(call), events);
        self.open = true;
        // What the model wrote that is no JSON would break the client's own reading of it.
        let arguments = if call.parsed_arguments().is_ok() { call.arguments.as_str() } else { "" };
        events.push(self.delta(More::InputJsonDelta { partial_json: arguments }));
        self.close_block(events);
    }

    fn open_block(&mut self, content_block: Block<'_>, events: &mut Vec<Event>) {
        events.push(Told::ContentBlockStart { index: self.blocks, content_block }.event());
        self.blocks += 1;
    }

    fn close_block(&mut self, events: &mut Vec<Event>) {
        if std::mem::take(&mut self.open) {
            events.push(Told::ContentBlockStop { index: self.index() }.event());
        }
    }

    fn delta(&self, delta: More<'_>) -> Event {
        Told::ContentBlockDelta { index: self.index(), delta }.event()
    }

    fn index(&self) -> usize {
        self.blocks.saturating_sub(1)
    }

    fn end(&mut self, turn: &TurnResponse, events: &mut Vec<Event>) {
        if let Some(problem) = Problem::of_turn(turn) {
            return self.fail(problem, events);
        }
        self.close_block(events);
        let delta = End { stop_reason: Some(stop_reason(turn)), stop_sequence: None };
        let (usage, helm) = (UsageShown::from(turn.usage), HelmShown::of(turn));
        events.push(Told::MessageDelta { delta, usage, helm }.event());
        events.push(Told::MessageStop.event());
    }

    fn fail(&self, problem: Problem, events: &mut Vec<Event>) {
        let error = dialect::anthropic(&problem.with_request_id(&self.request_id));
        events.push(named("error", &error));
    }
}

/// An event that says nothing; also what keeps a silent connection open, for this API's clients read no comments.
pub(super) fn ping() -> Event {
    Told::Ping.event()
}

impl Encoder for Events {
    fn encode(&mut self, event: Result<TurnEvent, Error>, events: &mut Vec<Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => return self.fail(error.into(), events),
        };
        self.begin(&event, events);
        match event {
            TurnEvent::Delta(text) | TurnEvent::Refusal(text) => self.text(&text, events),
            TurnEvent::Call(call) => self.call(&call, events),
            TurnEvent::Ended(turn) => self.end(&turn, events),
            _ => {}
        }
    }
}
