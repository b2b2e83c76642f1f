use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::BACKEND;
use super::error::{closed, driver};
use crate::error::{Error, ErrorKind, Result};

/// The most writes that share a transaction.
const BATCH: usize = 512;

/// Statements of one write; run inside the batch's transaction.
type Work<T> = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send>;

/// A queued write of any result.
trait Pending: Send {
    /// Runs the statements; answers whether they may be kept.
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, bool>;
    /// Tells the caller, once the transaction's fate is known.
    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>);
}

struct Write<T> {
    operation: &'static str,
    work: Option<Work<T>>,
    done: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send + 'static> Pending for Write<T> {
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.done = Some(work(connection).await);
            }
            matches!(self.done, Some(Ok(_)))
        })
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>) {
        let operation = self.operation;
        let answer = match (self.done, committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(uncommitted(operation, error)),
            (None, Ok(())) => Err(closed(operation)),
        };
        // A caller that has gone away does not need the answer.
        drop(self.reply.send(answer));
    }
}

fn uncommitted(operation: &'static str, error: Arc<sqlx::Error>) -> Error {
    let message = "the transaction could not be committed; sending the same again is safe";
    Error::new(ErrorKind::Unavailable, BACKEND, operation, message).with_source(error)
}

/// The queue of writes and the task that commits them.
pub(super) struct Committer {
    queue: mpsc::Sender<Box<dyn Pending>>,
}

impl Committer {
    /// Begins committing on `tracker`, until the committer is dropped.
    pub(super) fn start(connection: SqliteConnection, queue: usize, tracker: &TaskTracker) -> Self {
        let (sender, receiver) = mpsc::channel(queue);
        tracker.spawn(commit_all(connection, receiver));
        Self { queue: sender }
    }

    /// Queues a write and waits until it is durable.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let write = Write { operation, work: Some(Box::new(work)), done: None, reply };
        self.queue.try_send(Box::new(write)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                let message = "too many writes are waiting; try again later";
                Error::new(ErrorKind::Overloaded, BACKEND, operation, message)
            }
            mpsc::error::TrySendError::Closed(_) => closed(operation),
        })?;
        answer.await.unwrap_or_else(|_| Err(closed(operation)))
    }
}

/// Takes what is queued, commits it, acknowledges all of it, and looks again. There is no timer: at rest a
/// batch is one write, and under load it is whatever came in during the last commit.
async fn commit_all(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Box<dyn Pending>>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        metrics::histogram!("helm_store_commit_batch_size").record(batch.len() as f64);
        let committed = commit(&mut connection, &mut batch).await;
        for write in batch.drain(..) {
            write.acknowledge(committed.clone());
        }
    }
}

async fn commit(
    connection: &mut SqliteConnection,
    batch: &mut [Box<dyn Pending>],
) -> Result<(), Arc<sqlx::Error>> {
    connection.execute("BEGIN IMMEDIATE").await.map_err(Arc::new)?;
    let ran = run_batch(connection, batch).await;
    let ended = match ran {
        Ok(()) => connection.execute("COMMIT").await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        // After some errors SQLite has rolled back by itself, and then this fails harmlessly.
        drop(connection.execute("ROLLBACK").await);
        tracing::warn!(error = %driver("commit", sqlx::Error::Protocol(error.to_string())), "a batch was rolled back");
        return Err(Arc::new(error));
    }
    Ok(())
}

/// Each write has a savepoint of its own, so one that is refused takes nothing else with it.
async fn run_batch(
    connection: &mut SqliteConnection,
    batch: &mut [Box<dyn Pending>],
) -> Result<(), sqlx::Error> {
    for write in batch {
        connection.execute("SAVEPOINT helm_write").await?;
        if !write.run(&mut *connection).await {
            connection.execute("ROLLBACK TO helm_write").await?;
        }
        connection.execute("RELEASE helm_write").await?;
    }
    Ok(())
}
