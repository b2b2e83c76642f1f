//! State in a PostgreSQL database: one truth for many processes.
//!
//! Every store commits in groups, as the SQLite backend does. What is queued is carried out on what this process
//! remembers or reads without locks, and written by one statement that compares the versions of the rows it went by
//! and does nothing where one differs. Then all is done again under locks: of decisions in the order of their ids,
//! then of preferences and collections, while rows of learning state are added to last, in the order of their keys.
//! What got in each other's way all the same is tried again. Only a judgement without a key has nothing by which its
//! repetition would be known, when a connection is lost while it is being committed.

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
mod statistics;
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
