use super::{Belief, Rule};
use crate::error::{Error, Result};

/// Inverse gap weighting: p = 1 / (K + γ (best mean − mean)) for all but the best, which has the rest, with
/// γ = γ0 t^ρ after t rewards (Abe & Long 1999; Foster & Rakhlin 2020, "SquareCB"). Ties for the best share.
/// Defaults: γ0 = 10, ρ = 0.5.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct InverseGap {
    gamma: f64,
    exponent: f64,
}

impl Default for InverseGap {
    fn default() -> Self {
        Self { gamma: 10.0, exponent: 0.5 }
    }
}

impl InverseGap {
    /// The rule with these γ0 and ρ.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when γ0 is not a finite number above 0 or ρ is not in \[0, 1\].
    pub fn new(gamma: f64, exponent: f64) -> Result<Self> {
        if gamma.is_finite() && gamma > 0.0 && (0.0..=1.0).contains(&exponent) {
            return Ok(Self { gamma, exponent });
        }
        Err(Error::InvalidParameter {
            parameter: "gamma and exponent",
            accepted: "a finite gamma above 0 and an exponent from 0 to 1",
            value: format!("{gamma}, {exponent}"),
        })
    }
}

impl Rule for InverseGap {
    fn probabilities(&self, beliefs: &[Belief], rewards: u64, out: &mut [f64]) -> Result<()> {
        let gamma = self.gamma * libm::pow(rewards.max(1) as f64, self.exponent);
        let best = beliefs.iter().map(|belief| belief.posterior.mean()).fold(f64::NEG_INFINITY, f64::max);
        let (mut others, mut ties) = (0.0, 0.0);
        for (out, belief) in out.iter_mut().zip(beliefs) {
            let gap = best - belief.posterior.mean();
            *out = if gap > 0.0 { 1.0 / (beliefs.len() as f64 + gamma * gap) } else { -1.0 };
            if gap > 0.0 { others += *out } else { ties += 1.0 }
        }
        // Rounding with very many strategies may leave less than nothing.
        let rest = (1.0_f64 - others).max(0.0) / ties;
        out.iter_mut().filter(|out| **out < 0.0).for_each(|best| *best = rest);
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}
