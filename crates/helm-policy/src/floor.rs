use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The exploration that every policy keeps: a total probability mass, spread evenly over the eligible
/// strategies. Without it nothing could be said about strategies that a policy has given up.
///
/// In configuration a number from 0 to 1, or the word `shrinking`, which is the default.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Floor(Kind);

#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum Kind {
    #[default]
    Shrinking,
    Constant(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "floor is a number from 0 to 1, or the word \"shrinking\"")]
enum Written {
    Mass(f64),
    Word(Word),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Shrinking,
}

impl Floor {
    /// min(0.02, 0.2 / √t) after t rewards of the task.
    #[must_use]
    pub fn shrinking() -> Self {
        Self(Kind::Shrinking)
    }

    /// This mass, always.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `mass` is not in \[0, 1\].
    pub fn constant(mass: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&mass) {
            return Ok(Self(Kind::Constant(mass)));
        }
        Err(Error::InvalidParameter { parameter: "floor", accepted: "from 0 to 1", value: mass.to_string() })
    }

    /// The mass after `rewards` rewards.
    #[must_use]
    pub fn mass(&self, rewards: u64) -> f64 {
        match self.0 {
            Kind::Shrinking => (0.2 / libm::sqrt(rewards.max(1) as f64)).min(0.02),
            Kind::Constant(mass) => mass,
        }
    }
}

/// Normalises `weights` and mixes in a floor of total mass m: p' = (1 − m) p + m / K.
///
/// # Errors
///
/// [`Error::InvalidProbability`] when a weight is negative or not finite, or all vanish.
pub(crate) fn mix(mass: f64, weights: &mut [f64]) -> Result<()> {
    let each = mass / weights.len() as f64;
    let (mut least, mut total) = (f64::INFINITY, 0.0);
    for weight in weights.iter() {
        // A NaN makes the sum NaN.
        least = least.min(*weight);
        total += weight;
    }
    if least < 0.0 || !(total.is_finite() && total > 0.0) {
        let refused = |weight: &&f64| weight.is_nan() || **weight < 0.0;
        let value = weights.iter().find(refused).copied().unwrap_or(total);
        return Err(Error::InvalidProbability { value });
    }
    // Once more where the first pass leaves the sum off by rounding.
    for _ in 0..2 {
        if (total - 1.0).abs() <= 2.0 * f64::EPSILON {
            break;
        }
        weights.iter_mut().for_each(|weight| *weight /= total);
        total = weights.iter().sum();
    }
    // One strategy alone may come out a rounding above 1.
    weights.iter_mut().for_each(|weight| *weight = ((1.0 - mass) * *weight + each).min(1.0));
    Ok(())
}

impl TryFrom<Written> for Floor {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self> {
        match written {
            Written::Mass(mass) => Self::constant(mass),
            Written::Word(Word::Shrinking) => Ok(Self::shrinking()),
        }
    }
}

impl From<Floor> for Written {
    fn from(floor: Floor) -> Self {
        match floor.0 {
            Kind::Shrinking => Self::Word(Word::Shrinking),
            Kind::Constant(mass) => Self::Mass(mass),
        }
    }
}
