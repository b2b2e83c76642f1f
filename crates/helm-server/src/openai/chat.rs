use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::KeepAlive;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use helm_core::{Clock, SystemClock};
use helm_orchestrator::Helm;

use super::answer::Completion;
use super::request::CompletionBody;
use super::stream::{Chunk, Chunks};
use crate::body::Body;
use crate::events::{name_decision, respond};
use crate::keys::Key;
use crate::problem::Problem;
use crate::router::RequestId;
use crate::shown::Asked;
use crate::wire::RequestLimits;

/// A chat completion, whole or streamed, as OpenAI's clients ask for it. Its reference is OpenAI's own; what Helm adds
/// is the object `helm`, in the request and in the answer.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "OpenAI",
    request_body = CompletionBody,
    responses(
        (status = 200, description = "a completion, or with stream: true its chunks as events, then [DONE]", content(
            (Completion<'static> = "application/json"), (Chunk<'static> = "text/event-stream"),
        )),
    ),
)]
pub(crate) async fn completions(
    State(helm): State<Helm>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(limits): Extension<RequestLimits>,
    key: Key,
    headers: HeaderMap,
    Body(body): Body<CompletionBody>,
) -> Result<Response, Problem> {
    let (stream, usage) = (body.stream.unwrap_or(false), body.wants_usage());
    let (request, target) = body.turn(&helm, limits, &headers)?;
    let request = key.sign(request);
    let (model, created) = (target.id(), SystemClock.now().as_seconds());
    if stream {
        let asked = Asked { task: target.task, conversation: request.conversation.clone() };
        let chunks = Chunks::new(model, created, usage, request_id, asked);
        return respond(helm.turn_stream(request)?, chunks, KeepAlive::default()).await;
    }
    let turn = helm.turn(request).await?;
    if let Some(problem) = Problem::of_turn(&turn) {
        return Err(problem);
    }
    let mut response = Json(Completion::of(&turn, &model, created)).into_response();
    name_decision(&mut response, turn.decision_id);
    Ok(response)
}
