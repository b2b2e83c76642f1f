//! One turn, from the message to the stored record.

mod compose;
mod conclude;
mod decide;
mod execute;
mod input;
mod past;
mod progress;
mod recall;
mod round;
mod run;
mod stream;
mod tools;

pub use stream::TurnStream;

pub(crate) use compose::wishes;
pub(crate) use conclude::OWN_PREFERENCES;
pub(crate) use recall::{collection, snapshot};
pub(crate) use run::{Delivery, start};
