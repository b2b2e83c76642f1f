//! The binomial distribution.

use crate::beta;

/// The probability of at most `successes` in `trials` of probability `p` each.
#[must_use]
pub fn cdf(successes: u64, trials: u64, p: f64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    let (k, n) = (successes as f64, trials as f64);
    beta::sf(p, k + 1.0, n - k)
}

/// The probability of more than `successes`.
#[must_use]
pub fn sf(successes: u64, trials: u64, p: f64) -> f64 {
    if successes >= trials {
        return 0.0;
    }
    let (k, n) = (successes as f64, trials as f64);
    beta::cdf(p, k + 1.0, n - k)
}
