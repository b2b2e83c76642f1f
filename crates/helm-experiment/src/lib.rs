//! Experiments over the decision log: who meets which variant.
//!
//! Assignment is a pure function of the experiment's key, its salt and the unit: no state, the same on every
//! replica, and a unit keeps its variant for as long as the shares stay as they are. Every decision made under
//! an experiment logs the variant and its share, so the one log that trains the policy is also the one that an
//! analysis reads.
//!
//! # Examples
//!
//! ```
//! use helm_experiment::{Experiment, Variant};
//!
//! let experiment = Experiment::new(
//!     "tone-2026-11".parse()?,
//!     vec![Variant::new("control".parse()?, 0.5), Variant::new("warm".parse()?, 0.5)],
//! )?;
//! let assignment = experiment.assign("default/ana");
//! assert_eq!(experiment.assign("default/ana"), assignment);
//! assert_eq!(assignment.share.get(), 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assignment;

pub use assignment::{Error, Experiment, Result, Variant};
