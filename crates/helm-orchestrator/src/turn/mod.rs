//! One turn, from the message to the stored record.

mod conclude;
mod decide;
mod execute;
mod recall;
mod run;
mod stream;

pub use stream::TurnStream;

pub(crate) use conclude::OWN_PREFERENCES;
pub(crate) use recall::snapshot;
pub(crate) use run::{Delivery, start};
