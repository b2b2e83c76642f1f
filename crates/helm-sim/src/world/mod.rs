//! Worlds to try policies on: tables of what every strategy would have paid, or laws that say it.

mod episode;
mod law;
mod manifest;
mod table;

pub use episode::Episode;
pub use law::{Knot, Law, Segment};
pub use manifest::{Manifest, World};
