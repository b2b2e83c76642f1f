//! The API through its router and over real sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use helm_core::UnitInterval;
use helm_orchestrator::llm::codec::OpenAiChat;
use helm_orchestrator::llm::{ErrorKind, HttpConfig, HttpModel, Scripted, ScriptedModel, TimeoutKind};
use helm_orchestrator::{Helm, SemanticCache, Task};
use helm_server::{ServerOptions, install_metrics, router, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

fn task() -> Task {
    let task = Task::new("support").unwrap().strategy("concise", "Answer in at most two sentences.").unwrap();
    task.strategy("stepwise", "Answer step by step, as a numbered list.").unwrap()
}

async fn api() -> Router {
    router(Helm::builder().task(task()).build().await.unwrap(), ServerOptions::default())
}

async fn scripted(script: impl IntoIterator<Item = Scripted>) -> Helm {
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), script));
    Helm::builder().task(task()).model(model).build().await.unwrap()
}

async fn send(api: &Router, request: Request<Body>) -> (StatusCode, String, String) {
    let response = api.clone().oneshot(request).await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(response.headers().get_all(header::CONTENT_TYPE).iter().count(), 1, "one content type");
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
    let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
}

async fn post(api: &Router, path: &str, body: impl ToString) -> (StatusCode, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let (status, kind, text) = send(api, request.body(Body::from(body.to_string())).unwrap()).await;
    let expected = if status.is_success() { "application/json" } else { "application/problem+json" };
    assert_eq!(kind, expected, "{text}");
    (status, serde_json::from_str(&text).unwrap())
}

