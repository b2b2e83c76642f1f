//! What is too much at once is refused at once; what was acknowledged is there.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures::future::join_all;
use helm_core::DecisionId;
use helm_orchestrator::llm::{Breaker, BreakerPolicy, ChatModel, ErrorKind, Scripted, ScriptedModel};
use helm_orchestrator::store::LogQuery;
use helm_orchestrator::{Helm, Task};
use helm_server::{InFlight, ServerOptions, router};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tower::ServiceExt;

const SLOW: Duration = Duration::from_millis(400);

/// A server whose model takes its time, and how often that was asked.
async fn slow(most: InFlight) -> (Router, Helm, Arc<ScriptedModel>) {
    let answer = Scripted::Slow(SLOW, "It is plugged in.".to_owned());
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [answer]));
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let helm = Helm::builder().task(task).model(Arc::clone(&model) as Arc<_>).build().await.unwrap();
    (router(helm.clone(), ServerOptions::default().with_in_flight(most)), helm, model)
}

fn chat(message: &str) -> Value {
    json!({ "user_id": "ana", "task": "support", "message": message })
}

/// Asks; the status, the header `Retry-After`, and the answer.
async fn post(api: &Router, path: &str, body: &Value) -> (StatusCode, Option<String>, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let response = api.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let wait = headers.get(header::RETRY_AFTER).map(|wait| wait.to_str().unwrap().to_owned());
    (status, wait, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_flood_is_answered_or_refused_within_a_bound() {
    const ROOM: usize = 16;
    let (api, helm, model) = slow(InFlight::new(ROOM, 1 << 20)).await;
    let body = chat("Is it plugged in?");
    let began = Instant::now();
    let answers = join_all((0..400).map(|_| post(&api, "/chat", &body))).await;
    assert!(began.elapsed() < SLOW * 10, "nobody waits in line: {:?}", began.elapsed());
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(status, ..)| *status == StatusCode::OK);
    assert_eq!((taken.len(), refused.len()), (ROOM, 400 - ROOM));
    assert_eq!(model.requests().len(), ROOM, "no more were begun");
    for (status, wait, problem) in refused {
        let told = (status.as_u16(), wait.as_deref(), problem["code"].as_str());
        assert_eq!(told, (503, Some("1"), Some("overloaded")), "{problem}");
    }
    // What was acknowledged is there, and there is room again.
    for (_, _, turn) in taken {
        let id: DecisionId = turn["decision_id"].as_str().unwrap().parse().unwrap();
        assert!(helm.explain(id).await.unwrap().turn.outcome.is_some());
    }
    assert_eq!(post(&api, "/chat", &body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_bodies_hold_together_is_bounded() {
    let (api, _, _) = slow(InFlight::new(100, 100 << 10)).await;
    let long = chat(&"word ".repeat(8 << 10));
    let answers = join_all((0..20).map(|_| post(&api, "/chat", &long))).await;
    let taken = answers.iter().filter(|(status, ..)| *status == StatusCode::OK).count();
    assert_eq!(taken, 2, "of 40 KiB each");
    // One that is larger than all may still go alone.
    let longer = chat(&"word ".repeat(40 << 10));
    assert_eq!(post(&api, "/chat", &longer).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_is_in_the_words_of_its_path_and_health_is_told_all_the_same() {
    let (api, _, _) = slow(InFlight::new(1, 1 << 20)).await;
    let messages = json!([{ "role": "user", "content": "Is it on?" }]);
    let openai = json!({ "model": "helm/support", "messages": messages });
    let anthropic = json!({ "model": "helm/support", "max_tokens": 9, "messages": messages });
    let message = chat("Is it on?");
    let asking = async {
        tokio::time::sleep(SLOW / 4).await;
        let (status, wait, told) = post(&api, "/v1/chat/completions", &openai).await;
        assert_eq!((status.as_u16(), wait.as_deref()), (503, Some("1")));
        assert_eq!(
            (&told["error"]["code"], &told["error"]["type"]),
            (&json!("overloaded"), &json!("server_error"))
        );
        let (status, wait, told) = post(&api, "/v1/messages", &anthropic).await;
        assert_eq!((status.as_u16(), wait.as_deref()), (529, Some("1")));
        assert_eq!(told["error"]["type"], "overloaded_error");
        for path in ["/livez", "/readyz", "/health", "/ui"] {
            let asked = Request::get(path).body(Body::empty()).unwrap();
            let answer = api.clone().oneshot(asked).await.unwrap();
            assert!(answer.status().is_success() || answer.status().is_redirection(), "{path}");
        }
    };
    let (turn, ()) = tokio::join!(post(&api, "/chat", &message), asking);
    assert_eq!(turn.0, StatusCode::OK);
}

/// Those who hang up make no room before their turns have been recorded.
#[tokio::test]
async fn a_turn_keeps_its_place_when_its_caller_goes_away() {
    let (api, helm, model) = slow(InFlight::new(2, 1 << 20)).await;
    let body = chat("Is it plugged in?");
    for _ in 0..2 {
        let gone = tokio::time::timeout(SLOW / 8, post(&api, "/chat", &body)).await;
        assert!(gone.is_err(), "it was cut off");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while post(&api, "/chat", &body).await.0 != StatusCode::OK {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(model.requests().len(), 3);
    assert_eq!(helm.turns(&LogQuery::default(), None, 10).await.unwrap().items.len(), 3, "all are recorded");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_gives_its_place_back() {
    let (api, _, _) = slow(InFlight::new(1, 1 << 20)).await;
    let (mut writer, reader) = tokio::io::duplex(64);
    writer.write_all(b"{\"user_id\":").await.unwrap();
    let bytes = futures::stream::unfold(reader, |mut reader| async {
        let mut bytes = vec![0; 64];
        let read = tokio::io::AsyncReadExt::read(&mut reader, &mut bytes).await.ok()?;
        bytes.truncate(read);
        Some((Ok::<_, std::io::Error>(bytes), reader))
    });
    let request = Request::post("/chat").header(header::CONTENT_TYPE, "application/json");
    let late = api.clone().oneshot(request.body(Body::from_stream(bytes)).unwrap()).await.unwrap();
    assert_eq!(late.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(post(&api, "/chat", &chat("Is it on?")).await.0, StatusCode::OK);
}

/// A server whose provider fails in this way, and is rested after the first time.
async fn failing(kind: ErrorKind) -> (Router, Helm) {
    let mut policy = BreakerPolicy::default();
    policy.least = 1;
    let model = ScriptedModel::new("main".parse().unwrap(), [Scripted::Fail(kind)]);
    let model: Arc<dyn ChatModel> = Arc::new(Breaker::new(model, policy));
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let helm = Helm::builder().task(task).model(model).build().await.unwrap();
    (router(helm.clone(), ServerOptions::default()), helm)
}

#[tokio::test]
async fn a_providers_limit_is_told_with_when_to_come_back() {
    let (api, _) = failing(ErrorKind::RateLimited).await;
    let (status, wait, told) = post(&api, "/chat", &chat("Is it on?")).await;
    let told = (status.as_u16(), wait.as_deref(), told["code"].as_str());
    assert_eq!(told, (429, Some("1"), Some("upstream_rate_limited")));
}

/// Sending it again cannot help, however long the model rests.
#[tokio::test]
async fn a_key_that_is_refused_is_told_as_such_also_while_its_model_rests() {
    let (api, helm) = failing(ErrorKind::Auth).await;
    for rests in [false, true, true] {
        let (status, wait, told) = post(&api, "/chat", &chat("Is it on?")).await;
        assert_eq!((status.as_u16(), wait), (502, None), "{told}");
        assert!(told["detail"].as_str().unwrap().contains("refused the key"), "{told}");
        let id: DecisionId = told["decision_id"].as_str().unwrap().parse().unwrap();
        let recorded = helm.explain(id).await.unwrap().turn.outcome.unwrap().error.unwrap();
        assert_eq!(recorded.contains("rested"), rests, "{recorded}");
    }
}
