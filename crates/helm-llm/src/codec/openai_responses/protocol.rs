use helm_core::{ProviderBlock, Usage};
use serde_json::Value;

use super::FORMAT;
use crate::answer::{ChatEvent, Finish, FinishReason};
use crate::codec::calls::{Calls, Piece};
use crate::codec::decoder::Protocol;
use crate::codec::fault::Fault;
use crate::codec::json;
use crate::error::ErrorKind;

/// Reads the typed events of a streamed response. The mark of the end is one of three events.
#[derive(Debug, Default)]
pub(super) struct Responses {
    calls: Calls,
    refused: bool,
    /// Whether anything of the answer came in pieces.
    told: bool,
    ended: bool,
}

impl Protocol for Responses {
    fn read(&mut self, frame: &str, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        // Some compatible servers end as chat completions do, behind the mark that counts.
        if frame.trim() == "[DONE]" {
            return self.close(events);
        }
        let event = json::object(frame.as_bytes())?;
        match json::text(&event, "/type").unwrap_or_default() {
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                let response = event.get("response").ok_or_else(|| Fault::decode("its end is empty"))?;
                self.end(response, events)
            }
            "error" => Err(Fault::within(event.get("error").filter(|e| e.is_object()).unwrap_or(&event))),
            kind => {
                self.piece(kind, &event, events);
                Ok(())
            }
        }
    }

    fn close(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(Fault::truncated()) }
    }
}

impl Responses {
    fn piece(&mut self, kind: &str, event: &Value, events: &mut Vec<ChatEvent>) {
        let delta = || json::text(event, "/delta").map(str::to_owned);
        let before = events.len();
        match kind {
            "response.output_text.delta" => events.extend(delta().map(ChatEvent::Delta)),
            "response.refusal.delta" => {
                self.refused = true;
                events.extend(delta().map(ChatEvent::Refusal));
            }
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                events.extend(delta().map(ChatEvent::Reasoning));
            }
            "response.function_call_arguments.delta" => {
                let arguments = json::text(event, "/delta").unwrap_or_default();
                self.calls.add(place(event), &Piece { arguments, ..Piece::default() }, events);
            }
            "response.output_item.added" => self.begin(event, events),
            "response.output_item.done" => self.item_done(event, events),
            _ => {}
        }
        self.told |= events.len() > before;
    }

    fn begin(&mut self, event: &Value, events: &mut Vec<ChatEvent>) {
        if json::text(event, "/item/type") == Some("function_call") {
            let (id, name) = (json::text(event, "/item/call_id"), json::text(event, "/item/name"));
            self.calls.add(place(event), &Piece { id, name, arguments: "" }, events);
        }
    }

    fn item_done(&mut self, event: &Value, events: &mut Vec<ChatEvent>) {
        match json::text(event, "/item/type") {
            Some("function_call") => {
                self.begin(event, events);
                let arguments = json::arguments(event.pointer("/item/arguments"));
                self.calls.complete(place(event), &arguments, events);
            }
            Some("reasoning") => events.extend(event.get("item").and_then(block)),
            _ => {}
        }
    }

    /// Reads the whole response, of which all or nothing may have come in pieces.
    pub(super) fn end(&mut self, response: &Value, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if let Some(error) = response.get("error").filter(|error| !error.is_null()) {
            return Err(Fault::within(error));
        }
        if !self.told {
            for (place, item) in json::list(response, "/output").iter().enumerate() {
                self.whole(u64::try_from(place).unwrap_or(u64::MAX), item, events);
            }
        }
        self.calls.end_all(events);
        let reason = self.reason(response)?;
        self.ended = true;
        let finish = Finish::new(reason).with_usage(usage(response)).with_model(json::model_name(response));
        events.push(ChatEvent::Finished(finish));
        Ok(())
    }

    fn whole(&mut self, place: u64, item: &Value, events: &mut Vec<ChatEvent>) {
        match json::text(item, "/type").unwrap_or_default() {
            "message" => {
                for part in json::list(item, "/content") {
                    let text = json::text(part, "/text").map(str::to_owned);
                    let refusal = json::text(part, "/refusal").map(str::to_owned);
                    self.refused |= refusal.is_some();
                    events.extend(text.map(ChatEvent::Delta));
                    events.extend(refusal.map(ChatEvent::Refusal));
                }
            }
            "function_call" => {
                let (id, name) = (json::text(item, "/call_id"), json::text(item, "/name"));
                let arguments = json::arguments(item.get("arguments"));
                self.calls.add(place, &Piece { id, name, arguments: &arguments }, events);
                self.calls.end(place, events);
            }
            "reasoning" => {
                let texts = ["/summary", "/content"].iter().flat_map(|list| json::list(item, list));
                let texts = texts.filter_map(|part| json::text(part, "/text"));
                events.extend(texts.map(|text| ChatEvent::Reasoning(text.to_owned())));
                events.extend(block(item));
            }
            _ => {}
        }
    }

    fn reason(&self, response: &Value) -> Result<FinishReason, Fault> {
        let status = json::text(response, "/status").unwrap_or_default();
        match (status, json::text(response, "/incomplete_details/reason").unwrap_or_default()) {
            ("completed", _) if !self.calls.is_empty() => Ok(FinishReason::ToolCalls),
            ("completed", _) if self.refused => Ok(FinishReason::Refusal),
            ("completed", _) => Ok(FinishReason::Stop),
            ("incomplete", "max_output_tokens") => Ok(FinishReason::Length),
            ("incomplete", "content_filter") => Ok(FinishReason::ContentFilter),
            ("incomplete", other) => Ok(FinishReason::Other(other.to_owned())),
            ("failed", _) => Err(Fault::new(ErrorKind::Server)),
            ("", _) => Err(Fault::decode("it has no status")),
            (other, _) => Err(Fault::truncated().with_detail(format!("its status is {other}"))),
        }
    }
}

/// Where in the response an event belongs.
fn place(event: &Value) -> u64 {
    event.get("output_index").and_then(Value::as_u64).unwrap_or(0)
}

/// A reasoning item that can go back: the provider keeps nothing, so it must hold its content itself.
fn block(item: &Value) -> Option<ChatEvent> {
    json::text(item, "/encrypted_content")?;
    let mut block = item.clone();
    // Says how it came about, and is refused on its way back.
    block.as_object_mut()?.remove("status");
    Some(ChatEvent::Provider(ProviderBlock { format: FORMAT.to_owned(), block }))
}

fn usage(response: &Value) -> Option<Usage> {
    let tokens = |place: &str| json::tokens(response, &format!("/usage/{place}"));
    let mut usage = Usage::reported(tokens("input_tokens")?, tokens("output_tokens")?);
    usage.cached = tokens("input_tokens_details/cached_tokens");
    usage.cache_write = tokens("input_tokens_details/cache_write_tokens");
    usage.reasoning = tokens("output_tokens_details/reasoning_tokens");
    Some(usage)
}
