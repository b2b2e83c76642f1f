//! Every wire format against a local server with faults, whole and streamed, through the retry layer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::time::Duration;

use futures::StreamExt;
use helm_core::{Message, Role, TenantId, TokenCount};
use helm_llm::codec::{Anthropic, AnthropicVersion, Codec, Ollama, OpenAiChat, OpenAiResponses};
use helm_llm::{
    Call, CallProblem, ChatEvent, ChatModel, ChatRequest, ChatResponse, ErrorKind, FinishReason, HttpConfig,
    HttpModel, OutputSchema, Prices, Retry, RetryPolicy, Schema, Secret, TimeoutKind, Timeouts, Tool,
};
use helm_testkit::{Answer, ModelServer, Reply};
use serde_json::json;
use tokio::time::Instant;

const ANSWER: &str = "Check the cable first.";
const KEY: &str = "sk-very-secret";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Chat,
    Responses,
    Anthropic,
    Ollama,
}

const FORMATS: [Format; 4] = [Format::Chat, Format::Responses, Format::Anthropic, Format::Ollama];

fn codec(format: Format) -> std::sync::Arc<dyn Codec> {
    match format {
        Format::Chat => std::sync::Arc::new(OpenAiChat::new("m")),
        Format::Responses => std::sync::Arc::new(OpenAiResponses::new("m")),
        Format::Anthropic => std::sync::Arc::new(Anthropic::new("m")),
        Format::Ollama => std::sync::Arc::new(Ollama::new("m")),
    }
}

fn config(format: Format, server: &ModelServer) -> HttpConfig {
    // Only the first of these can succeed in a process; all are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = if format == Format::Ollama { server.root_url() } else { server.base_url() };
    HttpConfig::new("main".parse().unwrap(), url)
        .with_api_key(Secret::new(KEY))
        .with_prices(Prices::per_million(1.0, 2.0).unwrap())
        .with_timeouts(Timeouts {
            connect: Duration::from_secs(2),
            first_token: Duration::from_millis(400),
            idle: Duration::from_millis(250),
        })
}

fn model(format: Format, server: &ModelServer) -> Retry<HttpModel> {
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(5);
    Retry::new(HttpModel::new(codec(format), config(format, server)).unwrap(), policy)
}

fn weather() -> Tool {
    let schema = json!({
        "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"],
    });
    Tool::new("get_weather".parse().unwrap(), "The weather in a city.", Schema::new(schema).unwrap())
}

fn request() -> ChatRequest {
    let messages = vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "It is dark.")];
    ChatRequest::new(messages).with_tools(vec![weather()])
}

fn call() -> Call {
    Call::new(TenantId::single())
}

/// What came before the end, and the end.
type Ended = (Vec<ChatEvent>, Result<(), ErrorKind>);

async fn streamed(model: &impl ChatModel, call: &Call) -> Ended {
    let mut stream = match model.stream(&request(), call).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Err(told(&error))),
    };
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => return (events, Err(told(&error))),
        }
    }
    (events, Ok(()))
}

/// The kind of an error that holds no secret.
fn told(error: &helm_llm::Error) -> ErrorKind {
    assert!(!format!("{error} {error:?} {}", error.report()).contains("very-secret"), "{error:?}");
    error.kind()
}

/// The answer, whole or streamed.
async fn ask(model: &impl ChatModel, call: &Call, stream: bool) -> Result<ChatResponse, ErrorKind> {
    if !stream {
        return model.generate(&request(), call).await.map_err(|error| told(&error));
    }
    let (events, ended) = streamed(model, call).await;
    ended.map(|()| ChatResponse::from_events(events).unwrap_or_else(|| panic!("the stream had no end")))
}

fn text(events: &[ChatEvent]) -> String {
    let text = |event: &ChatEvent| match event {
        ChatEvent::Delta(text) => text.clone(),
        _ => String::new(),
    };
    events.iter().map(text).collect()
}

