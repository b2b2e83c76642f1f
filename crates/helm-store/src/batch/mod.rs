//! The unit of work behind every backend that commits in groups.
//!
//! One [`Committer`] takes what is queued. A backend loads what the batch's operations are about into a
//! [`Working`] set, a [`Unit`] carries the operations out on it one after the other, in memory and without any
//! I/O, and the backend writes the [`Changes`] that remain: rows, and differences of learning state summed by
//! place. So a hot place costs one row version for a whole batch, and a refused operation costs nothing.

mod apply;
mod changes;
mod committer;
mod needs;
mod operation;
mod run;
pub(crate) mod size;
mod working;

pub(crate) use apply::Unit;
pub(crate) use changes::{Changes, NewDecision, NewEvidence, NewTurn, StatsKey};
pub(crate) use committer::{Commit, Committer, Limits, Queued, closed};
pub(crate) use needs::Needs;
pub(crate) use operation::{Answer, Operation, Request};
pub(crate) use run::{Engine, Failure, commit};
pub(crate) use working::{CollectionKey, Draw, Key, Known, KnownTurn, Said, Settled, UsedKey, Working};
