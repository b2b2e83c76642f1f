//! What moving an installation to another backend needs of a file.

use sqlx::Connection;
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;

use super::options::SqliteOptions;
use super::{connect, migrate};
use crate::error::{Error, Result};

/// An error of the driver.
pub(crate) fn failed(operation: &'static str, error: sqlx::Error) -> Error {
    super::error::driver(operation, error)
}

/// The file, with no one writing to it until [`unlocked`].
pub(crate) async fn locked(options: &SqliteOptions) -> Result<SqliteConnection> {
    let options = options.clone().must_exist();
    connect::check_path(&options)?;
    let mut connection = connect::reopened(&options).await?;
    migrate::require_current(&mut connection).await?;
    connection.execute("BEGIN IMMEDIATE").await.map_err(|error| failed("copy", error))?;
    Ok(connection.into_connection())
}

/// Gives the file back, unchanged.
pub(crate) async fn unlocked(mut connection: SqliteConnection) {
    if let Err(error) = connection.execute("ROLLBACK").await {
        tracing::debug!(%error, "the file is given back by closing it");
    }
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the file could not be closed");
    }
}
