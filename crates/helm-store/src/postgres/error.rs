use std::fmt;

use super::BACKEND;
use crate::batch::Failure;
use crate::error::{Error, ErrorKind};

/// An error of the driver, met during `operation`.
pub(super) fn driver(operation: &'static str, error: sqlx::Error) -> Error {
    let (kind, message) = classify(&error);
    Error::new(kind, BACKEND, operation, message).with_source(Met(error))
}

/// An error of the driver in the server's own words: the driver adds where in the server's source they stand.
#[derive(Debug)]
struct Met(sqlx::Error);

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            sqlx::Error::Database(told) => f.write_str(told.message()),
            other => other.fmt(f),
        }
    }
}

impl std::error::Error for Met {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            sqlx::Error::Database(_) => None,
            other => other.source(),
        }
    }
}

/// The driver's error that an error came from.
fn met(error: &Error) -> Option<&sqlx::Error> {
    Some(&std::error::Error::source(error)?.downcast_ref::<Met>()?.0)
}

/// An error of the driver that a transaction met: may it be tried again?
pub(super) fn failure(operation: &'static str, error: sqlx::Error) -> Failure {
    let again = is_rolled_back(&error) || is_lost(&error);
    let error = driver(operation, error);
    if again { Failure::Again(error) } else { Failure::Final(error) }
}

/// The same of writes that take their rows to be new: somebody else may have written them just now.
pub(super) fn written_at_once(operation: &'static str, error: sqlx::Error) -> Failure {
    if code(&error).as_deref() == Some("23505") {
        return Failure::Again(was_faster(operation).with_source(Met(error)));
    }
    failure(operation, error)
}

/// Somebody else was faster, and what was loaded is out of date.
pub(super) fn was_faster(operation: &'static str) -> Error {
    let message = "another process wrote the same at once; try again";
    Error::new(ErrorKind::Unavailable, BACKEND, operation, message)
}

/// Something stored that cannot be read back.
pub(super) fn unreadable(
    operation: &'static str,
    what: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    crate::stored::unreadable(BACKEND, operation, what, error)
}

/// Whether the server has undone the transaction for the sake of another one.
pub(super) fn is_rolled_back(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01"))
}

/// The same of an error that was told.
pub(super) fn was_rolled_back(error: &Error) -> bool {
    met(error).is_some_and(is_rolled_back)
}

/// Whether an error that was told is of a connection that has gone: the server may be another one now.
pub(super) fn was_lost(error: &Error) -> bool {
    met(error).is_some_and(is_lost)
}

/// Whether others hold what is needed, or were faster.
pub(super) fn is_in_the_way(error: &sqlx::Error) -> bool {
    is_rolled_back(error) || matches!(code(error).as_deref(), Some("55P03" | "57014"))
}

/// Whether the connection has gone: nobody knows whether what was sent on it was done.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        _ => code(error).is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

fn classify(error: &sqlx::Error) -> (ErrorKind, &'static str) {
    match error {
        sqlx::Error::Database(database) => {
            by_code(database.code().as_deref().unwrap_or_default(), database.constraint())
        }
        sqlx::Error::PoolTimedOut => (ErrorKind::Timeout, "no connection became free in time; try again"),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (ErrorKind::Unavailable, "the store is closed")
        }
        sqlx::Error::Io(_) => (ErrorKind::Unavailable, "the server cannot be reached; is it running?"),
        sqlx::Error::Tls(_) => {
            (ErrorKind::Unavailable, "no encrypted connection could be made; check sslmode and certificates")
        }
        sqlx::Error::Configuration(_) => (ErrorKind::Invalid, "the database's URL is not understood"),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            (ErrorKind::Corrupt, "a stored value cannot be read")
        }
        _ => (ErrorKind::Internal, "the database refused the statement"),
    }
}

/// PostgreSQL's SQLSTATE.
fn by_code(code: &str, constraint: Option<&str>) -> (ErrorKind, &'static str) {
    match (code, constraint) {
        ("23514", Some("helm_stats_count" | "helm_stats_failures")) => (
            ErrorKind::Corrupt,
            "a count of learning state would fall below 0; audit the state against its log",
        ),
        ("23514", Some(constraint)) if constraint.contains("_packed_") => {
            (ErrorKind::Invalid, "the contribution cannot be added")
        }
        ("22003", _) => (ErrorKind::Invalid, "the contribution cannot be added"),
        ("22021" | "22P05", _) => {
            (ErrorKind::Invalid, "a text holds the character NUL, which PostgreSQL cannot store; remove it")
        }
        ("22008", _) => (ErrorKind::Invalid, "a moment is outside the years that PostgreSQL can store"),
        ("25006", _) => (ErrorKind::Unwritable, "the database is read-only; connect to the primary server"),
        ("53100", _) => (ErrorKind::Unwritable, "the server's disk is full; free some space"),
        ("40001" | "40P01", _) => (ErrorKind::Unavailable, "other transactions got in the way; try again"),
        ("57014" | "55P03", _) => (ErrorKind::Timeout, "the server did not finish in time; try again"),
        ("25P03", _) => (ErrorKind::Timeout, "the server ended a transaction that did nothing; try again"),
        ("28000" | "28P01", _) => (ErrorKind::Unavailable, "the server refused user or password"),
        ("3D000", _) => (ErrorKind::Unavailable, "there is no such database; create it or choose another"),
        ("42P01", _) => (ErrorKind::SchemaMismatch, "a table is missing; run `helmctl migrate`"),
        ("42501", _) => (ErrorKind::Unwritable, "the database user may not do this; grant it the rights"),
        ("XX001" | "XX002", _) => (ErrorKind::Corrupt, "the database is damaged; restore it from a backup"),
        _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
            (ErrorKind::Unavailable, "the server takes no connections now; try again")
        }
        _ if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) => {
            (ErrorKind::Invalid, "the value does not fit the schema")
        }
        _ => (ErrorKind::Internal, "the database refused the statement"),
    }
}
