use axum::Json;
use axum::extract::State;
use helm_orchestrator::Helm;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::{anthropic, chat, experiments, feedback, memories, openai, status, users, view, watch};

/// The document of everything that is served, made from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(title = "Helm", description = "LLM applications that improve while they run.", license(name = "MIT OR Apache-2.0")),
    paths(
        chat::chat, feedback::feedback, status::health, status::livez, status::readyz,
        view::tasks, view::report, view::decision, experiments::experiments, experiments::report,
        watch::overview::overview, watch::turns::turns, watch::offers::probabilities, watch::people::users,
        watch::people::outlook, watch::guards::findings,
        users::export, users::forget, users::preferences, users::change_preferences, users::conversation,
        memories::memories, memories::search_memories, memories::forget_memories, memories::forget_memory,
        openai::chat::completions, openai::models::models, openai::models::model, openai::embeddings::embeddings,
        anthropic::messages::messages, anthropic::count::count_tokens,
        document,
    ),
    modifiers(&Keys),
    tags(
        (name = "Helm", description = "turns, feedback, and what is known"),
        (name = "OpenAI", description = "as the clients of OpenAI's API speak it"),
        (name = "Anthropic", description = "as the clients of Anthropic's API speak it"),
        (name = "Operation", description = "whether it works"),
    ),
)]
pub(crate) struct Document;

struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("an API key, where the server has some")).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        document.security =
            Some(vec![utoipa::openapi::SecurityRequirement::new("key", Vec::<String>::new())]);
    }
}

/// This document.
#[utoipa::path(
    get, path = "/helm/v1/openapi.json", tag = "Operation",
    responses((status = 200, description = "OpenAPI", body = serde_json::Value)),
)]
pub(crate) async fn document(State(_): State<Helm>) -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

/// The `OpenAPI` document of all that [`router`](crate::router) serves, as indented JSON.
#[must_use]
pub fn openapi() -> String {
    // A document always has a JSON form.
    Document::openapi().to_pretty_json().unwrap_or_default()
}
