use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::operation::{Answer, Operation, Request};
use crate::error::{Error, ErrorKind, Result, chain};
use crate::settle::said;

/// How often a batch is tried that others got in the way of.
const TRIES: u32 = 8;

/// A backend's transaction.
pub(crate) trait Engine: Send {
    /// The backend's name in errors.
    const BACKEND: &'static str;

    /// Loads, carries out, writes and commits these operations in one transaction. `attempt` is counted from 0.
    /// An error means that nothing was committed, or that it is not known.
    fn attempt(
        &mut self,
        operations: &[&Operation],
        attempt: u32,
    ) -> impl Future<Output = Result<Vec<Result<Answer>>, Failure>> + Send;
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Others got in the way; the same again may succeed at once.
    Again(Error),
    /// It fails however often it is tried. One of the operations may be the cause.
    Final(Error),
}

impl Failure {
    /// What it was, for somebody who does not try again.
    #[cfg(feature = "postgres")]
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Again(error) | Self::Final(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Commits a batch and tells every caller. What fails for a reason that may lie in one of the operations is cut
/// in halves, again and again, until that one fails alone.
pub(crate) async fn commit<E: Engine>(engine: &mut E, requests: Vec<Request>) {
    let mut parts = vec![requests];
    while let Some(mut part) = parts.pop() {
        match tried(engine, &part).await {
            Ok(answers) => {
                for (request, answer) in part.into_iter().zip(answers) {
                    request.acknowledge(answer);
                }
            }
            Err(error) if part.len() > 1 && may_be_one(&error) => {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            }
            Err(error) => refuse(E::BACKEND, part, error),
        }
    }
}

async fn tried<E: Engine>(engine: &mut E, part: &[Request]) -> Result<Vec<Result<Answer>>> {
    let operations: Vec<_> = part.iter().map(|request| &request.operation).collect();
    let mut attempt = 0;
    loop {
        let begun = Instant::now();
        // A panic must not end the task that commits.
        let done = AssertUnwindSafe(engine.attempt(&operations, attempt)).catch_unwind().await;
        metrics::histogram!("helm_operation_duration_seconds", "operation" => "commit")
            .record(begun.elapsed().as_secs_f64());
        match done {
            Ok(Ok(answers)) => return Ok(answers),
            Ok(Err(Failure::Again(error))) => {
                attempt += 1;
                if attempt >= TRIES {
                    return Err(error);
                }
                tracing::debug!(error = %chain(&error), attempt, "a batch is tried again");
                // The first time at once; later ones a little apart, for those who got in the way.
                tokio::time::sleep(Duration::from_millis(u64::from((attempt - 1) * attempt))).await;
            }
            Ok(Err(Failure::Final(error))) => return Err(error),
            Err(panic) => {
                let message = format!("the write panicked{}", said(&*panic));
                return Err(Error::new(ErrorKind::Internal, E::BACKEND, "commit", message));
            }
        }
    }
}

/// Whether one operation of several may be what an error is about.
fn may_be_one(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Invalid
            | ErrorKind::Conflict
            | ErrorKind::Corrupt
            | ErrorKind::SchemaMismatch
            | ErrorKind::Internal
    )
}

fn refuse(backend: &'static str, part: Vec<Request>, error: Error) {
    tracing::warn!(error = %chain(&error), writes = part.len(), "a batch was rolled back");
    // Alone, an operation is told what it did itself.
    let part = match <[Request; 1]>::try_from(part) {
        Ok([request]) => return request.acknowledge(Err(error)),
        Err(part) => part,
    };
    let shared = Arc::new(error);
    for request in part {
        let operation = request.operation.name();
        let message = "the transaction could not be committed; sending the same again is safe";
        let told = Error::new(shared.kind(), backend, operation, message).with_source(Arc::clone(&shared));
        request.acknowledge(Err(told));
    }
}
