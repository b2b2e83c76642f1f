use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::{Stream, StreamExt};
use helm_orchestrator::{Helm, TurnEvent, TurnStream};

use crate::body::Body;
use crate::events::named;
use crate::json::{TurnJson, turn_json};
use crate::keys::Key;
use crate::problem::Problem;
use crate::request::ChatBody;
use crate::router::RequestId;

/// Answers a message. Hanging up cancels the turn, which is recorded all the same.
#[utoipa::path(
    post, path = "/chat", tag = "Helm", request_body = ChatBody,
    responses(
        (status = 200, description = "the turn; with stream: true the events decision, delta, and done or error",
            content((TurnJson = "application/json"), (String = "text/event-stream"))),
    ),
)]
pub(crate) async fn chat(
    State(helm): State<Helm>,
    Extension(id): Extension<RequestId>,
    key: Key,
    Body(body): Body<ChatBody>,
) -> Result<Response, Problem> {
    let request = key.sign(body.turn()?);
    if body.stream {
        let events = events(helm.turn_stream(request).map_err(Problem::of_chat)?, body.message, id);
        return Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response());
    }
    let turn = helm.turn(request).await.map_err(Problem::of_chat)?;
    match Problem::of_turn(&turn) {
        Some(problem) => Err(problem),
        None => Ok(Json(turn_json(&turn, &body.message)).into_response()),
    }
}

/// `decision`, then `delta` for each piece, then `done` or `error`.
fn events(
    turn: TurnStream,
    message: String,
    RequestId(id): RequestId,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let told = move |event: Result<TurnEvent, helm_orchestrator::Error>| match event {
        Ok(TurnEvent::Decided { decision_id, strategy, propensity }) => {
            let decision = serde_json::json!({ "decision_id": decision_id, "strategy": strategy, "propensity": propensity });
            Some(named("decision", &decision))
        }
        Ok(TurnEvent::Delta(text)) => Some(named("delta", &serde_json::json!({ "text": text }))),
        Ok(TurnEvent::Ended(turn)) => Some(match Problem::of_turn(&turn) {
            Some(problem) => named("error", &problem.with_request_id(&id)),
            None => named("done", &turn_json(&turn, &message)),
        }),
        Ok(_) => None,
        Err(error) => Some(named("error", &Problem::from(error).with_request_id(&id))),
    };
    turn.filter_map(move |event| std::future::ready(told(event).map(Ok)))
}
