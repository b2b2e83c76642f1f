//! What another policy would have earned on turns of the log.
//!
//! Each turn says what could have been chosen, with which probabilities, what was, and what it earned. A [`Target`] says with
//! which probabilities another policy would have chosen there; [`WhatIf`] puts both into an
//! [`OffPolicyLog`](helm_experiment::off_policy::OffPolicyLog), and a [`Gate`] compares a candidate with what is live.

mod candidate;
mod expected;
mod gate;
mod learning;
mod live;
mod past_turn;
mod read;
mod target;

pub use candidate::Candidate;
pub use gate::{Gate, GateOptions, GateVerdict};
pub use past_turn::PastTurn;
pub use read::WhatIf;
pub use target::Target;

pub(crate) use live::{Sides, compare};
