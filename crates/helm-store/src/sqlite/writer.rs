use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};
use tokio::time::Instant;

use super::error::{driver, is_busy};
use super::options::SqliteOptions;
use super::{BACKEND, connect};
use crate::batch::closed;
use crate::error::{Result, chain};

/// How long all tries to begin a transaction may take together.
const BEGIN_DEADLINE: Duration = connect::BUSY_TIMEOUT;
/// Between two of them, where SQLite's own waiting does not apply.
const BEGIN_PAUSE: Duration = Duration::from_millis(10);

/// The one connection that writes, opened again when its state is no longer known.
pub(super) struct Writer {
    connection: Option<SqliteConnection>,
    options: SqliteOptions,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, options: SqliteOptions) -> Self {
        Self { connection: Some(connection), options }
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(&mut self) -> Result<&mut SqliteConnection> {
        let deadline = Instant::now() + BEGIN_DEADLINE;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect::reopened(&self.options).await?,
        };
        loop {
            match connection.execute("BEGIN IMMEDIATE").await {
                Ok(_) => return Ok(self.connection.insert(connection)),
                // Some busy states, such as another process's recovery of the log, are answered at once.
                Err(error) if is_busy(&error) && Instant::now() + BEGIN_PAUSE < deadline => {
                    tokio::time::sleep(BEGIN_PAUSE).await;
                }
                Err(error) => {
                    // A busy connection is as good as before; any other is not to be trusted.
                    if is_busy(&error) {
                        self.connection = Some(connection);
                    }
                    return Err(driver("begin", error));
                }
            }
        }
    }

    /// The connection, inside a transaction that was begun.
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or_else(|| closed(BACKEND, "commit"))
    }

    /// Ends a transaction that failed.
    pub(super) async fn roll_back(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match connection.execute("ROLLBACK").await {
            Ok(_) => self.connection = Some(connection),
            // SQLite may have rolled back by itself, or the connection may be broken. A new one is sure to be
            // outside a transaction.
            Err(error) => {
                tracing::debug!(error = %chain(&error), "the writing connection is opened again");
                discard(connection).await;
            }
        }
    }

    /// Moves what is committed into the file itself, and closes.
    pub(super) async fn end(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // Another process that reads may prevent it; then the last one to close does it.
        if let Err(error) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await {
            tracing::debug!(error = %chain(&error), "the log was left for the next process");
        }
        discard(connection).await;
    }
}

async fn discard(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(error = %chain(&error), "the writing connection could not be closed");
    }
}