#[tokio::test]
async fn good_answers_are_the_same_in_every_format() {
    let paris = || json!({ "city": "Paris" });
    let tools = Answer::text("Let me look.").calling("get_weather", paris()).calling("nonsense", json!({}));
    for format in FORMATS {
        for stream in [false, true] {
            let script = [
                Reply::Says(ANSWER.into()),
                Reply::Says(tools.clone()),
                Reply::Says(Answer::refusing("I will not.")),
                Reply::Says(Answer::text("Once upon").cut_short()),
            ];
            let server = ModelServer::start(script).await.unwrap();
            let (model, call) = (model(format, &server), call());
            let what = format!("{format:?} {stream}");

            let plain = ask(&model, &call, stream).await.unwrap();
            assert_eq!(
                (plain.text().as_str(), &plain.finish.reason),
                (ANSWER, &FinishReason::Stop),
                "{what}"
            );
            let usage = plain.finish.usage.unwrap();
            assert_eq!((usage.input, usage.output), (TokenCount::new(10), TokenCount::new(5)), "{what}");
            assert_eq!(plain.finish.cost.unwrap().nanos(), 20_000, "{what}");
            assert_eq!(plain.finish.model.unwrap().as_str(), "scripted-1", "{what}");

            let called = ask(&model, &call, stream).await.unwrap();
            assert_eq!(
                (called.text().as_str(), &called.finish.reason),
                ("Let me look.", &FinishReason::ToolCalls)
            );
            assert_eq!(called.calls().next().unwrap().arguments(), Ok(paris()), "{what}");
            assert_eq!(called.calls().nth(1).unwrap().problem, Some(CallProblem::UnknownTool), "{what}");
            assert!(
                called.calls().next().unwrap().call.id != called.calls().nth(1).unwrap().call.id,
                "{what}"
            );

            let refused = ask(&model, &call, stream).await.unwrap();
            assert_eq!(refused.shown(), "I will not.", "{what}");
            if format != Format::Ollama {
                assert_eq!(
                    (&refused.finish.reason, refused.text().as_str()),
                    (&FinishReason::Refusal, ""),
                    "{what}"
                );
            }
            let short = ask(&model, &call, stream).await.unwrap();
            assert_eq!(
                (short.text().as_str(), short.finish.reason),
                ("Once upon", FinishReason::Length),
                "{what}"
            );
            assert_eq!(call.attempts(), 4);
        }
    }
}

