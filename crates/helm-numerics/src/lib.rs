#![doc = include_str!("../README.md")]
//!
//! # Arguments that have no value
//!
//! Arguments that no distribution has (a negative degree of freedom, a probability above 1) give `NaN`, as in `libm`.

pub mod beta;
pub mod binomial;
pub mod chi_squared;
pub mod gamma;
pub mod normal;
pub mod student;

/// Below this, a factor of a continued fraction counts as zero.
const TINY: f64 = 1e-300;

fn away_from_zero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

/// A continued fraction 1 / (1 + c₁ / (1 + c₂ / (1 + …))) by Lentz's method as Thompson and Barnett (1986) modified it.
/// `None` when it has not converged after `most` terms.
fn continued_fraction(most: u32, mut coefficient: impl FnMut(u32) -> f64) -> Option<f64> {
    let (mut c, mut d, mut value) = (f64::INFINITY, 1.0, 1.0);
    for term in 1..=most {
        let next = coefficient(term);
        d = 1.0 / away_from_zero(1.0 + next * d);
        c = away_from_zero(1.0 + next / c);
        value *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            return Some(value);
        }
    }
    None
}
