#![doc = include_str!("../README.md")]
//!
//! # What is where
//!
//! [`Population`] makes users who read answers and rate them by hidden tastes; [`Messages`] makes what they say;
//! a [`World`] says what every strategy would pay, and [`simulate`] plays a policy on it and counts its regret.

mod error;
mod messages;
mod people;
mod random;
mod simulate;
mod style;
mod world;

pub use error::{Error, Result};
pub use messages::Messages;
pub use people::{Population, PopulationConfig, SimulatedUser};
pub use simulate::{Run, SimulationOptions, simulate};
pub use style::StyleFeatures;
pub use world::{Episode, Knot, Law, Manifest, Segment, World};
