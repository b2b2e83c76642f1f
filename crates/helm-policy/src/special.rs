//! What is made of distribution functions here.

use std::f64::consts::FRAC_1_SQRT_2;

/// ln(x / (1 − x)).
pub(crate) fn log_odds(x: f64) -> f64 {
    libm::log(x) - libm::log1p(-x)
}

/// The probability that |N(0, 1)| lies between two numbers of at least 0.
pub(crate) fn half_normal_between(low: f64, high: f64) -> f64 {
    libm::erfc(low * FRAC_1_SQRT_2) - libm::erfc(high * FRAC_1_SQRT_2)
}
