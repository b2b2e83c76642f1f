//! The variable of integration, and a panel's nodes on it.

#![expect(clippy::indexing_slicing, reason = "arrays of one length")]

use crate::lanes::{LANES as ORDER, Lanes, exp, ln_1p};

/// The variable of integration.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Axis {
    /// The mean itself.
    Line,
    /// ln(x / (1 − x)) of a mean x in (0, 1).
    LogOdds,
}

/// A panel's nodes, with what all densities need of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Places {
    pub(super) at: Lanes,
    pub(super) x: Lanes,
    pub(super) ln_x: Lanes,
    pub(super) ln_rest: Lanes,
    pub(super) ln_jacobian: Lanes,
}

impl Places {
    pub(super) fn new(at: Lanes, axis: Axis) -> Self {
        match axis {
            Axis::Line => Self { at, x: at, ..Self::default() },
            Axis::LogOdds => {
                let small = exp(at.map(|at| -at.abs()));
                let ln_larger = ln_1p(small);
                let mut places = Self { at, ..Self::default() };
                for k in 0..ORDER {
                    (places.ln_x[k], places.ln_rest[k]) =
                        (at[k].min(0.0) - ln_larger[k], -at[k].max(0.0) - ln_larger[k]);
                    let smaller = small[k] / (1.0 + small[k]);
                    places.x[k] = if at[k] < 0.0 { smaller } else { 1.0 / (1.0 + small[k]) };
                    places.ln_jacobian[k] = places.ln_x[k] + places.ln_rest[k];
                }
                places
            }
        }
    }
}
