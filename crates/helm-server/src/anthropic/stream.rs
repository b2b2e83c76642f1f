use axum::response::sse::Event;
use helm_core::ToolCall;
use helm_orchestrator::{Error, TurnEvent, TurnResponse};
use serde_json::{Value, json};

use super::answer::{Block, MessageShown, UsageShown, stop_reason};
use crate::dialect;
use crate::events::{Encoder, named};
use crate::problem::Problem;
use crate::shown::{Asked, HelmShown};

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
        events.push(named("message_start", &json!({ "type": "message_start", "message": message })));
        events.push(ping());
    }

    fn text(&mut self, text: &str, events: &mut Vec<Event>) {
        if !self.open {
            self.open_block(&Block::Text { text: "" }, events);
            self.open = true;
        }
        events.push(self.delta(&json!({ "type": "text_delta", "text": text })));
    }

    fn call(&mut self, call: &ToolCall, events: &mut Vec<Event>) {
        self.close_block(events);
        self.open_block(&Block::begun(call), events);
        self.open = true;
        // What the model wrote that is no JSON would break the client's own reading of it.
        let arguments = if call.parsed_arguments().is_ok() { call.arguments.as_str() } else { "" };
        events.push(self.delta(&json!({ "type": "input_json_delta", "partial_json": arguments })));
        self.close_block(events);
    }

    fn open_block(&mut self, block: &Block<'_>, events: &mut Vec<Event>) {
        let begun = json!({ "type": "content_block_start", "index": self.blocks, "content_block": block });
        events.push(named("content_block_start", &begun));
        self.blocks += 1;
    }

    fn close_block(&mut self, events: &mut Vec<Event>) {
        if std::mem::take(&mut self.open) {
            let ended = json!({ "type": "content_block_stop", "index": self.index() });
            events.push(named("content_block_stop", &ended));
        }
    }

    fn delta(&self, delta: &Value) -> Event {
        let more = json!({ "type": "content_block_delta", "index": self.index(), "delta": delta });
        named("content_block_delta", &more)
    }

    fn index(&self) -> usize {
        self.blocks.saturating_sub(1)
    }

    fn end(&mut self, turn: &TurnResponse, events: &mut Vec<Event>) {
        if let Some(problem) = Problem::of_turn(turn) {
            return self.fail(problem, events);
        }
        self.close_block(events);
        let delta = json!({ "stop_reason": stop_reason(turn), "stop_sequence": null });
        let usage = UsageShown::from(turn.usage);
        let last =
            json!({ "type": "message_delta", "delta": delta, "usage": usage, "helm": HelmShown::of(turn) });
        events.push(named("message_delta", &last));
        events.push(named("message_stop", &json!({ "type": "message_stop" })));
    }

    fn fail(&self, problem: Problem, events: &mut Vec<Event>) {
        let error = dialect::anthropic(&problem.with_request_id(&self.request_id));
        events.push(named("error", &error));
    }
}

/// An event that says nothing; also what keeps a silent connection open, for this API's clients read no comments.
pub(super) fn ping() -> Event {
    named("ping", &json!({ "type": "ping" }))
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
