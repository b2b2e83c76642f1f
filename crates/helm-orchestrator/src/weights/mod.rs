//! Weights of a reward that are learned from people as their ratings come in.
//!
//! Rewards that [learn](helm_eval::RewardSpec::learns) begin with the configured weights. A durable job now and then learns from
//! what people said in the log, and adopts what it learned where that clearly orders answers better which it was not fitted to. What was
//! adopted stands in the store under a number, which is part of the id of every reward that was composed under it. All processes
//! look there before they settle anything, at most [a moment](Pace::fresh) earlier; once all know, a second job settles the log
//! again, so that rewards of two scales do not stay side by side in learning state.

mod adopted;
mod learn;
mod pace;
mod ratings;
mod reweigh;

pub use adopted::Adoption;
pub(crate) use adopted::{Adopted, key};
pub(crate) use learn::{LEARN, learn, note_feedback};
pub(crate) use pace::Pace;
pub(crate) use ratings::rated;
pub(crate) use reweigh::{REWEIGH, reweigh};
