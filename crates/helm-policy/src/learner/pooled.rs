use helm_core::Context;

use super::{ArmEvidence, BetaCounts, Learner, NormalInverseGamma};
use crate::error::Result;
use crate::posterior::Posterior;

/// Strategies of one task resemble each other: what most of them earn is the prior of one that is little known
/// (empirical Bayes over strategies; Efron & Morris 1975). With few strategies it is the plain learner; with
/// many it keeps a policy from trying all of them when some good ones are known.
#[derive(Clone, Copy, Debug)]
pub struct Pooled<L>(pub L);

/// With this many strategies seen, what they share weighs as much as the plain prior.
const HALF_WAY: f64 = 12.0;

/// What the strategies have in common.
struct Common {
    /// The mean of their means.
    mean: f64,
    /// The variance of their true means.
    between: f64,
    /// How much the two above count, from 0 to 1.
    share: f64,
}

impl Common {
    /// By the method of moments over strategies with at least one reward, each mean shrunk by one reward.
    /// Fewer than 3 say nothing.
    fn of(arms: &[ArmEvidence<'_>], noise: impl Fn(f64) -> f64) -> Option<Self> {
        let seen = || arms.iter().map(|arm| arm.task).filter(|task| task.count >= 0.9);
        let k = seen().count() as f64;
        if k < 3.0 {
            return None;
        }
        let shrunk = || seen().map(|task| ((task.sum + 0.5) / (task.count + 1.0), task.count + 1.0));
        let mean = shrunk().map(|(mean, _)| mean).sum::<f64>() / k;
        let spread = shrunk().map(|(arm, _)| (arm - mean) * (arm - mean)).sum::<f64>() / (k - 1.0);
        let by_chance = shrunk().map(|(arm, weight)| noise(arm) / weight).sum::<f64>() / k;
        Some(Self { mean, between: (spread - by_chance).max(0.002), share: k / (k + HALF_WAY) })
    }

    fn blend(&self, plain: f64, common: f64) -> f64 {
        (1.0 - self.share) * plain + self.share * common
    }
}

impl Learner for Pooled<BetaCounts> {
    fn pools(&self) -> bool {
        true
    }

    fn posterior(&self, arm: &ArmEvidence<'_>, context: &Context) -> Result<Posterior> {
        self.0.posterior(arm, context)
    }

    /// Prior Beta(mκ, (1 − m)κ), m and κ between those of Beta(1, 1) and those that fit the strategies.
    fn posteriors(&self, arms: &[ArmEvidence<'_>], context: &Context) -> Result<Vec<Posterior>> {
        let Some(common) = Common::of(arms, |mean| mean * (1.0 - mean)) else {
            return arms.iter().map(|arm| self.0.posterior(arm, context)).collect();
        };
        let fitted = (common.mean * (1.0 - common.mean) / common.between - 1.0).clamp(1.0, 30.0);
        let (mean, weight) = (common.blend(0.5, common.mean), common.blend(2.0, fitted));
        let belief =
            |arm: &ArmEvidence<'_>| super::beta::from_prior(mean * weight, (1.0 - mean) * weight, &arm.task);
        Ok(arms.iter().map(belief).collect())
    }
}

impl Learner for Pooled<NormalInverseGamma> {
    fn pools(&self) -> bool {
        true
    }

    fn posterior(&self, arm: &ArmEvidence<'_>, context: &Context) -> Result<Posterior> {
        self.0.posterior(arm, context)
    }

    /// The prior's mean lies between one half and the strategies' common mean; its noise is theirs.
    fn posteriors(&self, arms: &[ArmEvidence<'_>], context: &Context) -> Result<Vec<Posterior>> {
        let noise = noise(arms);
        let Some(common) = Common::of(arms, |_| noise) else {
            return arms.iter().map(|arm| self.0.posterior(arm, context)).collect();
        };
        let prior = self.0.around(common.blend(0.5, common.mean), noise);
        Ok(arms.iter().map(|arm| prior.belief(&arm.task)).collect())
    }
}

/// The variance of single rewards around their strategy's mean, over all strategies, with two rewards' worth of
/// the plain prior.
fn noise(arms: &[ArmEvidence<'_>]) -> f64 {
    let scatter: f64 = arms.iter().map(|arm| arm.task.scatter()).sum();
    let degrees: f64 = arms.iter().map(|arm| (arm.task.count - 1.0).max(0.0)).sum();
    (0.1 + scatter) / (2.0 + degrees)
}
