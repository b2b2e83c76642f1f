use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use super::BACKEND;
use super::error::driver;
use super::load::load;
use super::mover::Mover;
use super::save::save;
use super::script::Script;
use super::shards::{Shards, Written};
use super::writer::Writer;
use crate::batch::{
    Answer, Commit, Engine, Failure, Needs, Operation, Queued, Request, Unit, closed, commit,
};
use crate::error::{Error, ErrorKind, Result, chain};
use crate::settle::said;

/// A queued write: about one decision, or any other.
pub(super) enum Write {
    Operation(Request),
    Other(Box<dyn Pending>),
}

/// Statements of one write; run inside the batch's transaction.
type Work<T> = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send>;

/// A queued write of any result.
pub(super) trait Pending: Send {
    /// Runs the statements; an error's kind means that they must be taken back.
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, Result<(), ErrorKind>>;
    /// Tells the caller, once the transaction's fate is known.
    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<Error>>);
}

struct Other<T, U> {
    operation: &'static str,
    work: Option<Work<T>>,
    done: Option<Result<T>>,
    /// Done with what the work gave once it is committed, before the caller is told.
    after: Box<dyn FnOnce(T) -> U + Send>,
    reply: oneshot::Sender<Result<U>>,
}

impl Write {
    /// A write of a few statements; `after` is done with what came of it between the commit and its
    /// acknowledgement.
    pub(super) fn other<T: Send + 'static, U: Send + 'static>(
        operation: &'static str,
        reply: oneshot::Sender<Result<U>>,
        after: impl FnOnce(T) -> U + Send + 'static,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Self {
        let (work, after) = (Some(Box::new(work) as Work<T>), Box::new(after));
        Self::Other(Box::new(Other { operation, work, done: None, after, reply }))
    }
}

impl<T: Send + 'static, U: Send + 'static> Pending for Other<T, U> {
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, Result<(), ErrorKind>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Err(ErrorKind::Internal) };
            // A panic must not end the one task that commits.
            let ran = AssertUnwindSafe(async move { work(connection).await }).catch_unwind().await;
            let done = ran.unwrap_or_else(|panic| {
                let message = format!("the write panicked{}", said(&*panic));
                Err(Error::new(ErrorKind::Internal, BACKEND, self.operation, message))
            });
            let kept = done.as_ref().map(drop).map_err(Error::kind);
            self.done = Some(done);
            kept
        })
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<Error>>) {
        let operation = self.operation;
        let answer = match (self.done, committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok((self.after)(value)),
            (_, Err(error)) => Err(uncommitted(operation, error)),
            (None, Ok(())) => Err(closed(BACKEND, operation)),
        };
        // A caller that has gone away does not need the answer.
        drop(self.reply.send(answer));
    }
}

fn uncommitted(operation: &'static str, error: Arc<Error>) -> Error {
    let message = "the transaction could not be committed; sending the same again is safe";
    Error::new(error.kind(), BACKEND, operation, message).with_source(error)
}

/// Makes batches durable, and known to the shards.
pub(super) struct Batches {
    writer: Writer,
    mover: Mover,
    shards: Arc<Shards>,
}

impl Batches {
    pub(super) fn new(writer: Writer, mover: Mover, shards: Arc<Shards>) -> Self {
        Self { writer, mover, shards }
    }
}

impl Commit<Write> for Batches {
    async fn commit(&mut self, batch: Vec<Queued<Write>>) {
        let (mut requests, mut others, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for queued in batch {
            let (write, share) = queued.into_parts();
            shares.push(share);
            match write {
                Write::Operation(request) => requests.push(request),
                Write::Other(other) => others.push(other),
            }
        }
        let mut transactions = Transactions { writer: &mut self.writer, shards: &self.shards, others };
        commit(&mut transactions, requests).await;
        transactions.commit_others().await;
        self.mover.committed(shares.len());
    }

    async fn close(self) {
        self.mover.end().await;
        self.writer.end().await;
    }
}

/// Transactions on the one connection that writes.
struct Transactions<'w> {
    writer: &'w mut Writer,
    shards: &'w Shards,
    /// Writes that wait to go along with the next transaction that comes to its end.
    others: Vec<Box<dyn Pending>>,
}

