//! The connections that read.
//!
//! sqlx's own pool asks each connection whether it is well when it comes back, from a task of its own. For a file that
//! costs as much as most reads, and there is nothing that it could find out.

use std::ops::{Deref, DerefMut};

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleResult, Timeouts};
use sqlx::sqlite::SqliteConnection;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::link::Link;
use super::options::SqliteOptions;
use super::{BACKEND, connect};
use crate::batch::closed;
use crate::error::{Error, ErrorKind, Result, chain};

/// A connection that reads, until it is dropped. Closing the store waits for that.
pub(super) struct Reader {
    connection: Object<Opening>,
    _open: TaskTrackerToken,
}

impl Reader {
    /// The connection, with what tells that a script on it is through.
    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.connection
    }
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// Opens connections.
pub(super) struct Opening(SqliteOptions);

impl Manager for Opening {
    type Type = Link;
    type Error = Error;

    async fn create(&self) -> Result<Link> {
        connect::reader(&self.0).await
    }

    async fn recycle(&self, _: &mut Link, _: &Metrics) -> RecycleResult<Error> {
        Ok(())
    }
}

/// As many connections as there is something to do for.
pub(super) struct Readers {
    pool: Pool<Opening>,
    tracker: TaskTracker,
}

impl Readers {
    /// Opens the first of them.
    pub(super) async fn open(options: &SqliteOptions, tracker: &TaskTracker) -> Result<Self> {
        const OPERATION: &str = "open";
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let waiting = Timeouts { wait: Some(connect::BUSY_TIMEOUT), ..Timeouts::default() };
        let pool = Pool::builder(Opening(options.clone()))
            .max_size(cores.clamp(1, 4))
            .runtime(Runtime::Tokio1)
            .timeouts(waiting)
            .build();
        let pool = pool.map_err(|error| {
            Error::new(ErrorKind::Internal, BACKEND, OPERATION, "readers cannot be set up").with_source(error)
        })?;
        let readers = Self { pool, tracker: tracker.clone() };
        drop(readers.get(OPERATION).await?);
        Ok(readers)
    }

    /// A connection for `operation`, once one is free.
    pub(super) async fn get(&self, operation: &'static str) -> Result<Reader> {
        let open = self.tracker.token();
        let connection = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => closed(BACKEND, operation),
            PoolError::Timeout(_) => {
                let message = "no connection became free in time; try again";
                Error::new(ErrorKind::Timeout, BACKEND, operation, message)
            }
            other => {
                let message = "no connection can be had";
                Error::new(ErrorKind::Internal, BACKEND, operation, message).with_source(other)
            }
        })?;
        Ok(Reader { connection, _open: open })
    }

    /// Closes all connections; those that somebody reads with, when they come back.
    pub(super) async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::debug!(error = %chain(&error), "a connection could not be closed");
            }
        }
    }
}
