//! Experiments over the decision log: who meets which variant, and what can be concluded from the outcomes.
//!
//! [`spec`] reads what people write of an experiment, [`report`] what the log says of it. [`analysis`] holds the methods, as pure functions of values and moments; [`off_policy`]
//! what another policy would have earned, [`growthbook`] the buckets of another tool.
//!
//! Assignment is a pure function of the experiment's key and the unit: no state, the same on every replica, and
//! a unit keeps its variant for as long as the shares stay as they are. Every decision made under
//! an experiment logs the variant and its share, so the one log that trains the policy is also the one that an
//! analysis reads.
//!
//! # Examples
//!
//! ```
//! use helm_core::{TenantId, UserId};
//! use helm_experiment::{Experiment, Unit, Variant};
//!
//! let experiment = Experiment::new(
//!     "tone-2026-11".parse()?,
//!     vec![Variant::new("control".parse()?, 0.5), Variant::new("warm".parse()?, 0.5)],
//! )?;
//! let ana = Unit::user(&TenantId::single(), &UserId::new("ana")?);
//! let assignment = experiment.assign(&ana);
//! assert_eq!(experiment.assign(&ana), assignment);
//! assert_eq!(assignment.share.get(), 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod analysis;
mod assignment;
mod enrol;
pub mod growthbook;
pub mod off_policy;
pub mod report;
pub mod spec;

pub use assignment::{Error, Experiment, Result, Unit, Variant};
pub use enrol::{Enrolment, OutReason, Person};
pub use report::{LogRow, Report};
pub use spec::Spec;
