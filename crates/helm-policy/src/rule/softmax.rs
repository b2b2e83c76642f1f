use super::{Belief, Rule};
use crate::error::{Error, Result};

/// Probabilities proportional to exp(mean / τ) (Boltzmann exploration; Sutton & Barto 2018, 2.8).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Softmax {
    temperature: f64,
}

impl Softmax {
    /// The rule with this τ, in reward units.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `temperature` is not a finite number above 0.
    pub fn new(temperature: f64) -> Result<Self> {
        if temperature.is_finite() && temperature > 0.0 {
            return Ok(Self { temperature });
        }
        Err(Error::InvalidParameter {
            parameter: "temperature",
            accepted: "a finite number above 0",
            value: temperature.to_string(),
        })
    }
}

impl Rule for Softmax {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        let means = || beliefs.iter().map(|belief| belief.posterior.mean());
        let best = means().fold(f64::NEG_INFINITY, f64::max);
        out.iter_mut()
            .zip(means())
            .for_each(|(out, mean)| *out = libm::exp((mean - best) / self.temperature));
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}
