use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::error::{Error, ErrorKind, Result};

/// The most writes that share a transaction.
const BATCH: usize = 512;

/// A backend's side of the queue.
pub(crate) trait Commit<W>: Send + 'static {
    /// Waits until a batch can be begun.
    fn ready(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Makes a batch durable and tells its callers.
    fn commit(&mut self, batch: Vec<Queued<W>>) -> impl Future<Output = ()> + Send;

    /// Ends, after the last batch.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What may wait in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) writes: usize,
    pub(crate) bytes: usize,
}

/// A queued write. Its share of the queue's memory is given back when it is dropped.
pub(crate) struct Queued<W> {
    write: W,
    bytes: OwnedSemaphorePermit,
}

impl<W> Queued<W> {
    /// The write, and its share of the queue's memory.
    pub(crate) fn into_parts(self) -> (W, OwnedSemaphorePermit) {
        (self.write, self.bytes)
    }
}

/// The queue of writes; a task of its own commits them.
pub(crate) struct Committer<W> {
    backend: &'static str,
    queue: mpsc::Sender<Queued<W>>,
    bytes: Arc<Semaphore>,
    budget: u32,
}

impl<W: Send + 'static> Committer<W> {
    /// Begins committing on `tracker`, until the committer is dropped.
    pub(crate) fn start(
        backend: &'static str,
        limits: Limits,
        tracker: &TaskTracker,
        commit: impl Commit<W>,
    ) -> Self {
        let (queue, receiver) = mpsc::channel(limits.writes);
        tracker.spawn(commit_all(commit, receiver));
        let budget = u32::try_from(limits.bytes).unwrap_or(u32::MAX);
        Self { backend, queue, bytes: Arc::new(Semaphore::new(budget as usize)), budget }
    }

    /// Queues what `write` makes of the way back to the caller, which holds about `bytes` of memory, and waits
    /// until it is durable.
    pub(crate) async fn send<T>(
        &self,
        operation: &'static str,
        bytes: usize,
        write: impl FnOnce(oneshot::Sender<Result<T>>) -> W,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        // One write larger than the whole budget may still go alone.
        let share = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.budget);
        let full = || {
            let message = "too many writes are waiting; try again later";
            Error::new(ErrorKind::Overloaded, self.backend, operation, message)
        };
        let share = Arc::clone(&self.bytes).try_acquire_many_owned(share).map_err(|_| full())?;
        let queued = Queued { write: write(reply), bytes: share };
        self.queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => full(),
            mpsc::error::TrySendError::Closed(_) => closed(self.backend, operation),
        })?;
        depth(self.queue.max_capacity() - self.queue.capacity());
        answer.await.unwrap_or_else(|_| Err(closed(self.backend, operation)))
    }
}

/// What calls after the end are told.
pub(crate) fn closed(backend: &'static str, operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, backend, operation, "the store is closed")
}

fn depth(writes: usize) {
    metrics::gauge!("helm_queue_depth", "queue" => "commit").set(writes as f64);
}

/// Takes what is queued, commits it, acknowledges all of it, and looks again. There is no timer: at rest a
/// batch is one write, and under load it is whatever came in during the last commit.
async fn commit_all<W: Send>(mut commit: impl Commit<W>, mut queue: mpsc::Receiver<Queued<W>>) {
    loop {
        commit.ready().await;
        let mut batch = Vec::new();
        if queue.recv_many(&mut batch, BATCH).await == 0 {
            break;
        }
        metrics::histogram!("helm_store_commit_batch_size").record(batch.len() as f64);
        depth(queue.len());
        commit.commit(batch).await;
    }
    commit.close().await;
}