#[tokio::test]
async fn requests_carry_their_keys_and_versions() {
    for (format, path) in [
        (Format::Chat, "/v1/chat/completions"),
        (Format::Responses, "/v1/responses"),
        (Format::Anthropic, "/v1/messages"),
        (Format::Ollama, "/api/chat"),
    ] {
        let server = ModelServer::start([]).await.unwrap();
        ask(&model(format, &server), &call(), true).await.unwrap();
        let received = &server.received()[0];
        assert_eq!(
            (received.path.as_str(), received.headers["authorization"].as_str()),
            (path, "Bearer sk-very-secret")
        );
        assert_eq!(received.body["stream"], true, "{format:?}");
        assert_eq!(received.headers.contains_key("anthropic-version"), format == Format::Anthropic);
    }
    let server = ModelServer::start([]).await.unwrap();
    let old = Anthropic::new("m").with_version(AnthropicVersion::V2023);
    HttpModel::new(old, config(Format::Anthropic, &server))
        .unwrap()
        .generate(&request(), &call())
        .await
        .unwrap();
    let headers = &server.received()[0].headers;
    assert_eq!((headers["x-api-key"].as_str(), headers["anthropic-version"].as_str()), (KEY, "2023-06-01"));
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test]
async fn failures_before_content_are_tried_again_if_they_may_pass() {
    let good = || Reply::Says(ANSWER.into());
    let none = || ANSWER.to_owned();
    let leaky = Reply::status(401, "authentication_error", "no: sk-very-secret");
    for (script, attempts, ends) in [
        (vec![Reply::status(500, "api_error", "oops"), good()], 2, Ok(())),
        (vec![Reply::status(529, "overloaded_error", "busy"), good()], 2, Ok(())),
        (vec![Reply::limited("retry-after-ms", "15"), good()], 2, Ok(())),
        (vec![Reply::limited("retry-after", "0"), good()], 2, Ok(())),
        (vec![Reply::limited("retry-after", "Mon, 01 Jan 2001 00:00:00 GMT"), good()], 2, Ok(())),
        (vec![Reply::limited("retry-after", "600"), good()], 1, Err(ErrorKind::RateLimited)),
        (vec![Reply::limited("x-should-retry", "false"), good()], 1, Err(ErrorKind::RateLimited)),
        (vec![Reply::ErrorEvent(none(), 0), good()], 2, Ok(())),
        (vec![Reply::Abort(none(), 0), good()], 2, Ok(())),
        (vec![Reply::status(529, "overloaded_error", "busy")], 3, Err(ErrorKind::Overloaded)),
        (vec![leaky, good()], 1, Err(ErrorKind::Auth)),
        (vec![Reply::Malformed(none(), 0), good()], 1, Err(ErrorKind::Decode)),
        (vec![Reply::Typed("text/html", "<html>".to_owned())], 1, Err(ErrorKind::Decode)),
        (vec![Reply::Status(502, Vec::new(), "<html>".to_owned()), good()], 2, Ok(())),
    ] {
        for format in FORMATS {
            for stream in [false, true] {
                let server = ModelServer::start(script.clone()).await.unwrap();
                let call = call();
                let ended = ask(&model(format, &server), &call, stream).await.map(drop);
                assert_eq!((ended, call.attempts()), (ends, attempts), "{format:?} {stream} {script:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_fails_after_content_is_told_and_not_tried_again() {
    for (reply, kind) in [
        (Reply::Cut(ANSWER.to_owned(), 2), ErrorKind::Truncated),
        (Reply::Abort(ANSWER.to_owned(), 2), ErrorKind::Truncated),
        (Reply::Malformed(ANSWER.to_owned(), 2), ErrorKind::Decode),
        (Reply::ErrorEvent(ANSWER.to_owned(), 2), ErrorKind::Server),
        (Reply::Stall(ANSWER.to_owned(), 2), ErrorKind::Timeout(TimeoutKind::Idle)),
    ] {
        for format in FORMATS {
            let server = ModelServer::start([reply.clone()]).await.unwrap();
            let call = call();
            let (events, ended) = streamed(&model(format, &server), &call).await;
            assert_eq!((text(&events).as_str(), ended), ("Check the ", Err(kind)), "{format:?} {reply:?}");
            assert_eq!(call.attempts(), 1);
        }
    }
}

#[tokio::test]
async fn slowness_has_its_limits() {
    for format in FORMATS {
        // Slower than pauses between content may be, but in time for the first.
        let late = Reply::SlowContent(Duration::from_millis(300), ANSWER.to_owned());
        let never = Reply::SlowContent(Duration::from_secs(5), ANSWER.to_owned());
        let server = ModelServer::start([late, never]).await.unwrap();
        let model = model(format, &server);
        for (ends, attempts) in [(Ok(()), 1), (Err(ErrorKind::Timeout(TimeoutKind::FirstToken)), 3)] {
            let call = call();
            assert_eq!((streamed(&model, &call).await.1, call.attempts()), (ends, attempts), "{format:?}");
        }
        // Of a whole answer only the deadline is a limit.
        let near = call().with_deadline(Instant::now() + Duration::from_millis(900));
        let ended = ask(&model, &near, false).await.unwrap_err();
        assert_eq!((ended, near.attempts()), (ErrorKind::Timeout(TimeoutKind::Total), 1), "{format:?}");
    }
}

/// Wherever the connection closes, a stream is an answer only with its format's mark of the end.
#[tokio::test]
async fn a_body_that_ends_early_is_no_answer() {
    let answer = || Answer::text("Let me look.").calling("get_weather", json!({ "city": "Paris" }));
    for format in FORMATS {
        for stream in [false, true] {
            for bytes in [0, 1, 90, 333, 600] {
                let server = ModelServer::start([Reply::CutAt(answer(), bytes)]).await.unwrap();
                let client = HttpModel::new(codec(format), config(format, &server)).unwrap();
                let ended = ask(&client, &call(), stream).await;
                let whole = ended.as_ref().is_ok_and(|answer| answer.calls().count() == 1);
                let broken = matches!(ended, Err(ErrorKind::Truncated | ErrorKind::Decode));
                assert!(broken || (whole && bytes >= 333), "{format:?} {stream} {bytes}: {ended:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_format_cannot_say_is_refused_before_it_is_sent() {
    for (format, request) in [
        (Format::Responses, request().with_seed(7)),
        (Format::Anthropic, request().with_seed(7)),
        (Format::Ollama, request().with_tool_choice(helm_llm::ToolChoice::Required)),
    ] {
        let server = ModelServer::start([]).await.unwrap();
        let error = model(format, &server).generate(&request, &call()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{format:?}");
        assert!(server.received().is_empty());
    }
}

/// The models write the fields of an answer in the order of its schema, so it must be the caller's.
#[test]
fn forms_and_tools_are_told_of_in_the_order_they_were_written_in() {
    let written = r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"enum":["z","a"],"description":"x"}},"required":["why","answer"]}"#;
    let schema: Schema = serde_json::from_str(written).unwrap();
    let tool = Tool::new("look".parse().unwrap(), "Looks.", schema.clone());
    let form = OutputSchema::new("form".parse().unwrap(), schema.clone());
    let plain = ChatRequest::new(vec![Message::text(Role::User, "hi")]);
    let request = plain.with_tools(vec![tool]).with_output(form);
    let codecs: [Box<dyn Codec>; 4] = [
        Box::new(OpenAiChat::new("m")),
        Box::new(OpenAiResponses::new("m")),
        Box::new(Anthropic::new("m")),
        Box::new(Ollama::new("m")),
    ];
    for codec in codecs {
        for streamed in [false, true] {
            let body = String::from_utf8(codec.encode(&request, streamed).unwrap()).unwrap();
            assert_eq!(body.matches(written).count(), 2, "{}: {body}", codec.provider());
        }
    }
    // What is stored, and what digests are made of, is the same whatever the order.
    let sorted = Schema::new(schema.value().clone()).unwrap();
    assert_ne!(serde_json::to_string(sorted.written()).unwrap(), written);
    assert_eq!(serde_json::to_string(&sorted).unwrap(), serde_json::to_string(&schema).unwrap());
    assert_eq!(sorted, schema);
}
