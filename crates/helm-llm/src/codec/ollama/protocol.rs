use helm_core::Usage;
use serde_json::Value;

use crate::answer::{ChatEvent, Finish, FinishReason};
use crate::codec::calls::{Calls, Piece};
use crate::codec::decoder::Protocol;
use crate::codec::fault::Fault;
use crate::codec::json;

/// Reads the lines of a streamed answer, or a whole answer as its only line. The mark of the end is `done`.
#[derive(Debug, Default)]
pub(super) struct Chat {
    calls: Calls,
    ended: bool,
}

impl Protocol for Chat {
    fn read(&mut self, frame: &str, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        self.take(&json::object(frame.as_bytes())?, events)
    }

    fn close(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(Fault::truncated()) }
    }
}

impl Chat {
    pub(super) fn take(&mut self, line: &Value, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if let Some(error) = line.get("error").filter(|error| !error.is_null()) {
            return Err(Fault::within(error));
        }
        let text = |name: &str| json::text(line, &format!("/message/{name}")).map(str::to_owned);
        events.extend(text("thinking").map(ChatEvent::Reasoning));
        events.extend(text("content").map(ChatEvent::Delta));
        for call in json::list(line, "/message/tool_calls") {
            self.add(call, events);
        }
        if line.get("done").and_then(Value::as_bool) == Some(true) {
            self.ended = true;
            let finish = Finish::new(self.reason(line)).with_usage(usage(line));
            events.push(ChatEvent::Finished(finish.with_model(json::model_name(line))));
        }
        Ok(())
    }

    /// A call always comes whole.
    fn add(&mut self, call: &Value, events: &mut Vec<ChatEvent>) {
        let key = u64::try_from(self.calls.len()).unwrap_or(u64::MAX);
        let (id, name) = (json::text(call, "/id"), json::text(call, "/function/name"));
        let arguments = json::arguments(call.pointer("/function/arguments"));
        self.calls.add(key, &Piece { id, name, arguments: &arguments }, events);
        self.calls.end(key, events);
    }

    fn reason(&self, line: &Value) -> FinishReason {
        match json::text(line, "/done_reason").unwrap_or("stop") {
            "stop" if !self.calls.is_empty() => FinishReason::ToolCalls,
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            other => FinishReason::Other(other.to_owned()),
        }
    }
}

fn usage(line: &Value) -> Option<Usage> {
    let tokens = |name: &str| json::tokens(line, &format!("/{name}"));
    Some(Usage::reported(tokens("prompt_eval_count")?, tokens("eval_count")?))
}
