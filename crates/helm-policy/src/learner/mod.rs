//! From statistics to beliefs.

mod beta;
mod hierarchical;
mod normal;
mod pooled;
mod ridge;

use std::sync::Arc;

use helm_core::{Context, Decision, Layout};

pub use beta::BetaCounts;
pub use hierarchical::Hierarchical;
pub use normal::NormalInverseGamma;
pub use pooled::Pooled;
pub(crate) use ridge::LARGEST_FEATURE;
pub use ridge::{Noise, Ridge, RidgeOptions};

use crate::arm::Arm;
use crate::error::Result;
use crate::evidence::Evidence;
use crate::posterior::Posterior;
use crate::prior::StrategyPrior;

/// Packed sums are kept in multiples of one part in so many, 2^48: finer than stored rewards, since a regression
/// subtracts large sums from each other, and still with room for more rewards than anybody earns, features being at most 10⁴.
pub const PACKED_UNITS: f64 = 281_474_976_710_656.0;

/// All that is known of one strategy when a decision is made. Counts are discounted where the policy forgets.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct ArmEvidence<'a> {
    /// The strategy.
    pub arm: &'a Arm,
    /// Everybody's rewards, the user's own included, and up to 20 of its parent's.
    pub task: Evidence,
    /// Those of the user's segment, the user's own included; nothing without a segment.
    pub segment: Evidence,
    /// The user's own.
    pub user: Evidence,
    /// How much users differ, where that is known.
    pub prior: Option<StrategyPrior>,
    /// Packed sums of the learner's own [`Learner::layout`], in natural units; `None` without any.
    pub packed: Option<Vec<f64>>,
}

impl<'a> ArmEvidence<'a> {
    /// A strategy of which the task knows `task` and nothing else is known.
    #[must_use]
    pub fn new(arm: &'a Arm, task: Evidence) -> Self {
        Self { arm, task, segment: Evidence::default(), user: Evidence::default(), prior: None, packed: None }
    }

    /// Adds what one user said, who is among the task's.
    #[must_use]
    pub fn with_user(mut self, user: Evidence, prior: Option<StrategyPrior>) -> Self {
        (self.user, self.prior) = (user, prior);
        self
    }
}

/// Turns what is known about strategies into beliefs about their mean rewards.
///
/// Only [`Learner::posterior`] must be written; the other methods are for learners that look at several
/// strategies at once, or keep sums of their own.
pub trait Learner: Send + Sync {
    /// The belief about one strategy's mean reward for this user in this context.
    ///
    /// # Errors
    ///
    /// Whatever makes the evidence unusable.
    fn posterior(&self, arm: &ArmEvidence<'_>, context: &Context) -> Result<Posterior>;

    /// The beliefs about all eligible strategies, in their order. Default: each on its own. Whoever lets one strategy's
    /// rewards change another's belief says so by [`Learner::pools`].
    ///
    /// # Errors
    ///
    /// As for [`Learner::posterior`].
    fn posteriors(&self, arms: &[ArmEvidence<'_>], context: &Context) -> Result<Vec<Posterior>> {
        arms.iter().map(|arm| self.posterior(arm, context)).collect()
    }

    /// Whether one strategy's rewards change what is believed about the others. Then [`Learner::posteriors`] is asked
    /// for all beliefs after each reward. Default: no.
    fn pools(&self) -> bool {
        false
    }

    /// Which packed sums it keeps in this context. Default: none.
    fn layout(&self, context: &Context) -> Layout {
        let _ = context;
        Layout::NONE
    }

    /// What one reward adds to the packed sums, in multiples of 1 / [`PACKED_UNITS`]. Default: nothing.
    ///
    /// # Errors
    ///
    /// Whatever keeps the context from being counted.
    fn packed(&self, decision: &Decision, reward: f64) -> Result<Vec<i128>> {
        let _ = (decision, reward);
        Ok(Vec::new())
    }
}

macro_rules! forward_learner {
    ($pointer:ident) => {
        impl<L: Learner + ?Sized> Learner for $pointer<L> {
            fn posterior(&self, arm: &ArmEvidence<'_>, context: &Context) -> Result<Posterior> {
                (**self).posterior(arm, context)
            }

            fn posteriors(&self, arms: &[ArmEvidence<'_>], context: &Context) -> Result<Vec<Posterior>> {
                (**self).posteriors(arms, context)
            }

            fn pools(&self) -> bool {
                (**self).pools()
            }

            fn layout(&self, context: &Context) -> Layout {
                (**self).layout(context)
            }

            fn packed(&self, decision: &Decision, reward: f64) -> Result<Vec<i128>> {
                (**self).packed(decision, reward)
            }
        }
    };
}

forward_learner!(Arc);
forward_learner!(Box);
