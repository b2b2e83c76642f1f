use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use helm_core::DecisionId;
use helm_orchestrator::{Error, TurnEvent, TurnStream};
use serde::Serialize;

use crate::problem::Problem;

/// Writes the events of a turn in the words of an API.
pub(crate) trait Encoder: Send + 'static {
    /// Adds what this event is told as; nothing, one or several.
    fn encode(&mut self, event: Result<TurnEvent, Error>, events: &mut Vec<Event>);
}

/// The turn whose answer it is, for whoever reads no bodies.
pub(crate) const DECISION_ID: HeaderName = HeaderName::from_static("helm-decision-id");

/// A turn as server-sent events. What goes wrong before the turn's first event is answered with its status instead:
/// clients try again by that.
pub(crate) async fn respond(
    mut turn: TurnStream,
    mut encoder: impl Encoder,
    keep_alive: KeepAlive,
) -> Result<Response, Problem> {
    let first = match turn.next_event().await {
        Some(event) => event?,
        None => return Err(Problem::inside()),
    };
    let id = match &first {
        TurnEvent::Decided { decision_id, .. } => Some(*decision_id),
        TurnEvent::Ended(turn) => match Problem::of_turn(turn) {
            Some(problem) => return Err(problem),
            None => Some(turn.decision_id),
        },
        _ => None,
    };
    let encoded = stream::once(std::future::ready(Ok(first))).chain(turn).flat_map(move |event| {
        let mut events = Vec::new();
        encoder.encode(event, &mut events);
        stream::iter(events.into_iter().map(Ok::<_, Infallible>))
    });
    let mut response = Sse::new(encoded).keep_alive(keep_alive).into_response();
    // Proxies that collect what they pass on would hold the answer back.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    if let Some(id) = id {
        name_decision(&mut response, id);
    }
    Ok(response)
}

/// Names the turn in the response's head.
pub(crate) fn name_decision(response: &mut Response, id: DecisionId) {
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(DECISION_ID, id);
    }
}

/// An event that has no name.
pub(crate) fn data(value: &impl Serialize) -> Event {
    // These values always have a JSON form.
    Event::default().json_data(value).unwrap_or_default()
}

/// An event of this name.
pub(crate) fn named(name: &str, value: &impl Serialize) -> Event {
    Event::default().event(name).json_data(value).unwrap_or_default()
}
