//! Codecs against transcripts in `tests/golden`, whole and in pieces of every size.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use helm_core::{
    Image, Message, Part, ProviderBlock, Role, Sampling, TokenCount, ToolCall, ToolCallId, ToolResult,
};
use helm_llm::codec::{
    Anthropic, AnthropicVersion, ChatQuirks, Codec, Decoder, Fault, Ollama, OpenAiChat, OpenAiResponses,
};
use helm_llm::{ChatEvent, ChatRequest, ErrorKind, FinishReason, OutputSchema, Schema, Tool, ToolChoice};
use proptest::prelude::*;
use serde_json::{Value, json};

const FORMATS: [&str; 4] = ["openai-chat", "openai-responses", "anthropic", "ollama"];
const STREAMED: [&str; 9] =
    ["text", "tool", "parallel-tools", "refusal", "length", "usage", "error-in-stream", "cut", "slow"];

type Item = Result<ChatEvent, Fault>;

fn codec(format: &str) -> Box<dyn Codec> {
    match format {
        "openai-chat" => Box::new(OpenAiChat::new("test-model")),
        "openai-responses" => Box::new(OpenAiResponses::new("test-model")),
        "anthropic" => Box::new(Anthropic::new("test-model")),
        "ollama" => Box::new(Ollama::new("test-model")),
        other => panic!("no codec for {other}"),
    }
}

fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format)
}

/// A file of a folder, whatever it ends in.
fn transcript(format: &str, name: &str) -> Vec<u8> {
    let ends = ["sse", "ndjson", "json"].map(|end| folder(format).join(format!("{name}.{end}")));
    let file = ends.iter().find(|file| file.exists());
    std::fs::read(file.unwrap_or_else(|| panic!("there is no {name} of {format}"))).unwrap()
}

fn shown(item: &Item) -> Value {
    match item {
        Ok(event) => serde_json::to_value(event).unwrap(),
        Err(fault) => json!({ "failed": fault.kind.as_str(), "detail": fault.detail }),
    }
}

/// Compares with what is written, or writes it where that is asked for.
fn matches_golden(format: &str, file: &str, found: &Value) {
    let path = folder(format).join(file);
    let text = format!("{found:#}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{format}/{file} is otherwise:\n{text}");
}

fn read_all(decoder: &mut Decoder, pieces: &[&[u8]]) -> Vec<Item> {
    let mut items: Vec<_> = pieces.iter().flat_map(|piece| decoder.push(piece)).collect();
    items.extend(decoder.close());
    items
}

fn read(format: &str, name: &str) -> Vec<Item> {
    read_all(&mut codec(format).decoder(), &[&transcript(format, name)])
}

#[test]
fn every_transcript_is_read_as_written() {
    for format in FORMATS {
        for name in STREAMED {
            let items = read(format, name);
            let found: Value = items.iter().map(shown).collect();
            matches_golden(format, &format!("{name}.events.json"), &found);
            let ends =
                items.iter().filter(|item| matches!(item, Err(_) | Ok(ChatEvent::Finished(_)))).count();
            assert_eq!(ends, 1, "{format}/{name} has one end");
        }
    }
}

#[test]
fn whole_answers_are_read_as_written() {
    for format in FORMATS {
        for name in ["whole-text", "whole-tools"] {
            let answer = codec(format).decode(&transcript(format, name)).unwrap();
            matches_golden(format, &format!("{name}.events.json"), &serde_json::to_value(&answer).unwrap());
            // The same answer as if it had been streamed.
            let streamed = if name == "whole-text" { "text" } else { "parallel-tools" };
            let events = read(format, streamed).into_iter().map(Result::unwrap);
            let streamed = helm_llm::ChatResponse::from_events(events).unwrap();
            assert_eq!(answer.finish.reason, streamed.finish.reason, "{format}/{name}");
            assert!(answer.calls().eq(streamed.calls()), "{format}/{name}");
        }
    }
}

