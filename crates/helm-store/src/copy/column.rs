use helm_core::Timestamp;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};
use uuid::Uuid;

use super::OPERATION;
use crate::error::{Error, ErrorKind, Result};
use crate::postgres::copying::Moment;
use crate::sqlite::BACKEND;
use crate::sqlite::copying as source;

/// What a column holds on both sides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// TEXT; JSON is cast by the statement.
    Text,
    /// 16 bytes; UUID.
    Id,
    /// Microseconds; TIMESTAMPTZ.
    Moment,
    /// INTEGER; BIGINT.
    Integer,
    /// REAL; DOUBLE PRECISION.
    Real,
    /// 0 or 1; BOOLEAN.
    Flag,
    /// BLOB; BYTEA.
    Bytes,
    /// Components of 16 bytes; an array's text.
    Packed,
    /// Components of 4 bytes; an array's text.
    Floats,
}

/// One column of some rows.
pub(super) enum Column {
    Text(Vec<Option<String>>, Kind),
    Id(Vec<Uuid>),
    Moment(Vec<Option<Moment>>),
    Integer(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Flag(Vec<bool>),
    Bytes(Vec<Vec<u8>>),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text | Kind::Packed | Kind::Floats => Self::Text(Vec::new(), kind),
            Kind::Id => Self::Id(Vec::new()),
            Kind::Moment => Self::Moment(Vec::new()),
            Kind::Integer => Self::Integer(Vec::new()),
            Kind::Real => Self::Real(Vec::new()),
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        }
    }

    /// Takes the row's value in the column with this number.
    pub(super) fn push(&mut self, row: &SqliteRow, index: usize) -> Result<()> {
        match self {
            Self::Text(values, Kind::Packed) => {
                let packed = get::<Option<Vec<u8>>>(row, index)?;
                values.push(packed.map(|bytes| packed_text(&bytes)).transpose()?);
            }
            Self::Text(values, Kind::Floats) => values.push(Some(floats_text(&get::<Vec<u8>>(row, index)?)?)),
            Self::Text(values, _) => values.push(get(row, index)?),
            Self::Id(values) => {
                let bytes = get::<Vec<u8>>(row, index)?;
                values.push(Uuid::from_slice(&bytes).map_err(|_| damaged("an id does not have 16 bytes"))?);
            }
            Self::Moment(values) => {
                let micros = get::<Option<i64>>(row, index)?;
                values.push(micros.map(|micros| Moment(Timestamp::from_micros(micros))));
            }
            Self::Integer(values) => values.push(get(row, index)?),
            Self::Real(values) => values.push(get(row, index)?),
            Self::Flag(values) => values.push(get::<i64>(row, index)? != 0),
            Self::Bytes(values) => values.push(get(row, index)?),
        }
        Ok(())
    }

    /// Binds it as the statement's next array.
    pub(super) fn bind(self, query: Query<'_, Postgres, PgArguments>) -> Query<'_, Postgres, PgArguments> {
        match self {
            Self::Text(values, _) => query.bind(values),
            Self::Id(values) => query.bind(values),
            Self::Moment(values) => query.bind(values),
            Self::Integer(values) => query.bind(values),
            Self::Real(values) => query.bind(values),
            Self::Flag(values) => query.bind(values),
            Self::Bytes(values) => query.bind(values),
        }
    }
}

fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(row: &'r SqliteRow, index: usize) -> Result<T> {
    row.try_get(index).map_err(|error| source::failed(OPERATION, error))
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, BACKEND, OPERATION, message)
}

/// 16 bytes a component, little-endian, as an array of PostgreSQL.
fn packed_text(bytes: &[u8]) -> Result<String> {
    match bytes.as_chunks::<16>() {
        (chunks, []) => Ok(list('{', chunks.iter().map(|chunk| i128::from_le_bytes(*chunk)), '}')),
        _ => Err(damaged("packed sums have bytes left over")),
    }
}

/// 4 bytes a component, little-endian, as an array of PostgreSQL, which a vector takes too. The shortest decimal of a float reads back as it.
fn floats_text(bytes: &[u8]) -> Result<String> {
    match bytes.as_chunks::<4>() {
        (chunks, []) => Ok(list('{', chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)), '}')),
        _ => Err(damaged("an embedding has bytes left over")),
    }
}

fn list(open: char, parts: impl Iterator<Item = impl ToString>, close: char) -> String {
    let parts: Vec<String> = parts.map(|part| part.to_string()).collect();
    format!("{open}{}{close}", parts.join(","))
}
