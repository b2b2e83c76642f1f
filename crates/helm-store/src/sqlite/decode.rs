use helm_core::{DecisionId, Epoch, Fixed, Layout, NanoUsd, Scope, Stats, StatsRow};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use super::BACKEND;
use super::error::{driver, unreadable, unwritable};
use crate::error::{Error, ErrorKind, Result};

/// Reads a column.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &'static str, operation: &'static str) -> Result<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(column).map_err(|error| driver(operation, error))
}

/// The version of the JSON that this build writes, and the newest that it reads.
pub(super) const FORMAT: i64 = 1;

/// Refuses what a newer build has written.
pub(super) fn check_format(row: &SqliteRow, column: &'static str, operation: &'static str) -> Result<()> {
    let format: Option<i64> = get(row, column, operation)?;
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
    row: &SqliteRow,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    check_format(row, "format", operation)?;
    json(row, column, operation)
}

/// Reads a column of JSON.
pub(super) fn json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    let text: &str = get(row, column, operation)?;
    serde_json::from_str(text).map_err(|error| unreadable(operation, column, error))
}

/// Reads a column of JSON that may be absent.
pub(super) fn json_opt<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
    operation: &'static str,
) -> Result<Option<T>> {
    let text: Option<&str> = get(row, column, operation)?;
    let read = text.map(serde_json::from_str).transpose();
    read.map_err(|error| unreadable(operation, column, error))
}

/// Reads a column that holds an id's text.
pub(super) fn parsed<T>(row: &SqliteRow, column: &'static str, operation: &'static str) -> Result<T>
where
    T: std::str::FromStr<Err = helm_core::Error>,
{
    let text: &str = get(row, column, operation)?;
    text.parse().map_err(|error: helm_core::Error| unreadable(operation, column, error))
}

/// Reads a column that holds a decision's or turn's id.
pub(super) fn decision_id(
    row: &SqliteRow,
    column: &'static str,
    operation: &'static str,
) -> Result<DecisionId> {
    let bytes: &[u8] = get(row, column, operation)?;
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|error| unreadable(operation, column, error))?;
    Ok(DecisionId::from_bytes(bytes))
}

/// A number as SQLite can hold it.
pub(super) fn integer<T>(value: T, what: &'static str, operation: &'static str) -> Result<i64>
where
    T: TryInto<i64, Error: std::error::Error + Send + Sync + 'static>,
{
    value.try_into().map_err(|error| {
        let message = format!("the {what} is too large to be stored");
        Error::new(ErrorKind::Invalid, BACKEND, operation, message).with_source(error)
    })
}

/// A stored number that cannot be negative.
pub(super) fn natural(value: i64, what: &'static str, operation: &'static str) -> Result<u64> {
    u64::try_from(value).map_err(|error| unreadable(operation, what, error))
}

/// Writes JSON.
pub(super) fn to_json<T: Serialize>(value: &T, operation: &'static str) -> Result<String> {
    serde_json::to_string(value).map_err(|error| unwritable(operation, error))
}

/// A row of helm_stats.
pub(super) fn stats_row(row: &SqliteRow, operation: &'static str) -> Result<StatsRow> {
    Ok(StatsRow {
        scope: scope(row, operation)?,
        strategy: parsed(row, "strategy", operation)?,
        epoch: Epoch::starting_at(get(row, "epoch", operation)?),
        layout: Layout::from_number(get(row, "layout", operation)?),
        stats: stats(row, operation)?,
    })
}

fn scope(row: &SqliteRow, operation: &'static str) -> Result<Scope> {
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

/// The sums in a row of helm_stats.
pub(super) fn stats(row: &SqliteRow, operation: &'static str) -> Result<Stats> {
    let packed: Option<&[u8]> = get(row, "packed", operation)?;
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
        packed: unpack(packed.unwrap_or_default(), operation)?,
    })
}

/// 16 bytes a component, little-endian; `None` for none.
pub(super) fn pack(components: &[i128]) -> Option<Vec<u8>> {
    let bytes = || components.iter().flat_map(|component| component.to_le_bytes()).collect();
    (!components.is_empty()).then(bytes)
}

fn unpack(bytes: &[u8], operation: &'static str) -> Result<Vec<i128>> {
    let chunks = whole::<16>(bytes, "packed", operation)?;
    Ok(chunks.iter().map(|chunk| i128::from_le_bytes(*chunk)).collect())
}

/// Components of `N` bytes each, and nothing after them.
pub(super) fn whole<'b, const N: usize>(
    bytes: &'b [u8],
    what: &'static str,
    operation: &'static str,
) -> Result<&'b [[u8; N]]> {
    match bytes.as_chunks::<N>() {
        (chunks, []) => Ok(chunks),
        (_, rest) => Err(unreadable(operation, what, format!("{} bytes are left over", rest.len()))),
    }
}

/// 4 bytes a component, little-endian.
pub(super) fn pack_floats(components: &[f32]) -> Vec<u8> {
    components.iter().flat_map(|component| component.to_le_bytes()).collect()
}
