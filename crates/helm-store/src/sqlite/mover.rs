//! Moving what is committed out of the log and into the file itself, beside the writer. By itself SQLite does that
//! within the commit that fills the log, and whoever waits for that commit waits for all of it.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::connect;
use super::error::driver;
use super::options::SqliteOptions;
use crate::error::{Result, chain};

/// About how many pages a transaction adds to the log, and how many each of its writes.
const OF_A_TRANSACTION: usize = 12;
const OF_A_WRITE: usize = 4;

/// After so many pages they are moved. Pages that were written several times since are moved once, so later is cheaper.
const PAGES: usize = 4_096;

/// Asks for moving; a task of its own does it.
pub(super) struct Mover {
    /// About how many pages were added since it was last asked for.
    added: usize,
    asked: mpsc::Sender<()>,
    moving: JoinHandle<()>,
}

impl Mover {
    /// Begins moving on `tracker`, until the mover is ended or dropped.
    pub(super) fn start(options: SqliteOptions, tracker: &TaskTracker) -> Self {
        let (asked, receiver) = mpsc::channel(1);
        let moving = tracker.spawn(move_when_asked(options, receiver));
        Self { added: 0, asked, moving }
    }

    /// Notes a transaction of so many writes.
    pub(super) fn committed(&mut self, writes: usize) {
        self.added += OF_A_TRANSACTION + OF_A_WRITE * writes;
        // Where it has been asked for already, the next transaction asks again.
        if self.added >= PAGES && self.asked.try_send(()).is_ok() {
            self.added = 0;
        }
    }

    /// Ends, once nothing is being moved any more.
    pub(super) async fn end(self) {
        drop(self.asked);
        if let Err(error) = self.moving.await {
            tracing::warn!(error = %chain(&error), "moving the log into the file ended early");
        }
    }
}

/// The connection is opened when it is first needed, and again after an error.
async fn move_when_asked(options: SqliteOptions, mut asked: mpsc::Receiver<()>) {
    let mut connection = None;
    while asked.recv().await.is_some() {
        connection = match moved(connection, &options).await {
            Ok(connection) => Some(connection),
            // The writer moves what is left, once the log is long.
            Err(error) => {
                tracing::debug!(error = %chain(&error), "the log was not moved into the file");
                None
            }
        };
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::debug!(error = %chain(&error), "a connection could not be closed");
    }
}

/// Moves as much as can be moved without keeping anybody waiting.
async fn moved(connection: Option<SqliteConnection>, options: &SqliteOptions) -> Result<SqliteConnection> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect::mover(options).await?,
    };
    let moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").await;
    moved.map(|_| connection).map_err(|error| driver("checkpoint", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::sqlite::SqliteStore;

    #[tokio::test]
    async fn what_is_committed_is_moved_into_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("helm.db"));
        let store = SqliteStore::open(options.clone()).await.unwrap();
        store.health().await.unwrap();
        let size = || std::fs::metadata(&options.path).unwrap().len();
        let before = size();
        let tracker = TaskTracker::new();
        let mut mover = Mover::start(options.clone(), &tracker);
        mover.committed(1);
        mover.end().await;
        assert_eq!(size(), before, "a short log stays");
        let mut mover = Mover::start(options.clone(), &tracker);
        mover.committed(PAGES / OF_A_WRITE);
        mover.end().await;
        // The file by itself, while the store is open.
        let copy = folder.path().join("copy.db");
        std::fs::copy(&options.path, &copy).unwrap();
        let mut copied = connect::reader(&SqliteOptions::new(copy)).await.unwrap();
        let beats = sqlx::query_scalar::<_, i64>("SELECT beats FROM helm_health");
        assert_eq!(beats.fetch_one(&mut *copied).await.unwrap(), 1);
        store.close().await;
    }
}
