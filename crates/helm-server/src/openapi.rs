use axum::Json;
use axum::extract::State;
use helm_orchestrator::Helm;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};

use crate::dialect::{AnthropicError, OpenAiError};
use crate::problem::{PROBLEM, Problem};
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
    modifiers(&Keys, &Errors),
    components(schemas(Problem, OpenAiError, AnthropicError)),
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

/// What every operation answers instead of what was asked for, in the words of its API.
struct Errors;

impl utoipa::Modify for Errors {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let (kind, schema) = match path.as_str() {
                path if path.starts_with("/v1/messages") => ("application/json", "AnthropicError"),
                path if path.starts_with("/v1/") => ("application/json", "OpenAiError"),
                _ => (PROBLEM, "Problem"),
            };
            let operations =
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                for (status, why) in
                    [("4XX", "the request cannot be answered"), ("5XX", "it could not be answered")]
                {
                    let content = Content::new(Some(Ref::from_schema_name(schema)));
                    let response = ResponseBuilder::new().description(why).content(kind, content).build();
                    operation.responses.responses.insert(status.to_owned(), response.into());
                }
            }
        }
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
