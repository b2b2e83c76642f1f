//! Turns as flat rows, for analysis.

mod query;
mod row;
mod stream;

pub use query::RowQuery;
pub use row::{CandidateRow, ROW_FORMAT, TurnRow};
pub use stream::InteractionLogExt;

pub(crate) use row::Finished;
pub(crate) use stream::pages;
