use std::collections::BTreeMap;

use helm_core::{ModelName, Usage};
use serde_json::Value;

use crate::answer::{ChatEvent, Finish, FinishReason, TokenChoice};
use crate::codec::calls::{Calls, Piece};
use crate::codec::decoder::Protocol;
use crate::codec::fault::Fault;
use crate::codec::json;

/// Reads the chunks of a streamed answer, or a whole answer as its only chunk. Servers that call themselves
/// compatible leave out, null and rearrange much, so only what is needed is looked at, where it stands.
#[derive(Debug, Default)]
pub(super) struct Chat {
    calls: Calls,
    /// Under which key the latest call of an index is kept, where a server gives several calls the same.
    latest: BTreeMap<u64, u64>,
    refused: bool,
    /// Once it is known the answer is whole, and only the tokens are still to come.
    reason: Option<String>,
    usage: Option<Usage>,
    model: Option<ModelName>,
    tokens: Vec<TokenChoice>,
    ended: bool,
}

impl Protocol for Chat {
    fn read(&mut self, frame: &str, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if frame.trim() == "[DONE]" {
            return self.close(events);
        }
        self.take(&json::object(frame.as_bytes())?, events)
    }

    fn is_complete(&self) -> bool {
        self.reason.is_some()
    }

    /// Some servers close without `[DONE]`; the reason is mark enough.
    fn close(&mut self, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let reason = self.reason.take().ok_or_else(Fault::truncated)?;
        // Some servers tell the reason before the last of the calls.
        self.calls.end_all(events);
        self.ended = true;
        let finish =
            Finish::new(self.reason_of(&reason)).with_usage(self.usage).with_model(self.model.take());
        let finish = finish.with_tokens(std::mem::take(&mut self.tokens));
        events.push(ChatEvent::Finished(finish));
        Ok(())
    }
}

impl Chat {
    /// Reads a chunk, or a whole answer.
    pub(super) fn take(&mut self, chunk: &Value, events: &mut Vec<ChatEvent>) -> Result<(), Fault> {
        // Some servers send an error with a good status, or in a stream that began well.
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(Fault::within(error));
        }
        self.usage = usage(chunk).or(self.usage);
        self.model = json::model_name(chunk).or(self.model.take());
        let Some(choice) = chunk.pointer("/choices/0") else { return Ok(()) };
        self.tokens.extend(json::list(choice, "/logprobs/content").iter().filter_map(token));
        if let Some(said) =
            ["delta", "message"].iter().find_map(|name| choice.get(name).filter(|v| v.is_object()))
        {
            self.say(said, events);
        }
        if let Some(reason) = json::text(choice, "/finish_reason") {
            self.calls.end_all(events);
            self.reason = Some(reason.to_owned());
        }
        Ok(())
    }

    fn say(&mut self, said: &Value, events: &mut Vec<ChatEvent>) {
        let thought = ["/reasoning_content", "/reasoning"].iter().find_map(|place| json::text(said, place));
        events.extend(thought.map(|text| ChatEvent::Reasoning(text.to_owned())));
        let text = said.get("content").and_then(text_of).filter(|text| !text.is_empty());
        events.extend(text.map(ChatEvent::Delta));
        if let Some(refusal) = said.get("refusal").and_then(text_of).filter(|text| !text.is_empty()) {
            self.refused = true;
            events.push(ChatEvent::Refusal(refusal));
        }
        for call in json::list(said, "/tool_calls") {
            self.add_call(call, events);
        }
    }

    fn add_call(&mut self, call: &Value, events: &mut Vec<ChatEvent>) {
        let (id, name) = (json::text(call, "/id"), json::text(call, "/function/name"));
        let arguments = json::arguments(call.pointer("/function/arguments"));
        let key = self.key(call.get("index").and_then(Value::as_u64), id, name);
        self.calls.add(key, &Piece { id, name, arguments: &arguments }, events);
    }

    /// Which call a piece belongs to: by its index, but some servers have none, and some give all calls the same.
    fn key(&mut self, index: Option<u64>, id: Option<&str>, name: Option<&str>) -> u64 {
        let fresh = || self.calls.fresh_key();
        let latest = |index: u64| self.latest.get(&index).copied().unwrap_or(index);
        match (index, id) {
            (Some(index), Some(id)) if name.is_some() && self.calls.is_other(latest(index), id) => {
                let key = self.calls.key_of(id).unwrap_or_else(fresh);
                self.latest.insert(index, key);
                key
            }
            (Some(index), _) => latest(index),
            (None, Some(id)) => self.calls.key_of(id).unwrap_or_else(fresh),
            (None, None) if name.is_some() => fresh(),
            (None, None) => self.calls.last_key().unwrap_or(0),
        }
    }

    fn reason_of(&self, reason: &str) -> FinishReason {
        match reason {
            // Some servers say that they stopped when they want tools to be called.
            "stop" if !self.calls.is_empty() => FinishReason::ToolCalls,
            "stop" if self.refused => FinishReason::Refusal,
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            "content_filter" => FinishReason::ContentFilter,
            other => FinishReason::Other(other.to_owned()),
        }
    }
}