impl Engine for Transactions<'_> {
    const BACKEND: &'static str = BACKEND;

    async fn attempt(
        &mut self,
        operations: &[&Operation],
        attempt: u32,
    ) -> Result<Vec<Result<Answer>>, Failure> {
        // Decisions to be logged are taken to be new once; then it is known that one was not.
        let hopeful = attempt == 0;
        let needs = Needs::of(operations.iter().copied(), hopeful);
        match self.carry_out(operations, &needs).await {
            Err(error) if hopeful && error.kind() == ErrorKind::Conflict => Err(Failure::Again(error)),
            done => Ok(done?),
        }
    }
}

impl Transactions<'_> {
    async fn carry_out(&mut self, operations: &[&Operation], needs: &Needs) -> Result<Vec<Result<Answer>>> {
        let mut script = Script::begin(self.writer.connection().await?);
        let mut done = carry_out(&mut script, operations, needs, self.shards).await;
        // Others are told only of what they were part of.
        if done.is_ok() && !self.others.is_empty() {
            done = script.send().await.and(done);
        }
        match done {
            Ok((answers, written)) => {
                let flight = self.shards.flight();
                let ended = end(script, &mut self.others, self.shards, written).await;
                let ended = self.told(ended).await;
                drop(flight);
                ended.map(|()| answers)
            }
            Err(error) => {
                self.writer.roll_back().await;
                Err(error)
            }
        }
    }

    /// Commits what no operation took along.
    async fn commit_others(&mut self) {
        if self.others.is_empty() {
            return;
        }
        match self.writer.connection().await {
            Ok(connection) => {
                let flight = self.shards.flight();
                let ended = end(Script::begin(connection), &mut self.others, self.shards, Vec::new()).await;
                // Each of the others is told.
                drop(self.told(ended).await);
                drop(flight);
            }
            Err(error) => self.acknowledge(&Err(Arc::new(error))),
        }
    }

    /// Tells the other writes how it ended, and through them the shards; takes back what was not committed.
    async fn told(&mut self, ended: Result<()>) -> Result<()> {
        match ended {
            Ok(()) => {
                self.acknowledge(&Ok(()));
                Ok(())
            }
            Err(error) => {
                self.writer.roll_back().await;
                // Without others it is the operations' own.
                if self.others.is_empty() {
                    return Err(error);
                }
                let error = Arc::new(error);
                self.acknowledge(&Err(Arc::clone(&error)));
                Err(uncommitted("commit", error))
            }
        }
    }

    fn acknowledge(&mut self, committed: &Result<(), Arc<Error>>) {
        if let Err(error) = committed
            && !self.others.is_empty()
        {
            tracing::warn!(error = %chain(error), writes = self.others.len(), "writes were rolled back");
        }
        for other in self.others.drain(..) {
            other.acknowledge(committed.clone());
        }
    }
}

async fn carry_out(
    script: &mut Script<'_>,
    operations: &[&Operation],
    needs: &Needs,
    shards: &Shards,
) -> Result<(Vec<Result<Answer>>, Vec<Written>)> {
    let mut unit = Unit::new(BACKEND, load(script, needs).await?);
    let answers = operations.iter().map(|operation| unit.apply(operation)).collect();
    let (working, changes) = unit.into_parts();
    let written = match changes.is_empty() {
        true => Vec::new(),
        false => save(script, &working, changes, shards).await?,
    };
    Ok((answers, written))
}

/// Runs the other writes and commits; then the shards follow, of what else was written.
async fn end(
    mut script: Script<'_>,
    others: &mut [Box<dyn Pending>],
    shards: &Shards,
    written: Vec<Written>,
) -> Result<()> {
    if !others.is_empty() {
        run_others(script.connection().await?, others).await?;
    }
    script.commit().await?;
    shards.follow(written);
    Ok(())
}

/// Each write has a savepoint of its own, so one that is refused takes nothing else with it.
async fn run_others(connection: &mut SqliteConnection, others: &mut [Box<dyn Pending>]) -> Result<()> {
    let failed = |error| driver("commit", error);
    for write in others {
        connection.execute("SAVEPOINT helm_write").await.map_err(failed)?;
        if let Err(kind) = write.run(&mut *connection).await {
            // After a full disk and the like SQLite has ended the whole transaction by itself, and there is no
            // savepoint any more: then what this write met is what the others must be told.
            connection.execute("ROLLBACK TO helm_write").await.map_err(|error| {
                let message = "the database ended the transaction";
                Error::new(kind, BACKEND, "commit", message).with_source(error)
            })?;
        }
        connection.execute("RELEASE helm_write").await.map_err(failed)?;
    }
    Ok(())
}
