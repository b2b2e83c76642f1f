use helm_numerics::{normal, student};

use super::moments::Moments;
use super::refusal::{Answer, Refusal, share};

/// An interval; an end may be infinite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    pub(super) fn around(middle: f64, half: f64) -> Self {
        Self { low: middle - half, high: middle + half }
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// A difference, its standard error, and how its error is distributed: what a fixed number of units says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Difference {
    /// The treatment's value less the control's.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Student's degrees of freedom; infinite for the normal distribution.
    pub dof: f64,
}

impl Difference {
    /// In standard errors.
    #[must_use]
    pub fn t(&self) -> f64 {
        self.value / self.error
    }

    /// The probability of a difference at least as far from 0, were there none. 0 when too small for a number; its
    /// logarithm is never.
    #[must_use]
    pub fn p(&self) -> f64 {
        (2.0 * self.sf(self.t().abs())).min(1.0)
    }

    /// The natural logarithm of [`p`](Self::p).
    #[must_use]
    pub fn ln_p(&self) -> f64 {
        let t = self.t().abs();
        let ln = if self.dof.is_finite() { student::ln_sf(t, self.dof) } else { normal::ln_sf(t) };
        (ln + std::f64::consts::LN_2).min(0.0)
    }

    /// The probability of so much more in the treatment, were there no more.
    #[must_use]
    pub fn p_greater(&self) -> f64 {
        self.sf(self.t())
    }

    /// The probability of so much less in the treatment, were there no less.
    #[must_use]
    pub fn p_less(&self) -> f64 {
        self.sf(-self.t())
    }

    fn sf(&self, t: f64) -> f64 {
        if self.dof.is_finite() { student::sf(t, self.dof) } else { normal::sf(t) }
    }

    /// How many standard errors are exceeded with probability `q`.
    pub(crate) fn upper(&self, q: f64) -> f64 {
        if self.dof.is_finite() { student::upper_quantile(q, self.dof) } else { normal::upper_quantile(q) }
    }

    /// The interval that holds the true difference but with probability `alpha`.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn interval(&self, alpha: f64) -> Answer<Interval> {
        let alpha = share("alpha", alpha)?;
        Ok(Interval::around(self.value, self.upper(0.5 * alpha) * self.error))
    }

    /// The bounds that the true difference lies above, and below, each but with probability `alpha`.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn bounds(&self, alpha: f64) -> Answer<Interval> {
        let alpha = share("alpha", alpha)?;
        Ok(Interval::around(self.value, self.upper(alpha) * self.error))
    }
}

/// The difference of two means with variances of their own (Welch 1947, degrees of freedom of Satterthwaite 1946). An
/// arm without variance is fine, both are not.
///
/// ```
/// use helm_experiment::analysis::{Moments, welch};
///
/// let (control, treatment) = (Moments::of(&[1.0, 2.0, 3.0])?, Moments::of(&[3.0, 4.0, 6.0])?);
/// let difference = welch(&control, &treatment)?;
/// assert!((difference.value - 7.0 / 3.0).abs() < 1e-12);
/// assert!(difference.p() > 0.05);
/// # Ok::<(), helm_experiment::analysis::Refusal>(())
/// ```
///
/// # Errors
///
/// [`Refusal::TooFewUnits`]; [`Refusal::ZeroVariance`], or [`Refusal::ConstantArms`] where the arms differ.
pub fn welch(control: &Moments, treatment: &Moments) -> Answer<Difference> {
    if control.count < 2 || treatment.count < 2 {
        return Err(Refusal::TooFewUnits);
    }
    let part = |arm: &Moments| arm.variance() / arm.count as f64;
    let (own, other) = (part(control), part(treatment));
    let square = own + other;
    if square <= 0.0 {
        let differ = treatment.above(control) != 0.0;
        return Err(if differ { Refusal::ConstantArms } else { Refusal::ZeroVariance });
    }
    // In shares, so that tiny variances do not underflow when squared.
    let share = own / square;
    let spread = share * share / (control.count - 1) as f64
        + (1.0 - share) * (1.0 - share) / (treatment.count - 1) as f64;
    Ok(Difference { value: treatment.above(control), error: libm::sqrt(square), dof: 1.0 / spread })
}
