use std::collections::BTreeMap;

use helm_core::{ModelName, ProviderBlock, TokenCount, Usage};
use serde_json::{Value, json};

use super::FORMAT;
use crate::answer::{ChatEvent, ChatResponse, Finish, FinishReason};
use crate::codec::calls::{Calls, Piece};
use crate::codec::decoder::Protocol;
use crate::codec::fault::Fault;
use crate::codec::json;

/// Reads the events of a streamed message. The mark of the end is `message_stop`.
#[derive(Debug, Default)]
pub(super) struct Messages {
    calls: Calls,
    /// Arguments that came with a call's beginning, as some gateways send them, by the block's index.
    given: BTreeMap<u64, String>,
    /// Reasoning that is not yet whole, by its block's index: what was thought, and the signature.
    thoughts: BTreeMap<u64, (String, String)>,
    /// Whether there is text.
    said: bool,
    reason: Option<FinishReason>,
    tokens: Tokens,
    model: Option<ModelName>,
    ended: bool,
}

impl Protocol for Messages {
    fn read(&mut self, frame: &str, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        let event = json::object(frame.as_bytes())?;
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match json::text(&event, "/type").unwrap_or_default() {
            "message_start" => {
                let message = event.get("message").unwrap_or(&Value::Null);
                self.model = json::model_name(message);
                self.tokens.update(message);
            }
            "content_block_start" => self.begin(index, &event, events),
            "content_block_delta" => self.delta(index, &event, events),
            "content_block_stop" => self.end_block(index, events),
            "message_delta" => {
                self.tokens.update(&event);
                if let Some(delta) = event.get("delta") {
                    self.stop(delta, events);
                }
            }
            "message_stop" => return self.finish(events),
            "error" => return Err(Fault::within(event.get("error").unwrap_or(&event))),
            // `ping`, and whatever is added to the format.
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(Fault::truncated()) }
    }
}

impl Messages {
    fn begin(&mut self, index: u64, event: &Value, events: &mut Vec<ChatEvent>) {
        let Some(block) = event.get("content_block") else { return };
        match json::text(block, "/type").unwrap_or_default() {
            "text" => self.say(json::text(block, "/text"), events),
            "tool_use" => {
                let (id, name) = (json::text(block, "/id"), json::text(block, "/name"));
                self.calls.add(index, &Piece { id, name, arguments: "" }, events);
                let input =
                    block.get("input").filter(|input| input.as_object().is_some_and(|o| !o.is_empty()));
                self.given.extend(input.map(|input| (index, input.to_string())));
            }
            "thinking" => drop(self.thoughts.entry(index).or_default()),
            "redacted_thinking" => events.push(provider(block.clone())),
            _ => {}
        }
    }

    fn delta(&mut self, index: u64, event: &Value, events: &mut Vec<ChatEvent>) {
        let text = |name: &str| json::text(event, &format!("/delta/{name}")).map(str::to_owned);
        match json::text(event, "/delta/type").unwrap_or_default() {
            "text_delta" => self.say(json::text(event, "/delta/text"), events),
            // The provider's own tools have arguments, too, which are nothing to anybody here.
            "input_json_delta" if self.calls.has(index) => {
                let arguments = json::text(event, "/delta/partial_json").unwrap_or_default();
                self.calls.add(index, &Piece { arguments, ..Piece::default() }, events);
            }
            "thinking_delta" => {
                let thought = text("thinking").unwrap_or_default();
                self.thoughts.entry(index).or_default().0.push_str(&thought);
                events.extend((!thought.is_empty()).then_some(ChatEvent::Reasoning(thought)));
            }
            "signature_delta" => {
                self.thoughts.entry(index).or_default().1.push_str(&text("signature").unwrap_or_default());
            }
            _ => {}
        }
    }

    fn say(&mut self, text: Option<&str>, events: &mut Vec<ChatEvent>) {
        self.said |= text.is_some();
        events.extend(text.map(|text| ChatEvent::Delta(text.to_owned())));
    }

