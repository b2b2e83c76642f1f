//! What each key opens, and whose data it shows.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use helm_core::{Clock, SystemClock, TenantId, Timestamp};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::store::{NewJob, Store, StoredKey};
use helm_orchestrator::{Helm, Task};
use helm_server::{ApiKeys, Role, ServerOptions, openapi, router};
use serde_json::{Value, json};
use tower::ServiceExt;

/// What each route needs: every route there is must stand here, or in [`OPEN`].
const NEEDS: &[(&str, &str, Option<Role>)] = &[
    ("POST", "/chat", Some(Role::Chat)),
    ("POST", "/feedback", Some(Role::Chat)),
    ("POST", "/v1/chat/completions", Some(Role::Chat)),
    ("POST", "/v1/embeddings", Some(Role::Chat)),
    ("POST", "/v1/messages", Some(Role::Chat)),
    ("POST", "/v1/messages/count_tokens", Some(Role::Chat)),
    ("GET", "/v1/models", Some(Role::Chat)),
    ("GET", "/v1/models/{id}", Some(Role::Chat)),
    ("GET", "/helm/v1/openapi.json", None),
    ("GET", "/helm/v1/tasks", Some(Role::Read)),
    ("GET", "/helm/v1/tasks/{task}/report", Some(Role::Read)),
    ("GET", "/helm/v1/tasks/{task}/probabilities", Some(Role::Read)),
    ("GET", "/helm/v1/tasks/{task}/users", Some(Role::Read)),
    ("GET", "/helm/v1/tasks/{task}/users/{user}", Some(Role::Read)),
    ("GET", "/helm/v1/overview", Some(Role::Read)),
    ("GET", "/helm/v1/guardrails/findings", Some(Role::Read)),
    ("GET", "/helm/v1/decisions", Some(Role::Read)),
    ("GET", "/helm/v1/decisions/{id}", Some(Role::Read)),
    ("GET", "/helm/v1/experiments", Some(Role::Read)),
    ("GET", "/helm/v1/experiments/{key}", Some(Role::Read)),
    ("GET", "/helm/v1/users/{user}", Some(Role::Read)),
    ("DELETE", "/helm/v1/users/{user}", Some(Role::Admin)),
    ("GET", "/helm/v1/users/{user}/preferences", Some(Role::Read)),
    ("PATCH", "/helm/v1/users/{user}/preferences", Some(Role::Admin)),
    ("GET", "/helm/v1/users/{user}/conversations/{conversation}", Some(Role::Read)),
    ("GET", "/helm/v1/users/{user}/memories", Some(Role::Read)),
    ("DELETE", "/helm/v1/users/{user}/memories", Some(Role::Admin)),
    ("POST", "/helm/v1/users/{user}/memories/search", Some(Role::Read)),
    ("DELETE", "/helm/v1/users/{user}/memories/{memory}", Some(Role::Admin)),
];
const OPEN: [&str; 3] = ["/livez", "/readyz", "/health"];

fn stored(tenant: &str, role: &str, expires: Option<Timestamp>) -> (StoredKey, String) {
    let key = format!("hk_{tenant}_{role}_{}", expires.is_some());
    let stored = StoredKey {
        tenant: tenant.parse().unwrap(),
        id: key.clone(),
        name: format!("{role} of {tenant}"),
        role: role.to_owned(),
        hash: ApiKeys::hash(&key),
        created: Timestamp::from_micros(0),
        expires,
        used: None,
    };
    (stored, key)
}

/// An API with a key of each role for two tenants, and the function that names them.
async fn api() -> (Router, ApiKeys, Arc<dyn Store>) {
    over(Arc::new(MemoryStore::new())).await
}

async fn over(store: Arc<dyn Store>) -> (Router, ApiKeys, Arc<dyn Store>) {
    for tenant in ["one", "two"] {
        for role in Role::ALL {
            assert!(store.api_keys().add(&stored(tenant, role.as_str(), None).0).await.unwrap());
        }
    }
    let keys = ApiKeys::of_store();
    keys.refresh(store.api_keys()).await.unwrap();
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let helm = Helm::builder().store(Arc::clone(&store)).task(task.remembering()).build().await.unwrap();
    (router(helm, ServerOptions::default().with_keys(keys.clone())), keys, store)
}

