//! The OpenAI client against a local server with faults.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use futures::StreamExt;
use helm_core::{Message, NanoUsd, Role, Sampling, TenantId, TokenCount};
use helm_llm::{
    Call, ChatEvent, ChatModel, ChatRequest, ErrorKind, FinishReason, OpenAiChat, OpenAiChatConfig, Prices,
    Retry, RetryPolicy, Secret, TimeoutKind, Timeouts,
};
use helm_testkit::{ModelServer, Reply};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const ANSWER: &str = "Check the cable first.";

fn model(server: &ModelServer) -> Retry<OpenAiChat> {
    // Only the first of these can succeed in a process; all are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        first_token: Duration::from_millis(300),
        idle: Duration::from_millis(200),
    };
    let config = OpenAiChatConfig::new("main".parse().unwrap(), server.base_url(), "gpt-test")
        .with_api_key(Secret::new("sk-very-secret"))
        .with_timeouts(timeouts)
        .with_prices(Prices::per_million(1.0, 2.0).unwrap());
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(5);
    Retry::new(OpenAiChat::new(config).unwrap(), policy)
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "It is dark.")])
}

fn call() -> Call {
    Call::new(TenantId::single())
}

async fn collect(model: &impl ChatModel, call: &Call) -> (String, Option<Result<FinishReason, ErrorKind>>) {
    let mut text = String::new();
    let mut stream = model.stream(&request(), call).await.unwrap();
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatEvent::Delta(piece)) => text.push_str(&piece),
            Ok(ChatEvent::Finished(finish)) => return (text, Some(Ok(finish.reason))),
            Ok(_) => {}
            Err(error) => return (text, Some(Err(error.kind()))),
        }
    }
    (text, None)
}

#[tokio::test]
async fn whole_and_streamed_answers_arrive_with_tokens_and_cost() {
    let server = ModelServer::start([Reply::Answer(ANSWER.to_owned())]).await.unwrap();
    let (model, call) = (model(&server), call());
    let response = model.generate(&request(), &call).await.unwrap();
    assert_eq!(response.text, ANSWER);
    assert_eq!(response.finish.cost, Some(NanoUsd::from_nanos(10_000 + 10_000)));
    assert_eq!(collect(&model, &call).await, (ANSWER.to_owned(), Some(Ok(FinishReason::Stop))));
    assert_eq!(call.attempts(), 2);
    let received = server.received();
    assert_eq!(received[0].authorization.as_deref(), Some("Bearer sk-very-secret"));
    let expected = serde_json::json!({
        "model": "gpt-test",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "It is dark."}],
        "stream": true, "stream_options": {"include_usage": true},
    });
    assert_eq!(received[1].body, expected);
}

#[tokio::test]
async fn knobs_are_sent_and_impossible_ones_refused_before_any_call() {
    let server = ModelServer::start([]).await.unwrap();
    let model = model(&server);
    let sampling = Sampling { temperature: Some(0.2), top_p: None, effort: Some("low".to_owned()) };
    let good = request().with_sampling(sampling).with_max_output_tokens(TokenCount::new(7));
    model.generate(&good, &call()).await.unwrap();
    let body = &server.received()[0].body;
    assert_eq!(
        (&body["temperature"], &body["reasoning_effort"], &body["max_completion_tokens"]),
        (&0.2.into(), &"low".into(), &7.into())
    );
    let hot = Sampling { temperature: Some(9.0), ..Sampling::default() };
    let error = model.generate(&request().with_sampling(hot), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
    let hint = |name, value: &str| Reply::Status(429, vec![(name, value.to_owned())], "{}".to_owned());
    for (script, attempts, ends) in [
        (vec![Reply::status(500, "x", "oops"), Reply::Answer(ANSWER.to_owned())], 2, Ok(())),
        (vec![hint("retry-after-ms", "20"), Reply::Answer(ANSWER.to_owned())], 2, Ok(())),
        (vec![hint("retry-after", "600"), Reply::Answer(ANSWER.to_owned())], 1, Err(ErrorKind::RateLimited)),
        (vec![hint("x-should-retry", "false")], 1, Err(ErrorKind::RateLimited)),
        (vec![Reply::status(503, "x", "busy")], 3, Err(ErrorKind::Overloaded)),
        (vec![Reply::status(401, "invalid_api_key", "no: sk-very-secret")], 1, Err(ErrorKind::Auth)),
        (vec![Reply::status(429, "insufficient_quota", "pay")], 1, Err(ErrorKind::Billing)),
        (vec![Reply::status(404, "model_not_found", "?")], 1, Err(ErrorKind::NotFound)),
        (vec![Reply::Raw("<html>".to_owned())], 1, Err(ErrorKind::Decode)),
    ] {
        let server = ModelServer::start(script.clone()).await.unwrap();
        let call = call();
        let ended = model(&server).generate(&request(), &call).await;
        if let Err(error) = &ended {
            assert!(!format!("{error} {error:?}").contains("very-secret"), "{error:?}");
        }
        assert_eq!(ended.map(drop).map_err(|error| error.kind()), ends, "{script:?}");
        assert_eq!(call.attempts(), attempts, "{script:?}");
    }
}

#[tokio::test]
async fn what_fails_after_content_is_not_tried_again() {
    for (reply, text, kind) in [
        (Reply::Cut(ANSWER.to_owned(), 2), "Check the ", ErrorKind::Truncated),
        (Reply::ErrorEvent(ANSWER.to_owned(), 1), "Check ", ErrorKind::Server),
        (Reply::Stall(ANSWER.to_owned(), 2), "Check the ", ErrorKind::Timeout(TimeoutKind::Idle)),
        (Reply::Stall(ANSWER.to_owned(), 0), "", ErrorKind::Timeout(TimeoutKind::FirstToken)),
    ] {
        let server = ModelServer::start([reply]).await.unwrap();
        let call = call();
        assert_eq!(collect(&model(&server), &call).await, (text.to_owned(), Some(Err(kind))));
        assert_eq!(call.attempts(), 1);
    }
}

#[tokio::test]
async fn silence_deadlines_and_cancellation_end_a_call() {
    let server = ModelServer::start([Reply::Silent]).await.unwrap();
    let model = model(&server);
    let near = call().with_deadline(Instant::now() + Duration::from_millis(80));
    let error = model.generate(&request(), &near).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Total));
    let cancel = CancellationToken::new();
    let cancelled = call().with_cancel(cancel.clone());
    let request = request();
    let (ended, ()) = tokio::join!(model.generate(&request, &cancelled), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        cancel.cancel();
    });
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
    let call = call();
    let error = model.generate(&request, &call).await.unwrap_err();
    assert_eq!((error.kind(), call.attempts()), (ErrorKind::Timeout(TimeoutKind::FirstToken), 3));
}

#[tokio::test]
async fn an_unreachable_or_wrong_address_is_told() {
    let config = |url: &str| OpenAiChatConfig::new("main".parse().unwrap(), url, "m");
    let _ = rustls::crypto::ring::default_provider().install_default();
    for bad in ["", "ftp://x", "no url"] {
        assert_eq!(OpenAiChat::new(config(bad)).unwrap_err().kind(), ErrorKind::Setup, "{bad}");
    }
    let closed = OpenAiChat::new(config("http://127.0.0.1:9/v1/")).unwrap();
    let error = closed.generate(&request(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.is_retryable());
}
