//! From beliefs to the probabilities of choosing.

mod epsilon_greedy;
mod exp3;
mod fixed;
mod inverse_gap;
mod randomized_ucb;
mod softmax;
mod thompson;
mod track_and_stop;
mod ucb;

use std::sync::Arc;

use helm_core::{Decision, StrategyId};

pub use epsilon_greedy::EpsilonGreedy;
pub use exp3::Exp3Ix;
pub use fixed::{FixedWeights, RandomRule};
pub use inverse_gap::InverseGap;
pub use randomized_ucb::RandomizedUcb;
pub use softmax::Softmax;
pub use thompson::{Thompson, TopTwoThompson};
pub use track_and_stop::TrackAndStop;
pub use ucb::{KlUcb, Optimism, Ucb1, Ucb1Tuned};

use crate::error::Result;
use crate::evidence::Evidence;
use crate::posterior::Posterior;

/// One eligible strategy as a rule sees it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Belief {
    /// The strategy.
    pub id: StrategyId,
    /// The learner's belief about its mean reward.
    pub posterior: Posterior,
    /// Everybody's rewards, discounted where the policy forgets.
    pub evidence: Evidence,
    /// The sum of its importance-weighted losses, for rules that count them.
    pub loss: f64,
}

impl Belief {
    /// A belief without rewards and losses.
    #[must_use]
    pub fn new(id: StrategyId, posterior: Posterior) -> Self {
        Self { id, posterior, evidence: Evidence::default(), loss: 0.0 }
    }

    /// Sets the rewards that it rests on.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = evidence;
        self
    }

    /// Sets the sum of losses.
    #[must_use]
    pub fn with_loss(mut self, loss: f64) -> Self {
        self.loss = loss;
        self
    }
}

/// Turns beliefs into the probabilities of choosing each strategy.
pub trait Rule: Send + Sync {
    /// Writes one number of at least 0 for each belief to `out`, which is as long; they are divided by their sum,
    /// and the floor is added after that. `rewards` is how many rewards the task has, undiscounted.
    ///
    /// # Errors
    ///
    /// Whatever keeps the rule from deciding.
    fn probabilities(&self, beliefs: &[Belief], rewards: u64, out: &mut [f64]) -> Result<()>;

    /// What a reward adds to its strategy's sum of losses. Default: nothing.
    fn loss(&self, drawn: &Drawn, reward: f64) -> f64 {
        let _ = (drawn, reward);
        0.0
    }

    /// Whether it looks at more of a posterior than the mean. Where computing widths is dear, a
    /// [`LinearBandit`](crate::LinearBandit) leaves them out for a rule that does not. Default: yes.
    fn reads_widths(&self) -> bool {
        true
    }
}

/// What is known of a decision when its reward comes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Drawn {
    /// The probability with which its strategy was drawn.
    pub propensity: f64,
    /// How many strategies were eligible.
    pub strategies: usize,
    /// How many rewards the task had then, over those strategies.
    pub rewards: u64,
}

impl From<&Decision> for Drawn {
    fn from(decision: &Decision) -> Self {
        Self {
            propensity: decision.propensity.get(),
            strategies: decision.candidates.len().max(1),
            rewards: decision.candidates.iter().map(|candidate| candidate.pulls).sum(),
        }
    }
}

macro_rules! forward_rule {
    ($pointer:ty) => {
        impl<R: Rule + ?Sized> Rule for $pointer {
            fn probabilities(&self, beliefs: &[Belief], rewards: u64, out: &mut [f64]) -> Result<()> {
                (**self).probabilities(beliefs, rewards, out)
            }

            fn loss(&self, drawn: &Drawn, reward: f64) -> f64 {
                (**self).loss(drawn, reward)
            }

            fn reads_widths(&self) -> bool {
                (**self).reads_widths()
            }
        }
    };
}

forward_rule!(&R);
forward_rule!(Arc<R>);
forward_rule!(Box<R>);

/// Turns indices into the law of playing the largest, ties evenly.
fn play_largest(indices: &mut [f64]) {
    let best = indices.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    indices.iter_mut().for_each(|index| *index = f64::from(*index >= best));
}
