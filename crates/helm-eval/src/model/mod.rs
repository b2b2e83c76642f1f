//! Fitted models: of signals, as they come with the crate, and of scores, as they are learned.

mod head;
mod linear;

pub(crate) use head::{Head, Placed};
#[cfg(feature = "report")]
pub(crate) use head::{Heads, Term};
#[cfg(feature = "report")]
pub(crate) use linear::fit_logistic;
pub(crate) use linear::{Problem, fit_linear};