#[test]
fn the_formats_agree_on_what_was_said() {
    for (name, text, reason, calls) in [
        ("text", "Hello Grüße! ☃", FinishReason::Stop, 0),
        ("tool", "", FinishReason::ToolCalls, 1),
        ("parallel-tools", "Let me look.", FinishReason::ToolCalls, 2),
        ("length", "Once upon a", FinishReason::Length, 0),
        ("slow", "Hello", FinishReason::Stop, 0),
    ] {
        for format in FORMATS {
            let answer =
                helm_llm::ChatResponse::from_events(read(format, name).into_iter().map(Result::unwrap));
            let answer = answer.unwrap();
            assert_eq!((answer.text().as_str(), &answer.finish.reason), (text, &reason), "{format}/{name}");
            let cities: Vec<_> = answer.calls().map(|call| call.arguments().unwrap()).collect();
            assert_eq!(
                cities,
                [json!({ "city": "Paris" }), json!({ "city": "Oslo" })][..calls],
                "{format}/{name}"
            );
        }
    }
}

#[test]
fn failures_have_their_kinds() {
    for (format, status, before, inside) in [
        ("openai-chat", 429, ErrorKind::RateLimited, ErrorKind::Server),
        ("openai-responses", 401, ErrorKind::Auth, ErrorKind::Server),
        ("anthropic", 529, ErrorKind::Overloaded, ErrorKind::Overloaded),
        ("ollama", 404, ErrorKind::NotFound, ErrorKind::Server),
    ] {
        assert_eq!(Fault::refused(status, &transcript(format, "error-before")).kind, before, "{format}");
        for (name, kind) in [("error-in-stream", inside), ("cut", ErrorKind::Truncated)] {
            let last = read(format, name).pop().unwrap();
            assert_eq!(last.unwrap_err().kind, kind, "{format}/{name}");
        }
    }
    let limited = read("openai-responses", "error-event").pop().unwrap();
    assert_eq!(limited.unwrap_err().kind, ErrorKind::RateLimited);
}

#[test]
fn a_text_that_turns_into_a_refusal_ends_where_it_broke_off() {
    let events = read("anthropic", "refusal-after-text").into_iter().map(Result::unwrap);
    let answer = helm_llm::ChatResponse::from_events(events).unwrap();
    assert_eq!((answer.shown().as_str(), answer.finish.reason), ("First, take", FinishReason::Refusal));
}

