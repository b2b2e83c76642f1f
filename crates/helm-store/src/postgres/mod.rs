//! State in a PostgreSQL database: one truth for many processes.
//!
//! Every store commits in groups, as the SQLite backend does: what is queued shares a transaction of a few
//! statements. Decisions are locked in the order of their ids and rows of learning state are added to in the order
//! of their keys, so processes wait for each other but never in a circle. Nothing is read, changed and written
//! back without such a lock. What got in each other's way all the same is tried again: every write is idempotent
//! by its own key.

mod activity;
mod api_keys;
mod checkpoint;
mod columns;
mod connect;
mod conversations;
#[cfg(feature = "sqlite")]
pub(crate) mod copying;
mod decode;
mod engine;
mod error;
mod forget;
mod job_text;
mod jobs;
mod load;
mod logs;
mod migrate;
mod months;
mod options;
mod reads;
mod recent;
mod records;
mod restate;
mod retain;
mod rows;
mod save;
mod stats_sql;
mod store;
mod sums;
mod together;
mod users;
mod vectors;

use job_text::job_text;
pub(crate) use stats_sql::{
    added_stats, insert_stats, select_stats, stats_arrays, stats_columns, upsert_stats,
};

pub use options::PostgresOptions;
pub use store::PostgresStore;

/// The backend's name in errors.
pub(crate) const BACKEND: &str = "postgres";
