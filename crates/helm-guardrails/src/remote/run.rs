use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{CheckRequest, RemoteCheck, RemoteLimits};
use crate::finding::Finding;
use crate::result::{Ran, RanOutcome};

/// A remote check and its limits, shared by all stages.
pub(crate) struct Remote {
    pub(crate) check: Arc<dyn RemoteCheck>,
    pub(crate) id: Arc<str>,
    pub(crate) entities: Vec<String>,
    pub(crate) limits: RemoteLimits,
    turns: Semaphore,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    until: Option<Instant>,
}

impl Remote {
    pub(crate) fn new(check: Arc<dyn RemoteCheck>, limits: RemoteLimits) -> Self {
        let turns = Semaphore::new(limits.concurrency.min(Semaphore::MAX_PERMITS));
        Self {
            id: check.id().into(),
            entities: check.entities(),
            check,
            limits,
            turns,
            failures: Mutex::default(),
        }
    }

    /// What it finds, or nothing when it failed, and how it went.
    pub(crate) async fn ask(&self, request: CheckRequest<'_>) -> (Option<Vec<Finding>>, Ran) {
        let began = Instant::now();
        let asked = if request.text.len() > self.limits.max_bytes {
            Err(RanOutcome::Skipped)
        } else if self.is_resting(began) {
            Err(RanOutcome::Resting)
        } else {
            let asked = self.in_turn(request).await;
            self.note(asked.is_ok());
            asked
        };
        let outcome = asked.as_ref().err().copied().unwrap_or(RanOutcome::Done);
        (asked.ok(), self.ran(outcome, Some(began.elapsed())))
    }

    async fn in_turn(&self, request: CheckRequest<'_>) -> Result<Vec<Finding>, RanOutcome> {
        let deadline = Instant::now() + self.limits.timeout;
        let turn = tokio::time::timeout_at(deadline, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(RanOutcome::Busy);
        };
        let checking = AssertUnwindSafe(self.check.check(request)).catch_unwind();
        match tokio::time::timeout_at(deadline, checking).await {
            Err(_) => Err(RanOutcome::TimedOut),
            Ok(Err(_)) => Err(RanOutcome::Panicked),
            Ok(Ok(Err(_))) => Err(RanOutcome::Failed),
            Ok(Ok(Ok(findings))) => match findings.iter().all(|finding| fits(finding, request.text)) {
                true => Ok(findings),
                false => Err(RanOutcome::Failed),
            },
        }
    }

    fn is_resting(&self, now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.until.is_some_and(|until| now < until)
    }

    fn note(&self, went_well: bool) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.in_a_row = if went_well { 0 } else { failures.in_a_row.saturating_add(1) };
        // One more failure after a rest is enough for the next.
        let is_enough = failures.in_a_row >= self.limits.failures.max(1);
        failures.until = is_enough.then(|| Instant::now() + self.limits.rest);
    }

    pub(crate) fn ran(&self, outcome: RanOutcome, took: Option<Duration>) -> Ran {
        Ran { detector: Arc::clone(&self.id), outcome, took }
    }
}

fn fits(finding: &Finding, text: &str) -> bool {
    finding.span.is_none_or(|span| span.start < span.end && text.get(span.start..span.end).is_some())
}