async fn call(
    api: &Router,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let response = api.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

fn concrete(path: &str) -> String {
    path.replace("{id}", "x")
        .replace("{task}", "support")
        .replace("{user}", "ana")
        .replace("{key}", "x")
        .replace("{conversation}", "c")
        .replace("{memory}", "x")
}

#[tokio::test]
async fn the_day_of_a_keys_use_is_noted_beside_the_requests() {
    let (api, keys, store) = api().await;
    let (used, key) = stored("one", "read", None);
    assert_eq!(call(&api, "GET", "/helm/v1/tasks", Some(&key), None).await.0, 200);
    let noted = async || {
        let all = store.api_keys().all().await.unwrap();
        let noted = all.into_iter().filter_map(|key| key.used.map(|day| (key.tenant, key.id, day)));
        noted.collect::<Vec<_>>()
    };
    assert_eq!(noted().await, [], "no request waits for that");
    keys.refresh(store.api_keys()).await.unwrap();
    let today = StoredKey::day(SystemClock.now());
    assert_eq!(noted().await, [(used.tenant, used.id, today)]);
    // What has ended, or never was, is not used.
    let (ended, key) = stored("one", "chat", Some(Timestamp::from_micros(1)));
    assert!(store.api_keys().add(&ended).await.unwrap());
    keys.refresh(store.api_keys()).await.unwrap();
    assert_eq!(call(&api, "GET", "/helm/v1/tasks", Some(&key), None).await.0, 401);
    keys.refresh(store.api_keys()).await.unwrap();
    assert_eq!(noted().await.len(), 1);
}

#[tokio::test]
async fn every_route_opens_to_its_roles_alone() {
    let (api, ..) = api().await;
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            if OPEN.contains(&path.as_str()) {
                assert_eq!(call(&api, &method, path, None, None).await.0, 200, "{path}");
                continue;
            }
            let known = NEEDS.iter().find(|(of, at, _)| *of == method && at == path);
            let (.., needs) = known.unwrap_or_else(|| panic!("say who may {method} {path}"));
            seen += 1;
            let uri = concrete(path);
            assert_eq!(call(&api, &method, &uri, None, None).await.0, 401, "{method} {path} without a key");
            assert_eq!(call(&api, &method, &uri, Some("hk_none"), None).await.0, 401, "{method} {path}");
            for role in Role::ALL {
                let key = stored("one", role.as_str(), None).1;
                let status = call(&api, &method, &uri, Some(&key), None).await.0;
                let allowed = role == Role::Admin || needs.is_none_or(|needed| needed == role);
                assert_eq!(status != 403, allowed, "{method} {path} with {role}: {status}");
                assert_ne!(status, 401, "{method} {path} with {role}");
            }
        }
    }
    assert_eq!(seen, NEEDS.len(), "every line is of a route");
    for (method, path) in [("POST", "/helm/v1/unheard/of"), ("PUT", "/"), ("DELETE", "/chat/..%2fhelm")] {
        for role in [Role::Chat, Role::Read, Role::Metrics] {
            let key = stored("one", role.as_str(), None).1;
            assert_eq!(
                call(&api, method, path, Some(&key), None).await.0,
                403,
                "{method} {path} with {role}"
            );
        }
    }
}

