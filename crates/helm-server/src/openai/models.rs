use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use helm_orchestrator::Helm;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::request::PathOf;
use crate::target::Target;

/// Models as OpenAI lists them, and as Anthropic does for whoever names a version of its API: a task, whose policy
/// chooses, as `helm/TASK`; each of its strategies as `helm/TASK/STRATEGY`; and the embedding model.
#[utoipa::path(
    get, path = "/v1/models", tag = "OpenAI",
    responses((status = 200, description = "{object: \"list\", data: [{id, object, created, owned_by}]}", body = serde_json::Value)),
)]
pub(crate) async fn models(State(helm): State<Helm>, headers: HeaderMap) -> Response {
    let ids = ids(&helm);
    let list = match is_anthropic(&headers) {
        true => json!({
            "data": ids.iter().map(|id| anthropic(id)).collect::<Vec<_>>(), "has_more": false,
            "first_id": ids.first(), "last_id": ids.last(),
        }),
        false => json!({ "object": "list", "data": ids.iter().map(|id| openai(id)).collect::<Vec<_>>() }),
    };
    Json(list).into_response()
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{id}", tag = "OpenAI",
    params(("id" = String, Path, description = "as in the list; slashes stand as they are")),
    responses(
        (status = 200, description = "{id, object, created, owned_by}", body = serde_json::Value),
        (status = 404, description = "there is no such model", body = serde_json::Value),
    ),
)]
pub(crate) async fn model(
    State(helm): State<Helm>,
    headers: HeaderMap,
    PathOf(id): PathOf,
) -> Result<Json<Value>, Problem> {
    let id = match ids(&helm).into_iter().find(|known| *known == id) {
        Some(id) => id,
        None => Target::of(&helm, &id)?.id(),
    };
    Ok(Json(if is_anthropic(&headers) { anthropic(&id) } else { openai(&id) }))
}

fn ids(helm: &Helm) -> Vec<String> {
    let embedder = helm.embedder().map(|(name, _)| name.to_string());
    Target::all(helm).iter().map(Target::id).chain(embedder).collect()
}

fn is_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

fn openai(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": "helm" })
}

fn anthropic(id: &str) -> Value {
    json!({ "id": id, "type": "model", "display_name": id, "created_at": "1970-01-01T00:00:00Z" })
}

/// There is no embedding model of this name.
pub(super) fn unknown_embedder(helm: &Helm, model: &str) -> Option<Problem> {
    let (name, _) = helm.embedder()?;
    let known = model == name.as_str();
    let model: String = model.chars().take(100).collect();
    let detail = format!("there is no embedding model {model:?}; there is {name}");
    (!known)
        .then(|| Problem::new(StatusCode::NOT_FOUND, detail).with_code("model_not_found").with_param("model"))
}