/// What is cut anywhere is an answer only where the mark of its end was there.
#[test]
fn a_stream_cut_at_any_byte_is_no_answer() {
    for format in FORMATS {
        let all = transcript(format, "parallel-tools");
        let whole = read(format, "parallel-tools");
        for end in 0..all.len() {
            let items = read_all(&mut codec(format).decoder(), &[&all[..end]]);
            match items.last().unwrap() {
                Ok(ChatEvent::Finished(_)) => {
                    let same = |item: &&Item| !matches!(item, Ok(ChatEvent::Finished(_)));
                    let (found, expected) = (items.iter().filter(same), whole.iter().filter(same));
                    assert!(found.eq(expected), "{format} lost something at {end}");
                }
                last => {
                    assert_eq!(last.as_ref().unwrap_err().kind, ErrorKind::Truncated, "{format} at {end}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        format in 0..FORMATS.len(), name in 0..STREAMED.len(),
        sizes in proptest::collection::vec(1_usize..90, 1..6),
    ) {
        let (format, name) = (FORMATS[format], STREAMED[name]);
        let bytes = transcript(format, name);
        let (mut rest, mut pieces) = (bytes.as_slice(), Vec::new());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let found = read_all(&mut codec(format).decoder(), &pieces);
        prop_assert_eq!(found, read(format, name));
    }

    /// Whatever comes, in whatever pieces: no panic, one end, and the same events.
    #[test]
    fn broken_bytes_are_read_the_same_in_any_pieces(
        format in 0..FORMATS.len(), name in 0..STREAMED.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        at in any::<prop::sample::Index>(),
    ) {
        let (format, name) = (FORMATS[format], STREAMED[name]);
        let mut bytes = transcript(format, name);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let whole = read_all(&mut codec(format).decoder(), &[&bytes]);
        let (head, tail) = bytes.split_at(at.index(bytes.len()));
        prop_assert_eq!(&read_all(&mut codec(format).decoder(), &[head, tail]), &whole);
        let ends = whole.iter().filter(|item| matches!(item, Err(_) | Ok(ChatEvent::Finished(_)))).count();
        prop_assert_eq!(ends, 1);
    }
}

fn weather() -> Tool {
    let schema = json!({
        "type": "object", "properties": { "city": { "type": "string" } },
        "required": ["city"], "additionalProperties": false,
    });
    Tool::new("get_weather".parse().unwrap(), "The weather in a city.", Schema::new(schema).unwrap())
}

/// A conversation with everything in it.
fn conversation(format: &str) -> Vec<Message> {
    let id = || ToolCallId::new("call_1");
    let block = |of: &str| {
        Part::Provider(ProviderBlock { format: of.to_owned(), block: json!({ "type": "kept", "of": of }) })
    };
    vec![
        Message::text(Role::System, "Be brief."),
        Message::text(Role::User, "What is this?")
            .with_part(Part::Image(Image::bytes("image/png", b"\x89PNG"))),
        Message::text(Role::Assistant, "A map. Let me look.")
            .with_part(block("another"))
            .with_part(block(format))
            .with_part(Part::ToolCall(ToolCall::new(id(), "get_weather", "{\"city\":\"Paris\"}"))),
        Message::tool_results([ToolResult::new(id(), "rain")]),
        Message::text(Role::User, "And Oslo?"),
        Message::new(Role::Assistant, vec![Part::Refusal { text: "No.".to_owned() }]),
        Message::text(Role::User, "Please."),
    ]
}

#[test]
fn requests_are_written_as_the_formats_want_them() {
    for format in FORMATS {
        let codec = codec(format);
        let sent = |request: &ChatRequest, streamed| {
            serde_json::from_slice::<Value>(&codec.encode(request, streamed).unwrap()).unwrap()
        };
        let plain =
            ChatRequest::new(vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hi")]);
        matches_golden(format, "request.json", &sent(&plain, true));
        let has = codec.capabilities();
        let sampling = Sampling {
            temperature: has.sampling.then_some(0.5),
            top_p: None,
            effort: Some("low".to_owned()),
        };
        let mut full = ChatRequest::new(conversation(format))
            .with_sampling(sampling)
            .with_max_output_tokens(TokenCount::new(100))
            .with_tools(vec![weather().with_strict(true)])
            .with_parallel_tool_calls(false)
            .with_output(OutputSchema::new("city".parse().unwrap(), weather().parameters));
        full.tool_choice = has.tool_choice.then(|| ToolChoice::Named("get_weather".parse().unwrap()));
        full.stop = if has.stop { vec!["END".to_owned()] } else { Vec::new() };
        full.seed = has.seed.then_some(7);
        has.check_request(&full).unwrap();
        matches_golden(format, "request-full.json", &sent(&full, false));
    }
}

#[test]
fn quirks_and_versions_change_what_is_sent() {
    let request =
        ChatRequest::new(vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "Hi")])
            .with_max_output_tokens(TokenCount::new(9))
            .with_tools(vec![weather().with_strict(true)])
            .with_tool_choice(ToolChoice::Named("get_weather".parse().unwrap()))
            .with_parallel_tool_calls(false);
    let mut quirks = ChatQuirks::default();
    quirks.legacy_max_tokens = true;
    quirks.stream_usage = false;
    quirks.developer_role = true;
    quirks.parallel_tool_calls = false;
    quirks.strict = false;
    quirks.named_tool_choice = false;
    let extra = json!({ "top_k": 40, "model": "never" }).as_object().cloned().unwrap();
    let chat = OpenAiChat::new("test-model").with_quirks(quirks).with_extra(extra);
    let body: Value = serde_json::from_slice(&chat.encode(&request, true).unwrap()).unwrap();
    matches_golden("openai-chat", "request-quirks.json", &body);
    assert!(!chat.capabilities().parallel_tool_calls);

    let old = Anthropic::new("test-model").with_version(AnthropicVersion::V2023);
    let new = Anthropic::new("test-model");
    assert_eq!(old.headers(), [("anthropic-version", "2023-06-01")]);
    assert_eq!(new.headers(), [("anthropic-version", "2026-10-21")]);
    let warm = |temperature| Sampling { temperature: Some(temperature), ..Sampling::default() };
    assert!(
        old.capabilities().check(&warm(1.0), None).is_ok()
            && old.capabilities().check(&warm(1.5), None).is_err()
    );
    assert!(new.capabilities().check(&warm(1.0), None).is_err());
    assert!(Ollama::new("m").encode(&request, false).is_err());
}