#[tokio::test]
async fn a_tenants_key_shows_what_is_the_tenants() {
    let (api, ..) = api().await;
    let admin = |tenant: &str| stored(tenant, "admin", None).1;
    let (one, two) = (admin("one"), admin("two"));
    let chat =
        json!({ "user_id": "ana", "task": "support", "message": "I like tea", "conversation_id": "c1" });
    let (status, answer) = call(&api, "POST", "/chat", Some(&one), Some(&chat)).await;
    assert_eq!(status, 200);
    let id = answer["decision_id"].as_str().unwrap();
    let decision = format!("/helm/v1/decisions/{id}");
    assert_eq!(call(&api, "GET", &decision, Some(&one), None).await.0, 200);
    let unknown = "/helm/v1/decisions/01890a5d-ac96-774b-bcce-b302099a8057";
    let wrong = [
        call(&api, "GET", &decision, Some(&two), None).await,
        call(&api, "GET", unknown, Some(&two), None).await,
    ];
    let told = wrong.map(|(status, problem)| (status, problem["detail"].as_str().unwrap().len()));
    assert_eq!(told[0], told[1], "nothing tells another tenant's from none");
    assert_eq!(told[0].0, 404);
    let rating = json!({ "decision_id": id, "rating": 5 });
    assert_eq!(call(&api, "POST", "/feedback", Some(&two), Some(&rating)).await.0, 404);
    assert_eq!(call(&api, "POST", "/feedback", Some(&one), Some(&rating)).await.0, 200);
    for (path, held) in [("/helm/v1/users/ana/conversations/c1", "messages"), ("/helm/v1/users/ana", "turns")]
    {
        let theirs = call(&api, "GET", path, Some(&one), None).await.1;
        assert!(!theirs[held].as_array().unwrap().is_empty(), "{path}");
        let (status, nothing) = call(&api, "GET", path, Some(&two), None).await;
        assert_eq!((status, &nothing[held]), (200, &json!([])), "{path}");
    }
    let pulls = async |key: &str| {
        let report = call(&api, "GET", "/helm/v1/tasks/support/report", Some(key), None).await.1;
        report["strategies"][0]["pulls"].as_u64().unwrap()
    };
    assert_eq!((pulls(&one).await, pulls(&two).await), (1, 0));
    assert_eq!(call(&api, "DELETE", "/helm/v1/users/ana", Some(&two), None).await.1["turns"], 0);
    assert_eq!(call(&api, "DELETE", "/helm/v1/users/ana", Some(&one), None).await.1["turns"], 1);
}

#[tokio::test]
async fn metrics_are_of_all_tenants_and_for_those_who_were_given_them() {
    let (api, keys, store) = api().await;
    let status = async |key: &str| call(&api, "GET", "/metrics", Some(key), None).await.0;
    // There are none here, which is told to whoever may ask.
    for (role, expected) in [("metrics", 404), ("chat", 403), ("read", 403), ("admin", 403)] {
        assert_eq!(status(&stored("one", role, None).1).await, expected, "{role} of a tenant");
    }
    let (_, told) = call(&api, "GET", "/metrics", Some(&stored("one", "admin", None).1), None).await;
    assert!(told["detail"].as_str().unwrap().contains("admin of the installation's own tenant"), "{told}");
    let reading = stored("one", "read", None).1;
    let (_, told) = call(&api, "DELETE", "/helm/v1/users/ana", Some(&reading), None).await;
    assert!(told["detail"].as_str().unwrap().ends_with("one with the role admin"), "{told}");
    let (own, key) = stored(TenantId::single().as_str(), "admin", None);
    store.api_keys().add(&own).await.unwrap();
    keys.refresh(store.api_keys()).await.unwrap();
    assert_eq!(status(&key).await, 404, "the installation's own administrator may");
}

/// A store in which a job of each of these tenants has died.
async fn with_dead_jobs(tenants: &[&str]) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (at, kind) = (Timestamp::from_micros(0), "odd".to_owned());
    for tenant in tenants {
        let job =
            NewJob { kind: kind.clone(), dedupe: kind.clone(), body: json!({}), run_at: at, max_attempts: 1 };
        store.jobs().enqueue(&tenant.parse().unwrap(), &[job]).await.unwrap();
    }
    for held in store.jobs().claim(at, Duration::from_secs(9), 9, &["odd"]).await.unwrap() {
        assert!(store.jobs().fail(&held, "it broke", at).await.unwrap());
    }
    store
}

