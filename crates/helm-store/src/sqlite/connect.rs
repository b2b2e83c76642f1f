use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::error::opening;
use super::link::Link;
use super::migrate::MigrationLock;
use super::options::{SqliteOptions, Synchronous};
use crate::error::{Error, ErrorKind, Result};

/// How long a write waits for another process's.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// So many results may wait to be taken: what reads need not wait for whoever takes them. They are kept anyway.
const RESULTS: usize = 8_192;

fn connection(options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&options.path)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(RESULTS)
        .foreign_keys(true)
        .synchronous(match options.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        // The text of a slow statement tells nobody what to do.
        .disable_statement_logging()
}

/// The one connection that writes. Call [`check_path`] and take the migration lock first.
pub(super) async fn writer(options: &SqliteOptions, _lock: &MigrationLock) -> Result<Link> {
    let wanted = connection(options).create_if_missing(options.create)
        // Takes effect only in a new file: what is erased later can be given back without rewriting the rest.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal);
    let wanted = writing(wanted);
    Link::open(wanted).await.map_err(|error| opening(&options.path, error))
}

/// Under load the pages of a few indexes are written again and again. So many are held in memory, in kibibytes, and
/// the log may grow to so many pages, before the writer itself moves them into the file. What a statement could have to
/// take back stays in memory. What a page that is written anyway no longer holds is overwritten in it, so that nobody is found there who
/// has been forgotten.
fn writing(wanted: SqliteConnectOptions) -> SqliteConnectOptions {
    let wanted = wanted.pragma("secure_delete", "FAST");
    wanted.pragma("cache_size", "-8192").pragma("wal_autocheckpoint", "16384").pragma("temp_store", "memory")
}

/// The connection that writes, again: the file exists and its schema has been checked.
pub(super) async fn reopened(options: &SqliteOptions) -> Result<Link> {
    let wanted = writing(connection(options));
    Link::open(wanted).await.map_err(|error| opening(&options.path, error))
}

/// A connection that moves the log into the file.
pub(super) async fn mover(options: &SqliteOptions) -> Result<SqliteConnection> {
    SqliteConnection::connect_with(&connection(options)).await.map_err(|error| opening(&options.path, error))
}

/// A connection that only reads.
pub(super) async fn reader(options: &SqliteOptions) -> Result<Link> {
    Link::open(reading(options)).await.map_err(|error| opening(&options.path, error))
}

fn reading(options: &SqliteOptions) -> SqliteConnectOptions {
    connection(options).pragma("query_only", "ON")
}

/// Says what SQLite would only hint at.
pub(super) fn check_path(options: &SqliteOptions) -> Result<()> {
    let path = options.path.display();
    let refuse = |message: String| Err(Error::new(ErrorKind::Unavailable, super::BACKEND, "open", message));
    if options.path.is_dir() {
        return refuse(format!("{path} is a folder; name a file in it"));
    }
    let folder = options.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return refuse(format!(
            "the folder {} does not exist; create it or choose another path",
            folder.display()
        ));
    }
    if !options.create && !options.path.exists() {
        return refuse(format!("{path} does not exist"));
    }
    Ok(())
}
