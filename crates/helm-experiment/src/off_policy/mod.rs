//! What another policy would have earned on the log of this one.
//!
//! The log says what was chosen, with which probability, and what came of it. A policy that would have chosen the same is
//! credited with it, as often as its probability is greater (importance weighting). That needs propensities above 0
//! wherever the other policy chooses, and many decisions that it might have made: the [`Diagnostics`] tell how many
//! decisions the weighted ones are worth, and [`OffPolicyLog::check`] refuses where they are too few, or where the other policy
//! chooses what the log could not have chosen. Decisions of one user depend on each other: with [`Choice::of_unit`] intervals
//! take them together.
//!
//! ```
//! use helm_experiment::off_policy::{Choice, Estimator, OffPolicyLog};
//!
//! let mut log = OffPolicyLog::new();
//! for row in 0..200 {
//!     // An even draw of two, of which the first earns 1; the other policy always takes it.
//!     let action = row % 2;
//!     let reward = if action == 0 { 1.0 } else { 0.0 };
//!     log.add(&Choice::new(action, reward, 0.5, &[1.0, 0.0]))?;
//! }
//! assert_eq!(log.estimate(Estimator::SelfNormalised)?, 1.0);
//! assert_eq!(log.diagnostics()?.effective, 100.0);
//! # Ok::<(), helm_experiment::analysis::Refusal>(())
//! ```

mod cressie_read;
mod estimator;
mod interval;
mod log;
mod support;
mod units;

pub use estimator::Estimator;
pub use log::{Choice, Diagnostics, OffPolicyLog};
