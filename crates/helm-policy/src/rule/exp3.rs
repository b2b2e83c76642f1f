use super::{Belief, Drawn, Rule};
use crate::error::Result;

/// Exponential weights on importance-weighted losses with implicit exploration, for rewards that an adversary
/// may choose: p ∝ exp(−η L), L += (1 − r) / (p + γ) for the strategy played, η = √(2 ln K / (K t)), γ = η/2
/// (Kocák, Neu, Valko & Munos 2014; Neu 2015), with the rate of a known horizon at each t.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exp3Ix;

/// η after `rewards` rewards over `strategies` strategies.
fn learning_rate(strategies: f64, rewards: f64) -> f64 {
    libm::sqrt(2.0 * libm::log(strategies) / (strategies * rewards.max(1.0)))
}

impl Rule for Exp3Ix {
    fn probabilities(&self, beliefs: &[Belief], rewards: u64, out: &mut [f64]) -> Result<()> {
        let eta = learning_rate(beliefs.len() as f64, rewards as f64);
        let least = beliefs.iter().map(|belief| belief.loss).fold(f64::INFINITY, f64::min);
        out.iter_mut().zip(beliefs).for_each(|(out, belief)| *out = libm::exp(-eta * (belief.loss - least)));
        Ok(())
    }

    /// Uses the logged propensity and the number of rewards at the decision, so late rewards count alike.
    fn loss(&self, drawn: &Drawn, reward: f64) -> f64 {
        let gamma = 0.5 * learning_rate(drawn.strategies as f64, drawn.rewards as f64);
        (1.0 - reward) / (drawn.propensity + gamma)
    }

    fn reads_widths(&self) -> bool {
        false
    }
}
