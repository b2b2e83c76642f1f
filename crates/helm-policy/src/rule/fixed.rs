use std::collections::BTreeMap;

use helm_core::{StrategyId, StrategyName};

use super::{Belief, Rule};
use crate::error::{Error, Result};

/// Every strategy equally likely.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RandomRule;

impl Rule for RandomRule {
    fn probabilities(&self, _: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        out.fill(1.0);
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
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

    fn weight(&self, id: &StrategyId) -> f64 {
        self.weights.get(id.name()).copied().unwrap_or(0.0)
    }
}

impl Rule for FixedWeights {
    /// When only strategies without weight are eligible, they are equally likely.
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        out.iter_mut().zip(beliefs).for_each(|(out, belief)| *out = self.weight(&belief.id));
        if out.iter().all(|weight| *weight == 0.0) {
            out.fill(1.0);
        }
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}
