use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{StrategyId, StrategyName};

use crate::error::{Error, Result};
use crate::posterior::Posterior;
use crate::quadrature::probability_of_best;

/// Turns beliefs into the probabilities of choosing each strategy.
pub trait Rule: Send + Sync {
    /// One number of at least 0 for each strategy, in the order given; they are divided by their sum, and the
    /// floor is added after that. `rewards` is how many rewards the task has.
    ///
    /// # Errors
    ///
    /// Whatever keeps the rule from deciding.
    fn probabilities(
        &self,
        strategies: &[StrategyId],
        posteriors: &[Posterior],
        rewards: u64,
    ) -> Result<Vec<f64>>;
}

impl<R: Rule + ?Sized> Rule for Arc<R> {
    fn probabilities(
        &self,
        strategies: &[StrategyId],
        posteriors: &[Posterior],
        rewards: u64,
    ) -> Result<Vec<f64>> {
        (**self).probabilities(strategies, posteriors, rewards)
    }
}

impl<R: Rule + ?Sized> Rule for Box<R> {
    fn probabilities(
        &self,
        strategies: &[StrategyId],
        posteriors: &[Posterior],
        rewards: u64,
    ) -> Result<Vec<f64>> {
        (**self).probabilities(strategies, posteriors, rewards)
    }
}

/// Thompson sampling (Thompson 1933) without the sampling: the probability of each strategy is that of holding
/// the largest mean, integrated numerically, so it is exact however small.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Thompson {
    /// Scales the posteriors around their means: below 1 explores less. In (0, 10].
    width: f64,
}

impl Thompson {
    /// Thompson sampling with posteriors `width` times as wide.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `width` is not in (0, 10].
    pub fn new(width: f64) -> Result<Self> {
        if width > 0.0 && width <= 10.0 {
            return Ok(Self { width });
        }
        Err(Error::InvalidParameter {
            parameter: "width",
            accepted: "above 0 and at most 10",
            value: width.to_string(),
        })
    }
}

impl Rule for Thompson {
    fn probabilities(&self, _: &[StrategyId], posteriors: &[Posterior], _: u64) -> Result<Vec<f64>> {
        let scaled: Vec<_> = posteriors.iter().map(|posterior| posterior.scaled(self.width)).collect();
        Ok(probability_of_best(&scaled))
    }
}

/// With probability ε any strategy, else one with the largest posterior mean, ties evenly (Auer, Cesa-Bianchi
/// & Fischer 2002).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EpsilonGreedy {
    epsilon: f64,
}

impl EpsilonGreedy {
    /// The rule with this ε.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `epsilon` is not in \[0, 1\].
    pub fn new(epsilon: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&epsilon) {
            return Ok(Self { epsilon });
        }
        Err(Error::InvalidParameter {
            parameter: "epsilon",
            accepted: "from 0 to 1",
            value: epsilon.to_string(),
        })
    }
}

impl Rule for EpsilonGreedy {
    fn probabilities(&self, _: &[StrategyId], posteriors: &[Posterior], _: u64) -> Result<Vec<f64>> {
        let means: Vec<_> = posteriors.iter().map(Posterior::mean).collect();
        let best = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let is_best = |mean: f64| mean >= best;
        let ties = means.iter().filter(|mean| is_best(**mean)).count() as f64;
        let explore = self.epsilon / means.len() as f64;
        let share = |mean: &f64| explore + if is_best(*mean) { (1.0 - self.epsilon) / ties } else { 0.0 };
        Ok(means.iter().map(share).collect())
    }
}

/// Every strategy equally likely.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RandomRule;

impl Rule for RandomRule {
    fn probabilities(&self, strategies: &[StrategyId], _: &[Posterior], _: u64) -> Result<Vec<f64>> {
        Ok(vec![1.0; strategies.len()])
    }
}

/// Given weights, whatever the rewards. Strategies without a weight have weight 0.
#[derive(Clone, PartialEq, Debug)]
pub struct FixedWeights {
    weights: BTreeMap<StrategyName, f64>,
}

impl FixedWeights {
    /// The rule with these weights.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when a weight is not a finite number of at least 0, or none is above 0.
    pub fn new(weights: BTreeMap<StrategyName, f64>) -> Result<Self> {
        let usable = weights.values().all(|weight| weight.is_finite() && *weight >= 0.0);
        if usable && weights.values().any(|weight| *weight > 0.0) {
            return Ok(Self { weights });
        }
        Err(Error::InvalidParameter {
            parameter: "weights",
            accepted: "finite numbers of at least 0, one of them above 0",
            value: format!("{weights:?}"),
        })
    }
}

impl Rule for FixedWeights {
    /// When only strategies without weight are eligible, they are equally likely.
    fn probabilities(&self, strategies: &[StrategyId], _: &[Posterior], _: u64) -> Result<Vec<f64>> {
        let weight = |id: &StrategyId| self.weights.get(id.name()).copied().unwrap_or(0.0);
        let weights: Vec<_> = strategies.iter().map(weight).collect();
        if weights.iter().any(|weight| *weight > 0.0) {
            return Ok(weights);
        }
        Ok(vec![1.0; strategies.len()])
    }
}
