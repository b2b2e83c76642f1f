//! The OpenAI client against a local server with faults.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::time::Duration;

use futures::StreamExt;
use helm_core::{Message, NanoUsd, Role, Sampling, TenantId, TokenCount};
use helm_llm::{
    Call, ChatEvent, ChatModel, ChatRequest, ErrorKind, Finish, FinishReason, HttpConfig, HttpModel, Prices,
    RedactedUrl, Retry, RetryPolicy, Secret, TimeoutKind, Timeouts, TraceHeaders, codec::OpenAiChat,
};
use helm_testkit::{End, ModelServer, Reply};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const ANSWER: &str = "Check the cable first.";

fn config(url: impl Into<RedactedUrl>) -> HttpConfig {
    // Only the first of these can succeed in a process; all are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    HttpConfig::new("main".parse().unwrap(), url)
        .with_api_key(Secret::new("sk-very-secret"))
        .with_prices(Prices::per_million(1.0, 2.0).unwrap())
}

fn client(config: HttpConfig) -> helm_llm::Result<HttpModel> {
    HttpModel::new(OpenAiChat::new("gpt-test"), config)
}

fn retrying(config: HttpConfig) -> Retry<HttpModel> {
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(5);
    Retry::new(client(config).unwrap(), policy)
}

fn model(server: &ModelServer) -> Retry<HttpModel> {
    retrying(config(server.base_url()))
}

/// For tests of time itself.
fn hasty(server: &ModelServer) -> Retry<HttpModel> {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        first_token: Duration::from_millis(300),
        idle: Duration::from_millis(200),
    };
    retrying(config(server.base_url()).with_timeouts(timeouts))
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "It is dark.")])
}

fn call() -> Call {
    Call::new(TenantId::single())
}

async fn collect(model: &impl ChatModel, call: &Call) -> (String, Option<Result<FinishReason, ErrorKind>>) {
    let mut text = String::new();
    let mut stream = match model.stream(&request(), call).await {
        Ok(stream) => stream,
        Err(error) => return (text, Some(Err(error.kind()))),
    };
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

async fn finish(model: &impl ChatModel) -> Finish {
    let mut stream = model.stream(&request(), &call()).await.unwrap();
    while let Some(event) = stream.next().await {
        if let ChatEvent::Finished(finish) = event.unwrap() {
            return finish;
        }
    }
    panic!("the stream had no end");
}

#[tokio::test]
async fn whole_and_streamed_answers_arrive_with_tokens_and_cost() {
    let server = ModelServer::start([Reply::Answer(ANSWER.to_owned())]).await.unwrap();
    let (model, call) = (model(&server), call());
    let response = model.generate(&request(), &call).await.unwrap();
    assert_eq!(response.text(), ANSWER);
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
        (Reply::Abort(ANSWER.to_owned(), 2), "Check the ", ErrorKind::Truncated),
        (Reply::ErrorEvent(ANSWER.to_owned(), 1), "Check ", ErrorKind::Server),
        (Reply::Stall(ANSWER.to_owned(), 2), "Check the ", ErrorKind::Timeout(TimeoutKind::Idle)),
    ] {
        let server = ModelServer::start([reply]).await.unwrap();
        let call = call();
        assert_eq!(collect(&hasty(&server), &call).await, (text.to_owned(), Some(Err(kind))));
        assert_eq!(call.attempts(), 1);
    }
}

