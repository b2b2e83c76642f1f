//! State in one SQLite file: the embedded default.
//!
//! WAL, synchronous FULL by default. All writes go through one committer, which takes what is queued, commits it
//! in one transaction and acknowledges all of it: under load one `fsync` serves many writes, and at rest a write
//! waits for nothing. A write that is refused rolls back alone. What the log holds is moved into the file beside the
//! writer, so that no commit waits for that.

mod activity;
mod api_keys;
mod checkpoint;
mod committer;
mod connect;
mod conversations;
#[cfg(feature = "postgres")]
pub(crate) mod copying;
mod decode;
mod error;
mod forget;
mod jobs;
mod link;
mod load;
mod loading;
mod many;
mod memories;
mod migrate;
mod mover;
mod options;
mod readers;
mod reads;
mod records;
mod restate;
mod retain;
mod rows;
mod save;
mod script;
mod shards;
mod state;
mod store;
mod sums;
mod vectors;
mod writer;
mod writes;

pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;

/// The backend's name in errors.
pub(crate) const BACKEND: &str = "sqlite";

/// Gives some free pages back to the file system.
const FREE: &str = "PRAGMA incremental_vacuum(1000)";
