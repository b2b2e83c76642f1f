//! Simulated users and environments, to try policies, rewards and experiments on before people meet them.
//!
//! [`Population`] makes users who read answers and rate them by hidden tastes; [`Messages`] makes what they say;
//! a [`World`] says what every strategy would pay, and [`simulate`] plays a policy on it and counts its regret.
//! Everything derives from seeds, bit for bit, on every platform.
//!
//! ```
//! use helm_sim::{Population, PopulationConfig};
//!
//! let population = Population::new(PopulationConfig::default().with_users(10))?;
//! let user = &population.users()[0];
//! let task = "support".parse()?;
//! let rating = user.rate(&task, "Check the cable first.", 1);
//! assert!((1..=5).contains(&rating));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is not for: predicting what real people like. Its users like styles, and tell them by simple signs.

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