async fn get(api: &Router, path: &str) -> (StatusCode, Value) {
    let (status, kind, text) = send(api, Request::get(path).body(Body::empty()).unwrap()).await;
    if status.is_client_error() {
        assert_eq!(kind, "application/problem+json", "{path}: {text}");
    }
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn chat(message: &str) -> Value {
    json!({ "user_id": "ana", "task": "support", "message": message })
}

#[tokio::test]
async fn a_message_is_answered_judged_and_explained() {
    let api = api().await;
    let (status, turn) = post(&api, "/chat", chat("How do I reset my router? I am ana@example.com")).await;
    assert_eq!(
        (status, &turn["status"], &turn["simulated"]),
        (StatusCode::OK, &json!("completed"), &json!(true))
    );
    assert_eq!(turn["violations"][0]["start"], json!(31));
    assert!(
        turn["reward"].is_number()
            && turn["scores"]["relevance"].is_number()
            && turn["propensity"] == json!(0.5)
    );
    let id = turn["decision_id"].as_str().unwrap();

    let rate = |rating: f64| json!({ "decision_id": id, "source": "user", "rating": rating });
    for (rating, applied) in [(4.0, "fresh"), (4.0, "duplicate"), (5.0, "corrected")] {
        let (status, answer) = post(&api, "/feedback", rate(rating)).await;
        assert_eq!((status, &answer["applied"]), (StatusCode::OK, &json!(applied)));
    }
    let (status, decision) = get(&api, &format!("/helm/v1/decisions/{id}")).await;
    assert_eq!((status, &decision["feedback"][0]["value"]), (StatusCode::OK, &json!(1.0)));
    assert!(decision["why"].as_str().unwrap().contains("drew"));
    let total: f64 =
        decision["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-9);
    let (_, report) = get(&api, "/helm/v1/tasks/support/report").await;
    let counts: f64 = report["strategies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["feedback"]["count"].as_f64().unwrap())
        .sum();
    assert_eq!(counts, 1.0);
}

#[tokio::test]
async fn wrong_requests_are_problems() {
    let api = api().await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let big = "x".repeat(3 << 20);
    for (path, body, status, detail) in [
        ("/chat", "{".to_owned(), 400, "EOF"),
        ("/chat", json!({}).to_string(), 422, "user_id"),
        (
            "/chat",
            json!({ "user_id": "a", "task": "support", "message": "hi", "mood": 1 }).to_string(),
            422,
            "mood",
        ),
        ("/chat", chat("  ").to_string(), 422, "is empty"),
        ("/chat", chat(&big).to_string(), 413, "2097152 bytes"),
        ("/chat", json!({ "user_id": "a", "task": "sales", "message": "hi" }).to_string(), 404, "support"),
        ("/chat", json!({ "user_id": "", "task": "support", "message": "hi" }).to_string(), 422, "user"),
        ("/feedback", json!({ "decision_id": unknown, "rating": 5 }).to_string(), 404, unknown),
        ("/feedback", json!({ "decision_id": "x", "rating": 5 }).to_string(), 422, "UUID"),
        ("/feedback", json!({ "decision_id": unknown, "rating": 6 }).to_string(), 422, "1 to 5"),
        ("/feedback", json!({ "decision_id": unknown }).to_string(), 422, "exactly one"),
        (
            "/feedback",
            json!({ "decision_id": unknown, "rating": 5, "value": 1 }).to_string(),
            422,
            "exactly one",
        ),
        ("/nowhere", "{}".to_owned(), 404, "/nowhere"),
        ("/health", "{}".to_owned(), 405, "POST"),
    ] {
        let (found, problem) = post(&api, path, body).await;
        assert_eq!(found.as_u16(), status, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        assert_eq!(problem["status"], json!(status));
    }
    let plain = Request::post("/chat").body(Body::from(chat("hi").to_string())).unwrap();
    let (status, kind, text) = send(&api, plain).await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/problem+json"),
        "{text}"
    );
    for (path, status) in [
        ("/helm/v1/decisions/x", 422),
        ("/helm/v1/decisions/%ff", 400),
        ("/helm/v1/tasks/sales/report", 404),
        ("/nowhere", 404),
        ("/chat", 405),
    ] {
        assert_eq!(get(&api, path).await.0.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_problem_names_what_is_wrong() {
    let api = api().await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let chat = |changed: &str, value: Value| {
        let mut body = json!({ "user_id": "a", "task": "support", "message": "hi" });
        body[changed] = value;
        ("/chat", body)
    };
    let judge = |changed: &str, value: Value| {
        let mut body = json!({ "decision_id": unknown });
        body["rating"] = json!(5);
        body[changed] = value;
        ("/feedback", body)
    };
    for ((path, body), param) in [
        (chat("user_id", json!("")), "user_id"),
        (chat("task", json!("")), "task"),
        (chat("task", json!("sales")), "task"),
        (chat("message", json!(" ")), "message"),
        (chat("message", json!(7)), "message"),
        (chat("strategy", json!("none")), "strategy"),
        (chat("segment", json!("")), "segment"),
        (chat("conversation_id", json!("")), "conversation_id"),
        (chat("mood", json!(1)), "mood"),
        (("/chat", json!({ "user_id": "a", "message": "hi" })), "task"),
        (judge("decision_id", json!("x")), "decision_id"),
        (judge("decision_id", json!(unknown)), "decision_id"),
        (judge("rating", json!(6)), "rating"),
        (judge("source", json!("")), "source"),
        (judge("source", json!("judge:mine")), "source"),
        (judge("idempotency_key", json!("")), "idempotency_key"),
        (("/feedback", json!({ "decision_id": unknown, "value": 2 })), "value"),
        (("/feedback", json!({ "decision_id": unknown })), "rating"),
        (judge("value", json!(1)), "value"),
        (judge("thumbs", json!("up")), "thumbs"),
    ] {
        let (status, problem) = post(&api, path, body.to_string()).await;
        assert!(status.is_client_error() && problem["param"] == param, "{path} {body}: {problem}");
    }
    let twice = r#"{"user_id":"a","task":"support","message":"hi","message":"ho"}"#;
    assert_eq!(post(&api, "/chat", twice).await.1["param"], "message");
    let empty = json!({ "model": "helm/support", "messages": [{ "role": "user", "content": "" }] });
    let request = Request::post("/v1/chat/completions").header(header::CONTENT_TYPE, "application/json");
    let (_, _, told) = send(&api, request.body(Body::from(empty.to_string())).unwrap()).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["error"]["param"].as_str().unwrap().starts_with("messages"), "{told}");
}

#[tokio::test]
async fn a_path_that_is_no_text_is_named_by_its_part() {
    let api = api().await;
    for (path, param) in [
        ("/helm/v1/decisions/%ff", "id"),
        ("/helm/v1/tasks/%ff/report", "task"),
        ("/helm/v1/users/%ff/preferences", "user"),
        ("/helm/v1/users/ana/conversations/%ff", "conversation"),
        ("/helm/v1/tasks/support/users/%ff", "user"),
        ("/helm/v1/experiments/%ff", "key"),
    ] {
        let (status, problem) = get(&api, path).await;
        assert_eq!((status.as_u16(), &problem["param"]), (400, &json!(param)), "{path}: {problem}");
    }
    let model = Request::get("/v1/models/%ff").body(Body::empty()).unwrap();
    let told: Value = serde_json::from_str(&send(&api, model).await.2).unwrap();
    assert_eq!(told["error"]["param"], "model", "{told}");
}

#[tokio::test]
async fn a_key_that_was_used_otherwise_is_named() {
    let api = api().await;
    let (_, turn) = post(&api, "/chat", chat("How do I reset my router?")).await;
    let judged =
        |rating: u8| json!({ "decision_id": turn["decision_id"], "rating": rating, "idempotency_key": "k" });
    assert_eq!(post(&api, "/feedback", judged(4)).await.0, StatusCode::OK);
    let (status, problem) = post(&api, "/feedback", judged(5)).await;
    assert_eq!((status.as_u16(), &problem["param"]), (409, &json!("idempotency_key")), "{problem}");
}

#[tokio::test]
async fn a_problem_names_its_request() {
    let api = api().await;
    let request = Request::get("/nowhere").header("x-request-id", "ticket-7").body(Body::empty()).unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "ticket-7");
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["request_id"], "ticket-7");
    let response = api.oneshot(Request::post("/health").body(Body::empty()).unwrap()).await.unwrap();
    assert!(response.headers().contains_key("allow"), "the methods that are taken");
}

#[tokio::test]
async fn provider_failures_are_bad_gateways_and_recorded() {
    let helm = scripted([Scripted::Fail(ErrorKind::Auth)]).await;
    let api = router(helm, ServerOptions::default());
    let (status, problem) = post(&api, "/chat", chat("hi there")).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(problem["detail"].as_str().unwrap().contains("refused the key"), "{problem}");
    let id = problem["decision_id"].as_str().unwrap();
    let (_, decision) = get(&api, &format!("/helm/v1/decisions/{id}")).await;
    assert_eq!((&decision["status"], &decision["reward"]), (&json!("upstream_error"), &Value::Null));
}

#[tokio::test]
async fn what_a_provider_says_of_a_timeout_is_nobody_elses_business() {
    let late = ErrorKind::Timeout(TimeoutKind::FirstToken);
    for body in [chat("hi there"), streamed()] {
        let api = router(scripted([Scripted::Fail(late)]).await, ServerOptions::default());
        let (status, problem) = post(&api, "/chat", body).await;
        let told = (status, problem["code"].as_str(), problem["detail"].as_str());
        assert_eq!(
            told,
            (StatusCode::GATEWAY_TIMEOUT, Some("timeout"), Some("the answer did not begin in time"))
        );
    }
}

#[tokio::test]
async fn what_goes_wrong_before_a_stream_begins_has_its_status() {
    let api = router(scripted([Scripted::Fail(ErrorKind::Auth)]).await, ServerOptions::default());
    let (status, problem) = post(&api, "/chat", streamed()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_GATEWAY, &json!("upstream_error")), "{problem}");
    assert!(problem["decision_id"].is_string());
}

#[tokio::test]
async fn health_readiness_and_metrics_are_there() {
    // Metrics are of the whole process, and other tests play turns of the other task meanwhile.
    let task = Task::new("metered").unwrap().strategy("concise", "Be brief.").unwrap();
    let helm = Helm::builder().task(task).build().await.unwrap();
    let metrics = install_metrics().unwrap();
    let metered = || json!({ "user_id": "ana", "task": "metered", "message": "hi there" });
    assert!(install_metrics().is_err(), "only once in a process");
    let api = router(helm.clone(), ServerOptions::default().with_metrics(metrics));
    post(&api, "/chat", metered()).await;
    for path in ["/health", "/livez", "/readyz"] {
        let (status, body) = get(&api, path).await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("ok")), "{path}");
    }
    let (_, text) = get(&api, "/metrics").await;
    let text = text.as_str().unwrap();
    assert!(text.contains("helm_turns_total{task=\"metered\",status=\"completed\"} 1"), "{text}");
    assert!(
        text.contains("helm_operation_duration_seconds_bucket{operation=\"turn\",le=\"0.00005\"}"),
        "{text}"
    );
    assert!(!text.contains("ana"), "no user in a label");
    for quiet in ["helm_turns_lost_total 0", "helm_requests_refused_total{reason=\"requests\"} 0"] {
        assert!(
            text.contains(quiet),
            "what has not happened yet is 0, so that it can be seen to rise: {quiet}"
        );
    }
    assert!(text.contains("# HELP helm_turns_total Finished turns"), "{text}");
    helm.stop_accepting();
    assert_eq!(get(&api, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(post(&api, "/chat", metered()).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

/// Serves on a free port; the address and what stops it.
async fn serving(helm: Helm) -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<bool>) {
    draining(helm, Duration::from_secs(5)).await
}

async fn draining(
    helm: Helm,
    drain: Duration,
) -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let options = ServerOptions::default().with_drain(drain);
    let served = serve(listener, helm, options, stop.clone());
    #[expect(clippy::disallowed_methods, reason = "the handle is awaited")]
    let served = tokio::spawn(async move { served.await.unwrap() });
    (address, stop, served)
}

async fn open(address: std::net::SocketAddr, body: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

fn streamed() -> Value {
    json!({ "user_id": "ana", "task": "support", "message": "Tell me about bees", "stream": true })
}

#[tokio::test]
async fn a_stream_has_its_events_in_order() {
    let text = "Bees live in hives and make honey. ".repeat(30);
    let (address, stop, served) = serving(scripted([Scripted::Answer(text)]).await).await;
    let mut answer = String::new();
    open(address, &streamed()).await.read_to_string(&mut answer).await.unwrap();
    let events: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((events.first(), events.last()), (Some(&"decision"), Some(&"done")), "{answer}");
    assert!(events.iter().filter(|event| **event == "delta").count() > 5);
    assert!(answer.contains("text/event-stream"));
    stop.cancel();
    assert!(served.await.unwrap());
}

#[tokio::test]
async fn hanging_up_is_recorded_as_cancelled() {
    let helm = scripted([Scripted::Hang("word ".repeat(300))]).await;
    let (address, stop, served) = serving(helm.clone()).await;
    let mut stream = open(address, &streamed()).await;
    let mut seen = String::new();
    while !seen.contains("event: delta") {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).await.unwrap();
        seen.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap()));
    }
    drop(stream);
    let id = seen.split("decision_id\":\"").nth(1).unwrap().get(..36).unwrap().parse().unwrap();
    let mut status = None;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        status = helm.explain(id).await.unwrap().turn.outcome.map(|outcome| outcome.status.as_str());
        if status.is_some() {
            break;
        }
    }
    assert_eq!(status, Some("cancelled"));
    stop.cancel();
    served.await.unwrap();
}

