use helm_core::{DecisionId, Scope, Timestamp, UnitInterval};
use serde::Serialize;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Row, Type};
use uuid::Uuid;

use super::BACKEND;
use super::columns::{Moment, id};
use super::error::{driver, unreadable};
use crate::error::Result;
use crate::stored::{self, StoredRow};

pub(super) use crate::stored::{body, check_format, json, json_opt, moment, parsed, stats_row};

/// The version of the JSON that this build writes, and the newest that it reads.
pub(super) const FORMAT: i32 = stored::FORMAT;

/// Reads a column.
pub(super) fn get<'r, T>(row: &'r PgRow, column: &'static str, operation: &'static str) -> Result<T>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).map_err(|error| driver(operation, error))
}

impl StoredRow for PgRow {
    const BACKEND: &'static str = BACKEND;

    fn text(&self, column: &'static str, operation: &'static str) -> Result<Option<&str>> {
        get(self, column, operation)
    }

    fn integer(&self, column: &'static str, operation: &'static str) -> Result<i64> {
        get(self, column, operation)
    }

    fn real(&self, column: &'static str, operation: &'static str) -> Result<Option<f64>> {
        get(self, column, operation)
    }

    fn flag(&self, column: &'static str, operation: &'static str) -> Result<bool> {
        get(self, column, operation)
    }

    fn id(&self, column: &'static str, operation: &'static str) -> Result<DecisionId> {
        get::<Uuid>(self, column, operation).map(id)
    }

    fn moment(&self, column: &'static str, operation: &'static str) -> Result<Option<Timestamp>> {
        get::<Option<Moment>>(self, column, operation).map(|moment| moment.map(|moment| moment.0))
    }

    fn format(&self, column: &'static str, operation: &'static str) -> Result<Option<i64>> {
        get::<Option<i32>>(self, column, operation).map(|format| format.map(i64::from))
    }

    /// Selected as text.
    fn packed(&self, operation: &'static str) -> Result<Vec<i128>> {
        let packed: Option<&str> = get(self, "packed", operation)?;
        unpack(packed.unwrap_or("{}"), operation)
    }
}

/// Reads an id's text.
pub(super) fn parse<T>(text: &str, what: &'static str, operation: &'static str) -> Result<T>
where
    T: std::str::FromStr<Err = helm_core::Error>,
{
    text.parse().map_err(|error: helm_core::Error| unreadable(operation, what, error))
}

/// Reads a column that holds a decision's or turn's id.
pub(super) fn decision_id(row: &PgRow, column: &'static str, operation: &'static str) -> Result<DecisionId> {
    row.id(column, operation)
}

/// Reads a judgement's value.
pub(super) fn unit(value: f64, operation: &'static str) -> Result<UnitInterval> {
    UnitInterval::new(value).map_err(|error| unreadable(operation, "value", error))
}

/// A number as PostgreSQL can hold it.
pub(super) fn integer<T>(value: T, what: &'static str, operation: &'static str) -> Result<i64>
where
    T: TryInto<i64, Error: std::error::Error + Send + Sync + 'static>,
{
    stored::integer(BACKEND, value, what, operation)
}

/// A limit as PostgreSQL can hold it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A stored number that cannot be negative.
pub(super) fn natural<T>(value: i64, what: &'static str, operation: &'static str) -> Result<T>
where
    T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>,
{
    T::try_from(value).map_err(|error| unreadable(operation, what, error))
}

/// Writes JSON.
pub(super) fn to_json<T: Serialize>(value: &T, operation: &'static str) -> Result<String> {
    stored::to_json(BACKEND, value, operation)
}

/// The columns `scope` and `member`.
pub(super) fn scope_columns<'s>(
    scope: &'s Scope,
    operation: &'static str,
) -> Result<(&'static str, &'s str)> {
    stored::scope_columns(BACKEND, scope, operation)
}

/// An array of integers as PostgreSQL reads it; `None` for none.
pub(super) fn pack(components: &[i128]) -> Option<String> {
    let parts = || components.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    (!components.is_empty()).then(|| format!("{{{}}}", parts()))
}

/// An array of integers as PostgreSQL writes it.
fn unpack(text: &str, operation: &'static str) -> Result<Vec<i128>> {
    let parts = text.trim_start_matches('{').trim_end_matches('}');
    let parts = parts.split(',').filter(|part| !part.is_empty());
    let parts: Result<_, _> = parts.map(str::parse).collect();
    parts.map_err(|error| unreadable(operation, "packed", error))
}
