use helm_numerics::{chi_squared, gamma};

use super::refusal::{Answer, Refusal, positive};

/// Whether the arms have the units that their weights promise: a sample ratio mismatch makes every other figure void
/// (Fabijan et al. 2019).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RatioMismatch {
    /// χ² of the counts.
    pub chi_squared: f64,
    /// Its degrees of freedom: arms with a weight, less one.
    pub dof: u32,
    /// The probability of so much by chance; below 0.001 something is broken.
    pub p: f64,
    /// Its natural logarithm.
    pub ln_p: f64,
}

/// Tests counts of units against weights, which need not sum to 1.
///
/// # Errors
///
/// [`Refusal::NoUnits`], [`Refusal::TrafficWithoutWeight`], [`Refusal::Unusable`] weights.
pub fn ratio_mismatch(units: &[u64], weights: &[f64]) -> Answer<RatioMismatch> {
    check_weights(weights, units.len())?;
    if let Some(arm) = units.iter().zip(weights).position(|(units, weight)| *units > 0 && *weight == 0.0) {
        return Err(Refusal::TrafficWithoutWeight { arm });
    }
    let all: u64 = units.iter().sum();
    if all == 0 {
        return Err(Refusal::NoUnits);
    }
    let all = all as f64;
    let total = weights.iter().fold((0.0, 0.0), |sum, weight| two_sum(sum, *weight));
    let part = |(units, weight): (&u64, &f64)| {
        // units · Σ weights − all · weight, of which nearly nothing may be left.
        let (own, expected) = (two_product(*units as f64, total.0), two_product(all, *weight));
        let off = (own.0 - expected.0) + (own.1 - expected.1 + *units as f64 * total.1);
        if *weight > 0.0 { off / total.0 * (off / (all * weight)) } else { 0.0 }
    };
    let sum = units.iter().zip(weights).map(part).sum();
    let dof = weights.iter().filter(|weight| **weight > 0.0).count().saturating_sub(1) as u32;
    let ln_p = if dof == 0 { 0.0 } else { chi_squared::ln_sf(sum, f64::from(dof)) };
    Ok(RatioMismatch { chi_squared: sum, dof, p: libm::exp(ln_p), ln_p })
}

/// A sum and what rounding takes from it, with one more number.
fn two_sum((sum, rest): (f64, f64), more: f64) -> (f64, f64) {
    let next = sum + more;
    let seen = next - sum;
    (next, rest + ((sum - (next - seen)) + (more - seen)))
}

/// A product and what rounding takes from it.
fn two_product(one: f64, other: f64) -> (f64, f64) {
    let product = one * other;
    (product, libm::fma(one, other, -product))
}

fn check_weights(weights: &[f64], arms: usize) -> Answer<f64> {
    let unusable = |why| Refusal::Unusable { name: "weights", why };
    if weights.len() != arms {
        return Err(unusable("there must be one an arm"));
    }
    let sum: f64 = weights.iter().sum();
    if !sum.is_finite() || sum <= 0.0 || weights.iter().any(|weight| *weight < 0.0) {
        return Err(unusable("they must be finite numbers of at least 0, and one above it"));
    }
    Ok(sum)
}

/// Weights as shares of their sum.
fn shares(weights: &[f64]) -> Answer<Vec<f64>> {
    let sum = check_weights(weights, weights.len())?;
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

/// The test that may be looked at after every unit (Lindon & Malek 2020): a Dirichlet mixture of multinomials against the
/// weights.
#[derive(Clone, PartialEq, Debug)]
pub struct RatioMonitor {
    shares: Vec<f64>,
    concentration: f64,
    units: Vec<u64>,
    least: f64,
}

impl RatioMonitor {
    /// For these weights. A `concentration` of 10,000 finds small mismatches in large samples; less finds large ones
    /// sooner.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unusable`] weights, a concentration that is not above 0.
    pub fn new(weights: &[f64], concentration: f64) -> Answer<Self> {
        let shares = shares(weights)?;
        let concentration = positive("the concentration", concentration)?;
        Ok(Self { units: vec![0; shares.len()], shares, concentration, least: 1.0 })
    }

    /// Takes more units of each arm, and gives the probability that holds at all looks.
    ///
    /// # Errors
    ///
    /// [`Refusal::TrafficWithoutWeight`]; [`Refusal::Unusable`] when there is not one number an arm.
    pub fn add(&mut self, more: &[u64]) -> Answer<f64> {
        if more.len() != self.units.len() {
            return Err(Refusal::Unusable { name: "units", why: "there must be one number an arm" });
        }
        if let Some(arm) = more.iter().zip(&self.shares).position(|(more, share)| *more > 0 && *share == 0.0)
        {
            return Err(Refusal::TrafficWithoutWeight { arm });
        }
        self.units.iter_mut().zip(more).for_each(|(units, more)| *units += more);
        self.least = self.least.min(libm::exp(-self.ln_bayes_factor()));
        Ok(self.least)
    }

    fn ln_bayes_factor(&self) -> f64 {
        let all: u64 = self.units.iter().sum();
        let rising = |from: f64, units: u64| gamma::ln_gamma(from + units as f64) - gamma::ln_gamma(from);
        let parts = self.units.iter().zip(&self.shares).filter(|(_, share)| **share > 0.0);
        let parts = parts.map(|(units, share)| {
            rising(self.concentration * share, *units) - *units as f64 * libm::log(*share)
        });
        parts.sum::<f64>() - rising(self.concentration, all)
    }
}
