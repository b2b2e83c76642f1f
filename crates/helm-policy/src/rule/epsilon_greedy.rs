use super::{Belief, Rule};
use crate::error::{Error, Result};

/// With probability ε any strategy, else one with the largest posterior mean, ties evenly (Auer, Cesa-Bianchi
/// & Fischer 2002). With a decay c, ε is min(ε, c K / t) after t rewards, as in their εn-greedy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EpsilonGreedy {
    epsilon: f64,
    decay: Option<f64>,
}

impl EpsilonGreedy {
    /// The rule with this ε, constant.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `epsilon` is not in \[0, 1\].
    pub fn new(epsilon: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&epsilon) {
            return Ok(Self { epsilon, decay: None });
        }
        Err(Error::InvalidParameter {
            parameter: "epsilon",
            accepted: "from 0 to 1",
            value: epsilon.to_string(),
        })
    }

    /// Lets ε fall as c K / t.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `decay` is not a finite number above 0.
    pub fn decaying(mut self, decay: f64) -> Result<Self> {
        if decay.is_finite() && decay > 0.0 {
            self.decay = Some(decay);
            return Ok(self);
        }
        Err(Error::InvalidParameter {
            parameter: "decay",
            accepted: "a finite number above 0",
            value: decay.to_string(),
        })
    }

    fn epsilon(&self, strategies: f64, rewards: u64) -> f64 {
        let decayed = self.decay.map(|c| c * strategies / rewards.max(1) as f64);
        decayed.map_or(self.epsilon, |decayed| decayed.min(self.epsilon))
    }
}

impl Rule for EpsilonGreedy {
    fn probabilities(&self, beliefs: &[Belief], rewards: u64, out: &mut [f64]) -> Result<()> {
        let strategies = beliefs.len() as f64;
        let epsilon = self.epsilon(strategies, rewards);
        let (mut best, mut ties) = (f64::NEG_INFINITY, 0.0);
        for (out, belief) in out.iter_mut().zip(beliefs) {
            let mean = belief.posterior.mean();
            *out = mean;
            ties = if mean > best { 1.0 } else { ties + f64::from(mean == best) };
            best = best.max(mean);
        }
        let (each, share) = (epsilon / strategies, (1.0 - epsilon) / ties);
        out.iter_mut().for_each(|out| *out = if *out == best { each + share } else { each });
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}
