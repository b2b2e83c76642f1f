//! The χ² distribution.

use crate::gamma;

/// The probability of more than `x` with `dof` degrees of freedom.
#[must_use]
pub fn sf(x: f64, dof: f64) -> f64 {
    gamma::upper(0.5 * dof, 0.5 * x)
}

/// The logarithm of the probability of more than `x`.
#[must_use]
pub fn ln_sf(x: f64, dof: f64) -> f64 {
    gamma::ln_upper(0.5 * dof, 0.5 * x)
}
