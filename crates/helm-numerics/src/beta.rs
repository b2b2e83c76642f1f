//! The beta function, and the beta distribution.

use std::f64::consts::PI;

use crate::continued_fraction;
use crate::gamma::{ln_gamma, ln_gamma_ratio, stirling};

/// The logarithm of the beta function. For large arguments the three log-gammas nearly cancel, so Stirling's
/// corrections are subtracted first.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if small < 10.0 {
        return if large < 1e3 {
            ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
        } else {
            ln_gamma(small) + ln_gamma_ratio(large, small)
        };
    }
    let sum = a + b;
    let corrections = stirling(a) + stirling(b) - stirling(sum);
    0.5 * libm::log(2.0 * PI) - 0.5 * libm::log(small)
        + small * libm::log(small / sum)
        + (large - 0.5) * libm::log1p(-small / sum)
        + corrections
}

/// The logarithm of Beta(a, b)'s density over the log-odds at its mode, a ln m + b ln(1 − m) − ln B(a, b) with
/// m = a / (a + b). For large arguments these nearly cancel, and Stirling's formula leaves what remains.
#[must_use]
pub fn ln_peak(a: f64, b: f64) -> f64 {
    if a < 10.0 || b < 10.0 {
        return -a * libm::log1p(b / a) - b * libm::log1p(a / b) - ln_beta(a, b);
    }
    let corrections = stirling(a) + stirling(b) - stirling(a + b);
    0.5 * (libm::log(a / (a + b)) + libm::log(b) - libm::log(2.0 * PI)) - corrections
}

/// The regularised incomplete beta function I_x(a, b): the probability that a Beta(a, b) variable is at most `x`.
#[must_use]
pub fn cdf(x: f64, a: f64, b: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    Tails::of(x, 1.0 - x, a, b).lower()
}

/// The probability that a Beta(a, b) variable exceeds `x`.
#[must_use]
pub fn sf(x: f64, a: f64, b: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    Tails::of(1.0 - x, x, b, a).lower()
}

/// The `x` that is not exceeded with probability `p`, by bisection until it no longer moves.
#[must_use]
pub fn quantile(p: f64, a: f64, b: f64) -> f64 {
    if !((0.0..=1.0).contains(&p) && a > 0.0 && b > 0.0) {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        // Each side is asked where it is the smaller one, and so the more exact.
        let is_below = if p < 0.5 { cdf(middle, a, b) < p } else { sf(middle, a, b) > 1.0 - p };
        if is_below { low = middle } else { high = middle }
    }
}

/// The two tails of a Beta(a, b) variable at `x`, of which one is computed, by its logarithm.
pub(crate) struct Tails {
    ln: f64,
    is_lower: bool,
}

impl Tails {
    /// At `x`, of which `rest` is 1 − x, given apart because one of the two may be rounded away.
    pub(crate) fn of(x: f64, rest: f64, a: f64, b: f64) -> Self {
        if !(a > 0.0 && b > 0.0 && x >= 0.0 && rest >= 0.0) {
            return Self { ln: f64::NAN, is_lower: true };
        }
        if x == 0.0 || rest == 0.0 {
            return Self { ln: f64::NEG_INFINITY, is_lower: x == 0.0 };
        }
        let front = ln_front(x, rest, a, b);
        let is_lower = x * (a + b + 2.0) < a + 1.0;
        let ln = if is_lower {
            front + libm::log(fraction(x, a, b) / a)
        } else {
            front + libm::log(fraction(rest, b, a) / b)
        };
        Self { ln, is_lower }
    }

    pub(crate) fn lower(&self) -> f64 {
        if self.is_lower { libm::exp(self.ln) } else { -libm::expm1(self.ln) }
    }

    pub(crate) fn ln_lower(&self) -> f64 {
        if self.is_lower { self.ln } else { libm::log1p(-libm::exp(self.ln)) }
    }
}

/// ln(xᵃ (1 − x)ᵇ / B(a, b)). For large arguments the terms nearly cancel, so what they have at the mode is taken out.
fn ln_front(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if a < 10.0 || b < 10.0 {
        let ln = |part: f64, other: f64| if part < 0.5 { libm::log(part) } else { libm::log1p(-other) };
        return a * ln(x, rest) + b * ln(rest, x) - ln_beta(a, b);
    }
    let sum = a + b;
    // x/m − 1 and (1 − x)/(1 − m) − 1, from whichever of x and 1 − x is exact.
    let off = if x < rest { x * sum - a } else { b - rest * sum };
    let (above, below) = (off / a, -off / b);
    a * (libm::log1p(above) - above) + b * (libm::log1p(below) - below) + ln_peak(a, b)
}

/// Press et al., Numerical Recipes, 6.4. The number of terms grows with the root of the parameters.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let value = continued_fraction(2_000_000, |term| {
        let m = f64::from(term / 2);
        if term.is_multiple_of(2) {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        }
    });
    value.unwrap_or(f64::NAN)
}
