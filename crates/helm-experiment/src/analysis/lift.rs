use helm_numerics::normal;

use super::mean::Interval;
use super::moments::Moments;
use super::refusal::{Answer, Refusal, share};

/// A change relative to the control. Whether there is one at all is told by the absolute difference, never by this: where
/// the control's mean is small its error is far from normal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lift {
    /// The difference over the absolute value of the control's mean.
    pub value: f64,
    /// Its standard error by the delta method.
    pub error: f64,
    control: Moments,
    treatment: Moments,
}

impl Lift {
    /// Of two means.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`], [`Refusal::ZeroBaseline`].
    pub fn new(control: &Moments, treatment: &Moments) -> Answer<Self> {
        if control.count < 2 || treatment.count < 2 {
            return Err(Refusal::TooFewUnits);
        }
        if control.mean == 0.0 {
            return Err(Refusal::ZeroBaseline);
        }
        let (own, other) = (control.mean, treatment.mean);
        let part = |arm: &Moments| arm.variance() / arm.count as f64;
        let square =
            part(treatment) / (own * own) + part(control) * (other * other) / (own * own * own * own);
        let value = (other - own) / own.abs();
        Ok(Self { value, error: libm::sqrt(square), control: *control, treatment: *treatment })
    }

    /// The interval by the delta method.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn interval(&self, alpha: f64) -> Answer<Interval> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        Ok(Interval::around(self.value, z * self.error))
    }

    /// Fieller's interval (1954), which holds for small means too; `None` where it has no bounds because the control's
    /// mean may be 0.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1.
    pub fn fieller(&self, alpha: f64) -> Answer<Option<Interval>> {
        let z = normal::upper_quantile(0.5 * share("alpha", alpha)?);
        let part = |arm: &Moments| z * z * arm.variance() / arm.count as f64;
        let (own, other) = (self.control.mean, self.treatment.mean);
        // (m² − z²s²) ρ² − 2 m n ρ + (n² − z²r²) = 0
        let (a, c) = (own * own - part(&self.control), other * other - part(&self.treatment));
        if a <= 0.0 {
            return Ok(None);
        }
        let root = libm::sqrt((own * own * other * other - a * c).max(0.0));
        let ends = [own * other - root, own * other + root].map(|end| (end / a - 1.0) * own.signum());
        let [one, another] = ends;
        Ok(Some(Interval { low: one.min(another), high: one.max(another) }))
    }
}
