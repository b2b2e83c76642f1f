use helm_numerics::{normal, student};

use super::refusal::{Answer, Refusal, positive, share};
use super::root::increasing_root;

/// What a planned comparison of two arms can find. Effects are in standard deviations of a unit.
///
/// ```
/// use helm_experiment::analysis::Plan;
///
/// let plan = Plan::new(0.05, 1.0)?;
/// assert_eq!(plan.units(0.2, 0.8)?.ceil(), 394.0);
/// # Ok::<(), helm_experiment::analysis::Refusal>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
    alpha: f64,
    ratio: f64,
}

/// With more degrees of freedom the normal distribution is exact to a ten-millionth, and the integral is not.
const MANY: f64 = 1e7;

impl Plan {
    /// A two-sided test at `alpha`, with `ratio` units in the treatment for one in the control.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1, or the ratio is not above 0.
    pub fn new(alpha: f64, ratio: f64) -> Answer<Self> {
        Ok(Self { alpha: share("alpha", alpha)?, ratio: positive("the ratio of units", ratio)? })
    }

    /// The probability of finding an effect of so many deviations with `units` in the control, by the noncentral t
    /// distribution.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewUnits`] when the arms have no more than two units together; [`Refusal::Unusable`] for numbers that
    /// are not finite.
    pub fn power(&self, effect: f64, units: f64) -> Answer<f64> {
        let all = units * (1.0 + self.ratio);
        let dof = all - 2.0;
        if !(effect.is_finite() && all.is_finite()) {
            return Err(Refusal::Unusable { name: "a plan", why: "the effect and the units must be finite" });
        }
        if dof <= 0.0 {
            return Err(Refusal::TooFewUnits);
        }
        if dof > MANY {
            return Ok(self.power_of_many(effect, units));
        }
        let (shift, bound) = (self.shift(effect, units), student::upper_quantile(0.5 * self.alpha, dof));
        Ok(student::noncentral_sf(bound, dof, shift) + student::noncentral_sf(bound, dof, -shift))
    }

    /// The same by the normal distribution, for large samples.
    #[must_use]
    pub fn power_of_many(&self, effect: f64, units: f64) -> f64 {
        let (shift, bound) = (self.shift(effect, units), normal::upper_quantile(0.5 * self.alpha));
        normal::sf(bound - shift) + normal::sf(bound + shift)
    }

    fn shift(&self, effect: f64, units: f64) -> f64 {
        effect * libm::sqrt(units * self.ratio / (1.0 + self.ratio))
    }

    /// The units in the control that find such an effect with probability `power`; not rounded.
    ///
    /// # Errors
    ///
    /// When the effect is 0 or the power is not between `alpha` and 1.
    pub fn units(&self, effect: f64, power: f64) -> Answer<f64> {
        let least = 2.0 / (1.0 + self.ratio) * (1.0 + 1e-9);
        self.root(effect, power, least, |units| self.power(effect, units).unwrap_or(0.0))
    }

    /// The same by the normal distribution.
    ///
    /// # Errors
    ///
    /// When the effect is 0 or the power is not between `alpha` and 1.
    pub fn units_of_many(&self, effect: f64, power: f64) -> Answer<f64> {
        self.root(effect, power, 1e-9, |units| self.power_of_many(effect, units))
    }

    fn root(&self, effect: f64, power: f64, least: f64, of: impl Fn(f64) -> f64) -> Answer<f64> {
        positive("the absolute effect", effect.abs())?;
        self.check_power(power)?;
        Ok(increasing_root(least, power, of))
    }

    fn check_power(&self, power: f64) -> Answer<f64> {
        let power = share("power", power)?;
        if power <= self.alpha {
            Err(Refusal::NoShare { name: "power beyond alpha", value: power })
        } else {
            Ok(power)
        }
    }

    /// The least effect that `units` in the control find with probability `power`.
    ///
    /// # Errors
    ///
    /// When the arms have no more than two units together, or the power is not between `alpha` and 1.
    pub fn detectable(&self, units: f64, power: f64) -> Answer<f64> {
        self.check_power(power)?;
        self.power(0.0, units)?;
        Ok(increasing_root(0.0, power, |effect| self.power(effect, units).unwrap_or(1.0)))
    }
}

/// The probability of finding that a share is `treatment` and not `control`, by the pooled z test, with `units` in the
/// control and `ratio` times as many in the treatment.
///
/// # Errors
///
/// When something that must lie between 0 and 1 does not, or a number of units is not above 0.
pub fn power_of_shares(control: f64, treatment: f64, units: f64, ratio: f64, alpha: f64) -> Answer<f64> {
    let (p, q) = (share("the control's share", control)?, share("the treatment's share", treatment)?);
    let bound = normal::upper_quantile(0.5 * share("alpha", alpha)?);
    let (units, ratio) = (positive("the units", units)?, positive("the ratio of units", ratio)?);
    let pooled = (p + q * ratio) / (1.0 + ratio);
    let same = libm::sqrt(pooled * (1.0 - pooled) * (1.0 + 1.0 / ratio));
    let other = libm::sqrt(p * (1.0 - p) + q * (1.0 - q) / ratio);
    let (bound, shift) = (bound * same / other, (q - p) * libm::sqrt(units) / other);
    Ok(normal::sf(bound - shift) + normal::sf(bound + shift))
}

/// The units of all `arms` together, of equal size, that find a difference of `detectable` from the control with
/// probability `power`, for values of this variance; rounded up in each arm.
///
/// # Errors
///
/// When something that must lie between 0 and 1 does not, or be above 0 is not; [`Refusal::Unusable`] for fewer than two
/// arms.
pub fn units_of_all(detectable: f64, variance: f64, arms: u32, alpha: f64, power: f64) -> Answer<u64> {
    if arms < 2 {
        return Err(Refusal::Unusable { name: "arms", why: "there must be two at least" });
    }
    let found =
        normal::upper_quantile(0.5 * share("alpha", alpha)?) + normal::quantile(share("power", power)?);
    let effect = positive("the absolute effect", detectable.abs())?;
    let units = 2.0 * positive("the variance", variance)? * found * found / (effect * effect);
    Ok(units.ceil() as u64 * u64::from(arms))
}

/// By how much turns of the same user make a sample count for less: 1 + (m (1 + cv²) − 1) ICC, of `turns` a user on
/// average, whose number varies by `variation` (a deviation over the mean), and which are so much alike.
#[must_use]
pub fn design_effect(turns: f64, variation: f64, correlation: f64) -> f64 {
    1.0 + (turns * (1.0 + variation * variation) - 1.0) * correlation
}
