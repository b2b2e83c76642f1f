//! What guards found, as both databases count it.

use std::time::Duration;

use serde::de::{DeserializeOwned, IntoDeserializer, value};

use super::read::{StoredRow, absent, unreadable};
use crate::activity::Finding;
use crate::error::Result;

/// A row with the columns stage, category, entity, action, severity and found.
pub(crate) fn finding<R: StoredRow>(row: &R, operation: &'static str) -> Result<Finding> {
    let count = u64::try_from(row.integer("found", operation)?);
    Ok(Finding {
        stage: word(row, "stage", operation)?,
        category: word(row, "category", operation)?,
        entity: word(row, "entity", operation)?,
        action: word(row, "action", operation)?,
        severity: word(row, "severity", operation)?,
        count: count.map_err(|error| unreadable(R::BACKEND, operation, "found", error))?,
    })
}

fn word<R: StoredRow, T: DeserializeOwned>(
    row: &R,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    let Some(text) = row.text(column, operation)? else { return Err(absent::<R>(column, operation)) };
    let read: Result<T, value::Error> = T::deserialize(text.into_deserializer());
    read.map_err(|error| unreadable(R::BACKEND, operation, column, error))
}

/// So many microseconds, of which there may be a fraction.
pub(crate) fn micros(micros: f64) -> Duration {
    Duration::try_from_secs_f64(micros / 1e6).unwrap_or(Duration::MAX)
}
