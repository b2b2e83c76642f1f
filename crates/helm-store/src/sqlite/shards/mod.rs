//! Copies of whole collections in the process's memory, to search among more memories than can be read each time.
//!
//! A shard holds one byte a component, who owns the memory, and what filters look at. A scan of it does not answer
//! a search: it gives for each memory an interval that its score is in, and those that may be among the best are
//! read from their rows and scored exactly. So the answer is what scoring every row would give, and the rows stay
//! the only truth.
//!
//! A shard is of one revision of its collection, which triggers raise with every change of a memory, whoever makes
//! it. A search reads the revision in the transaction that it reads the rows in, and uses a shard of just that
//! revision: the committer brings shards up to date between a commit and its acknowledgement, and one that another
//! process's commit has left behind is loaded again.

mod chunk;
mod codes;
mod registry;
mod scan;
mod shard;

pub(super) use chunk::Facts;
pub(super) use codes::Probe;
pub(super) use registry::{Shards, Sight, Slot};
pub(super) use scan::{Candidate, candidates};
pub(super) use shard::{Change, Shard, View, Written};
