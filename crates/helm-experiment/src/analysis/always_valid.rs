use super::mean::{Difference, Interval};
use super::refusal::{Answer, Refusal, positive, share};

/// Which side a confidence sequence leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sides {
    /// None.
    Two,
    /// One: the other end is of no interest.
    One,
}

/// An interval that holds at all looks together: whoever looks after every unit and stops when it leaves out 0 is wrong
/// with probability `alpha` at most.
///
/// The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), which is the normal
/// mixture of Robbins (1970) and Howard et al. (2021), and the mixture SPRT of Johari et al. (2022). It is asymptotic: do
/// not look before there are some hundred units in each arm.
///
/// ```
/// use helm_experiment::analysis::{AlwaysValid, Moments, Sides, welch};
///
/// let (control, treatment) = (Moments::new(500, 1.0, 1.0)?, Moments::new(520, 1.1, 1.1)?);
/// let look = AlwaysValid::new(0.05, 5_000, Sides::Two)?.look(&welch(&control, &treatment)?, 1_020)?;
/// assert!(look.interval.contains(0.0) && look.ln_e < 1.0);
/// # Ok::<(), helm_experiment::analysis::Refusal>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AlwaysValid {
    alpha: f64,
    tuned_for: f64,
    sides: Sides,
}

/// What one look says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Look {
    /// The interval, of which the intersection over all looks holds too.
    pub interval: Interval,
    /// The natural logarithm of the e-value: the evidence against no difference, multiplicative over independent data.
    pub ln_e: f64,
    /// The probability that holds at any time; the least of all looks holds too.
    pub p: f64,
}

impl AlwaysValid {
    /// Tightest, relative to an interval of one look, at `tuned_for` units in all arms together. That is fixed before the
    /// first look.
    ///
    /// # Errors
    ///
    /// When `alpha` is not between 0 and 1 (½ for one side) or `tuned_for` is 0.
    pub fn new(alpha: f64, tuned_for: u64, sides: Sides) -> Answer<Self> {
        let alpha = share("alpha", alpha)?;
        if sides == Sides::One && alpha >= 0.5 {
            return Err(Refusal::NoShare { name: "twice alpha", value: 2.0 * alpha });
        }
        Ok(Self { alpha, tuned_for: positive("the number of units", tuned_for as f64)?, sides })
    }

    /// The scale ρ² of the mixture.
    #[must_use]
    pub fn rho_squared(&self) -> f64 {
        let alpha = if self.sides == Sides::One { 2.0 * self.alpha } else { self.alpha };
        let twice = -2.0 * libm::log(alpha);
        (twice + libm::log1p(twice)) / self.tuned_for
    }

    /// Half the width, in standard errors, at so many units.
    #[must_use]
    pub fn half_width(&self, units: u64) -> f64 {
        let scaled = units as f64 * self.rho_squared();
        let ln = match self.sides {
            Sides::Two => 0.5 * libm::log1p(scaled) - libm::log(self.alpha),
            Sides::One => libm::log1p(libm::sqrt(scaled + 1.0) / (2.0 * self.alpha)),
        };
        libm::sqrt(2.0 * (scaled + 1.0) / scaled * ln)
    }

    /// A look at a difference of so many units in all arms together. The degrees of freedom do not count.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`].
    pub fn look(&self, difference: &Difference, units: u64) -> Answer<Look> {
        if units == 0 {
            return Err(Refusal::NoUnits);
        }
        let scaled = units as f64 * self.rho_squared();
        let t = difference.t();
        let ln_e = scaled * t * t / (2.0 * (scaled + 1.0)) - 0.5 * libm::log1p(scaled);
        let interval = Interval::around(difference.value, self.half_width(units) * difference.error);
        Ok(Look { interval, ln_e, p: libm::exp(-ln_e).min(1.0) })
    }
}
