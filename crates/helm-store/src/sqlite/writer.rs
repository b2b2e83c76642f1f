use sqlx::Executor;

use super::connect;
use super::link::Link;
use super::options::SqliteOptions;
use crate::error::{Result, chain};

/// The one connection that writes, opened again when its state is no longer known.
pub(super) struct Writer {
    connection: Option<Link>,
    options: SqliteOptions,
}

impl Writer {
    pub(super) fn new(connection: Link, options: SqliteOptions) -> Self {
        Self { connection: Some(connection), options }
    }

    /// The connection, opened again where that is needed.
    pub(super) async fn connection(&mut self) -> Result<&mut Link> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect::reopened(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
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

async fn discard(connection: Link) {
    if let Err(error) = connection.close().await {
        tracing::warn!(error = %chain(&error), "the writing connection could not be closed");
    }
}