    fn end_block(&mut self, index: u64, events: &mut Vec<ChatEvent>) {
        let given = self.given.remove(&index).unwrap_or_default();
        self.calls.complete(index, &given, events);
        if let Some((thinking, signature)) = self.thoughts.remove(&index) {
            let block = json!({ "type": "thinking", "thinking": thinking, "signature": signature });
            events.push(provider(block));
        }
    }

    fn stop(&mut self, delta: &Value, events: &mut Vec<ChatEvent>) {
        let Some(reason) = json::text(delta, "/stop_reason") else { return };
        // A text that breaks off is not gone on with in other words.
        let why =
            json::text(delta, "/stop_details/explanation").filter(|_| reason == "refusal" && !self.said);
        events.extend(why.map(|why| ChatEvent::Refusal(why.to_owned())));
        self.reason = Some(reason_of(reason));
    }

    fn finish(&mut self, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        let reason = self.reason.take().ok_or_else(Fault::truncated)?;
        self.calls.end_all(events);
        self.ended = true;
        let finish = Finish::new(reason).with_usage(self.tokens.usage()).with_model(self.model.take());
        events.push(ChatEvent::Finished(finish));
        Ok(())
    }
}

/// Reads a whole message: its blocks as if they had come in one piece each.
pub(super) fn whole(message: &Value) -> Result<ChatResponse, Fault> {
    if let Some(error) = message.get("error").filter(|error| !error.is_null()) {
        return Err(Fault::within(error));
    }
    if !message.get("content").is_some_and(Value::is_array) {
        return Err(Fault::decode("it holds no content"));
    }
    let (mut messages, mut events) = (Messages::default(), Vec::new());
    for (index, block) in json::list(message, "/content").iter().enumerate() {
        messages.whole_block(u64::try_from(index).unwrap_or(u64::MAX), block, &mut events);
    }
    messages.tokens.update(message);
    messages.model = json::model_name(message);
    messages.stop(message, &mut events);
    messages.finish(&mut events)?;
    ChatResponse::from_events(events).ok_or_else(Fault::truncated)
}

impl Messages {
    fn whole_block(&mut self, index: u64, block: &Value, events: &mut Vec<ChatEvent>) {
        match json::text(block, "/type").unwrap_or_default() {
            "tool_use" => {
                let (id, name) = (json::text(block, "/id"), json::text(block, "/name"));
                let arguments = json::arguments(block.get("input"));
                self.calls.add(index, &Piece { id, name, arguments: &arguments }, events);
                self.calls.end(index, events);
            }
            "thinking" => {
                let thought =
                    json::text(block, "/thinking").map(|text| ChatEvent::Reasoning(text.to_owned()));
                events.extend(thought.into_iter().chain([provider(block.clone())]));
            }
            _ => self.begin(index, &json!({ "content_block": block }), events),
        }
    }
}

fn provider(block: Value) -> ChatEvent {
    ChatEvent::Provider(ProviderBlock { format: FORMAT.to_owned(), block })
}

fn reason_of(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "pause_turn" => FinishReason::Paused,
        "refusal" => FinishReason::Refusal,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// Tokens as far as they are known. Later numbers replace earlier ones, and leave standing what they leave out.
#[derive(Debug, Default)]
struct Tokens {
    input: Option<TokenCount>,
    cache_read: Option<TokenCount>,
    cache_write: Option<TokenCount>,
    output: Option<TokenCount>,
}

impl Tokens {
    fn update(&mut self, holder: &Value) {
        let tokens = |name: &str| json::tokens(holder, &format!("/usage/{name}"));
        // Some gateways begin with 0 and tell the number at the end.
        self.input = tokens("input_tokens").or(self.input);
        self.cache_read = tokens("cache_read_input_tokens").or(self.cache_read);
        self.cache_write = tokens("cache_creation_input_tokens").or(self.cache_write);
        self.output = tokens("output_tokens").or(self.output);
    }

    /// The provider counts cached tokens beside the input, here they are part of it.
    fn usage(&self) -> Option<Usage> {
        let cached = [self.cache_read, self.cache_write].into_iter().flatten();
        let input = [self.input?].into_iter().chain(cached).sum();
        let mut usage = Usage::reported(input, self.output?);
        usage.cached = self.cache_read;
        usage.cache_write = self.cache_write;
        Some(usage)
    }
}
