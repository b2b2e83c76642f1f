//! Groups of writes, each in a transaction of its own.

use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::BACKEND;
use super::error::{failure, was_lost};
use super::load::{Loaded, Versions, lock};
use super::recent::{Recent, Touched};
use super::save::save;
use crate::batch::{
    Answer, Changes, Commit, Engine, Failure, Needs, Operation, Queued, Request, Unit, Working, commit,
};
use crate::error::Result;
use crate::records::Applied;

/// Commits groups of writes, several at once. What two groups both want is held by locks in the database, as it is
/// between processes.
pub(super) struct Groups {
    pool: PgPool,
    recent: Recent,
    tracker: TaskTracker,
    free: Arc<Semaphore>,
    /// The right to begin the next group.
    next: Option<OwnedSemaphorePermit>,
}

impl Groups {
    pub(super) fn new(pool: PgPool, recent: Recent, groups: u32, tracker: TaskTracker) -> Self {
        Self { pool, recent, tracker, free: Arc::new(Semaphore::new(groups as usize)), next: None }
    }
}

impl Commit<Request> for Groups {
    async fn ready(&mut self) {
        // The semaphore is never closed.
        self.next = Arc::clone(&self.free).acquire_owned().await.ok();
    }

    async fn commit(&mut self, batch: Vec<Queued<Request>>) {
        let mut transactions = Transactions { pool: self.pool.clone(), recent: self.recent.clone() };
        let permit = self.next.take();
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
    recent: Recent,
}

impl Engine for Transactions {
    const BACKEND: &'static str = BACKEND;

    async fn attempt(
        &mut self,
        operations: &[&Operation],
        attempt: u32,
    ) -> Result<Vec<Result<Answer>>, Failure> {
        let done = match attempt {
            0 => self.at_once(operations).await,
            _ => self.locked(operations).await,
        };
        if let Err(Failure::Again(error)) = &done
            && was_lost(error)
        {
            self.recent.clear();
        }
        done
    }
}

impl Transactions {
    /// Goes by what this process remembers, and by what it reads without locks; if something of that has changed when it is
    /// written, nothing is done. Decisions to be logged are taken to be new.
    async fn at_once(&self, operations: &[&Operation]) -> Result<Vec<Result<Answer>>, Failure> {
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        let epoch = self.recent.epoch();
        let mut needs = Needs::of(operations.iter().copied(), true);
        let mut loaded = self.recent.recall(&mut needs).await;
        let remembered = !loaded.is_empty();
        loaded.look(&mut connection, &needs).await?;
        let mut carried = Carried::out(loaded, operations);
        // What is said of repetitions and of refusals must be true now.
        if remembered && !carried.answers.iter().all(is_new) {
            let mut loaded = Loaded::default();
            loaded.look(&mut connection, &Needs::of(operations.iter().copied(), true)).await?;
            carried = Carried::out(loaded, operations);
        }
        let (answers, fresh) = carried.save(&mut connection).await?;
        self.remember(epoch, fresh).await;
        Ok(answers)
    }

    /// Locks what will be changed before it is read.
    async fn locked(&self, operations: &[&Operation]) -> Result<Vec<Result<Answer>>, Failure> {
        let epoch = self.recent.epoch();
        let needs = Needs::of(operations.iter().copied(), false);
        self.recent.doubt(&needs).await;
        // Dropped before its end, a transaction is rolled back.
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        lock(&mut transaction, &needs).await?;
        // A statement of its own, so that it sees what those committed who held the locks before.
        let mut loaded = Loaded::default();
        loaded.look(&mut transaction, &needs).await?;
        let (answers, fresh) = Carried::out(loaded, operations).save(&mut transaction).await?;
        transaction.commit().await.map_err(failed)?;
        self.remember(epoch, fresh).await;
        Ok(answers)
    }

    async fn remember(&self, epoch: u64, fresh: Option<Fresh>) {
        if let Some(Fresh { touched, working, versions, transaction }) = fresh {
            self.recent.remember(epoch, touched, working, &versions, &transaction).await;
        }
    }
}

/// Operations that were carried out in memory.
struct Carried {
    answers: Vec<Result<Answer>>,
    working: Working,
    changes: Changes,
    versions: Versions,
}

/// What was written, to be remembered once it is committed.
struct Fresh {
    touched: Touched,
    working: Working,
    versions: Versions,
    transaction: String,
}

impl Carried {
    fn out(loaded: Loaded, operations: &[&Operation]) -> Self {
        let Loaded { working, versions } = loaded;
        let mut unit = Unit::new(BACKEND, working);
        let answers = operations.iter().map(|operation| unit.apply(operation)).collect();
        let (working, changes) = unit.into_parts();
        Self { answers, working, changes, versions }
    }

    async fn save(
        self,
        connection: &mut PgConnection,
    ) -> Result<(Vec<Result<Answer>>, Option<Fresh>), Failure> {
        let Self { answers, working, changes, versions } = self;
        if changes.is_empty() {
            return Ok((answers, None));
        }
        let touched = Touched::by(&changes);
        let transaction = save(connection, &working, &versions, changes).await?;
        let fresh = transaction.map(|transaction| Fresh { touched, working, versions, transaction });
        Ok((answers, fresh))
    }
}

/// Whether an answer is of something that has been written.
fn is_new(answer: &Result<Answer>) -> bool {
    match answer {
        Ok(Answer::Logged(applied)) => *applied != Applied::Duplicate,
        Ok(Answer::Committed(receipt)) => receipt.applied != Applied::Duplicate,
        Ok(Answer::Recorded(receipt)) => receipt.applied != Applied::Duplicate,
        Ok(Answer::Resettled(_)) => true,
        Err(_) => false,
    }
}

fn failed(error: sqlx::Error) -> Failure {
    failure("commit", error)
}