#[tokio::test]
async fn stopping_lets_a_running_turn_end() {
    let helm = scripted([Scripted::Slow(Duration::from_millis(300), "Here it is.".to_owned())]).await;
    let (address, stop, served) = serving(helm).await;
    let mut stream = open(address, &chat("Tell me about bees")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Here it is."), "{answer}");
    assert!(served.await.unwrap(), "nothing was cut off");
}

#[tokio::test]
async fn a_stream_that_outlasts_the_drain_is_told_and_recorded() {
    let helm = scripted([Scripted::Hang("word ".repeat(300))]).await;
    let (address, stop, served) = draining(helm, Duration::from_millis(800)).await;
    let mut stream = open(address, &streamed()).await;
    let mut piece = [0; 512];
    assert!(stream.read(&mut piece).await.unwrap() > 0);
    stop.cancel();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("event: error") && rest.contains("cancelled"), "{rest}");
    assert!(!served.await.unwrap(), "a turn was cut off");
}

#[tokio::test]
async fn connections_that_never_end_are_dropped_with_the_drain() {
    let (address, stop, served) = draining(scripted([]).await, Duration::from_millis(400)).await;
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(
        b"POST /chat HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\ncontent-type: application/json\r\n\r\n{",
    )
    .await
    .unwrap();
    // A whole request on another connection shows that the half one has been accepted before.
    let mut answer = String::new();
    open(address, &chat("hi there")).await.read_to_string(&mut answer).await.unwrap();
    stop.cancel();
    served.await.unwrap();
    // Nothing, an error's answer or a reset: the connection is over in any case.
    let ended = tokio::time::timeout(Duration::from_secs(2), half.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "the connection was still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_clients_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let helm = Helm::builder().sqlite(folder.path().join("helm.db")).task(task()).build().await.unwrap();
    let api = router(helm, ServerOptions::default());
    let clients = (0..8).map(|client| {
        let api = api.clone();
        async move {
            let mut acknowledged = 0;
            for number in 0..25 {
                let body = json!({ "user_id": format!("u{client}"), "task": "support", "message": format!("question {number}") });
                let (_, turn) = post(&api, "/chat", body).await;
                let rate = json!({ "decision_id": turn["decision_id"], "rating": 1 + (client + number) % 5 });
                let (status, answer) = post(&api, "/feedback", &rate).await;
                assert_eq!((status, &answer["applied"]), (StatusCode::OK, &json!("fresh")));
                acknowledged += 1;
                // A client that is not sure sends again.
                assert_eq!(post(&api, "/feedback", &rate).await.1["applied"], json!("duplicate"));
            }
            acknowledged
        }
    });
    let acknowledged: u64 = futures::future::join_all(clients).await.into_iter().sum();
    let (_, report) = get(&api, "/helm/v1/tasks/support/report").await;
    let total = |of: fn(&Value) -> &Value| -> u64 {
        report["strategies"].as_array().unwrap().iter().map(|strategy| of(strategy).as_u64().unwrap()).sum()
    };
    assert_eq!(total(|strategy| &strategy["feedback"]["count"]), acknowledged);
    assert_eq!(total(|strategy| &strategy["reward"]["count"]), acknowledged);
    assert_eq!(total(|strategy| &strategy["pulls"]), 200);
}

/// An API whose answers are used again, and its model.
async fn reusing() -> (Router, Arc<ScriptedModel>) {
    let model = Arc::new(ScriptedModel::new(
        "main".parse().unwrap(),
        [Scripted::Answer("From nine to five.".to_owned())],
    ));
    let cache = SemanticCache::new(UnitInterval::new(0.97).unwrap(), Duration::from_secs(60));
    let task = Task::new("support").unwrap().strategy("plain", "Be brief.").unwrap();
    let task = task.with_semantic_cache("plain".parse().unwrap(), cache);
    let helm = Helm::builder().model(Arc::clone(&model) as _).task(task).build().await.unwrap();
    (router(helm, ServerOptions::default()), model)
}

#[tokio::test]
async fn an_answer_that_is_used_again_says_whose_it_is() {
    let (api, model) = reusing().await;
    let ask = |question: &str| json!({ "model": "helm/support", "messages": [{ "role": "user", "content": question }] });
    let (_, first) = post(&api, "/v1/chat/completions", ask("What are your opening hours?")).await;
    assert!(first["helm"].as_object().unwrap().get("similar_to").is_none(), "{first}");
    let again = "what are your opening hours";
    let (_, second) = post(&api, "/v1/chat/completions", ask(again)).await;
    let similar = &second["helm"]["similar_to"];
    assert_eq!(similar["decision_id"], first["helm"]["decision_id"], "{second}");
    assert!(similar["similarity"].as_f64().unwrap() > 0.97);
    assert_eq!(second["helm"]["cost_usd"], json!(0.0));
    let message = json!({ "max_tokens": 99, "model": "helm/support", "messages": ask(again)["messages"] });
    // What else is asked is another question: here an answer of so many tokens.
    let (_, bounded) = post(&api, "/v1/messages", message.clone()).await;
    assert!(bounded["helm"].get("similar_to").is_none(), "{bounded}");
    let (_, message) = post(&api, "/v1/messages", message).await;
    assert_eq!(message["helm"]["similar_to"]["decision_id"], bounded["helm"]["decision_id"]);
    let (_, own) = post(&api, "/chat", chat(again)).await;
    assert_eq!(own["similar_to"]["decision_id"], first["helm"]["decision_id"]);
    let streamed = json!({ "stream": true, "model": "helm/support", "messages": ask(again)["messages"] });
    let request = Request::post("/v1/chat/completions").header(header::CONTENT_TYPE, "application/json");
    let (.., text) = send(&api, request.body(Body::from(streamed.to_string())).unwrap()).await;
    let last = text.lines().rfind(|line| line.contains("\"helm\"")).unwrap();
    let last: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(last["helm"]["similar_to"]["decision_id"], first["helm"]["decision_id"]);
    assert_eq!(model.requests().len(), 2);
}

/// Takes one request after the other, answers each as a provider would, and tells the first one's bytes.
async fn provider() -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let heard = async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            socket.read_buf(&mut seen).await.unwrap();
        }
        let answer =
            json!({ "model": "m", "choices": [{ "message": { "content": "{}" }, "finish_reason": "stop" }] });
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        socket.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
        String::from_utf8(seen).unwrap()
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    let heard = tokio::spawn(heard);
    (url, heard)
}

