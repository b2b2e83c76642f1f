use rand_core::Rng;
use smallvec::SmallVec;

use super::{Belief, Rule};
use crate::best::{probability_of_best, ratios_of_best};
use crate::error::{Error, Result};
use crate::posterior::Posterior;
use crate::sampling::uniform_of;

/// Thompson sampling (Thompson 1933) without the sampling: the probability of each strategy is that of holding
/// the largest mean, integrated numerically; the probabilities sum to 1 within 1e-7.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Thompson {
    width: f64,
    widened: bool,
}

impl Thompson {
    /// Thompson sampling with posteriors `width` times as wide around their means: below 1 explores less.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `width` is not in \[0.001, 10\].
    pub fn new(width: f64) -> Result<Self> {
        if (0.001..=10.0).contains(&width) {
            return Ok(Self { width, widened: false });
        }
        Err(Error::InvalidParameter {
            parameter: "width",
            accepted: "from 0.001 to 10",
            value: width.to_string(),
        })
    }

    /// Widens by 1 + 1/K² where only K strategies are eligible: with two, an early mistake is the hardest to
    /// see.
    #[must_use]
    pub fn widened_for_few(mut self) -> Self {
        self.widened = true;
        self
    }

    /// One strategy by sampling itself: a draw from each belief, and the largest wins. Cheaper than the probabilities,
    /// and without any: not for decisions that are logged. `None` without beliefs.
    #[must_use]
    pub fn draw(&self, beliefs: &[Belief], rng: &mut impl Rng) -> Option<usize> {
        let width = self.width(beliefs.len());
        let (mut best, mut ties): (Option<(usize, f64)>, f64) = (None, 1.0);
        // Draws near 1 are told apart by their log-odds.
        let near_one =
            |posterior: &Posterior| matches!(posterior, Posterior::Beta { a, b } if a.min(*b) < 1.0);
        let all_betas = beliefs.iter().all(|belief| matches!(belief.posterior, Posterior::Beta { .. }));
        let scaled = |posterior: Posterior| if width == 1.0 { posterior } else { posterior.scaled(width) };
        let by_odds = all_betas && beliefs.iter().any(|belief| near_one(&scaled(belief.posterior)));
        for (index, belief) in beliefs.iter().enumerate() {
            let posterior = scaled(belief.posterior);
            let value = if by_odds { posterior.sample_log_odds(rng) } else { posterior.sample(rng) };
            match best {
                Some((_, largest)) if value == largest => {
                    ties += 1.0;
                    // Each of those that tie is kept as often as the others.
                    if uniform_of(rng.next_u64()) * ties < 1.0 {
                        best = Some((index, value));
                    }
                }
                Some((_, largest)) if value < largest => {}
                _ => (best, ties) = (Some((index, value)), 1.0),
            }
        }
        best.map(|(index, _)| index)
    }

    fn width(&self, strategies: usize) -> f64 {
        let k = strategies.max(1) as f64;
        if self.widened { self.width * (1.0 + 1.0 / (k * k)) } else { self.width }
    }
}

impl Rule for Thompson {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        let width = self.width(beliefs.len());
        probability_of_best(beliefs.iter().map(|belief| belief.posterior.scaled(width)), out)
    }
}

/// Top-two Thompson sampling: the leader by Thompson sampling with probability β, else the first other one that
/// further draws bring up (Russo 2016, algorithm 3): p = β q + (1 − β) Σ_{i≠a} q_i q_a / (1 − q_i), with q
/// Thompson's probabilities. For finding the best strategy rather than for earning. Default: β = ½.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TopTwoThompson {
    leader: f64,
}

impl TopTwoThompson {
    /// The rule with this β.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when `leader` is not in (0, 1].
    pub fn new(leader: f64) -> Result<Self> {
        if leader > 0.0 && leader <= 1.0 {
            return Ok(Self { leader });
        }
        Err(Error::InvalidParameter {
            parameter: "leader",
            accepted: "above 0 and at most 1",
            value: leader.to_string(),
        })
    }
}

/// Where challengers together are rarer, their probabilities are integrated to a proportion.
const RARE: f64 = 1e-4;

/// Below this a challenger's probability says nothing: all challengers are then equally likely.
const VANISHED: f64 = 1e-290;

impl Rule for TopTwoThompson {
    fn probabilities(&self, beliefs: &[Belief], _: u64, out: &mut [f64]) -> Result<()> {
        let posteriors = beliefs.iter().map(|belief| belief.posterior);
        probability_of_best(posteriors.clone(), out)?;
        if out.len() < 2 {
            return Ok(());
        }
        if (0..out.len()).any(|leader| others(out, leader) < RARE) {
            ratios_of_best(posteriors, out)?;
        }
        // Σ over the others, rather than 1 − q, keeps its precision when one strategy has nearly all.
        let ratios: f64 = (0..out.len()).map(|leader| ratio(out, leader)).sum();
        let flat = (0..out.len()).find(|leader| others(out, *leader) <= VANISHED);
        let mixed = |index: usize, q: f64, out: &[f64]| match flat {
            Some(leader) if leader == index => self.leader,
            Some(_) => (1.0 - self.leader) / (out.len() as f64 - 1.0),
            None => self.leader * q + (1.0 - self.leader) * q * (ratios - ratio(out, index)),
        };
        let before: SmallVec<[f64; 16]> = SmallVec::from_slice(out);
        for (index, (out, q)) in out.iter_mut().zip(&before).enumerate() {
            *out = mixed(index, *q, &before);
        }
        Ok(())
    }
}

fn others(q: &[f64], leader: usize) -> f64 {
    q.iter().enumerate().filter(|(index, _)| *index != leader).map(|(_, q)| q).sum()
}

/// q_i / (1 − q_i).
fn ratio(q: &[f64], leader: usize) -> f64 {
    let own = q.get(leader).copied().unwrap_or(0.0);
    own / others(q, leader).max(VANISHED)
}
