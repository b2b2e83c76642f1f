use super::{Belief, Rule, play_largest};
use crate::error::{Error, Result};
use crate::evidence::Evidence;

/// ln t; 0 until there are 2 rewards.
fn ln(total: f64) -> f64 {
    if total > 1.0 { libm::log(total) } else { 0.0 }
}

/// Plays the largest index. A strategy without rewards has an infinite one; all such tie.
fn by_index(beliefs: &[Belief], out: &mut [f64], index: impl Fn(&Evidence, f64) -> f64) {
    let total: f64 = beliefs.iter().map(|belief| belief.evidence.count).sum();
    for (out, belief) in out.iter_mut().zip(beliefs) {
        *out = if belief.evidence.count > 0.0 { index(&belief.evidence, total) } else { f64::INFINITY };
    }
    play_largest(out);
}

/// The largest mean + √(2 ln t / n), each strategy once first (Auer, Cesa-Bianchi & Fischer 2002, "UCB1").
/// Pooled over users. Deterministic up to ties: all exploration that a log shows comes from the floor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ucb1;

impl Ucb1 {
    /// The index of a strategy with these rewards, when all strategies together have `total`.
    #[must_use]
    pub fn index(evidence: &Evidence, total: f64) -> f64 {
        if evidence.count > 0.0 {
            evidence.mean() + libm::sqrt(2.0 * ln(total) / evidence.count)
        } else {
            f64::INFINITY
        }
    }
}

impl Rule for Ucb1 {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        by_index(beliefs, out, Self::index);
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}

/// UCB1 with the bonus √(ln t / n · min(¼, V)), V the empirical variance + √(2 ln t / n) (the same paper,
/// "UCB1-tuned").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ucb1Tuned;

impl Ucb1Tuned {
    /// The index of a strategy with these rewards, when all strategies together have `total`.
    #[must_use]
    pub fn index(evidence: &Evidence, total: f64) -> f64 {
        let bonus = ln(total) / evidence.count;
        let variance = evidence.scatter() / evidence.count + libm::sqrt(2.0 * bonus);
        evidence.mean() + libm::sqrt(bonus * variance.min(0.25))
    }
}

impl Rule for Ucb1Tuned {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        by_index(beliefs, out, Self::index);
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}

/// The largest q with n kl(mean, q) ≤ ln t, kl between Bernoulli laws (Garivier & Cappé 2011, with c = 0);
/// for rewards anywhere in \[0, 1\].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KlUcb;

/// Bisections; each halves an interval of at most 1.
const BISECTIONS: u32 = 48;

impl KlUcb {
    /// The index of a strategy with these rewards, when all strategies together have `total`.
    #[must_use]
    pub fn index(evidence: &Evidence, total: f64) -> f64 {
        let ln_total = ln(total);
        let mean = evidence.mean().clamp(0.0, 1.0);
        let (mut low, mut high) = (mean, 1.0);
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (low + high);
            if evidence.count * bernoulli_kl(mean, middle) <= ln_total {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// kl(p, q); both are kept 1e-15 away from 0 and 1, where it is infinite.
fn bernoulli_kl(p: f64, q: f64) -> f64 {
    let inside = |x: f64| x.clamp(1e-15, 1.0 - 1e-15);
    let (p, q) = (inside(p), inside(q));
    p * libm::log(p / q) + (1.0 - p) * libm::log((1.0 - p) / (1.0 - q))
}

impl Rule for KlUcb {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        by_index(beliefs, out, Self::index);
        Ok(())
    }

    fn reads_widths(&self) -> bool {
        false
    }
}

/// The largest posterior mean + α · deviation: over a ridge learner with unit noise this is LinUCB (Li, Chu,
/// Langford & Schapire 2010, algorithm 1).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Optimism {
    alpha: f64,
}

impl Optimism {
    /// The rule with this α.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `alpha` is not a finite number of at least 0.
    pub fn new(alpha: f64) -> Result<Self> {
        if alpha.is_finite() && alpha >= 0.0 {
            return Ok(Self { alpha });
        }
        Err(Error::InvalidParameter {
            parameter: "alpha",
            accepted: "a finite number of at least 0",
            value: alpha.to_string(),
        })
    }
}

impl Rule for Optimism {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        for (out, belief) in out.iter_mut().zip(beliefs) {
            *out = belief.posterior.mean() + self.alpha * belief.posterior.spread();
        }
        play_largest(out);
        Ok(())
    }
}
