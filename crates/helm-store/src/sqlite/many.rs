//! Statements for several rows. Each statement is a message to SQLite's thread and back, which costs more than the
//! row it writes.

use futures::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Either, Executor};

use super::error::driver;
use super::script::Bound;
use crate::error::Result;

/// The same statement for sixteen rows, four and one.
pub(super) struct Many {
    pub(super) sixteen: &'static str,
    pub(super) four: &'static str,
    pub(super) one: &'static str,
}

/// A statement from its beginning, the placeholders of one row, and its end.
macro_rules! many {
    ($begin:literal, $row:literal, $end:literal) => {
        Many {
            sixteen: concat!(
                $begin, $row, ",", $row, ",", $row, ",", $row, ",", $row, ",", $row, ",", $row, ",", $row,
                ",", $row, ",", $row, ",", $row, ",", $row, ",", $row, ",", $row, ",", $row, ",", $row, $end
            ),
            four: concat!($begin, $row, ",", $row, ",", $row, ",", $row, $end),
            one: concat!($begin, $row, $end),
        }
    };
}
pub(super) use many;

impl Many {
    /// Runs the statement for all rows, binding each with `bind`; answers how many were affected.
    pub(super) async fn run<'r, R: Sync>(
        &self,
        connection: &mut SqliteConnection,
        rows: &'r [R],
        operation: &'static str,
        bind: impl Fn(Bound, &'r R) -> Result<Bound> + Send,
    ) -> Result<u64> {
        let (mut affected, mut rest) = (0, rows);
        while !rest.is_empty() {
            let (sql, rows) = match rest.len() {
                16.. => (self.sixteen, 16),
                4.. => (self.four, 4),
                _ => (self.one, 1),
            };
            let Some((now, later)) = rest.split_at_checked(rows) else { break };
            let bound = now.iter().try_fold(Bound::default(), &bind)?.arguments(operation)?;
            let changed = changed(connection, sql, bound).await;
            affected += changed.map_err(|error| driver(operation, error))?;
            rest = later;
        }
        Ok(affected)
    }
}

/// How many rows a statement changes. Waiting for the end of its results would be one more wait.
async fn changed(
    connection: &mut SqliteConnection,
    sql: &'static str,
    arguments: SqliteArguments,
) -> Result<u64, sqlx::Error> {
    let mut results = connection.fetch_many(sqlx::query_with(sql, arguments));
    while let Some(result) = results.try_next().await? {
        if let Either::Left(done) = result {
            return Ok(done.rows_affected());
        }
    }
    Err(sqlx::Error::WorkerCrashed)
}