#[tokio::test]
async fn the_provider_is_told_of_forms_in_the_order_of_the_caller() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let form = r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"type":"string"}}}"#;
    let asks = [
        (
            "/v1/chat/completions",
            r#""tools":[{"type":"function","function":{"name":"look","parameters":FORM}}],
            "response_format":{"type":"json_schema","json_schema":{"name":"form","schema":FORM}}"#,
        ),
        (
            "/v1/messages",
            r#""max_tokens":99,"tools":[{"name":"look","input_schema":FORM}],
            "output_config":{"format":{"type":"json_schema","schema":FORM}}"#,
        ),
    ];
    for (path, asks) in asks {
        let (url, heard) = provider().await;
        let config = HttpConfig::new("main".parse().unwrap(), url);
        let model = HttpModel::new(OpenAiChat::new("m"), config).unwrap();
        let helm = Helm::builder().task(task()).model(Arc::new(model)).build().await.unwrap();
        let api = router(helm, ServerOptions::default());
        let asks = asks.replace("FORM", form);
        let body =
            format!(r#"{{"model":"helm/support","messages":[{{"role":"user","content":"hi"}}],{asks}}}"#);
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let response = api.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let heard = heard.await.unwrap();
        assert_eq!(heard.matches(form).count(), 2, "{path}: {heard}");
        drop(response);
    }
}
