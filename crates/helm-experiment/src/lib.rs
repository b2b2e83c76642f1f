#![doc = include_str!("../README.md")]
//!
//! # What is where
//!
//! [`spec`] reads what people write of an experiment, [`report`] what the log says of it. [`analysis`] holds the methods,
//! as pure functions of values and moments; [`off_policy`] what another policy would have earned, [`growthbook`] the
//! buckets of another tool.
//!
//! A unit keeps its variant for as long as the shares stay as they are. Every decision made under an experiment logs the
//! variant and its share, so the one log that trains the policy is also the one that an analysis reads.

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
