//! What is known of a user, and the keys that guard it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use helm_core::TokenCount;
use helm_orchestrator::llm::{Scripted, ScriptedModel};
use helm_orchestrator::store::Store;
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, Task};
use helm_server::{ApiKeys, ServerOptions, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const ID: &str = "01a22830-c45e-7e71-ac35-a880a0d2082e";

async fn api(options: ServerOptions) -> Router {
    let task = Task::new("support").unwrap().strategy("concise", "Answer in at most two sentences.").unwrap();
    router(Helm::builder().task(task.remembering()).build().await.unwrap(), options)
}

async fn call(api: &Router, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let response = api.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn preferences_are_changed_from_a_known_revision() {
    let api = api(ServerOptions::default()).await;
    let path = "/helm/v1/users/ana/preferences";
    let empty = json!({ "revision": 0, "values": {} });
    assert_eq!(call(&api, Method::GET, path, None).await, (200, empty));
    let set = json!({ "revision": 0, "values": { "tone": "warm", "length": 3 } });
    let (status, changed) = call(&api, Method::PATCH, path, Some(set.clone())).await;
    assert_eq!((status, &changed["revision"], &changed["values"]["tone"]), (200, &json!(1), &json!("warm")));
    let (status, problem) = call(&api, Method::PATCH, path, Some(set)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")));
    let told = (&problem["param"], &problem["detail"]);
    assert_eq!(told, (&json!("revision"), &json!("the preferences are at revision 1; read them again")));
    let removed = json!({ "values": { "tone": null } });
    let (_, changed) = call(&api, Method::PATCH, path, Some(removed)).await;
    assert_eq!(changed, json!({ "revision": 2, "values": { "length": 3 } }));
    let (status, problem) = call(&api, Method::PATCH, path, Some(json!({ "values": [] }))).await;
    assert_eq!((status, &problem["param"]), (422, &json!("values")));
    let nameless = json!({ "values": { "": 1 } });
    let (status, problem) = call(&api, Method::PATCH, path, Some(nameless)).await;
    assert_eq!((status, &problem["param"]), (422, &json!("values")), "{problem}");
}

#[tokio::test]
async fn what_was_said_is_remembered_found_and_forgotten() {
    let api = api(ServerOptions::default()).await;
    for message in ["My router is a blue Nimbus", "I like tea with honey"] {
        let chat =
            json!({ "user_id": "ana", "task": "support", "message": message, "conversation_id": "c1" });
        assert_eq!(call(&api, Method::POST, "/chat", Some(chat)).await.0, 200);
    }
    let (_, talk) = call(&api, Method::GET, "/helm/v1/users/ana/conversations/c1?limit=4", None).await;
    let roles: Vec<_> =
        talk["messages"].as_array().unwrap().iter().map(|said| said["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
    assert_eq!(
        call(&api, Method::GET, "/helm/v1/users/bob/conversations/c1", None).await.1["messages"],
        json!([])
    );
    assert_eq!(call(&api, Method::GET, "/helm/v1/users/ana/conversations/c1?x=1", None).await.0, 422);

    let memories = "/helm/v1/users/ana/memories";
    let (_, first) = call(&api, Method::GET, &format!("{memories}?limit=1"), None).await;
    assert_eq!((&first["count"], first["memories"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(first["memories"][0]["text"], "I like tea with honey", "the latest first");
    let after = format!("{memories}?limit=1&after={}", first["next"].as_str().unwrap());
    let (_, last) = call(&api, Method::GET, &after, None).await;
    assert_eq!(last["memories"][0]["text"], "My router is a blue Nimbus");
    assert_eq!((&last["count"], &last["next"]), (&json!(2), &Value::Null));
    let (_, all) = call(&api, Method::GET, memories, None).await;
    assert_eq!((all["memories"].as_array().unwrap().len(), &all["next"]), (2, &Value::Null));
    for (wrong, param) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("after=x", "after")]
    {
        let (status, problem) = call(&api, Method::GET, &format!("{memories}?{wrong}"), None).await;
        assert_eq!((status, &problem["param"]), (422, &json!(param)), "{wrong}: {problem}");
    }
    let query = json!({ "query": "which router is it", "limit": 1 });
    let (_, found) = call(&api, Method::POST, &format!("{memories}/search"), Some(query)).await;
    assert_eq!(found["memories"][0]["text"], "My router is a blue Nimbus");
    let one = format!("{memories}/{}", found["memories"][0]["id"].as_str().unwrap());
    assert_eq!(call(&api, Method::DELETE, &one, None).await, (200, json!({ "deleted": 1 })));
    let (status, problem) = call(&api, Method::DELETE, &one, None).await;
    assert_eq!((status, &problem["param"]), (404, &json!("memory")), "{problem}");
    assert_eq!(call(&api, Method::DELETE, &format!("{memories}/x"), None).await.0, 422);
    assert_eq!(call(&api, Method::DELETE, memories, None).await, (200, json!({ "deleted": 1 })));
    let nothing = json!({ "count": 0, "memories": [], "next": null });
    assert_eq!(call(&api, Method::GET, memories, None).await, (200, nothing));
}

#[tokio::test]
async fn what_a_conversation_began_with_is_shown_summed_up() {
    let model = |name: &str, text: &str| {
        Arc::new(ScriptedModel::new(name.parse().unwrap(), [Scripted::Answer(text.to_owned())]))
    };
    let task = Task::new("support").unwrap().strategy("plain", "Be brief.").unwrap();
    let task = task.with_history(TokenCount::new(200)).with_summaries("notes".parse().unwrap());
    let helm = Helm::builder().task(task).model(model("main", &"They run often. ".repeat(6)));
    let helm = helm.model(model("notes", "Ana travels on 3 May.")).build().await.unwrap();
    let api = router(helm, ServerOptions::default());
    let path = "/helm/v1/users/ana/conversations/c1";
    assert_eq!(call(&api, Method::GET, path, None).await.1, json!({ "messages": [], "summary": null }));
    for turn in 0..5 {
        let message = format!("{turn}: {}", "tell me more about trains ".repeat(4));
        let chat =
            json!({ "user_id": "ana", "task": "support", "message": message, "conversation_id": "c1" });
        assert_eq!(call(&api, Method::POST, "/chat", Some(chat)).await.0, 200);
    }
    let summary = async {
        loop {
            let (_, talk) = call(&api, Method::GET, path, None).await;
            match &talk["summary"] {
                Value::Null => tokio::time::sleep(Duration::from_millis(50)).await,
                summary => break (summary.clone(), talk["messages"].clone()),
            }
        }
    };
    let (summary, messages) = tokio::time::timeout(Duration::from_secs(20), summary).await.unwrap();
    assert_eq!((&summary["text"], messages.as_array().unwrap().len()), (&json!("Ana travels on 3 May."), 10));
    assert!(messages.as_array().unwrap().iter().any(|said| said["decision_id"] == summary["covers"]));
    assert!(summary["at"].is_string());
    let (_, others) = call(&api, Method::GET, "/helm/v1/users/bob/conversations/c1", None).await;
    assert_eq!(others["summary"], Value::Null);
}

#[tokio::test]
async fn nothing_but_the_state_of_the_server_is_open_without_a_key() {
    let keys = ApiKeys::parse(&ApiKeys::entry("a", "hk_1_x")).unwrap();
    let api = api(ServerOptions::default().with_keys(keys)).await;
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/health", 200),
        ("/helm/v1/tasks", 401),
        ("/helm/v1/openapi.json", 401),
        ("/metrics", 401),
        ("/v1/models", 401),
        ("/chat", 401),
        ("/nowhere", 401),
        ("//livez", 401),
        ("/livez/", 401),
    ] {
        assert_eq!(call(&api, Method::GET, path, None).await.0, status, "{path}");
    }
    let (_, body) = call(&api, Method::GET, "/v1/models", None).await;
    assert_eq!(body["error"]["code"], "invalid_api_key");
}

#[tokio::test]
async fn what_the_server_runs_on_is_told_to_those_with_a_key() {
    let keys = ApiKeys::parse(&ApiKeys::entry("a", "hk_1_x")).unwrap();
    let api = api(ServerOptions::default().with_keys(keys)).await;
    let health = async |key: Option<&str>| {
        let mut request = Request::get("/health");
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let answer = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    for key in [None, Some("hk_1_y")] {
        let told = health(key).await;
        assert_eq!((&told["status"], told.get("store")), (&json!("ok"), None), "{told}");
    }
    assert_eq!(health(Some("hk_1_x")).await["store"]["backend"], "memory");
}

#[tokio::test]
async fn a_user_is_shown_and_forgotten() {
    let api = api(ServerOptions::default()).await;
    let chat =
        json!({ "user_id": "ana", "task": "support", "message": "I like tea", "conversation_id": "c1" });
    let (_, answer) = call(&api, Method::POST, "/chat", Some(chat)).await;
    let decision = format!("/helm/v1/decisions/{}", answer["decision_id"].as_str().unwrap());
    let path = "/helm/v1/users/ana";
    let (status, shown) = call(&api, Method::GET, path, None).await;
    assert_eq!((status, shown["turns"][0]["input"].as_str()), (200, Some("I like tea")));
    assert_eq!(shown["conversations"][0]["messages"].as_array().unwrap().len(), 2);
    let (status, counted) = call(&api, Method::DELETE, "/helm/v1/users/ana?dry_run=true", None).await;
    assert_eq!((status, &counted["turns"], &counted["dry_run"]), (200, &json!(1), &json!(true)));
    assert_eq!(call(&api, Method::GET, path, None).await.1, shown, "nothing was done");
    let (status, forgotten) = call(&api, Method::DELETE, path, None).await;
    assert_eq!(
        (status, &forgotten["messages"], &forgotten["caches_cleared"]),
        (200, &json!(2), &json!(true))
    );
    let (_, shown) = call(&api, Method::GET, path, None).await;
    for held in ["conversations", "memories", "turns", "statistics", "jobs"] {
        assert_eq!(shown[held], json!([]), "{held}");
    }
    let (status, explained) = call(&api, Method::GET, &decision, None).await;
    assert_eq!(status, 200);
    assert!(explained["user_id"].as_str().unwrap().starts_with("forgotten-"), "{explained}");
    let (status, problem) = call(&api, Method::DELETE, "/helm/v1/users/helm%2Fjudges", None).await;
    assert_eq!((status, problem["code"].is_string()), (422, true), "{problem}");
    assert_eq!(call(&api, Method::DELETE, "/helm/v1/users/ana?dry=true", None).await.0, 422);
}

/// What people left who were forgotten is nobody's.
#[tokio::test]
async fn a_pseudonym_is_no_user() {
    let api = api(ServerOptions::default()).await;
    let chat = |user: &str| json!({ "user_id": user, "task": "support", "message": "How do I reset it?" });
    assert_eq!(call(&api, Method::POST, "/chat", Some(chat("ana"))).await.0, 200);
    let (_, forgotten) = call(&api, Method::DELETE, "/helm/v1/users/ana", None).await;
    assert_eq!(forgotten["turns"], 1);
    let (_, page) = call(&api, Method::GET, "/helm/v1/decisions?task=support", None).await;
    let pseudonym = page["turns"][0]["user_id"].as_str().unwrap().to_owned();
    assert!(pseudonym.starts_with("forgotten-"));
    let path = format!("/helm/v1/users/{pseudonym}");
    let set = json!({ "values": { "tone": "warm" } });
    for (method, path, body, param) in [
        (Method::POST, "/chat".to_owned(), Some(chat(&pseudonym)), "user_id"),
        (Method::PATCH, format!("{path}/preferences"), Some(set), "user"),
        (Method::DELETE, path, None, "user"),
    ] {
        let (status, problem) = call(&api, method, &path, body).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_request")), "{problem}");
        assert_eq!(problem["param"], param, "{problem}");
    }
    // Who is only called so is somebody.
    assert_eq!(call(&api, Method::POST, "/chat", Some(chat("forgotten-password"))).await.0, 200);
}

/// What the database says is for the log.
#[tokio::test]
async fn who_meets_a_store_that_fails_is_told_no_more_than_that() {
    let store = Arc::new(MemoryStore::new());
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let helm = Helm::builder().store(Arc::clone(&store) as Arc<dyn Store>).task(task).build().await.unwrap();
    let api = router(helm, ServerOptions::default());
    store.close().await;
    let chat = json!({ "user_id": "ana", "task": "support", "message": "How do I reset it?" });
    for (path, body) in [("/chat", chat), ("/feedback", json!({ "decision_id": ID, "rating": 4 }))] {
        let (status, problem) = call(&api, Method::POST, path, Some(body)).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!((status, detail), (503, "state could not be read or written; try again later"), "{path}");
    }
}
