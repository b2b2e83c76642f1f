//! Candidates that Helm raises by itself, and rolls back.
//!
//! Where a task's candidate is [automatic](crate::Candidate::automatic()), each look of the [gate](crate::Gate) is acted upon: what
//! it says is written into a [`Record`](record::Record) of the pair of policies, in the store, by whoever read the newest. All processes look
//! there before they decide, a [moment](FRESH) earlier at most. The record is of this policy, this candidate and this
//! reward, by their hashes: with any of them changed, what is configured decides.

mod act;
mod explained;
mod known;
mod pair;
mod record;
mod standing;

pub use record::{CandidateChange, CandidateStep};
pub use standing::CandidateStanding;

pub(crate) use act::act;
pub(crate) use explained::explained;
pub(crate) use known::{FRESH, Raised};
pub(crate) use pair::checked_pair;
