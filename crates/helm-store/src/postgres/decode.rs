use helm_core::{DecisionId, Epoch, Fixed, Layout, NanoUsd, Scope, Stats, StatsRow, Timestamp, UnitInterval};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Row, Type};
use uuid::Uuid;

use super::BACKEND;
use super::columns::{Moment, id};
use super::error::{driver, unreadable, unwritable};
use crate::error::{Error, ErrorKind, Result};

/// The version of the JSON that this build writes, and the newest that it reads.
pub(super) const FORMAT: i32 = 1;

/// Reads a column.
pub(super) fn get<'r, T>(row: &'r PgRow, column: &'static str, operation: &'static str) -> Result<T>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).map_err(|error| driver(operation, error))
}

/// Refuses what a newer build has written.
pub(super) fn check_format(row: &PgRow, column: &'static str, operation: &'static str) -> Result<()> {
    let format: Option<i32> = get(row, column, operation)?;
    match format {
        Some(format) if format > FORMAT => {
            let message =
                format!("a stored row has format {format}, this build reads up to {FORMAT}; upgrade helm");
            Err(Error::new(ErrorKind::SchemaMismatch, BACKEND, operation, message))
        }
        _ => Ok(()),
    }
}

/// Reads a column of JSON whose version stands in the column `format`.
pub(super) fn body<T: DeserializeOwned>(
    row: &PgRow,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    check_format(row, "format", operation)?;
    json(row, column, operation)
}

/// Reads a column of JSON, selected as text.
pub(super) fn json<T: DeserializeOwned>(
    row: &PgRow,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    let text: &str = get(row, column, operation)?;
    serde_json::from_str(text).map_err(|error| unreadable(operation, column, error))
}

/// Reads a column of JSON, selected as text, that may be absent.
pub(super) fn json_opt<T: DeserializeOwned>(
    row: &PgRow,
    column: &'static str,
    operation: &'static str,
) -> Result<Option<T>> {
    let text: Option<&str> = get(row, column, operation)?;
    let read = text.map(serde_json::from_str).transpose();
    read.map_err(|error| unreadable(operation, column, error))
}

/// Reads a column that holds an id's text.
pub(super) fn parsed<T>(row: &PgRow, column: &'static str, operation: &'static str) -> Result<T>
where
    T: std::str::FromStr<Err = helm_core::Error>,
{
    parse(get(row, column, operation)?, column, operation)
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
    get::<Uuid>(row, column, operation).map(id)
}

/// Reads a column that holds a moment.
pub(super) fn moment(row: &PgRow, column: &'static str, operation: &'static str) -> Result<Timestamp> {
    get::<Moment>(row, column, operation).map(|moment| moment.0)
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
    value.try_into().map_err(|error| {
        let message = format!("the {what} is too large to be stored");
        Error::new(ErrorKind::Invalid, BACKEND, operation, message).with_source(error)
    })
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
    serde_json::to_string(value).map_err(|error| unwritable(operation, error))
}

/// A row of helm_stats.
pub(super) fn stats_row(row: &PgRow, operation: &'static str) -> Result<StatsRow> {
    Ok(StatsRow {
        scope: scope(row, operation)?,
        strategy: parsed(row, "strategy", operation)?,
        epoch: Epoch::starting_at(get(row, "epoch", operation)?),
        layout: Layout::from_number(get(row, "layout", operation)?),
        stats: stats(row, operation)?,
    })
}

fn scope(row: &PgRow, operation: &'static str) -> Result<Scope> {
    let kind: &str = get(row, "scope", operation)?;
    match kind {
        "task" => Ok(Scope::Task),
        "segment" => Ok(Scope::Segment(parsed(row, "member", operation)?)),
        "user" => Ok(Scope::User(parsed(row, "member", operation)?)),
        other => Err(unreadable(operation, "scope", format!("{other:?} is not known"))),
    }
}

/// The columns `scope` and `member`.
pub(super) fn scope_columns<'s>(
    scope: &'s Scope,
    operation: &'static str,
) -> Result<(&'static str, &'s str)> {
    match scope {
        Scope::Task => Ok(("task", "")),
        Scope::Segment(segment) => Ok(("segment", segment.as_str())),
        Scope::User(user) => Ok(("user", user.as_str())),
        other => {
            let message = format!("statistics of the scope {other} cannot be stored");
            Err(Error::new(ErrorKind::Invalid, BACKEND, operation, message))
        }
    }
}

fn stats(row: &PgRow, operation: &'static str) -> Result<Stats> {
    let packed: Option<&str> = get(row, "packed", operation)?;
    Ok(Stats {
        count: get(row, "count", operation)?,
        reward: Fixed::from_bits(get(row, "reward", operation)?),
        reward_sq: Fixed::from_bits(get(row, "reward_sq", operation)?),
        cost: NanoUsd::from_nanos(get(row, "cost", operation)?),
        turns: get(row, "turns", operation)?,
        tokens: get(row, "tokens", operation)?,
        latency_us: get(row, "latency_us", operation)?,
        failures: get(row, "failures", operation)?,
        loss: Fixed::from_bits(get(row, "loss", operation)?),
        packed: unpack(packed.unwrap_or("{}"), operation)?,
    })
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
