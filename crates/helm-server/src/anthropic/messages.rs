use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::KeepAlive;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use helm_orchestrator::Helm;

use super::answer::MessageShown;
use super::request::MessageBody;
use super::stream::{Events, Told, ping};
use crate::body::Body;
use crate::events::{name_decision, respond};
use crate::keys::Key;
use crate::problem::Problem;
use crate::router::RequestId;
use crate::shown::Asked;
use crate::wire::RequestLimits;

/// A message, whole or streamed, as Anthropic's clients ask for it. Its reference is Anthropic's own; what Helm adds is
/// the object `helm`, in the request and in the answer.
#[utoipa::path(
    post, path = "/v1/messages", tag = "Anthropic",
    request_body = MessageBody,
    responses(
        (status = 200, description = "a message, or with stream: true its events", content(
            (MessageShown<'static> = "application/json"), (Told<'static> = "text/event-stream"),
        )),
    ),
)]
pub(crate) async fn messages(
    State(helm): State<Helm>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(limits): Extension<RequestLimits>,
    key: Key,
    headers: HeaderMap,
    Body(body): Body<MessageBody>,
) -> Result<Response, Problem> {
    let stream = body.stream.unwrap_or(false);
    let (request, target) = body.turn(&helm, limits, &headers)?;
    let request = key.sign(request);
    let model = target.id();
    if stream {
        let asked = Asked { task: target.task, conversation: request.conversation.clone() };
        let events = Events::new(model, request_id, asked);
        let keep_alive = KeepAlive::new().event(ping());
        return respond(helm.turn_stream(request)?, events, keep_alive).await;
    }
    let turn = helm.turn(request).await?;
    if let Some(problem) = Problem::of_turn(&turn) {
        return Err(problem);
    }
    let mut response = Json(MessageShown::of(&turn, &model)).into_response();
    name_decision(&mut response, turn.decision_id);
    Ok(response)
}
