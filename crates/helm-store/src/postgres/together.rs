//! Several writes that go to the server as one statement: one way there and back, whatever they are.

use std::fmt::Write as _;

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, Row, Type};

use super::BACKEND;
use super::decode::{integer, natural};
use super::error::{driver, written_at_once};
use crate::batch::Failure;
use crate::error::{Error, ErrorKind, Result};

/// Writes to different tables, in the order in which they are carried out. None of them sees what another one of the
/// same statement has written.
///
/// Each is an `INSERT`, `UPDATE` or `DELETE` without `RETURNING` whose places are counted from `$1`. Texts are constants
/// of this crate; whatever a caller gave is bound. It is all or nothing also without a transaction around it.
pub(super) struct Together {
    operation: &'static str,
    text: String,
    arguments: PgArguments,
    bound: usize,
    /// How many rows each must change, where that is known.
    parts: Vec<Option<usize>>,
}

/// What was done.
pub(super) struct Done {
    /// How many rows each write has changed.
    pub(super) rows: Vec<u64>,
    /// The id of the transaction, which is PostgreSQL's version of all rows that it has written.
    pub(super) transaction: String,
}

/// A write whose values are still being bound.
pub(super) struct Part<'t>(&'t mut Together);

impl Together {
    pub(super) fn new(operation: &'static str) -> Self {
        Self {
            operation,
            text: String::new(),
            arguments: PgArguments::default(),
            bound: 0,
            parts: Vec::new(),
        }
    }

    /// Goes on with a write; `rows` says how many rows it must change, or else somebody was faster.
    pub(super) fn write(&mut self, sql: &'static str, rows: Option<usize>) -> Part<'_> {
        self.part(sql, " RETURNING 1)", rows)
    }

    /// Goes on with a `SELECT` that locks rows until all is done; they must be so many, or else somebody was faster.
    pub(super) fn hold(&mut self, sql: &'static str, rows: usize) -> Part<'_> {
        self.part(sql, ")", Some(rows))
    }

    fn part(&mut self, sql: &'static str, end: &'static str, rows: Option<usize>) -> Part<'_> {
        self.begin(format_args!("w{}", self.parts.len()));
        renumber(&mut self.text, sql, self.bound);
        self.text.push_str(end);
        self.parts.push(rows);
        Part(self)
    }

    /// Goes on with a statement that the next write reads by its name, and whose values are that write's own. It says
    /// itself what it returns.
    pub(super) fn before(&mut self, name: &'static str, sql: &'static str) -> &mut Self {
        self.begin(name);
        renumber(&mut self.text, sql, self.bound);
        self.text.push(')');
        self
    }

    fn begin(&mut self, name: impl std::fmt::Display) {
        let begin = if self.text.is_empty() { "WITH" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(self.text, "{begin} {name} AS (");
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Carries all of them out.
    pub(super) async fn run(mut self, connection: &mut PgConnection) -> Result<Done, Failure> {
        self.count()?;
        let Self { operation, text, arguments, parts, .. } = self;
        let row = sqlx::query_with(AssertSqlSafe(text), arguments).fetch_one(connection).await;
        let row = row.map_err(|error| written_at_once(operation, error))?;
        let transaction = row.try_get(0).map_err(|error| driver(operation, error))?;
        let counts = (1..=parts.len()).map(|part| {
            let count: i64 = row.try_get(part).map_err(|error| driver(operation, error))?;
            natural(count, "count", operation)
        });
        Ok(Done { rows: counts.collect::<Result<_>>()?, transaction })
    }

    /// Ends the statement: rows are counted, and compared where their number is known.
    fn count(&mut self) -> Result<()> {
        self.text.push_str(" SELECT pg_current_xact_id()::xid::text");
        for (part, wanted) in std::mem::take(&mut self.parts).into_iter().enumerate() {
            // Writing to a string does not fail.
            let _ = match wanted {
                None => write!(self.text, ", (SELECT count(*) FROM w{part})"),
                Some(_) => {
                    let place = self.bound + 1;
                    write!(self.text, ", helm_rows((SELECT count(*) FROM w{part}), ${place})")
                }
            };
            self.parts.push(wanted);
            if let Some(wanted) = wanted {
                let wanted: i64 = integer(wanted, "count", self.operation)?;
                Part(self).bind(wanted)?;
            }
        }
        Ok(())
    }
}

impl Part<'_> {
    /// The next value.
    pub(super) fn bind<'v, T>(self, value: T) -> Result<Self>
    where
        T: Encode<'v, Postgres> + Type<Postgres>,
    {
        let Self(together) = self;
        let operation = together.operation;
        together.arguments.add(value).map_err(|error| {
            Error::new(ErrorKind::Invalid, BACKEND, operation, "a value cannot be sent").with_source(error)
        })?;
        together.bound += 1;
        Ok(Self(together))
    }
}

/// Appends a statement whose places begin behind `before`.
fn renumber(text: &mut String, sql: &'static str, before: usize) {
    let mut pieces = sql.split('$');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.len() - piece.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (place, rest) = piece.split_at(digits);
        let place = place.parse::<usize>().map_or(0, |place| place + before);
        let _ = write!(text, "${place}{rest}");
    }
}
