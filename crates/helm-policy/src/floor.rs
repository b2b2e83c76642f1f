use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The exploration that every policy keeps: a total probability mass, spread evenly over the eligible
/// strategies. Without it nothing could be said about strategies that a policy has given up.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Option<f64>", into = "Option<f64>")]
pub enum Floor {
    /// min(0.02, 0.2 / √t) after t rewards of the task.
    #[default]
    Shrinking,
    /// This mass, always.
    Constant(f64),
}

impl Floor {
    /// A constant mass.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `mass` is not in \[0, 1\].
    pub fn constant(mass: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&mass) {
            return Ok(Self::Constant(mass));
        }
        Err(Error::InvalidParameter { parameter: "floor", accepted: "from 0 to 1", value: mass.to_string() })
    }

    /// The mass after `rewards` rewards.
    #[must_use]
    pub fn mass(&self, rewards: u64) -> f64 {
        match *self {
            Self::Shrinking => (0.2 / (rewards.max(1) as f64).sqrt()).min(0.02),
            Self::Constant(mass) => mass,
        }
    }

    /// Normalises `weights` and mixes the floor in: p' = (1 − m) p + m / K.
    pub(crate) fn mix(&self, mut weights: Vec<f64>, rewards: u64) -> Result<Vec<f64>> {
        if let Some(&value) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(Error::InvalidProbability { value });
        }
        let (mass, each) = (self.mass(rewards), self.mass(rewards) / weights.len() as f64);
        // Twice, since the first division leaves the sum off by rounding.
        for _ in 0..2 {
            let total: f64 = weights.iter().sum();
            if !(total.is_finite() && total > 0.0) {
                return Err(Error::InvalidProbability { value: total });
            }
            weights.iter_mut().for_each(|weight| *weight /= total);
        }
        weights.iter_mut().for_each(|weight| *weight = ((1.0 - mass) * *weight + each).min(1.0));
        Ok(weights)
    }
}

impl TryFrom<Option<f64>> for Floor {
    type Error = Error;

    fn try_from(given: Option<f64>) -> Result<Self> {
        given.map_or(Ok(Self::Shrinking), Self::constant)
    }
}

impl From<Floor> for Option<f64> {
    fn from(floor: Floor) -> Self {
        match floor {
            Floor::Shrinking => None,
            Floor::Constant(mass) => Some(mass),
        }
    }
}
