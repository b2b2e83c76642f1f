use std::path::Path;

use super::BACKEND;
use crate::error::{Error, ErrorKind};

/// An error of the driver, met during `operation`.
pub(super) fn driver(operation: &'static str, error: sqlx::Error) -> Error {
    let (kind, message) = classify(&error);
    Error::new(kind, BACKEND, operation, message).with_source(error)
}

/// An error of the driver that opening `path` met.
pub(super) fn opening(path: &Path, error: sqlx::Error) -> Error {
    let (kind, message) = classify(&error);
    Error::new(kind, BACKEND, "open", format!("{}: {message}", path.display())).with_source(error)
}

/// A value that cannot be handed to the driver.
pub(super) fn encoding(operation: &'static str, error: sqlx::error::BoxDynError) -> Error {
    driver(operation, sqlx::Error::Encode(error))
}

/// Something stored that cannot be read back.
pub(super) fn unreadable(
    operation: &'static str,
    what: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    crate::stored::unreadable(BACKEND, operation, what, error)
}

/// Whether another connection holds what this one needs.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(code(error) & 0xff, 5 | 6))
}

fn code(error: &dyn sqlx::error::DatabaseError) -> i32 {
    error.code().and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn classify(error: &sqlx::Error) -> (ErrorKind, &'static str) {
    match error {
        sqlx::Error::Database(database) => by_code(code(&**database)),
        sqlx::Error::PoolTimedOut => (ErrorKind::Timeout, "no connection became free in time; try again"),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (ErrorKind::Unavailable, "the store is closed")
        }
        sqlx::Error::Io(_) => (ErrorKind::Unavailable, "the file cannot be read or written"),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            (ErrorKind::Corrupt, "a stored value cannot be read")
        }
        _ => (ErrorKind::Internal, "the database refused the statement"),
    }
}

/// SQLite's result codes; the low byte of an extended code is its primary one.
fn by_code(code: i32) -> (ErrorKind, &'static str) {
    // The extended codes of a primary key's and of another unique constraint.
    if matches!(code, 1555 | 2067) {
        return (ErrorKind::Conflict, "it is stored already");
    }
    match code & 0xff {
        5 | 6 => (ErrorKind::Unavailable, "another process holds the database; try again"),
        8 => {
            (ErrorKind::Unwritable, "the file or its folder is read-only; make it writable or choose another")
        }
        10 => (ErrorKind::Unavailable, "the disk failed to read or write"),
        13 => (ErrorKind::Unwritable, "the disk is full; free some space"),
        14 => (
            ErrorKind::Unavailable,
            "the file cannot be opened; does its folder exist, and may it be written to?",
        ),
        11 => (ErrorKind::Corrupt, "the database is damaged; restore it from a backup"),
        26 => (ErrorKind::Corrupt, "the file is not a SQLite database; choose another path"),
        19 | 20 => (ErrorKind::Invalid, "the value does not fit the schema"),
        _ => (ErrorKind::Internal, "the database refused the statement"),
    }
}