#[tokio::test]
async fn whole_and_streamed_answers_are_tried_as_often() {
    let answer = || Reply::Answer(ANSWER.to_owned());
    let none = || ANSWER.to_owned();
    let hint = Reply::Status(429, vec![("retry-after", "1e300".to_owned())], "{}".to_owned());
    for (script, attempts, ends) in [
        (vec![Reply::status(500, "x", "oops"), answer()], 2, Ok(())),
        (vec![Reply::Cut(none(), 0), answer()], 2, Ok(())),
        (vec![Reply::Abort(none(), 0), answer()], 2, Ok(())),
        (vec![Reply::ErrorEvent(none(), 0), Reply::Cut(none(), 0), answer()], 3, Ok(())),
        (vec![Reply::Cut(none(), 0)], 3, Err(ErrorKind::Truncated)),
        (vec![Reply::ErrorEvent(none(), 0)], 3, Err(ErrorKind::Server)),
        (vec![hint], 1, Err(ErrorKind::RateLimited)),
        (vec![Reply::Typed("text/html", "<html>".to_owned())], 1, Err(ErrorKind::Decode)),
    ] {
        for streamed in [false, true] {
            let server = ModelServer::start(script.clone()).await.unwrap();
            let (model, call) = (model(&server), call());
            let ended = match streamed {
                true => collect(&model, &call).await.1.unwrap().map(drop),
                false => model.generate(&request(), &call).await.map(drop).map_err(|error| error.kind()),
            };
            assert_eq!((ended, call.attempts()), (ends, attempts), "{script:?} {streamed}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_does_not_begin_is_tried_again() {
    let script = [Reply::Silent, Reply::Stall(ANSWER.to_owned(), 0), Reply::Answer(ANSWER.to_owned())];
    let server = ModelServer::start(script).await.unwrap();
    let call = call();
    let ended = collect(&hasty(&server), &call).await;
    assert_eq!((ended, call.attempts()), ((ANSWER.to_owned(), Some(Ok(FinishReason::Stop))), 3));
}

#[tokio::test]
async fn only_the_deadline_bounds_a_whole_answer() {
    let slow = Reply::Slow(Duration::from_millis(600), ANSWER.to_owned());
    let server = ModelServer::start([slow, Reply::Silent]).await.unwrap();
    let (model, call) = (hasty(&server), call());
    // Longer than both the first token and a pause between tokens may take.
    assert_eq!(model.generate(&request(), &call).await.unwrap().text(), ANSWER);
    assert_eq!(call.attempts(), 1);
}

#[tokio::test]
async fn deadlines_and_cancellation_end_a_call() {
    let server = ModelServer::start([Reply::Silent]).await.unwrap();
    let model = model(&server);
    for streamed in [false, true] {
        let near = call().with_deadline(Instant::now() + Duration::from_millis(80));
        let ended = match streamed {
            true => collect(&model, &near).await.1.unwrap().unwrap_err(),
            false => model.generate(&request(), &near).await.unwrap_err().kind(),
        };
        assert_eq!((ended, near.attempts()), (ErrorKind::Timeout(TimeoutKind::Total), 1));
    }
    let cancel = CancellationToken::new();
    let cancelled = call().with_cancel(cancel.clone());
    let request = request();
    let (ended, ()) = tokio::join!(model.generate(&request, &cancelled), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        cancel.cancel();
    });
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn a_hint_beyond_the_deadline_is_not_waited_for() {
    let hint = Reply::Status(429, vec![("retry-after", "5".to_owned())], "{}".to_owned());
    let server = ModelServer::start([hint]).await.unwrap();
    let near = call().with_deadline(Instant::now() + Duration::from_secs(2));
    let began = Instant::now();
    let error = model(&server).generate(&request(), &near).await.unwrap_err();
    assert_eq!((error.kind(), near.attempts()), (ErrorKind::RateLimited, 1));
    assert!(began.elapsed() < Duration::from_secs(1), "it was told at once");
}

#[tokio::test]
async fn an_outage_is_not_multiplied() {
    let server = ModelServer::start([Reply::status(500, "x", "oops")]).await.unwrap();
    let (model, call) = (model(&server), call());
    for _ in 0..40 {
        model.generate(&request(), &call).await.unwrap_err();
    }
    // Two retries each while the ten in reserve last, then one for every five calls.
    assert!((50..=59).contains(&call.attempts()), "{}", call.attempts());
}

#[tokio::test]
async fn a_finished_answer_is_kept_whatever_follows() {
    let chunk = |delta: &str, reason: &str| {
        let reason = if reason.is_empty() { serde_json::Value::Null } else { reason.into() };
        serde_json::json!({ "model": "served-1", "choices": [{ "delta": { "content": delta }, "finish_reason": reason }] }).to_string()
    };
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#.to_owned();
    let good = vec![chunk("Hi", ""), chunk("", "stop")];
    let with = |more: &str| good.iter().cloned().chain([more.to_owned()]).collect::<Vec<_>>();
    for (events, end, cost) in [
        (with(&usage), End::Close, Some(NanoUsd::from_nanos(20_000))),
        (with(&usage), End::Abort, Some(NanoUsd::from_nanos(20_000))),
        (with(r#"{"error":{"message":"late"}}"#), End::Close, None),
        (with("no json"), End::Close, None),
        (good.clone(), End::Abort, None),
        (good.clone(), End::Stall, None),
    ] {
        let server = ModelServer::start([Reply::Events(events.clone(), end)]).await.unwrap();
        let finish = finish(&hasty(&server)).await;
        assert_eq!((finish.reason, finish.cost), (FinishReason::Stop, cost), "{events:?} {end:?}");
        assert_eq!(finish.model.unwrap().as_str(), "served-1");
    }
}

#[tokio::test]
async fn a_slow_reader_is_not_an_idle_provider() {
    let server = ModelServer::start([Reply::Answer(ANSWER.to_owned())]).await.unwrap();
    let mut stream = hasty(&server).stream(&request(), &call()).await.unwrap();
    let mut ended = false;
    while let Some(event) = stream.next().await {
        ended |= matches!(event.unwrap(), ChatEvent::Finished(_));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(ended);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let whole = r#"{"model":"m","choices":[{"message":{"content":[{"type":"text","text":"Hi."}]},"finish_reason":"stop"}]}"#;
    let server = ModelServer::start([
        Reply::Raw(whole.to_owned()),
        Reply::Raw(r#"{"error":{"code":"insufficient_quota","message":"pay"}}"#.to_owned()),
        Reply::Raw(r#"{"choices":null}"#.to_owned()),
    ])
    .await
    .unwrap();
    let model = model(&server);
    assert_eq!(collect(&model, &call()).await, ("Hi.".to_owned(), Some(Ok(FinishReason::Stop))));
    assert_eq!(collect(&model, &call()).await.1, Some(Err(ErrorKind::Billing)));
    assert_eq!(collect(&model, &call()).await.1, Some(Err(ErrorKind::Decode)));
}

#[tokio::test]
async fn endless_bodies_are_not_read_to_their_end() {
    let server = ModelServer::start([
        Reply::Status(400, Vec::new(), "x".repeat(1 << 20)),
        Reply::Raw(format!("\"{}\"", "x".repeat(9 << 20))),
    ])
    .await
    .unwrap();
    let model = model(&server);
    let error = model.generate(&request(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    let error = model.generate(&request(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("more than"), "{error}");
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_in_time_is_told() {
    // A listener whose queue of connections is full answers no more of them.
    let listener = tokio::net::TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(connection)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        held.push(connection);
        assert!(held.len() < 100, "the queue has no end");
    }
    let timeouts = Timeouts { connect: Duration::from_millis(150), ..Timeouts::default() };
    let model = client(config(format!("http://{address}/v1")).with_timeouts(timeouts)).unwrap();
    let error = model.generate(&request(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Connect), "{}", error.report());
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_wrong_setup_is_told_without_secrets() {
    for bad in ["", "ftp://x", "no url", "http://", "https://ana:sk-very-secret@/?key=sk-very-secret"] {
        let error = client(config(bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup, "{bad}");
        assert!(!format!("{error} {error:?} {}", error.report()).contains("very-secret"), "{error}");
    }
    let broken = config("http://127.0.0.1:9/v1").with_api_key(Secret::new("sk-very\nsecret"));
    let error = client(broken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup);
    assert!(error.to_string().contains("line break") && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn an_unreachable_address_is_told_with_its_cause_and_without_its_query() {
    let closed = client(config("http://127.0.0.1:9/v1/?key=sk-very-secret")).unwrap();
    let error = closed.generate(&request(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.is_retryable());
    let report = error.report();
    assert!(report.contains("refused") && !report.contains("very-secret"), "{report}");
}

#[tokio::test]
async fn a_query_of_the_address_stays_behind_the_path() {
    let server = ModelServer::start([]).await.unwrap();
    let url = format!("{}/?api-version=7", server.base_url());
    retrying(config(url)).generate(&request(), &call()).await.unwrap();
    assert_eq!(server.received()[0].query.as_deref(), Some("api-version=7"));
}

#[tokio::test]
async fn a_provider_is_told_of_the_trace_where_somebody_says_so() {
    let server = ModelServer::start([Reply::Answer(ANSWER.to_owned())]).await.unwrap();
    let trace = TraceHeaders::new(|_, headers| {
        headers.insert("traceparent", "00-1-2-01".parse().unwrap());
    });
    client(config(server.base_url())).unwrap().generate(&request(), &call()).await.unwrap();
    let told = client(config(server.base_url()).with_trace(trace)).unwrap();
    told.generate(&request(), &call()).await.unwrap();
    let parents: Vec<_> =
        server.received().iter().map(|asked| asked.headers.get("traceparent").cloned()).collect();
    assert_eq!(parents, [None, Some("00-1-2-01".to_owned())]);
}
