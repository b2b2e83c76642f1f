//! What the dashboard asks, and the dashboard's own files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use futures::StreamExt;
use helm_core::Feedback;
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmConfig, TurnRequest};
use helm_server::{ApiKeys, ServerOptions, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const CONFIG: &str = r#"
[guardrails.tests.input]
profanity = "block"
[tasks.support]
guardrails = "tests"
[tasks.support.strategies.concise]
system = "Answer in at most two sentences."
[tasks.support.strategies.stepwise]
system = "Answer step by step."
[tasks.writing.strategies.concise]
system = "Help in at most two sentences."
"#;

async fn helm() -> Helm {
    let config = HelmConfig::from_toml(CONFIG, Path::new("helm.toml")).unwrap();
    config.builder(&|_| None).unwrap().store(Arc::new(MemoryStore::new())).build().await.unwrap()
}

fn api(helm: &Helm) -> Router {
    router(helm.clone(), ServerOptions::default())
}

async fn say(helm: &Helm, user: &str, task: &str, message: &str) -> helm_core::DecisionId {
    let request = TurnRequest::new(user, task, message.to_owned()).unwrap();
    helm.turn(request.with_conversation("c".parse().unwrap())).await.unwrap().decision_id
}

async fn get(api: &Router, path: &str) -> (StatusCode, Value) {
    let response = api.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_overview_counts_what_happened() {
    let helm = helm().await;
    let api = api(&helm);
    let (_, empty) = get(&api, "/helm/v1/overview").await;
    assert_eq!((&empty["hours"], &empty["tasks"][0]["slots"]), (&json!(1), &json!([])));
    for user in ["ana", "bob", "chen"] {
        say(&helm, user, "support", "How do I reset my password?").await;
    }
    say(&helm, "ana", "support", "What a fucking mess.").await;
    say(&helm, "ana", "writing", "Help me with a letter.").await;
    let (status, overview) = get(&api, "/helm/v1/overview?hours=1&slots=60").await;
    assert_eq!(status, StatusCode::OK, "{overview}");
    assert_eq!((&overview["step_seconds"], &overview["hours"]), (&json!(60.0), &json!(1)));
    let tasks = overview["tasks"].as_array().unwrap();
    let sum = |task: &Value, field: &str| -> u64 {
        task["slots"].as_array().unwrap().iter().map(|slot| slot[field].as_u64().unwrap()).sum()
    };
    assert_eq!((&tasks[0]["task"], &tasks[1]["task"]), (&json!("support"), &json!("writing")));
    assert_eq!((sum(&tasks[0], "turns"), sum(&tasks[0], "blocked"), sum(&tasks[0], "found")), (4, 1, 1));
    assert_eq!((sum(&tasks[1], "turns"), sum(&tasks[1], "blocked")), (1, 0));
    assert_eq!(tasks[1]["baseline"], Value::Null, "there is one strategy only");
    let slot = &tasks[1]["slots"][0];
    assert!(
        slot["reward"].as_f64().unwrap() > 0.0 && slot["stderr"].is_null() && slot["cost_usd"].is_number()
    );
    let (_, of_task) = get(&api, "/helm/v1/overview?task=writing").await;
    assert_eq!(of_task["tasks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let helm = helm().await;
    let api = api(&helm);
    for (path, status) in [
        ("/helm/v1/overview?hours=0", 422),
        ("/helm/v1/overview?hours=900000", 422),
        ("/helm/v1/overview?slots=501", 422),
        ("/helm/v1/overview?hour=1", 422),
        ("/helm/v1/overview?task=%20", 422),
        ("/helm/v1/decisions?status=fine", 422),
        ("/helm/v1/decisions?limit=0", 422),
        ("/helm/v1/decisions?limit=201", 422),
        ("/helm/v1/decisions?after=x", 422),
        ("/helm/v1/decisions?since=yesterday", 422),
        ("/helm/v1/decisions?strategy=@", 422),
        ("/helm/v1/guardrails/findings?slots=0", 422),
        ("/helm/v1/tasks/sales/probabilities", 404),
        ("/helm/v1/tasks/support/probabilities?task=support", 422),
        ("/helm/v1/tasks/sales/users", 404),
        ("/helm/v1/tasks/support/users?limit=501", 422),
        ("/helm/v1/tasks/sales/users/ana", 404),
    ] {
        let (found, problem) = get(&api, path).await;
        assert_eq!(found.as_u16(), status, "{path}: {problem}");
    }
    // The longest stretch there is begins before 1970, so it is cut there.
    let (status, longest) = get(&api, "/helm/v1/overview?hours=876000&slots=1").await;
    assert_eq!(status, StatusCode::OK, "{longest}");
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_named() {
    let helm = helm().await;
    let api = api(&helm);
    for (path, param) in [
        ("/helm/v1/overview?slots=3&hours=many", "hours"),
        ("/helm/v1/overview?slots=3&hour=1", "hour"),
        ("/helm/v1/overview?task=%20", "task"),
        ("/helm/v1/decisions?found=perhaps", "found"),
        ("/helm/v1/decisions?limit=1&limit=2", "limit"),
        ("/helm/v1/decisions?limit=201", "limit"),
        ("/helm/v1/decisions?since=yesterday", "since"),
        ("/helm/v1/decisions?strategy=@", "strategy"),
        ("/helm/v1/decisions?user=", "user"),
        ("/helm/v1/decisions?status=fine", "status"),
        ("/helm/v1/decisions?after=1.x", "after"),
        ("/helm/v1/tasks/support/users?limit=-1", "limit"),
        ("/helm/v1/tasks/support/users?after=", "after"),
    ] {
        let (status, problem) = get(&api, path).await;
        assert_eq!((status.as_u16(), &problem["param"]), (422, &json!(param)), "{path}: {problem}");
        assert_eq!(problem["code"], "invalid_request", "{path}");
    }
    for (path, param) in [("/helm/v1/tasks/sales/report", "task"), ("/helm/v1/experiments/none", "key")] {
        let (status, problem) = get(&api, path).await;
        assert_eq!((status.as_u16(), &problem["param"]), (404, &json!(param)), "{path}: {problem}");
    }
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_explained() {
    let helm = helm().await;
    let api = api(&helm);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(say(&helm, "ana", "support", &format!("Question {number}?")).await.to_string());
    }
    say(&helm, "bob", "support", "What a fucking mess.").await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let (status, page) = get(&api, &format!("/helm/v1/decisions?user=ana&limit=2{next}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        seen.extend(
            page["turns"]
                .as_array()
                .unwrap()
                .iter()
                .map(|turn| turn["decision_id"].as_str().unwrap().to_owned()),
        );
        let Some(after) = page["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    ids.reverse();
    assert_eq!(seen, ids, "newest first, each once");
    let (_, found) = get(&api, "/helm/v1/decisions?found=true").await;
    let [turn] = &found["turns"].as_array().unwrap()[..] else { unreachable!("one turn: {found}") };
    assert_eq!((&turn["status"], &turn["violations"][0]["action"]), (&json!("blocked"), &json!("block")));
    assert!(!found.to_string().contains("fucking"), "a refused message is nowhere: {found}");
    let (_, findings) = get(&api, "/helm/v1/guardrails/findings").await;
    assert_eq!(findings["findings"][0]["count"], 1, "{findings}");
    let (_, decision) = get(&api, &format!("/helm/v1/decisions/{}", ids[0])).await;
    assert_eq!((&decision["message"], &decision["conversation_id"]), (&json!("Question 4?"), &json!("c")));
    assert!(
        decision["answer"].is_string() && decision["latency_ms"].is_number() && decision["simulated"] == true
    );
    let parts = decision["reward_parts"].as_array().unwrap();
    assert!(!parts.is_empty() && parts.iter().all(|part| part["weight"].is_number()), "{decision}");
}

#[tokio::test]
async fn users_stand_beside_the_population() {
    let helm = helm().await;
    let api = api(&helm);
    for number in 0..6 {
        let id = say(&helm, if number < 4 { "ana" } else { "bob" }, "support", "How do I reset it?").await;
        helm.feedback(Feedback::rating(id, 5.0).unwrap()).await.unwrap();
    }
    let (_, first) = get(&api, "/helm/v1/tasks/support/users?limit=1").await;
    assert_eq!((&first["users"][0]["user_id"], &first["next"]), (&json!("ana"), &json!("ana")));
    let counts = first["users"][0]["strategies"].as_object().unwrap().values();
    assert_eq!(counts.map(|own| own["count"].as_u64().unwrap()).sum::<u64>(), 4);
    let (_, second) = get(&api, "/helm/v1/tasks/support/users?limit=1&after=ana").await;
    assert_eq!((&second["users"][0]["user_id"], &second["next"]), (&json!("bob"), &Value::Null));
    let (_, outlook) = get(&api, "/helm/v1/tasks/support/users/ana").await;
    for whose in ["user", "population"] {
        let candidates = outlook[whose].as_array().unwrap();
        let sum: f64 = candidates.iter().map(|candidate| candidate["probability"].as_f64().unwrap()).sum();
        assert!(candidates.len() == 2 && (sum - 1.0).abs() < 1e-9, "{outlook}");
    }
    let (_, offers) = get(&api, "/helm/v1/tasks/support/probabilities?hours=1").await;
    let slot = &offers["slots"][0];
    let sum: f64 = slot["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!(slot["decisions"].as_u64().unwrap() >= 1 && (sum - 1.0).abs() < 1e-9, "{offers}");
    let (_, report) = get(&api, "/helm/v1/tasks/support/report").await;
    assert!(report["strategies"][0]["posterior"]["mean"].is_number(), "{report}");
    assert_eq!(report["warnings"], json!([]));
}

#[tokio::test]
async fn turns_are_told_as_they_end() {
    let helm = helm().await;
    let api = api(&helm);
    say(&helm, "ana", "support", "This was before.").await;
    let request = Request::get("/helm/v1/decisions?user=ana").header("accept", "text/event-stream");
    let response = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    let mut told = String::new();
    let mut until = async |told: &mut String, what: &str| {
        while !told.contains(what) {
            let piece = tokio::time::timeout(Duration::from_secs(10), body.next()).await.unwrap();
            match piece {
                Some(piece) => told.push_str(std::str::from_utf8(&piece.unwrap()).unwrap()),
                None => return false,
            }
        }
        true
    };
    assert!(until(&mut told, "event: ready").await);
    say(&helm, "bob", "support", "This is another's.").await;
    say(&helm, "ana", "support", "This is new.").await;
    assert!(until(&mut told, "This is new.").await);
    assert!(
        told.contains("event: turn") && !told.contains("before") && !told.contains("another's"),
        "{told}"
    );
    helm.stop_accepting();
    assert!(!until(&mut told, "never").await, "the stream ends with the server");
}

#[tokio::test]
async fn the_pages_need_no_key_and_what_they_show_does() {
    let keys = ApiKeys::parse(&ApiKeys::entry("tests", "hk_1_x")).unwrap();
    let api = router(helm().await, ServerOptions::default().with_keys(keys));
    let ask = async |path: &str, tag: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    for path in [
        "/ui/",
        "/ui/tasks/support",
        "/ui/decisions?user=ana",
        "/ui/static/app.js",
        "/ui/static/pages/task.js",
    ] {
        let response = ask(path, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(ask(path, Some(&tag)).await.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    assert!(ask("/ui", None).await.status().is_redirection());
    assert_eq!(ask("/ui/static/nothing.js", None).await.status(), StatusCode::NOT_FOUND);
    for path in [
        "/helm/v1/overview",
        "/helm/v1/decisions",
        "/helm/v1/guardrails/findings",
        "/helm/v1/tasks/support/users",
    ] {
        assert_eq!(ask(path, None).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

/// Every file that a page asks for is there, and every file that is there is one of the program's.
#[test]
fn no_file_of_the_pages_is_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(root.join("src/ui.rs")).unwrap();
    for folder in ["ui", "ui/pages"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root.join("ui")).unwrap().to_str().unwrap().to_owned();
            let listed = source.contains(&format!("\"{name}\"")) || name == "index.html" || path.is_dir();
            assert!(listed, "src/ui.rs does not serve {name}");
        }
    }
}
