//! Turns as they end. The log is asked, so that turns of other replicas are seen, too.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use helm_core::{DecisionId, Timestamp};
use helm_orchestrator::Helm;
use helm_orchestrator::store::LogQuery;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::turns::LoggedJson;
use crate::events::named;
use crate::keys::Pass;
use crate::problem::Problem;

/// How often the log is asked.
const EVERY: Duration = Duration::from_secs(1);
/// The most turns that are told at once.
const AT_ONCE: usize = 50;
/// How long ago a turn may have begun that ends now.
const LONGEST: Duration = Duration::from_secs(300);
/// How many may watch at once, for each asks the log.
const WATCHERS: usize = 32;

/// The places of those who watch.
#[derive(Clone)]
pub(crate) struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WATCHERS)))
    }
}

/// One who watches.
struct Watch {
    helm: Helm,
    query: LogQuery,
    /// Turns that have been told, or had ended before.
    told: VecDeque<DecisionId>,
    pass: Pass,
    ticks: tokio::time::Interval,
    _place: OwnedSemaphorePermit,
}

pub(super) fn watch(
    helm: Helm,
    query: LogQuery,
    watchers: &Watchers,
    pass: Pass,
) -> Result<Response, Problem> {
    let place = Arc::clone(&watchers.0).try_acquire_owned().map_err(|_| {
        let detail = format!("{WATCHERS} are watching already, and no more can; close one or try again");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let ticks = tokio::time::interval(EVERY);
    let watch = Watch { helm, query, told: VecDeque::new(), pass, ticks, _place: place };
    let events = stream::unfold((watch, true), |(mut watch, first)| async move {
        let events = watch.next(first).await?;
        Some((stream::iter(events.into_iter().map(Ok::<_, Infallible>)), (watch, false)))
    });
    let mut response = Sse::new(events.flatten()).keep_alive(KeepAlive::default()).into_response();
    // Proxies that collect what they pass on would hold the events back.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
}

impl Watch {
    /// What has ended since; `None` when the server stops, or the key does. At first an event `ready`, and nothing of what
    /// was there before.
    async fn next(&mut self, first: bool) -> Option<Vec<Event>> {
        self.ticks.tick().await;
        if !self.helm.is_accepting() || !self.pass.holds() {
            return None;
        }
        let micros = i64::try_from(LONGEST.as_micros()).unwrap_or(i64::MAX);
        let recent = Timestamp::from_micros(self.helm.now().as_micros().saturating_sub(micros));
        let since = self.query.since.map_or(recent, |since| since.max(recent));
        let query = self.query.clone().with_since(since);
        let turns = match self.helm.turns(&query, None, AT_ONCE).await {
            Ok(page) => page.items,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be watched");
                return Some(vec![named("error", &Problem::from(error))]);
            }
        };
        let new: Vec<_> = turns.into_iter().filter(|turn| !self.told.contains(&turn.id)).collect();
        self.told.extend(new.iter().map(|turn| turn.id));
        // What is older than all that can be asked for again is forgotten.
        while self.told.len() > 4 * AT_ONCE {
            self.told.pop_front();
        }
        if first {
            return Some(vec![named("ready", &serde_json::json!({}))]);
        }
        Some(new.into_iter().rev().map(|turn| named("turn", &LoggedJson::from(turn))).collect())
    }
}
