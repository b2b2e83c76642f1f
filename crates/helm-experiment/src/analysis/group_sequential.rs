use helm_numerics::normal;

use super::always_valid::Sides;
use super::refusal::{Answer, Refusal, share};

/// How much of a side's `alpha` may have been spent at a share of the planned units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Spending {
    /// `alpha` times the share to this power. 2 is usual.
    Power(f64),
    /// As O'Brien and Fleming's bounds spend it: little at first.
    ObrienFleming,
}

impl Spending {
    fn spent(self, alpha: f64, share: f64) -> f64 {
        match self {
            Self::Power(power) => alpha * libm::pow(share, power),
            Self::ObrienFleming => 2.0 * normal::sf(normal::upper_quantile(0.5 * alpha) / libm::sqrt(share)),
        }
    }
}

/// Points of the density between two looks; odd.
const POINTS: usize = 601;
/// Beyond so many deviations there is nothing.
const FAR: f64 = 8.0;

/// The bounds, in standard errors, at planned looks: whoever stops when a look exceeds its bound is wrong with probability
/// `alpha` at most (Lan & DeMets 1983). `looks` are the shares of the planned units at each, increasing, the last at
/// most 1.
///
/// By recursive integration (Armitage, McPherson & Rowe 1969), to some 1e-5.
///
/// # Errors
///
/// When `alpha` is not between 0 and 1, or the looks are no increasing shares.
pub fn group_sequential_bounds(
    looks: &[f64],
    alpha: f64,
    sides: Sides,
    spending: Spending,
) -> Answer<Vec<f64>> {
    let alpha = share("alpha", alpha)?;
    let unusable = |why| Refusal::Unusable { name: "looks", why };
    if looks.is_empty() {
        return Err(unusable("there are none"));
    }
    let begins = std::iter::once(&0.0).chain(looks);
    if !begins.zip(looks).all(|(before, look)| before < look && *look <= 1.0) {
        return Err(unusable("they must increase from above 0 to at most 1"));
    }
    // What may be spent on a side.
    let alpha = if sides == Sides::Two { 0.5 * alpha } else { alpha };
    let (mut bounds, mut density, mut spent, mut before) = (Vec::new(), Density::start(), 0.0, 0.0);
    for look in looks {
        let all = spending.spent(alpha, *look);
        let deviation = libm::sqrt(look - before);
        let bound = density.exceeded_with((all - spent).max(0.0), deviation, libm::sqrt(*look));
        bounds.push(bound / libm::sqrt(*look));
        let low = if sides == Sides::Two { -bound } else { -FAR * libm::sqrt(*look) };
        density = density.moved(deviation, low, bound);
        (spent, before) = (all, *look);
    }
    Ok(bounds)
}

/// Where the sum is after a look at which nothing was found: values on an even grid, and weights of Simpson's rule.
struct Density {
    low: f64,
    step: f64,
    weighted: Vec<f64>,
}

impl Density {
    /// All of it at 0.
    fn start() -> Self {
        Self { low: 0.0, step: 0.0, weighted: vec![1.0] }
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.weighted.iter().enumerate().map(|(at, weight)| (self.low + self.step * at as f64, *weight))
    }

    fn above(&self, bound: f64, deviation: f64) -> f64 {
        self.points().map(|(from, weight)| weight * normal::sf((bound - from) / deviation)).sum()
    }

    /// The bound that the next sum exceeds with this probability.
    fn exceeded_with(&self, probability: f64, deviation: f64, scale: f64) -> f64 {
        let (mut low, mut high) = (-FAR * scale, 40.0 * scale);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if self.above(middle, deviation) > probability { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    fn moved(&self, deviation: f64, low: f64, high: f64) -> Self {
        let high = high.min(-low.min(-FAR));
        let step = (high - low) / (POINTS - 1) as f64;
        let weight = |at: usize| match at {
            0 => 1.0,
            at if at == POINTS - 1 => 1.0,
            at if at % 2 == 1 => 4.0,
            _ => 2.0,
        };
        let at = |at: usize| {
            let to = low + step * at as f64;
            let value: f64 =
                self.points().map(|(from, weight)| weight * normal::pdf((to - from) / deviation)).sum();
            value / deviation * weight(at) * step / 3.0
        };
        Self { low, step, weighted: (0..POINTS).map(at).collect() }
    }
}
