//! The probability that each of several independent beliefs holds the largest mean:
//! P(i) = ∫ f_i(z) Π_{j≠i} F_j(z) dz.
//!
//! One pass of Gauss-Legendre panels over the stretch where the product does not vanish. Densities are evaluated
//! at the nodes only; distribution functions are their running integrals, exact to the panel's order, so no
//! special function is called inside the pass. Panels are as wide as the narrowest density present allows. Betas
//! are integrated over the log-odds, where they have no singularities and exponential tails.

#![expect(clippy::indexing_slicing, reason = "fixed tables and per-strategy slices of one length")]

mod density;
mod places;

use std::sync::LazyLock;

use helm_numerics::beta;
use smallvec::SmallVec;

use density::{Density, Precision};
use places::{Axis, Places};

use crate::error::{Error, Result};
use crate::lanes::{LANES as ORDER, Lanes};
use crate::posterior::Posterior;

/// Nodes and weights of the 8-point Gauss-Legendre rule on \[-1, 1\] (Abramowitz & Stegun, table 25.4).
const NODES: [f64; ORDER] = [
    -0.960_289_856_497_536_3,
    -0.796_666_477_413_626_7,
    -0.525_532_409_916_329,
    -0.183_434_642_495_649_8,
    0.183_434_642_495_649_8,
    0.525_532_409_916_329,
    0.796_666_477_413_626_7,
    0.960_289_856_497_536_3,
];
const WEIGHTS: [f64; ORDER] = [
    0.101_228_536_290_376_26,
    0.222_381_034_453_374_48,
    0.313_706_645_877_887_3,
    0.362_683_783_378_362,
    0.362_683_783_378_362,
    0.313_706_645_877_887_3,
    0.222_381_034_453_374_48,
    0.101_228_536_290_376_26,
];

/// `PARTIAL[m][k]` = ∫ from -1 to node k of the Lagrange polynomial of node m: integrals up to a node, exact for
/// polynomials of degree 7.
static PARTIAL: LazyLock<[Lanes; ORDER]> = LazyLock::new(|| {
    let mut table = [[0.0; ORDER]; ORDER];
    for (m, row) in table.iter_mut().enumerate() {
        for (entry, end) in row.iter_mut().zip(NODES) {
            let half = 0.5 * (end + 1.0);
            let value = |node: f64| lagrange(m, half * (node + 1.0) - 1.0);
            *entry =
                half * NODES.iter().zip(WEIGHTS).map(|(node, weight)| weight * value(*node)).sum::<f64>();
        }
    }
    table
});

fn lagrange(m: usize, x: f64) -> f64 {
    let others = NODES.iter().enumerate().filter(|(index, _)| *index != m);
    others.map(|(_, node)| (x - node) / (NODES[m] - node)).product()
}

/// Strategies up to this many need no memory from the heap.
const INLINE: usize = 16;
/// What the probabilities may miss of 1 before the answer is refused.
const TOLERANCE: f64 = 1e-7;
/// More panels than this are never needed; a belief that would is not integrable.
const MOST_PANELS: usize = 200_000;

/// Writes each belief's probability of holding the largest mean to `out`.
///
/// # Errors
///
/// [`Error::Integration`] when they do not sum to 1 within 1e-7.
pub(crate) fn probability_of_best(
    posteriors: impl ExactSizeIterator<Item = Posterior> + Clone,
    out: &mut [f64],
) -> Result<()> {
    integrate(posteriors, Precision::Absolute, out)
}

/// The same, with small probabilities right in proportion, down to what a float can hold: for laws of their ratios.
///
/// # Errors
///
/// As for [`probability_of_best`].
pub(crate) fn ratios_of_best(
    posteriors: impl ExactSizeIterator<Item = Posterior> + Clone,
    out: &mut [f64],
) -> Result<()> {
    integrate(posteriors, Precision::Proportional, out)
}

fn integrate(
    posteriors: impl ExactSizeIterator<Item = Posterior> + Clone,
    precision: Precision,
    out: &mut [f64],
) -> Result<()> {
    if out.len() == 1 {
        out.fill(1.0);
        return Ok(());
    }
    let betas = posteriors.clone().filter(|posterior| matches!(posterior, Posterior::Beta { .. })).count();
    let axis = if betas > 0 { Axis::LogOdds } else { Axis::Line };
    // On the line the largest mean becomes 0, where floats are finest: only distances between beliefs matter.
    let largest = posteriors.clone().map(|posterior| posterior.mean()).fold(f64::NEG_INFINITY, f64::max);
    let placed = |posterior: Posterior| if betas > 0 { posterior } else { posterior.lowered(largest) };
    let ln_negligible = precision.ln_negligible();
    let densities = posteriors.map(|posterior| Density::new(placed(posterior), axis, ln_negligible));
    let densities = &mut densities.collect::<SmallVec<[Density; INLINE]>>()[..];
    if betas > 0 && betas < out.len() {
        pass(densities, Axis::LogOdds, f64::NEG_INFINITY, precision);
        above_one(densities, precision);
    } else {
        pass(densities, axis, f64::NEG_INFINITY, precision);
    }
    out.iter_mut().zip(densities.iter()).for_each(|(out, density)| *out = density.best);
    let sum: f64 = out.iter().sum();
    if (sum - 1.0).abs() < TOLERANCE { Ok(()) } else { Err(Error::Integration { sum }) }
}

