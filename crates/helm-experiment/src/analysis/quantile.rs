use helm_numerics::binomial;

use super::mean::Interval;
use super::refusal::{Answer, Refusal, share};

/// A quantile and its exact interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quantile {
    /// The value, between two of the order where it lies between (Hyndman & Fan's type 7).
    pub value: f64,
    /// Two values of the order; infinite where there are too few: the 99th percentile needs 368 for both ends at 95 %.
    pub interval: Interval,
}

/// The `q` quantile of values, with an interval that misses it with probability `alpha` at most, whatever their
/// distribution.
///
/// # Errors
///
/// [`Refusal::NoUnits`], [`Refusal::NotFinite`], [`Refusal::NoShare`].
pub fn quantile(values: &[f64], q: f64, alpha: f64) -> Answer<Quantile> {
    let (q, half) = (share("the quantile", q)?, 0.5 * share("alpha", alpha)?);
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(Refusal::NotFinite { row });
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1).ok_or(Refusal::NoUnits)?;
    let place = q * last as f64;
    let at = |index: usize| sorted.get(index.min(last)).copied().unwrap_or(f64::NAN);
    let (below, above) = (at(place.floor() as usize), at(place.floor() as usize + 1));
    let value = below + (above - below) * (place - place.floor());
    let trials = sorted.len() as u64;
    // The l-th smallest lies above the quantile when fewer than l are below it.
    let (low, high) = (largest(trials, |l| binomial::cdf(l - 1, trials, q) <= half), {
        let is_above = |u: u64| binomial::sf(u - 1, trials, q) <= half;
        largest(trials, |step| is_above(trials + 1 - step)).map(|step| trials + 1 - step)
    });
    let low = low.map_or(f64::NEG_INFINITY, |l| at(l as usize - 1));
    let high = high.map_or(f64::INFINITY, |u| at(u as usize - 1));
    Ok(Quantile { value, interval: Interval { low, high } })
}

/// The largest of `1..=most` for which something holds that holds for a beginning of them.
fn largest(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if holds(middle) { low = middle } else { high = middle - 1 }
    }
    (low > 0).then_some(low)
}
