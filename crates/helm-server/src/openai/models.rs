use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use helm_orchestrator::Helm;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::problem::Problem;
use crate::request::PathOf;
use crate::schemas;
use crate::target::Target;

/// Models as they are listed.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Models)]
pub(crate) enum ListShown {
    /// As `OpenAI` lists them.
    OpenAi(OpenAiList),
    /// As Anthropic does, for whoever names a version of its API.
    Anthropic(AnthropicList),
}

/// One model.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Model)]
pub(crate) enum ModelShown {
    /// As `OpenAI` shows it.
    OpenAi(OpenAiModel),
    /// As Anthropic does, for whoever names a version of its API.
    Anthropic(AnthropicModel),
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiList {
    #[schema(schema_with = list)]
    object: &'static str,
    data: Vec<OpenAiModel>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenAiModel {
    id: String,
    #[schema(schema_with = the_model)]
    object: &'static str,
    /// Always 0: nothing is known of it.
    created: i64,
    owned_by: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AnthropicList {
    data: Vec<AnthropicModel>,
    /// Always false: all are listed at once.
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AnthropicModel {
    id: String,
    #[serde(rename = "type")]
    #[schema(schema_with = the_model)]
    kind: &'static str,
    display_name: String,
    /// Always the beginning of 1970: nothing is known of it.
    created_at: &'static str,
}

fn list() -> Object {
    schemas::words(&["list"])
}

fn the_model() -> Object {
    schemas::words(&["model"])
}

/// Models as OpenAI lists them, and as Anthropic does for whoever names a version of its API: a task, whose policy
/// chooses, as `helm/TASK`; each of its strategies as `helm/TASK/STRATEGY`; and the embedding model.
#[utoipa::path(
    get, path = "/v1/models", tag = "OpenAI",
    responses((status = 200, body = ListShown)),
)]
pub(crate) async fn models(State(helm): State<Helm>, headers: HeaderMap) -> Json<ListShown> {
    let ids = ids(&helm);
    Json(match is_anthropic(&headers) {
        true => ListShown::Anthropic(AnthropicList {
            has_more: false,
            first_id: ids.first().cloned(),
            last_id: ids.last().cloned(),
            data: ids.into_iter().map(AnthropicModel::of).collect(),
        }),
        false => ListShown::OpenAi(OpenAiList {
            object: "list",
            data: ids.into_iter().map(OpenAiModel::of).collect(),
        }),
    })
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{id}", tag = "OpenAI",
    params(("id" = String, Path, description = "as in the list; slashes stand as they are")),
    responses((status = 200, body = ModelShown)),
)]
pub(crate) async fn model(
    State(helm): State<Helm>,
    headers: HeaderMap,
    PathOf(id): PathOf,
) -> Result<Json<ModelShown>, Problem> {
    let id = match ids(&helm).into_iter().find(|known| *known == id) {
        Some(id) => id,
        None => Target::of(&helm, &id)?.id(),
    };
    Ok(Json(match is_anthropic(&headers) {
        true => ModelShown::Anthropic(AnthropicModel::of(id)),
        false => ModelShown::OpenAi(OpenAiModel::of(id)),
    }))
}

fn ids(helm: &Helm) -> Vec<String> {
    let embedder = helm.embedder().map(|(name, _)| name.to_string());
    Target::all(helm).iter().map(Target::id).chain(embedder).collect()
}

fn is_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

impl OpenAiModel {
    fn of(id: String) -> Self {
        Self { id, object: "model", created: 0, owned_by: "helm" }
    }
}

impl AnthropicModel {
    fn of(id: String) -> Self {
        Self { display_name: id.clone(), id, kind: "model", created_at: "1970-01-01T00:00:00Z" }
    }
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
