//! What is too much at once is refused, at once.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use helm_orchestrator::TurnRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// What is answered however much there is: whether the server works, and what it counts.
const ALWAYS: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

/// How much may be in flight at once: requests that have no answer yet, and turns that have not been recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InFlight {
    /// Requests. Default: 2,048.
    pub requests: usize,
    /// The bytes of their bodies together; a larger body may still go alone. Default: 128 MiB.
    pub bytes: usize,
}

impl Default for InFlight {
    fn default() -> Self {
        Self { requests: 2_048, bytes: 128 << 20 }
    }
}

impl InFlight {
    /// So many requests with so many bytes, at least one each.
    #[must_use]
    pub fn new(requests: usize, bytes: usize) -> Self {
        Self { requests: requests.max(1), bytes: bytes.max(1) }
    }
}

/// What there is room for.
pub(crate) struct Room {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// All bytes.
    budget: u32,
    /// What a body of unknown length is taken for.
    longest: usize,
}

/// A request's place, given back when it is dropped.
pub(crate) struct Place {
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    /// Room for so much, where no body is longer than `longest`.
    pub(crate) fn new(most: InFlight, longest: usize) -> Self {
        // The first refusal is seen as an increase only of what was there before.
        for reason in ["requests", "bytes"] {
            metrics::counter!("helm_requests_refused_total", "reason" => reason).increment(0);
        }
        let budget = u32::try_from(most.bytes.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            requests: Arc::new(Semaphore::new(most.requests.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(budget as usize)),
            budget,
            longest,
        }
    }

    fn place(&self, request: &Request) -> Result<Place, &'static str> {
        let one = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| "requests")?;
        let told = request.body().size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let share = told.unwrap_or(self.longest).min(self.longest);
        let share = u32::try_from(share).unwrap_or(u32::MAX).min(self.budget);
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(share).map_err(|_| "bytes")?;
        Ok(Place::new(one, bytes))
    }
}

impl Place {
    fn new(request: OwnedSemaphorePermit, bytes: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("helm_requests_in_flight").increment(1.0);
        Self { _request: request, _bytes: bytes }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("helm_requests_in_flight").decrement(1.0);
    }
}

/// The place of a request, for its turn to keep: what is being recorded takes room, too, when its caller has gone away.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Place>);

impl Kept {
    pub(crate) fn by(self, turn: TurnRequest) -> TurnRequest {
        turn.holding(self.0)
    }
}

/// Answers a request if there is room for it.
pub(crate) async fn admit(State(room): State<Arc<Room>>, mut request: Request, next: Next) -> Response {
    if ALWAYS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let place = match room.place(&request) {
        Ok(place) => Arc::new(place),
        Err(why) => return refused(why),
    };
    request.extensions_mut().insert(Kept(Arc::clone(&place)));
    let response = next.run(request).await;
    drop(place);
    response
}

fn refused(why: &'static str) -> Response {
    metrics::counter!("helm_requests_refused_total", "reason" => why).increment(1);
    let detail = "too much is being answered at once; try again later, or ask another instance";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_code("overloaded").into_response()
}
