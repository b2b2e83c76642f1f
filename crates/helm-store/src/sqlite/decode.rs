use helm_core::{DecisionId, Scope, Timestamp};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use super::BACKEND;
use super::error::{driver, unreadable};
use crate::error::Result;
use crate::stored::{self, StoredRow};

pub(super) use crate::stored::{body, check_format, json, json_opt, moment, parsed, stats, stats_row};

/// The version of the JSON that this build writes, and the newest that it reads.
pub(super) const FORMAT: i32 = stored::FORMAT;

/// Reads a column.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &'static str, operation: &'static str) -> Result<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(column).map_err(|error| driver(operation, error))
}

impl StoredRow for SqliteRow {
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
        let bytes: &[u8] = get(self, column, operation)?;
        let bytes = <[u8; 16]>::try_from(bytes).map_err(|error| unreadable(operation, column, error))?;
        Ok(DecisionId::from_bytes(bytes))
    }

    fn moment(&self, column: &'static str, operation: &'static str) -> Result<Option<Timestamp>> {
        get::<Option<i64>>(self, column, operation).map(|micros| micros.map(Timestamp::from_micros))
    }

    fn format(&self, column: &'static str, operation: &'static str) -> Result<Option<i64>> {
        get(self, column, operation)
    }

    fn packed(&self, operation: &'static str) -> Result<Vec<i128>> {
        let packed: Option<&[u8]> = get(self, "packed", operation)?;
        unpack(packed.unwrap_or_default(), operation)
    }
}

/// Reads a column that holds a decision's or turn's id.
pub(super) fn decision_id(
    row: &SqliteRow,
    column: &'static str,
    operation: &'static str,
) -> Result<DecisionId> {
    row.id(column, operation)
}

/// A number as SQLite can hold it.
pub(super) fn integer<T>(value: T, what: &'static str, operation: &'static str) -> Result<i64>
where
    T: TryInto<i64, Error: std::error::Error + Send + Sync + 'static>,
{
    stored::integer(BACKEND, value, what, operation)
}

/// A stored number that cannot be negative.
pub(super) fn natural(value: i64, what: &'static str, operation: &'static str) -> Result<u64> {
    u64::try_from(value).map_err(|error| unreadable(operation, what, error))
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
