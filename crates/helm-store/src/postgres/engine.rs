//! Groups of writes, each in a transaction of its own.

use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::BACKEND;
use super::error::failure;
use super::load::{Versions, lock, look};
use super::save::save;
use crate::batch::{
    Answer, Commit, Engine, Failure, Needs, Operation, Queued, Request, Unit, Working, commit,
};
use crate::error::Result;

/// Commits groups of writes, several at once. What two groups both want is held by locks in the database, as it is
/// between processes.
pub(super) struct Groups {
    pool: PgPool,
    tracker: TaskTracker,
    free: Arc<Semaphore>,
    /// The right to begin the next group.
    next: Option<OwnedSemaphorePermit>,
}

impl Groups {
    pub(super) fn new(pool: PgPool, groups: u32, tracker: TaskTracker) -> Self {
        Self { pool, tracker, free: Arc::new(Semaphore::new(groups as usize)), next: None }
    }
}

impl Commit<Request> for Groups {
    async fn ready(&mut self) {
        // The semaphore is never closed.
        self.next = Arc::clone(&self.free).acquire_owned().await.ok();
    }

    async fn commit(&mut self, batch: Vec<Queued<Request>>) {
        let (mut transactions, permit) = (Transactions { pool: self.pool.clone() }, self.next.take());
        self.tracker.spawn(async move {
            let (requests, shares): (Vec<_>, Vec<_>) = batch.into_iter().map(Queued::into_parts).unzip();
            commit(&mut transactions, requests).await;
            drop((shares, permit));
        });
    }

    async fn close(self) {}
}

struct Transactions {
    pool: PgPool,
}

impl Engine for Transactions {
    const BACKEND: &'static str = BACKEND;

    async fn attempt(
        &mut self,
        operations: &[&Operation],
        attempt: u32,
    ) -> Result<Vec<Result<Answer>>, Failure> {
        const OPERATION: &str = "commit";
        let failed = |error| failure(OPERATION, error);
        // Decisions to be logged are taken to be new once; then it is known that one was not.
        let needs = Needs::of(operations.iter().copied(), attempt == 0);
        if attempt == 0 {
            // What was read may have changed when it is written, which then fails; then it is locked before it is read.
            let mut connection = self.pool.acquire().await.map_err(failed)?;
            let (working, seen) = match needs.is_empty() {
                true => Default::default(),
                false => look(&mut connection, &needs).await?,
            };
            return apply(&mut connection, working, &seen, operations).await;
        }
        // Dropped before its end, a transaction is rolled back.
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        lock(&mut transaction, &needs).await?;
        // A statement of its own, so that it sees what those committed who held the locks before.
        let (working, seen) = look(&mut transaction, &needs).await?;
        let answers = apply(&mut transaction, working, &seen, operations).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(answers)
    }
}

/// Carries operations out with what is known, and writes what they change.
async fn apply(
    connection: &mut PgConnection,
    working: Working,
    seen: &Versions,
    operations: &[&Operation],
) -> Result<Vec<Result<Answer>>, Failure> {
    let mut unit = Unit::new(BACKEND, working);
    let answers = operations.iter().map(|operation| unit.apply(operation)).collect();
    let (working, changes) = unit.into_parts();
    if !changes.is_empty() {
        save(connection, &working, seen, changes).await?;
    }
    Ok(answers)
}
