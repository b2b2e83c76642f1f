use helm_numerics::normal;

use super::log::OffPolicyLog;
use super::units::Unit;
use crate::analysis::{Answer, Interval, Moments, Refusal, share};

impl OffPolicyLog {
    fn weighted(&self) -> Answer<Moments> {
        let mut moments = Moments::default();
        self.rows.iter().for_each(|row| moments.add(row.weight * row.reward));
        if moments.count < 2 { Err(Refusal::TooFewUnits) } else { Ok(moments) }
    }

    /// The square of the standard error of [`Ips`](super::Estimator::Ips).
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`].
    pub fn ips_variance(&self) -> Answer<f64> {
        let moments = self.weighted()?;
        Ok(moments.variance() / moments.count as f64)
    }

    /// The interval of [`Ips`](super::Estimator::Ips) by the normal distribution: too narrow where weights are large. Where
    /// users have several decisions each, they are taken together, with Student's distribution.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`]; when `alpha` is not between 0 and 1.
    pub fn normal_interval(&self, alpha: f64) -> Answer<Interval> {
        if self.is_clustered() {
            return self.ips_by_unit()?.interval(alpha);
        }
        let half = normal::upper_quantile(0.5 * share("alpha", alpha)?) * libm::sqrt(self.ips_variance()?);
        let mean = self.weighted()?.mean;
        Ok(Interval { low: mean - half, high: mean + half })
    }

    /// The interval of Hoeffding (1963), for rewards from 0 to 1: it holds for any number of decisions, and says little.
    /// Decisions must not depend on each other.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`]; when `alpha` is not between 0 and 1.
    pub fn hoeffding_interval(&self, alpha: f64) -> Answer<Interval> {
        let (alpha, most) = (share("alpha", alpha)?, self.diagnostics()?.max_weight);
        let moments = self.weighted()?;
        let half = most * libm::sqrt(libm::log(2.0 / alpha) / (2.0 * moments.count as f64));
        Ok(Interval { low: moments.mean - half, high: moments.mean + half })
    }

    /// The empirical Bernstein interval of Maurer and Pontil (2009), for rewards from 0 to 1. Decisions must not depend on each
    /// other.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`]; when `alpha` is not between 0 and 1.
    pub fn bernstein_interval(&self, alpha: f64) -> Answer<Interval> {
        let (ln, most) = (libm::log(4.0 / share("alpha", alpha)?), self.diagnostics()?.max_weight);
        let moments = self.weighted()?;
        let n = moments.count as f64;
        let half = libm::sqrt(2.0 * moments.variance() * ln / n) + 7.0 * most * ln / (3.0 * (n - 1.0));
        Ok(Interval { low: moments.mean - half, high: moments.mean + half })
    }

    /// The betting interval, for rewards from 0 to 1 (Waudby-Smith, Wu, Ramdas, Karampatziakis & Mineiro 2022). It needs no
    /// bound on the weights, and holds at any time: the log may be read after every decision, in the order they were made.
    ///
    /// Where users have several decisions each, bets are on users, in the order in which they came; then it takes for granted
    /// that nobody has more decisions than the log's busiest user.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`]; [`Refusal::OutOfUnit`] for a reward outside of 0 to 1; when `alpha` is not between 0 and 1.
    pub fn betting_interval(&self, alpha: f64) -> Answer<Interval> {
        let half = 0.5 * share("alpha", alpha)?;
        if self.rows.is_empty() {
            return Err(Refusal::NoUnits);
        }
        self.check_unit_rewards()?;
        let units = self.units(|_| 0.0);
        let most = units.iter().map(|unit| unit.decisions).fold(1.0, f64::max);
        let of = |sum: fn(&Unit) -> f64| units.iter().map(|unit| sum(unit) / most).collect::<Vec<_>>();
        let (sizes, earned, missed) =
            (of(|unit| unit.decisions), of(|unit| unit.earned), of(|unit| unit.missed));
        let low = lower_bound(&earned, &sizes, half);
        Ok(Interval { low, high: 1.0 - lower_bound(&missed, &sizes, half) })
    }

    /// Methods for rewards from 0 to 1 hold for no others.
    pub(super) fn check_unit_rewards(&self) -> Answer<()> {
        let mut rewards = self.rows.iter().map(|row| row.reward).enumerate();
        match rewards.find(|(_, reward)| !(0.0..=1.0).contains(reward)) {
            Some((row, value)) => Err(Refusal::OutOfUnit { row, value }),
            None => Ok(()),
        }
    }
}

/// What values of at least 0 lie above, over their sizes of at most 1, but with probability `alpha` at all times together: the
/// greatest ratio that a stake of 1 on more than it has once multiplied by 1/alpha against.
fn lower_bound(values: &[f64], sizes: &[f64], alpha: f64) -> f64 {
    let bets = bets(values, alpha);
    let is_refuted = |mean: f64| {
        let most = 0.5 / libm::fmax(mean, 1e-12);
        let (mut ln, mut greatest) = (0.0, f64::NEG_INFINITY);
        for ((value, size), bet) in values.iter().zip(sizes).zip(&bets) {
            ln += libm::log1p(bet.min(most) * (value - mean * size));
            greatest = libm::fmax(greatest, ln);
        }
        greatest >= -libm::log(alpha)
    };
    if !is_refuted(0.0) {
        return 0.0;
    }
    if is_refuted(1.0) {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if is_refuted(middle) { low = middle } else { high = middle }
    }
    low
}

/// How much is bet on each value, of what was known before it.
fn bets(values: &[f64], alpha: f64) -> Vec<f64> {
    let (mut sum, mut spread) = (0.5, 0.25);
    let bet = |(row, value): (usize, &f64)| {
        let t = (row + 1) as f64;
        let variance = libm::fmax(spread / t, 1e-12);
        sum += value;
        let mean = sum / (t + 1.0);
        spread += (value - mean) * (value - mean);
        libm::sqrt(-2.0 * libm::log(alpha) / (variance * t * libm::log1p(t)))
    };
    values.iter().enumerate().map(bet).collect()
}
