use helm_numerics::{beta, normal};

use super::mean::Interval;
use super::refusal::{Answer, Refusal, share};

/// Successes of trials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proportion {
    successes: u64,
    trials: u64,
}

impl Proportion {
    /// So many successes of so many trials.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`] without trials, [`Refusal::MoreSuccessesThanTrials`].
    pub const fn new(successes: u64, trials: u64) -> Answer<Self> {
        if successes > trials {
            return Err(Refusal::MoreSuccessesThanTrials { successes, trials });
        }
        if trials == 0 {
            return Err(Refusal::NoUnits);
        }
        Ok(Self { successes, trials })
    }

    /// How many trials.
    #[must_use]
    pub const fn trials(self) -> u64 {
        self.trials
    }

    /// The share of successes.
    #[must_use]
    pub fn share(self) -> f64 {
        self.successes as f64 / self.trials as f64
    }

    /// Wilson's interval (1927).
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn wilson(self, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        let (p, n) = (self.share(), self.trials as f64);
        let scale = 1.0 + z * z / n;
        let middle = (p + z * z / (2.0 * n)) / scale;
        let half = z / scale * libm::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
        // At the ends the sums cancel exactly but for rounding.
        let low = if self.successes == 0 { 0.0 } else { middle - half };
        let high = if self.successes == self.trials { 1.0 } else { middle + half };
        Ok(Interval { low, high })
    }

    /// The exact interval of Clopper and Pearson (1934), which is wide.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn clopper_pearson(self, alpha: f64) -> Answer<Interval> {
        let half = 0.5 * share("alpha", alpha)?;
        let (x, n) = (self.successes as f64, self.trials as f64);
        let low = if self.successes == 0 { 0.0 } else { beta::quantile(half, x, n - x + 1.0) };
        let high =
            if self.successes == self.trials { 1.0 } else { beta::quantile(1.0 - half, x + 1.0, n - x) };
        Ok(Interval { low, high })
    }
}

/// Two shares beside each other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TwoProportions {
    control: Proportion,
    treatment: Proportion,
}

impl TwoProportions {
    /// Of a control and a treatment.
    #[must_use]
    pub const fn new(control: Proportion, treatment: Proportion) -> Self {
        Self { control, treatment }
    }

    /// The treatment's share less the control's.
    #[must_use]
    pub fn difference(&self) -> f64 {
        self.treatment.share() - self.control.share()
    }

    /// The difference in standard errors, were the shares the same; undefined where all or none succeeded.
    ///
    /// # Errors
    ///
    /// [`Refusal::ZeroVariance`].
    pub fn z(&self) -> Answer<f64> {
        let (own, other) = (self.control, self.treatment);
        let (successes, trials) = (own.successes + other.successes, own.trials + other.trials);
        if successes == 0 || successes == trials {
            return Err(Refusal::ZeroVariance);
        }
        let pooled = successes as f64 / trials as f64;
        let units = 1.0 / own.trials as f64 + 1.0 / other.trials as f64;
        Ok(self.difference() / libm::sqrt(pooled * (1.0 - pooled) * units))
    }

    /// The probability of a difference at least as far from 0 by the pooled z test. Where all or none succeeded in both
    /// arms no difference is possible, so it is 1.
    #[must_use]
    pub fn p(&self) -> f64 {
        self.z().map_or(1.0, |z| (2.0 * normal::sf(z.abs())).min(1.0))
    }

    /// Whether the z test holds: no expected number of successes or failures is below 5. Otherwise
    /// [`fisher`](Self::fisher).
    #[must_use]
    pub fn is_large(&self) -> bool {
        let (own, other) = (self.control, self.treatment);
        let share = (own.successes + other.successes) as f64 / (own.trials + other.trials) as f64;
        own.trials.min(other.trials) as f64 * share.min(1.0 - share) >= 5.0
    }

