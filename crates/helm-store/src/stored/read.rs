use std::str::FromStr;

use helm_core::{DecisionId, Scope, Timestamp, UnitInterval};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, ErrorKind, Result};

/// The version of the JSON that this build writes, and the newest that it reads.
pub(crate) const FORMAT: i32 = 1;

/// A row that a database has answered with. An absent value is an error, but where `Option` says otherwise.
pub(crate) trait StoredRow {
    /// The backend's name in errors.
    const BACKEND: &'static str;

    fn text(&self, column: &'static str, operation: &'static str) -> Result<Option<&str>>;

    fn integer(&self, column: &'static str, operation: &'static str) -> Result<i64>;

    fn real(&self, column: &'static str, operation: &'static str) -> Result<Option<f64>>;

    fn flag(&self, column: &'static str, operation: &'static str) -> Result<bool>;

    fn id(&self, column: &'static str, operation: &'static str) -> Result<DecisionId>;

    fn moment(&self, column: &'static str, operation: &'static str) -> Result<Option<Timestamp>>;

    /// The version of the JSON beside it.
    fn format(&self, column: &'static str, operation: &'static str) -> Result<Option<i64>>;

    /// The components of a linear learner.
    fn packed(&self, operation: &'static str) -> Result<Vec<i128>>;
}

/// Something stored that cannot be read back.
pub(crate) fn unreadable(
    backend: &'static str,
    operation: &'static str,
    what: &'static str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(ErrorKind::Corrupt, backend, operation, format!("a stored {what} cannot be read"))
        .with_source(error)
}

/// Writes JSON.
pub(crate) fn to_json<T: Serialize + ?Sized>(
    backend: &'static str,
    value: &T,
    operation: &'static str,
) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        let message = "a value cannot be written as JSON";
        Error::new(ErrorKind::Invalid, backend, operation, message).with_source(error)
    })
}

/// A number as a database can hold it.
pub(crate) fn integer<T>(
    backend: &'static str,
    value: T,
    what: &'static str,
    operation: &'static str,
) -> Result<i64>
where
    T: TryInto<i64, Error: std::error::Error + Send + Sync + 'static>,
{
    value.try_into().map_err(|error| {
        let message = format!("the {what} is too large to be stored");
        Error::new(ErrorKind::Invalid, backend, operation, message).with_source(error)
    })
}

/// The columns `scope` and `member`.
pub(crate) fn scope_columns<'s>(
    backend: &'static str,
    scope: &'s Scope,
    operation: &'static str,
) -> Result<(&'static str, &'s str)> {
    match scope {
        Scope::Task => Ok(("task", "")),
        Scope::Segment(segment) => Ok(("segment", segment.as_str())),
        Scope::User(user) => Ok(("user", user.as_str())),
        other => {
            let message = format!("statistics of the scope {other} cannot be stored");
            Err(Error::new(ErrorKind::Invalid, backend, operation, message))
        }
    }
}

/// Refuses what a newer build has written.
pub(crate) fn check_format<R: StoredRow>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<()> {
    match row.format(column, operation)? {
        Some(format) if format > i64::from(FORMAT) => {
            let message =
                format!("a stored row has format {format}, this build reads up to {FORMAT}; upgrade helm");
            Err(Error::new(ErrorKind::SchemaMismatch, R::BACKEND, operation, message))
        }
        _ => Ok(()),
    }
}

/// Reads a column of JSON whose version stands in the column `format`.
pub(crate) fn body<R: StoredRow, T: DeserializeOwned>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    check_format(row, "format", operation)?;
    json(row, column, operation)
}

/// Reads a column of JSON.
pub(crate) fn json<R: StoredRow, T: DeserializeOwned>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    json_opt(row, column, operation)?.ok_or_else(|| absent::<R>(column, operation))
}

/// Reads a column of JSON that may be absent.
pub(crate) fn json_opt<R: StoredRow, T: DeserializeOwned>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<Option<T>> {
    let read = row.text(column, operation)?.map(serde_json::from_str).transpose();
    read.map_err(|error| unreadable(R::BACKEND, operation, column, error))
}

/// Reads a column that holds an id's text.
pub(crate) fn parsed<R: StoredRow, T>(row: &R, column: &'static str, operation: &'static str) -> Result<T>
where
    T: FromStr<Err = helm_core::Error>,
{
    parsed_opt(row, column, operation)?.ok_or_else(|| absent::<R>(column, operation))
}

/// Reads a column that holds an id's text, or nothing.
pub(crate) fn parsed_opt<R: StoredRow, T>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<Option<T>>
where
    T: FromStr<Err = helm_core::Error>,
{
    let read = row.text(column, operation)?.map(str::parse).transpose();
    read.map_err(|error| unreadable(R::BACKEND, operation, column, error))
}

/// Reads a column that holds a value from 0 to 1, or nothing.
pub(crate) fn unit_opt<R: StoredRow>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<Option<UnitInterval>> {
    let read = row.real(column, operation)?.map(UnitInterval::new).transpose();
    read.map_err(|error| unreadable(R::BACKEND, operation, column, error))
}

/// Reads a column that holds a moment.
pub(crate) fn moment<R: StoredRow>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<Timestamp> {
    row.moment(column, operation)?.ok_or_else(|| absent::<R>(column, operation))
}

/// Reads a column that holds a text, or nothing.
pub(super) fn owned<R: StoredRow>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<Option<String>> {
    row.text(column, operation).map(|text| text.map(str::to_owned))
}

pub(super) fn absent<R: StoredRow>(column: &'static str, operation: &'static str) -> Error {
    unreadable(R::BACKEND, operation, column, "it is not there")
}
