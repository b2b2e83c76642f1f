use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use helm_orchestrator::store::Health;
use helm_orchestrator::{Helm, Result};
use serde_json::{Value, json};

use crate::keys::{Confined, Stranger};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known of the store, with the warnings that may be told to who asks.
async fn seen(helm: &Helm, confined: Option<&Extension<Confined>>) -> Result<Health> {
    match confined {
        Some(_) => helm.health().await,
        None => helm.health_of_all().await,
    }
}

/// Kept simple: one word, what it runs on, and what somebody should see to. Where keys are needed, nobody without one is told
/// more than the word, and only administrators of the installation's own tenant are warned of other tenants' troubles.
#[utoipa::path(
    get, path = "/health", tag = "Operation", security(()),
    responses((status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)),
)]
pub(crate) async fn health(
    State(helm): State<Helm>,
    stranger: Option<Extension<Stranger>>,
    confined: Option<Extension<Confined>>,
) -> (StatusCode, Json<Value>) {
    let store = seen(&helm, confined.as_ref()).await;
    let (code, status) = match &store {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    let mut body = json!({ "status": status, "version": VERSION });
    if let (None, Some(body)) = (stranger, body.as_object_mut()) {
        let store = store
            .map_or_else(|error| json!({ "error": why(&error, confined.is_some()) }), |health| json!(health));
        body.insert("store".to_owned(), store);
    }
    (code, Json(body))
}

/// The process runs.
#[utoipa::path(
    get, path = "/livez", tag = "Operation", security(()),
    responses((status = 200, body = serde_json::Value)),
)]
pub(crate) async fn livez() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Requests are taken: the store works and the server is not draining. Warnings are those of `/health`.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", security(()),
    responses((status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)),
)]
pub(crate) async fn readyz(
    State(helm): State<Helm>,
    stranger: Option<Extension<Stranger>>,
    confined: Option<Extension<Confined>>,
) -> (StatusCode, Json<Value>) {
    let store = seen(&helm, confined.as_ref()).await;
    let accepting = helm.is_accepting();
    let ready = store.is_ok() && accepting;
    let warnings = store.as_ref().map(|health| health.warnings.clone()).unwrap_or_default();
    let mut body = json!({
        "status": if ready { "ok" } else { "not ready" },
        "components": {
            "store": match store {
                Ok(_) => "ok".to_owned(),
                Err(_) if stranger.is_some() => "failing".to_owned(),
                Err(error) => why(&error, confined.is_some()),
            },
            "turns": if accepting { "ok" } else { "draining" },
        },
    });
    if let (None, Some(body)) = (stranger, body.as_object_mut()) {
        body.insert("warnings".to_owned(), json!(warnings));
    }
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

/// Why the store fails: in its own words only for those who run the installation.
fn why(error: &helm_orchestrator::Error, confined: bool) -> String {
    if confined { error.to_string() } else { error.report() }
}
