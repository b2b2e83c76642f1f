use helm_numerics::{beta, normal};

use super::mean::Interval;
use super::refusal::{Answer, Refusal, positive, share};

/// What is believed of a difference after the data. Not for stopping at: whoever looks again and again and stops when it
/// is sure enough is wrong in half of all cases without a difference.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Belief {
    /// The likeliest difference.
    pub mean: f64,
    /// How sure that is, as a deviation.
    pub deviation: f64,
}

impl Belief {
    /// After an estimate with its standard error, with no prior belief.
    ///
    /// # Errors
    ///
    /// When the error is not a finite number above 0.
    pub fn flat(estimate: f64, error: f64) -> Answer<Self> {
        if !estimate.is_finite() {
            return Err(Refusal::NotFinite { row: 0 });
        }
        Ok(Self { mean: estimate, deviation: positive("the standard error", error)? })
    }

    /// After an estimate with its standard error, from a normal prior belief.
    ///
    /// # Errors
    ///
    /// When the error is not a finite number above 0.
    pub fn updated(prior: &Self, estimate: f64, error: f64) -> Answer<Self> {
        let data = Self::flat(estimate, error)?;
        let prior_deviation = positive("the prior's deviation", prior.deviation)?;
        let (own, other) = (prior_deviation.powi(-2), data.deviation.powi(-2));
        let mean = (prior.mean * own + estimate * other) / (own + other);
        Ok(Self { mean, deviation: 1.0 / libm::sqrt(own + other) })
    }

    /// The probability that the treatment has more.
    #[must_use]
    pub fn chance_above(&self) -> f64 {
        normal::cdf(self.mean / self.deviation)
    }

    /// What is lost on average by choosing the treatment where more is better: the mean of what it has less.
    #[must_use]
    pub fn risk_of_treatment(&self) -> f64 {
        Self::shortfall(self.mean / self.deviation) * self.deviation
    }

    /// What is lost on average by keeping the control where more is better.
    #[must_use]
    pub fn risk_of_control(&self) -> f64 {
        Self::shortfall(-self.mean / self.deviation) * self.deviation
    }

    /// E max(−Z − z, 0) = φ(z) − z Φ(−z), which is the integral of Φ(−z) from z on; far out, where the two nearly cancel,
    /// by the continued fraction of their ratio.
    fn shortfall(z: f64) -> f64 {
        if z < 5.0 {
            return normal::pdf(z) - z * normal::sf(z);
        }
        let inner = (2..=60).rev().fold(z, |inner, term| z + f64::from(term) / inner);
        normal::sf(z) / inner
    }

    /// The interval that the difference is believed to lie outside of with probability `alpha`.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn interval(&self, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        Ok(Interval::around(self.mean, z * self.deviation))
    }
}

/// What is believed of a share: a beta distribution.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Share {
    /// Successes, those of the prior belief included.
    pub a: f64,
    /// Failures, those of the prior belief included.
    pub b: f64,
}

/// How two shares compare.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SharesCompared {
    /// The probability that the treatment's is the greater.
    pub chance_above: f64,
    /// What is lost on average by choosing the treatment: the mean of what its share is less.
    pub risk_of_treatment: f64,
}

/// Compares two shares, by Simpson's rule over the log-odds of the treatment's.
///
/// # Errors
///
/// When a parameter is not a finite number above 0.
pub fn compare_shares(control: Share, treatment: Share) -> Answer<SharesCompared> {
    const STEPS: u32 = 4_000;
    for value in [control.a, control.b, treatment.a, treatment.b] {
        positive("a parameter of the belief", value)?;
    }
    let Share { a, b } = treatment;
    let peak = beta::ln_peak(a, b);
    let mode = libm::log(a / b);
    // The density over the log-odds falls like e^(a u) below and e^(−b u) above the mode, and like a normal one near it.
    let deviation = libm::sqrt(1.0 / a + 1.0 / b);
    let (low, high) = (mode - 9.0 * deviation - 25.0 / a, mode + 9.0 * deviation + 25.0 / b);
    let width = (high - low) / f64::from(STEPS);
    let mean = control.a / (control.a + control.b);
    let (mut above, mut risk) = (0.0, 0.0);
    for step in 0..=STEPS {
        let weight = match step {
            0 | STEPS => 1.0,
            odd if odd % 2 == 1 => 4.0,
            _ => 2.0,
        };
        let u = low + width * f64::from(step);
        let x = 1.0 / (1.0 + libm::exp(-u));
        let density = libm::exp(peak + relative_density(u - mode, a, b)) * weight * width / 3.0;
        above += density * beta::cdf(x, control.a, control.b);
        let more = mean * beta::sf(x, control.a + 1.0, control.b) - x * beta::sf(x, control.a, control.b);
        risk += density * more.max(0.0);
    }
    Ok(SharesCompared { chance_above: above.min(1.0), risk_of_treatment: risk })
}

/// The logarithm of the density over the log-odds, `off` from the mode, less that at the mode:
/// a ln(x/m) + b ln((1 − x)/(1 − m)).
fn relative_density(off: f64, a: f64, b: f64) -> f64 {
    let m = a / (a + b);
    // x/m = e^off / (1 − m + m e^off)
    let grown = libm::log1p(m * libm::expm1(off));
    a * (off - grown) - b * grown
}
