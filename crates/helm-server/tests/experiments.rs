//! Experiments over HTTP: run by turns, and read while they run.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use helm_orchestrator::experiment::Spec;
use helm_orchestrator::policy::Registry;
use helm_orchestrator::{Helm, Task};
use helm_server::{ServerOptions, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const SPEC: &str = r#"[experiment]
key = "tone"
task = "support"
mode = "sequential"
n_star = 100
[[variant]]
key = "control"
control = true
weight = 0.5
strategy = "concise"
[[variant]]
key = "warm"
weight = 0.5
strategy = "friendly"
[[metric]]
key = "reward"
role = "goal"
kind = "ratio"
num = { event = "reward", agg = "sum" }
den = { event = "reward", agg = "count" }
better = "higher"
"#;

async fn api() -> Router {
    let task = Task::new("support").unwrap();
    let task = task.strategy("concise", "Be brief.").unwrap().strategy("friendly", "Be warm.").unwrap();
    let builder = Helm::builder().task(task);
    let builder = builder.experiment_of(Spec::from_toml(SPEC).unwrap(), &Registry::standard()).unwrap();
    router(builder.build().await.unwrap(), ServerOptions::default())
}

/// The same while A/B testing is off.
async fn paused() -> Router {
    let task = Task::new("support").unwrap();
    let task = task.strategy("concise", "Be brief.").unwrap().strategy("friendly", "Be warm.").unwrap();
    let builder = Helm::builder().task(task).paused_experiment(Spec::from_toml(SPEC).unwrap());
    router(builder.build().await.unwrap(), ServerOptions::default())
}

async fn get(api: &Router, path: &str, accept: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    let (status, kind) = (response.status(), response.headers()["content-type"].to_str().unwrap().to_owned());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

async fn chat(api: &Router, user: &str) {
    let body = json!({ "user_id": user, "task": "support", "message": "How do I reset it?" }).to_string();
    let request =
        Request::post("/chat").header("content-type", "application/json").body(Body::from(body)).unwrap();
    assert_eq!(api.clone().oneshot(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_experiment_is_read_while_it_runs() {
    let api = api().await;
    let (_, _, listed) = get(&api, "/helm/v1/experiments", "*/*").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["experiments"][0]["key"], "tone");
    assert_eq!(listed["experiments"][0]["assigns"], true);
    assert_eq!(
        listed["experiments"][0]["variants"][1],
        json!({ "name": "warm", "weight": 0.5, "control": false })
    );
    for users in [3, 6] {
        for user in users - 3..users {
            chat(&api, &format!("u{user}")).await;
        }
        let (status, kind, report) = get(&api, "/helm/v1/experiments/tone", "application/json").await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
        let report: Value = serde_json::from_str(&report).unwrap();
        let seen: u64 =
            report["variants"].as_array().unwrap().iter().map(|own| own["users"].as_u64().unwrap()).sum();
        assert_eq!(seen, users);
    }
    let browser = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let (_, kind, page) = get(&api, "/helm/v1/experiments/tone", browser).await;
    assert!(kind.starts_with("text/html") && page.starts_with("<!doctype html>"), "{kind}");
    let (_, kind, text) = get(&api, "/helm/v1/experiments/tone", "text/markdown").await;
    assert!(kind.starts_with("text/markdown") && text.starts_with("# Experiment tone"), "{kind}");
    let (status, _, problem) = get(&api, "/helm/v1/experiments/tune", "*/*").await;
    assert!(
        status == StatusCode::NOT_FOUND && problem.contains("the configured ones are: tone"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_paused_experiment_is_listed_and_can_be_read() {
    let api = paused().await;
    chat(&api, "ana").await;
    let (_, _, listed) = get(&api, "/helm/v1/experiments", "*/*").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["experiments"][0]["key"], &listed["experiments"][0]["assigns"]),
        (&json!("tone"), &json!(false))
    );
    let (status, _, report) = get(&api, "/helm/v1/experiments/tone", "application/json").await;
    assert_eq!(status, StatusCode::OK, "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["variants"].as_array().unwrap().iter().all(|own| own["users"] == 0), "{report}");
    let (status, _, problem) = get(&api, "/helm/v1/experiments/tune", "*/*").await;
    assert!(
        status == StatusCode::NOT_FOUND && problem.contains("the configured ones are: tone"),
        "{problem}"
    );
}