#[tokio::test]
async fn only_the_installations_administrators_are_warned_of_all_tenants() {
    let (api, keys, store) = over(with_dead_jobs(&["one", "two", "default"]).await).await;
    let (own, chief) = stored(TenantId::single().as_str(), "admin", None);
    let (reader, looks) = stored(TenantId::single().as_str(), "read", None);
    store.api_keys().add(&own).await.unwrap();
    store.api_keys().add(&reader).await.unwrap();
    keys.refresh(store.api_keys()).await.unwrap();
    let one = ["chat", "read", "metrics", "admin"].map(|role| stored("one", role, None).1);
    let mut expected: Vec<(&str, &[&str])> = one.iter().map(|key| (key.as_str(), &["one"][..])).collect();
    expected.extend([(chief.as_str(), &["", "one", "two"][..]), (looks.as_str(), &[""])]);
    for path in ["/health", "/readyz"] {
        for (key, tenants) in &expected {
            let body = call(&api, "GET", path, Some(key), None).await.1;
            let warnings = if path == "/health" { &body["store"]["warnings"] } else { &body["warnings"] };
            let told: Vec<_> =
                warnings.as_array().unwrap().iter().map(|told| told.as_str().unwrap()).collect();
            assert_eq!(told.len(), tenants.len(), "{path} {key}: {told:?}");
            for tenant in *tenants {
                let of = if tenant.is_empty() { "`".to_owned() } else { format!(" --tenant {tenant}`") };
                let list = format!("helmctl jobs list{of}");
                assert!(told.iter().any(|told| told.contains(&list)), "{path} {key}: {told:?}");
            }
        }
        let stranger = call(&api, "GET", path, None, None).await.1.to_string();
        assert!(!stranger.contains("warnings"), "{stranger}");
    }
}

#[tokio::test]
async fn what_is_told_for_long_ends_with_its_key() {
    let (api, keys, store) = api().await;
    let read = stored("one", "read", None).1;
    let request = Request::get("/helm/v1/decisions")
        .header("accept", "text/event-stream")
        .header("x-api-key", &read)
        .body(Body::empty())
        .unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let told = tokio::time::timeout(Duration::from_secs(20), to_bytes(response.into_body(), 1 << 20));
    let revoked = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let one: TenantId = "one".parse().unwrap();
        assert!(store.api_keys().end(&one, &read, SystemClock.now()).await.unwrap());
        keys.refresh(store.api_keys()).await.unwrap();
    };
    let (told, ()) = tokio::join!(told, revoked);
    assert!(told.expect("it ends").is_ok());
}

#[tokio::test]
async fn keys_begin_and_end_while_the_server_runs() {
    let (api, keys, store) = api().await;
    let tasks = async |key: &str| call(&api, "GET", "/helm/v1/tasks", Some(key), None).await;
    let now = SystemClock.now();
    let past = Timestamp::from_micros(now.as_micros() - 1);
    let (over, dead) = stored("one", "read", Some(past));
    store.api_keys().add(&over).await.unwrap();
    let read = stored("one", "read", None).1;
    assert_eq!(tasks(&read).await.0, 200);
    keys.refresh(store.api_keys()).await.unwrap();
    let (status, told) = tasks(&dead).await;
    let (never, unknown) = tasks("hk_never").await;
    assert_eq!((status, &told["detail"]), (never, &unknown["detail"]), "nothing tells an old key from none");
    let one: TenantId = "one".parse().unwrap();
    assert!(store.api_keys().end(&one, &read, now).await.unwrap());
    keys.refresh(store.api_keys()).await.unwrap();
    assert_eq!(tasks(&read).await.0, 401);
    let (newer, key) = stored("one", "wizard", None);
    store.api_keys().add(&newer).await.unwrap();
    keys.refresh(store.api_keys()).await.unwrap();
    assert_eq!(tasks(&key).await.0, 403, "a role that is not known here may do nothing");
}

#[tokio::test]
async fn without_any_key_everybody_may_ask_and_with_the_first_nobody_else() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keys = ApiKeys::of_store();
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let helm = Helm::builder().store(Arc::clone(&store)).task(task).build().await.unwrap();
    let api = router(helm, ServerOptions::default().with_keys(keys.clone()));
    assert_eq!(call(&api, "GET", "/helm/v1/tasks", None, None).await.0, 200);
    let (ended, key) = stored("one", "read", Some(Timestamp::from_micros(0)));
    store.api_keys().add(&ended).await.unwrap();
    keys.refresh(store.api_keys()).await.unwrap();
    for given in [None, Some(key.as_str())] {
        assert_eq!(call(&api, "GET", "/helm/v1/tasks", given, None).await.0, 401, "also when it has ended");
    }
}