    /// The interval of the difference of Newcombe (1998), which is there also where a share is 0 or 1.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn newcombe(&self, alpha: f64) -> Answer<Interval> {
        let (own, other) = (self.control.wilson(alpha)?, self.treatment.wilson(alpha)?);
        let (p, q) = (self.control.share(), self.treatment.share());
        let below = libm::hypot(q - other.low, own.high - p);
        let above = libm::hypot(other.high - q, p - own.low);
        Ok(Interval { low: q - p - below, high: q - p + above })
    }

    /// The interval of Agresti and Caffo (2000): one more success and failure in each arm.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn agresti_caffo(&self, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        let shrunk = |arm: Proportion| {
            let n = arm.trials as f64 + 2.0;
            let p = (arm.successes as f64 + 1.0) / n;
            (p, p * (1.0 - p) / n)
        };
        let ((p, own), (q, other)) = (shrunk(self.control), shrunk(self.treatment));
        Ok(Interval::around(q - p, z * libm::sqrt(own + other)))
    }

    /// Wald's interval, for comparison with others' figures alone: where a share is 0 or 1 it has no width.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn wald(&self, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        let part = |arm: Proportion| arm.share() * (1.0 - arm.share()) / arm.trials as f64;
        Ok(Interval::around(self.difference(), z * libm::sqrt(part(self.control) + part(self.treatment))))
    }

    /// The interval of the difference by the score test of Miettinen and Nurminen (1985).
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn miettinen_nurminen(&self, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        // The score falls as the assumed difference grows.
        let root = |wanted: f64| {
            let (mut low, mut high) = (-1.0_f64, 1.0_f64);
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                if self.score(middle) > wanted { low = middle } else { high = middle }
            }
            0.5 * (low + high)
        };
        Ok(Interval { low: root(z), high: root(-z) })
    }

    /// The difference less an assumed one, in standard errors at the likeliest shares that have it.
    fn score(&self, assumed: f64) -> f64 {
        let (n, m) = (self.control.trials as f64, self.treatment.trials as f64);
        let (x, y) = (self.control.successes as f64, self.treatment.successes as f64);
        let total = n + m;
        // The treatment's share q solves a cubic equation, the control's is q - assumed (Farrington & Manning 1990).
        let (a, b) = (total, -(total + x + y + assumed * (m + total)));
        let c = assumed * assumed * m + assumed * (2.0 * y + total) + x + y;
        let d = -y * assumed * (1.0 + assumed);
        let third = b / (3.0 * a);
        let v = third * third * third - b * c / (6.0 * a * a) + d / (2.0 * a);
        let u = v.signum() * libm::sqrt((third * third - c / (3.0 * a)).max(0.0));
        let w = (std::f64::consts::PI + libm::acos((v / (u * u * u)).clamp(-1.0, 1.0))) / 3.0;
        let q = if u == 0.0 { -third } else { 2.0 * u * libm::cos(w) - third };
        let (q, p) = (q.clamp(0.0, 1.0), (q - assumed).clamp(0.0, 1.0));
        let variance = (q * (1.0 - q) / m + p * (1.0 - p) / n) * total / (total - 1.0);
        let off = self.difference() - assumed;
        if variance > 0.0 { off / libm::sqrt(variance) } else { off.signum() * f64::INFINITY }
    }

    /// The interval of the ratio of the shares, by its logarithm (Katz et al. 1978).
    ///
    /// # Errors
    ///
    /// [`Refusal::ZeroBaseline`] where an arm has no success.
    pub fn ratio(&self, alpha: f64) -> Answer<Interval> {
        let inverse = |arm: Proportion| 1.0 / arm.successes as f64 - 1.0 / arm.trials as f64;
        let ratio = self.treatment.share() / self.control.share();
        self.by_logarithm(ratio, inverse(self.control) + inverse(self.treatment), alpha)
    }

    /// The interval of the ratio of the odds, by its logarithm (Woolf 1955).
    ///
    /// # Errors
    ///
    /// [`Refusal::ZeroBaseline`] where an arm has no success or no failure.
    pub fn odds_ratio(&self, alpha: f64) -> Answer<Interval> {
        let parts = |arm: Proportion| (arm.successes as f64, (arm.trials - arm.successes) as f64);
        let ((a, b), (c, d)) = (parts(self.control), parts(self.treatment));
        self.by_logarithm(c * b / (a * d), 1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d, alpha)
    }

    fn by_logarithm(&self, ratio: f64, variance: f64, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        if !(ratio.is_finite() && ratio > 0.0 && variance.is_finite()) {
            return Err(Refusal::ZeroBaseline);
        }
        let factor = libm::exp(z * libm::sqrt(variance));
        Ok(Interval { low: ratio / factor, high: ratio * factor })
    }

    /// Fisher's exact probability of a table at most as likely as this one, its margins given.
    #[must_use]
    pub fn fisher(&self) -> f64 {
        let (n, m) = (self.control.trials, self.treatment.trials);
        let total = self.control.successes + self.treatment.successes;
        let ln_choose = |n: u64, k: u64| {
            let ln = |x: u64| libm::lgamma(x as f64 + 1.0);
            ln(n) - ln(k) - ln(n - k)
        };
        let ln_of = |x: u64| ln_choose(n, x) + ln_choose(m, total - x) - ln_choose(n + m, total);
        let own = ln_of(self.control.successes);
        let tables = total.saturating_sub(m)..=total.min(n);
        let as_unlikely = tables.map(ln_of).filter(|ln| *ln <= own + 1e-7);
        as_unlikely.map(libm::exp).sum::<f64>().min(1.0)
    }
}
