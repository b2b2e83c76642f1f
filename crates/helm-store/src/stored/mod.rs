//! Rows of any database, read by the names of their columns.

mod found;
mod pages;
mod read;
mod records;

pub(crate) use found::{finding, micros};
pub(crate) use pages::Reading;
pub(crate) use read::{
    FORMAT, StoredRow, body, check_format, integer, json, json_opt, moment, parsed, scope_columns, to_json,
    unreadable,
};
#[cfg(feature = "sqlite")]
pub(crate) use records::stats;
pub(crate) use records::{Departing, departing, left, settled, stats_row, traced, view};
