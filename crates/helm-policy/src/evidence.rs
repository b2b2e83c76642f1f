use helm_core::{Stats, StrategyId};

use crate::error::{Error, Result};

/// A sum of rewards as floats, for reading: possibly discounted, never stored.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Evidence {
    /// How many rewards.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_sq: f64,
}

impl Evidence {
    /// Reads stored statistics.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptStats`] when they cannot have come from rewards in \[0, 1\].
    pub fn of(stats: &Stats, strategy: &StrategyId) -> Result<Self> {
        let (count, sum, sum_sq) = (stats.count as f64, stats.reward.to_f64(), stats.reward_sq.to_f64());
        let corrupt = |reason| Err(Error::CorruptStats { strategy: strategy.clone(), reason });
        // Each quantised reward is off by at most 2^-33, and each square by a little more.
        let slack = 1e-9 * (count.abs() + 1.0);
        if stats.count < 0 {
            return corrupt("the count is negative");
        }
        if sum < -slack || sum > count + slack {
            return corrupt("the sum is not between 0 and the count");
        }
        if sum_sq > sum + slack || sum_sq * count < sum * sum - slack * (count + 1.0) {
            return corrupt("the sum of squares does not fit the sum");
        }
        Ok(Self { count, sum: sum.clamp(0.0, count), sum_sq: sum_sq.max(0.0) })
    }

    /// The mean; one half without any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count > 0.0 { self.sum / self.count } else { 0.5 }
    }

    /// The sum of squared deviations from the mean; 0 without any.
    #[must_use]
    pub fn scatter(&self) -> f64 {
        if self.count > 0.0 { (self.sum_sq - self.sum * self.sum / self.count).max(0.0) } else { 0.0 }
    }

    /// Whether every reward was 0 or 1: only then is a reward's square the reward.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        (self.sum - self.sum_sq).abs() <= 1e-9 * (self.count + 1.0)
    }

    /// Each reward counted `weight` times.
    #[must_use]
    pub fn weighted(self, weight: f64) -> Self {
        Self { count: weight * self.count, sum: weight * self.sum, sum_sq: weight * self.sum_sq }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            sum_sq: self.sum_sq + other.sum_sq,
        }
    }

    /// What is left without `part`, for leaving a user out of their own prior. What falls below nothing by
    /// rounding is nothing.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        let count = (self.count - part.count).max(0.0);
        Self {
            count,
            sum: (self.sum - part.sum).clamp(0.0, count),
            sum_sq: (self.sum_sq - part.sum_sq).max(0.0),
        }
    }
}
