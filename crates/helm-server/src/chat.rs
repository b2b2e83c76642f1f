use axum::extract::State;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use helm_orchestrator::{Error, Helm, TurnEvent};

use crate::body::Body;
use crate::events::{Encoder, named, respond};
use crate::json::{TurnJson, turn_json};
use crate::keys::Key;
use crate::problem::Problem;
use crate::request::ChatBody;
use crate::router::RequestId;

/// Answers a message. Hanging up cancels the turn, which is recorded all the same, unless it still waits for the store.
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
        let turn = helm.turn_stream(request).map_err(Problem::of_chat)?;
        return respond(turn, Told { message: body.message, id }, KeepAlive::default()).await;
    }
    let turn = helm.turn(request).await.map_err(Problem::of_chat)?;
    match Problem::of_turn(&turn) {
        Some(problem) => Err(problem),
        None => Ok(Json(turn_json(&turn, &body.message)).into_response()),
    }
}

/// `decision`, then `delta` for each piece, then `done` or `error`.
struct Told {
    message: String,
    id: RequestId,
}

impl Encoder for Told {
    fn encode(&mut self, event: Result<TurnEvent, Error>, events: &mut Vec<Event>) {
        let problem = |problem: Problem| named("error", &problem.with_request_id(&self.id.0));
        events.extend(match event {
            Ok(TurnEvent::Decided { decision_id, strategy, propensity }) => {
                let decision = serde_json::json!({ "decision_id": decision_id, "strategy": strategy, "propensity": propensity });
                Some(named("decision", &decision))
            }
            Ok(TurnEvent::Delta(text)) => Some(named("delta", &serde_json::json!({ "text": text }))),
            Ok(TurnEvent::Ended(turn)) => Some(match Problem::of_turn(&turn) {
                Some(failed) => problem(failed),
                None => named("done", &turn_json(&turn, &self.message)),
            }),
            Ok(_) => None,
            Err(error) => Some(problem(Problem::from(error))),
        });
    }
}
