use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use helm_orchestrator::Helm;
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Kept simple: one word, and what it runs on.
#[utoipa::path(
    get, path = "/health", tag = "Operation", security(()),
    responses((status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)),
)]
pub(crate) async fn health(State(helm): State<Helm>) -> (StatusCode, Json<Value>) {
    match helm.health().await {
        Ok(health) => (StatusCode::OK, Json(json!({ "status": "ok", "version": VERSION, "store": health }))),
        Err(error) => {
            let body =
                json!({ "status": "failing", "version": VERSION, "store": { "error": error.report() } });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body))
        }
    }
}

/// The process runs.
#[utoipa::path(
    get, path = "/livez", tag = "Operation", security(()),
    responses((status = 200, body = serde_json::Value)),
)]
pub(crate) async fn livez() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Requests are taken: the store works and the server is not draining.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", security(()),
    responses((status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)),
)]
pub(crate) async fn readyz(State(helm): State<Helm>) -> (StatusCode, Json<Value>) {
    let store = helm.health().await;
    let accepting = helm.is_accepting();
    let ready = store.is_ok() && accepting;
    let body = json!({
        "status": if ready { "ok" } else { "not ready" },
        "components": {
            "store": store.map_or_else(|error| error.report(), |_| "ok".to_owned()),
            "turns": if accepting { "ok" } else { "draining" },
        },
    });
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
