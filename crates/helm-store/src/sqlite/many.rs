//! Statements for several rows. Each statement is a message to SQLite's thread and back, which costs more than the
//! row it writes.

use sqlx::sqlite::SqliteConnection;

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
            let done = sqlx::query_with(sql, bound).execute(&mut *connection).await;
            let done = done.map_err(|error| driver(operation, error))?;
            affected += done.rows_affected();
            rest = later;
        }
        Ok(affected)
    }
}
