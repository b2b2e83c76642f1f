use helm_core::{StrategyId, UnitInterval};

use crate::random::{normal, uniform};

/// The law of one strategy's rewards.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Arm {
    /// 1 with this probability, else 0.
    Bernoulli(UnitInterval),
    /// This mean with noise of this standard deviation, cut to \[0, 1\].
    Noisy(UnitInterval, f64),
}

impl Arm {
    /// What it pays on average, before cutting.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Bernoulli(mean) | Self::Noisy(mean, _) => mean.get(),
        }
    }
}

/// Rewards of some strategies, the same for all users and all times.
#[derive(Clone, PartialEq, Debug)]
pub struct Environment {
    arms: Vec<(StrategyId, Arm)>,
}

impl Environment {
    /// An environment of these strategies.
    #[must_use]
    pub fn new(arms: Vec<(StrategyId, Arm)>) -> Self {
        Self { arms }
    }

    /// The strategies and their laws.
    #[must_use]
    pub fn arms(&self) -> &[(StrategyId, Arm)] {
        &self.arms
    }

    /// What the best strategy pays on average; 0 without strategies.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.arms.iter().map(|(_, arm)| arm.mean()).fold(0.0, f64::max)
    }

    /// What strategy number `arm` pays at `step`; `None` when there is no such strategy. The same for the same
    /// seed, step and strategy, whatever was played before.
    #[must_use]
    pub fn reward(&self, seed: u64, step: u64, arm: usize) -> Option<UnitInterval> {
        let place = [step, arm as u64];
        let value = match self.arms.get(arm)?.1 {
            Arm::Bernoulli(mean) => f64::from(uniform(seed, &place) < mean.get()),
            Arm::Noisy(mean, deviation) => mean.get() + deviation * normal(seed, &place),
        };
        UnitInterval::clamped(value).ok()
    }
}
