use helm_core::Context;

use super::{ArmEvidence, BetaCounts, Learner, NormalInverseGamma};
use crate::error::Result;
use crate::evidence::Evidence;
use crate::posterior::Posterior;

/// One user over everybody else: the others' evidence, blurred by how much users differ, is the prior of the
/// user's own mean (empirical Bayes). Where users do not differ it is the pooled learner; where the user has
/// said much it is the user's own. A user's segment stands between: everybody is the prior of the segment, the
/// segment that of the user.
#[derive(Clone, Copy, Debug)]
pub struct Hierarchical<L>(pub L);

/// How much the others weigh against a user's own rewards, in rewards, until it has been estimated.
const DEFAULT_CONCENTRATION: f64 = 10.0;
/// The most that the others can weigh; at that, the hierarchy has collapsed to the pooled learner.
const MOST_CONCENTRATION: f64 = 2_000.0;
/// Segments differ less than users: their variance around the task is taken as this share of the users'.
const SEGMENT_SHARE: f64 = 0.25;

/// A mean and how many rewards it weighs.
#[derive(Clone, Copy)]
struct Level {
    mean: f64,
    weight: f64,
}

impl Learner for Hierarchical<BetaCounts> {
    /// Prior Beta(mκ, (1 − m)κ) with m the others' mean and κ = m(1 − m)/τ² − 1, between 2 and 2,000 and never
    /// more than was seen.
    fn posterior(&self, arm: &ArmEvidence<'_>, _: &Context) -> Result<Posterior> {
        let outside = arm.task.without(if arm.segment.count > 0.0 { arm.segment } else { arm.user });
        let mut level =
            Level { mean: (outside.sum + 1.0) / (outside.count + 2.0), weight: outside.count + 2.0 };
        let concentration = |level: Level, share: f64| {
            let spread = level.mean * (1.0 - level.mean);
            let known = arm.prior.map(|prior| spread / (share * prior.believed()).max(1e-9) - 1.0);
            let wanted = known.unwrap_or(DEFAULT_CONCENTRATION / share);
            wanted.clamp(2.0, MOST_CONCENTRATION).min(level.weight)
        };
        if arm.segment.count > 0.0 {
            let near = arm.segment.without(arm.user);
            let weight = concentration(level, SEGMENT_SHARE);
            let mean = (level.mean * weight + near.sum) / (weight + near.count);
            level = Level { mean, weight: weight + near.count };
        }
        let weight = concentration(level, 1.0);
        Ok(super::beta::from_prior(level.mean * weight, (1.0 - level.mean) * weight, &arm.user))
    }
}

impl Learner for Hierarchical<NormalInverseGamma> {
    /// The user's mean is normal around the others' mean with variance τ² plus that mean's own; n rewards of
    /// variance σ² update it (normal-normal; Gelman et al., Bayesian Data Analysis, 5.4). σ² and τ² come from
    /// the prior estimate, before that σ² from all rewards and τ² = σ²/10. The variance is estimated from all
    /// rewards, the user's own included, so the marginal keeps Student's t tails of all of them.
    fn posterior(&self, arm: &ArmEvidence<'_>, _: &Context) -> Result<Posterior> {
        let (_, _, alpha, beta) = self.0.parameters(&arm.task);
        let noise = arm.prior.map_or(beta / alpha, |prior| prior.within).max(1e-6);
        let between = arm.prior.map_or(noise / DEFAULT_CONCENTRATION, |prior| prior.believed());
        let between = between.max(noise / MOST_CONCENTRATION);
        let segmented = arm.segment.count > 0.0;
        let outside = arm.task.without(if segmented { arm.segment } else { arm.user });
        let (mut mean, kappa, _, _) = self.0.parameters(&outside);
        let mut variance = noise / kappa;
        if segmented {
            let near = arm.segment.without(arm.user);
            (mean, variance) = update(mean, variance + SEGMENT_SHARE * between, &near, noise);
        }
        let (mean, variance) = update(mean, variance + between, &arm.user, noise);
        Ok(Posterior::StudentT { mean, scale: libm::sqrt(variance), dof: 2.0 * alpha })
    }
}

/// A normal belief after rewards with normal noise.
fn update(mean: f64, variance: f64, evidence: &Evidence, noise: f64) -> (f64, f64) {
    let precision = 1.0 / variance + evidence.count / noise;
    ((mean / variance + evidence.sum / noise) / precision, 1.0 / precision)
}