/// The tokens, when both numbers are there: half of them would be priced as if the rest were free.
fn usage(chunk: &Value) -> Option<Usage> {
    let tokens = |place: &str| json::tokens(chunk, &format!("/usage/{place}"));
    let mut usage = Usage::reported(tokens("prompt_tokens")?, tokens("completion_tokens")?);
    usage.cached = tokens("prompt_tokens_details/cached_tokens");
    usage.cache_write = tokens("prompt_tokens_details/cache_write_tokens");
    usage.reasoning = tokens("completion_tokens_details/reasoning_tokens");
    Some(usage)
}

/// A token with its alternatives; what has another form is no token.
fn token(told: &Value) -> Option<TokenChoice> {
    let one = |told: &Value| Some((json::text(told, "/token")?.to_owned(), told.get("logprob")?.as_f64()?));
    let alternatives = json::list(told, "/top_logprobs").iter().filter_map(one).collect();
    Some(TokenChoice { token: json::text(told, "/token")?.to_owned(), alternatives })
}

/// A content is a text or a list of parts, of which those of thought are not part of the answer.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(part_text).collect()),
        _ => None,
    }
}

fn part_text(part: &Value) -> Option<&str> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
    let text = part.as_str().or_else(|| part.get("text")?.as_str())?;
    matches!(kind, "text" | "output_text").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of these chunks, and of the end.
    fn events(chunks: &[&str]) -> Result<Vec<ChatEvent>, Fault> {
        let (mut chat, mut events) = (Chat::default(), Vec::new());
        for chunk in chunks {
            chat.read(chunk, &mut events)?;
        }
        chat.close(&mut events).map(|()| events)
    }

    /// The calls in these chunks, which end in good order.
    fn calls(chunks: &[&str]) -> Vec<(String, String, String)> {
        let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        let chunks: Vec<_> = chunks
            .iter()
            .map(|calls| format!("{{\"choices\":[{{\"delta\":{{\"tool_calls\":[{calls}]}}}}]}}"))
            .collect();
        let chunks: Vec<_> = chunks.iter().map(String::as_str).chain([end]).collect();
        let events = events(&chunks).unwrap();
        assert!(matches!(events.last(), Some(ChatEvent::Finished(f)) if f.reason == FinishReason::ToolCalls));
        let calls = events.into_iter().filter_map(|event| match event {
            ChatEvent::Call(call) => Some(call.call),
            _ => None,
        });
        calls.map(|call| (call.id.to_string(), call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn calls_are_put_together_whatever_is_missing() {
        let expected = [call("a", "f", "{\"x\":1}"), call("b", "g", "{}")];
        // As OpenAI does.
        let good = [
            r#"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"x\":"}}"#,
            r#"{"index":0,"function":{"arguments":"1}"}}"#,
            r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}"#,
        ];
        assert_eq!(calls(&good), expected);
        // Without indices.
        let unnumbered = [
            r#"{"id":"a","function":{"name":"f","arguments":"{\"x\":"}}"#,
            r#"{"function":{"arguments":"1}"}}"#,
            r#"{"id":"b","function":{"name":"g","arguments":"{}"}}"#,
        ];
        assert_eq!(calls(&unnumbered), expected);
        // All with the same index, the arguments as objects.
        let same = [
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":{}}}"#,
        ];
        assert_eq!(calls(&same), expected);
        // The same in pieces.
        let pieces = [
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}"#,
            r#"{"index":0,"function":{"arguments":"1}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":"{"}}"#,
            r#"{"index":0,"function":{"arguments":"}"}}"#,
        ];
        assert_eq!(calls(&pieces), expected);
        // Id and name repeated.
        let repeated = [
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}"#,
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1}"}}"#,
            r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}"#,
        ];
        assert_eq!(calls(&repeated), expected);
        // Without ids, and the name late.
        let nameless = [
            r#"{"index":0,"function":{"arguments":"{"}}"#,
            r#"{"index":0,"function":{"name":"f","arguments":"}"}}"#,
        ];
        assert_eq!(calls(&nameless), [call("call_0", "f", "{}")]);
    }

    #[test]
    fn calls_after_the_reason_are_calls_and_no_index_is_too_large() {
        let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        let late = r#"{"choices":[{"delta":{"tool_calls":[{"index":18446744073709551615,"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#;
        let events = events(&[end, late]).unwrap();
        let calls = events.iter().filter(|event| matches!(event, ChatEvent::Call(_))).count();
        assert_eq!(calls, 2);
        assert!(matches!(events.last(), Some(ChatEvent::Finished(f)) if f.reason == FinishReason::ToolCalls));
    }

    #[test]
    fn what_compatible_servers_leave_out_or_null_is_no_error() {
        let empty = r#"{"choices":null,"usage":null,"model":null,"error":null}"#;
        let half = r#"{"usage":{"prompt_tokens":3,"completion_tokens":null},"choices":[]}"#;
        let listed = r#"{"choices":[{"message":{"content":[{"type":"thinking","text":"hm"},{"type":"text","text":"a"},{"text":"b"}]},"finish_reason":""}]}"#;
        let end = r#"{"choices":[{"delta":null,"finish_reason":"stop"}]}"#;
        let events = events(&[empty, half, listed, end]).unwrap();
        let expected =
            [ChatEvent::Delta("ab".to_owned()), ChatEvent::Finished(Finish::new(FinishReason::Stop))];
        assert_eq!(events, expected);
    }

    #[test]
    fn probabilities_of_tokens_are_told_where_they_are_given() {
        let told = r#"{"choices":[{"message":{"content":"4"},"logprobs":{"content":[{"token":"4","logprob":-0.1,
            "top_logprobs":[{"token":"4","logprob":-0.1},{"token":"5","logprob":-2.4},{"token":7}]},{"token":null}]},
            "finish_reason":"stop"}]}"#;
        let events = events(&[told]).unwrap();
        let Some(ChatEvent::Finished(finish)) = events.last() else { panic!("{events:?}") };
        let alternatives = vec![("4".to_owned(), -0.1), ("5".to_owned(), -2.4)];
        assert_eq!(finish.tokens, [TokenChoice { token: "4".to_owned(), alternatives }]);
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        use crate::error::ErrorKind;
        for bad in ["[]", "\"x\"", "{", "1"] {
            assert_eq!(events(&[bad]).unwrap_err().kind, ErrorKind::Decode, "{bad}");
        }
        assert_eq!(events(&["[DONE]"]).unwrap_err().kind, ErrorKind::Truncated);
    }
}
