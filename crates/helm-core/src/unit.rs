use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};

fn check(what: &'static str, value: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&value) {
        // Adding zero turns -0.0 into 0.0, so that equal values have equal bits.
        return Ok(value + 0.0);
    }
    Err(Error::OutOfRange { what, accepted: "a number from 0 to 1", value })
}

/// A score, confidence or reward: a finite number in \[0, 1\].
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct UnitInterval(f64);

impl UnitInterval {
    /// The worst score.
    pub const ZERO: Self = Self(0.0);
    /// The best score.
    pub const ONE: Self = Self(1.0);

    /// Checks `value`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `value` is NaN, infinite or outside \[0, 1\].
    pub fn new(value: f64) -> Result<Self> {
        check("a score or reward", value).map(Self)
    }

    /// The nearest value in \[0, 1\]; for results of arithmetic that may leave the interval by rounding or by
    /// a stated rule. NaN is refused.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `value` is NaN.
    pub fn clamped(value: f64) -> Result<Self> {
        Self::new(value.clamp(0.0, 1.0))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A probability: a finite number in \[0, 1\].
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize)]
#[serde(transparent)]
pub struct Probability(f64);

impl Probability {
    /// A certainty.
    pub const ONE: Self = Self(1.0);

    /// Checks `value`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `value` is NaN, infinite or outside \[0, 1\].
    pub fn new(value: f64) -> Result<Self> {
        check("a probability", value).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for UnitInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for UnitInterval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_closed_interval_is_accepted() {
        for bad in [f64::NAN, f64::INFINITY, -1e-9, 1.0 + 1e-9] {
            assert!(UnitInterval::new(bad).is_err());
            assert!(Probability::new(bad).is_err());
        }
        assert_eq!(UnitInterval::new(-0.0).unwrap().get().to_bits(), 0.0_f64.to_bits());
        assert!(UnitInterval::clamped(f64::NAN).is_err());
        assert_eq!(UnitInterval::clamped(7.0).unwrap(), UnitInterval::ONE);
    }
}