/// Where betas and other beliefs compete, the stretch above 1, where the others may still lie. Below 0 no other
/// belief can hold the largest mean.
fn above_one(densities: &mut [Density], precision: Precision) {
    for density in densities.iter_mut() {
        (density.low, density.high) = match density.posterior {
            Posterior::Beta { .. } => (0.0, 1.0),
            _ => density.bounds(precision.ln_negligible()),
        };
    }
    pass(densities, Axis::Line, 1.0, precision);
}

/// Adds what the stretch from `low` on gives to each density's `best`.
fn pass(densities: &mut [Density], axis: Axis, low: f64, precision: Precision) {
    // Below the start some distribution function vanishes, and with it every product.
    let start = densities.iter().map(|density| density.low).fold(f64::NEG_INFINITY, f64::max).max(low);
    let end = densities.iter().map(|density| density.high).fold(f64::NEG_INFINITY, f64::max);
    let x = if axis == Axis::Line { start } else { 1.0 / (1.0 + libm::exp(-start)) };
    for density in densities.iter_mut() {
        density.cumulated = match density.posterior {
            // Another belief's end was cut off where x comes to 1.
            Posterior::Beta { .. } if density.high <= start => 1.0,
            // So far out that x itself may be too small for a float.
            Posterior::Beta { a, b } if axis == Axis::LogOdds && start < -40.0 => {
                libm::exp(a * start - beta::ln_beta(a, b)) / a
            }
            posterior => posterior.cdf(x),
        };
    }
    // The product of many distribution functions rises faster than any of them.
    let finer = 1.0 / (1.0 + 0.15 * libm::log(densities.len() as f64));
    let mut at = start;
    for _ in 0..MOST_PANELS {
        if at >= end {
            break;
        }
        let mut step = end - at;
        let x = match axis {
            Axis::Line => (at, 0.0),
            Axis::LogOdds => (1.0 / (1.0 + libm::exp(-at)), 1.0 / (1.0 + libm::exp(at))),
        };
        for density in densities.iter().filter(|density| density.high > at) {
            step = step.min(match density.low - at {
                ahead if ahead > 0.0 => ahead,
                _ => density.widened(at, finer * density.step(at, x, axis), precision),
            });
        }
        // Where the place has no more digits to grow by, the rest is beyond what floats can say.
        let next = at + step;
        if next <= at {
            break;
        }
        one_panel(densities, axis, at, next);
        at = next;
    }
}

fn one_panel(densities: &mut [Density], axis: Axis, from: f64, to: f64) {
    let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
    let places = Places::new(NODES.map(|node| middle + half * node), axis);
    let partial = &*PARTIAL;
    for density in densities.iter_mut() {
        if density.high <= from || density.low >= to {
            density.values = [0.0; ORDER];
            density.function = [density.cumulated.clamp(0.0, 1.0); ORDER];
            continue;
        }
        density.values = density.at(&places).map(|value| half * value);
        density.function = [density.cumulated; ORDER];
        for (value, row) in density.values.iter().zip(partial) {
            density.function.iter_mut().zip(row).for_each(|(sum, part)| *sum += value * part);
        }
        density.function = density.function.map(|function| function.clamp(0.0, 1.0));
    }
    add_panel(densities);
    for density in densities.iter_mut() {
        density.cumulated += density.values.iter().zip(WEIGHTS).map(|(value, w)| value * w).sum::<f64>();
    }
}

/// Adds Σ weight · f_i · Π_{j≠i} F_j to each. The product without one factor is that of the factors before it times
/// that of the factors after it: no division, so no loss where a factor vanishes.
fn add_panel(densities: &mut [Density]) {
    let times = |left: &mut Lanes, right: &Lanes| left.iter_mut().zip(right).for_each(|(l, r)| *l *= r);
    let mut product = [1.0; ORDER];
    for density in densities.iter_mut().rev() {
        density.after = product;
        times(&mut product, &density.function);
    }
    let mut before = WEIGHTS;
    for density in densities.iter_mut() {
        times(&mut density.after, &before);
        times(&mut density.after, &density.values);
        density.best += density.after.iter().sum::<f64>();
        times(&mut before, &density.function);
    }
}
