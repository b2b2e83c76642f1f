use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::BACKEND;
use super::error::{chain, closed, driver};
use super::options::SqliteOptions;
use super::shards::Shards;
use super::writer::Writer;
use crate::error::{Error, ErrorKind, Result};
use crate::settle::said;

/// The most writes that share a transaction.
const BATCH: usize = 512;

/// Statements of one write; run inside the batch's transaction.
type Work<T> = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send>;

/// A queued write of any result.
trait Pending: Send {
    /// Runs the statements; an error's kind means that they must be taken back.
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, Result<(), ErrorKind>>;
    /// Tells the caller, once the transaction's fate is known.
    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<Error>>);
}

struct Write<T, U> {
    operation: &'static str,
    work: Option<Work<T>>,
    done: Option<Result<T>>,
    /// Done with what the work gave once it is committed, before the caller is told.
    after: Box<dyn FnOnce(T) -> U + Send>,
    reply: oneshot::Sender<Result<U>>,
    /// Its share of the queue's memory, given back with the acknowledgement.
    _bytes: OwnedSemaphorePermit,
}

impl<T: Send + 'static, U: Send + 'static> Pending for Write<T, U> {
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
            (None, Ok(())) => Err(closed(operation)),
        };
        // A caller that has gone away does not need the answer.
        drop(self.reply.send(answer));
    }
}

fn uncommitted(operation: &'static str, error: Arc<Error>) -> Error {
    let message = "the transaction could not be committed; sending the same again is safe";
    Error::new(error.kind(), BACKEND, operation, message).with_source(error)
}

/// The queue of writes and the task that commits them.
pub(super) struct Committer {
    queue: mpsc::Sender<Box<dyn Pending>>,
    bytes: Arc<Semaphore>,
    budget: u32,
}

impl Committer {
    /// Begins committing on `tracker`, until the committer is dropped.
    pub(super) fn start(
        writer: Writer,
        options: &SqliteOptions,
        shards: Arc<Shards>,
        tracker: &TaskTracker,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(options.queue);
        tracker.spawn(commit_all(writer, receiver, shards));
        let budget = u32::try_from(options.queue_bytes).unwrap_or(u32::MAX);
        Self { queue: sender, bytes: Arc::new(Semaphore::new(budget as usize)), budget }
    }

    /// Queues a write that holds about `bytes` of memory and waits until it is durable and `after` is done.
    pub(super) async fn write<T: Send + 'static, U: Send + 'static>(
        &self,
        operation: &'static str,
        bytes: usize,
        after: impl FnOnce(T) -> U + Send + 'static,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Result<U> {
        let (reply, answer) = oneshot::channel();
        // One write larger than the whole budget may still go alone.
        let share = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.budget);
        let share = Arc::clone(&self.bytes).try_acquire_many_owned(share).map_err(|_| full(operation))?;
        let (work, after) = (Some(Box::new(work) as Work<T>), Box::new(after));
        let write = Write { operation, work, done: None, after, reply, _bytes: share };
        self.queue.try_send(Box::new(write)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => full(operation),
            mpsc::error::TrySendError::Closed(_) => closed(operation),
        })?;
        depth(self.queue.max_capacity() - self.queue.capacity());
        answer.await.unwrap_or_else(|_| Err(closed(operation)))
    }
}

fn full(operation: &'static str) -> Error {
    Error::new(ErrorKind::Overloaded, BACKEND, operation, "too many writes are waiting; try again later")
}

fn depth(writes: usize) {
    metrics::gauge!("helm_queue_depth", "queue" => "commit").set(writes as f64);
}

/// Takes what is queued, commits it, acknowledges all of it, and looks again. There is no timer: at rest a
/// batch is one write, and under load it is whatever came in during the last commit.
async fn commit_all(mut writer: Writer, mut queue: mpsc::Receiver<Box<dyn Pending>>, shards: Arc<Shards>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        metrics::histogram!("helm_store_commit_batch_size").record(batch.len() as f64);
        depth(queue.len());
        let flight = shards.flight();
        let committed = commit(&mut writer, &mut batch).await.map_err(Arc::new);
        if let Err(error) = &committed {
            tracing::warn!(error = %chain(error), writes = batch.len(), "a batch was rolled back");
        }
        for write in batch.drain(..) {
            write.acknowledge(committed.clone());
        }
        drop(flight);
    }
    writer.close().await;
}

async fn commit(writer: &mut Writer, batch: &mut [Box<dyn Pending>]) -> Result<()> {
    let connection = writer.begin().await?;
    let ran = run_batch(connection, batch).await;
    let ended = match ran {
        Ok(()) => connection.execute("COMMIT").await.map(drop).map_err(|error| driver("commit", error)),
        Err(error) => Err(error),
    };
    if ended.is_err() {
        writer.roll_back().await;
    }
    ended
}

/// Each write has a savepoint of its own, so one that is refused takes nothing else with it.
async fn run_batch(connection: &mut SqliteConnection, batch: &mut [Box<dyn Pending>]) -> Result<()> {
    let failed = |error| driver("commit", error);
    for write in batch {
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
