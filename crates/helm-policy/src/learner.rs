use std::sync::Arc;

use helm_core::{Stats, StrategyId};

use crate::error::{Error, Result};
use crate::posterior::Posterior;
use crate::prior::StrategyPrior;

/// A sum of rewards as floats, for reading: possibly discounted, never stored.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Evidence {
    /// How many rewards.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_sq: f64,
}

impl Evidence {
    /// Reads stored statistics.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptStats`] when they cannot have come from rewards in \[0, 1\].
    pub fn of(stats: &Stats, strategy: &StrategyId) -> Result<Self> {
        let (count, sum, sum_sq) = (stats.count as f64, stats.reward.to_f64(), stats.reward_sq.to_f64());
        let corrupt = |reason| Err(Error::CorruptStats { strategy: strategy.clone(), reason });
        // Each quantised reward is off by at most 2^-33, and each square by a little more.
        let slack = 1e-9 * (count.abs() + 1.0);
        if stats.count < 0 {
            return corrupt("the count is negative");
        }
        if sum < -slack || sum > count + slack {
            return corrupt("the sum is not between 0 and the count");
        }
        if sum_sq > sum + slack || sum_sq * count < sum * sum - slack * (count + 1.0) {
            return corrupt("the sum of squares does not fit the sum");
        }
        Ok(Self { count, sum: sum.clamp(0.0, count), sum_sq: sum_sq.max(0.0) })
    }

    /// The mean; one half without any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count > 0.0 { self.sum / self.count } else { 0.5 }
    }

    pub(crate) fn weighted(self, weight: f64) -> Self {
        Self { count: weight * self.count, sum: weight * self.sum, sum_sq: weight * self.sum_sq }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            sum_sq: self.sum_sq + other.sum_sq,
        }
    }

    /// What is left without `part`, for leaving a user out of their own prior.
    fn without(self, part: Self) -> Self {
        let count = (self.count - part.count).max(0.0);
        Self {
            count,
            sum: (self.sum - part.sum).clamp(0.0, count),
            sum_sq: (self.sum_sq - part.sum_sq).max(0.0),
        }
    }
}

/// Turns what is known about a strategy into a belief about its mean reward.
///
/// `task` is everybody's evidence, the user's own included; `user` is the user's own; `prior` says how much
/// users differ, where that is known.
pub trait Learner: Send + Sync {
    /// The belief about this user's mean reward.
    fn posterior(&self, task: &Evidence, user: &Evidence, prior: Option<&StrategyPrior>) -> Posterior;
}

impl<L: Learner + ?Sized> Learner for Arc<L> {
    fn posterior(&self, task: &Evidence, user: &Evidence, prior: Option<&StrategyPrior>) -> Posterior {
        (**self).posterior(task, user, prior)
    }
}

impl<L: Learner + ?Sized> Learner for Box<L> {
    fn posterior(&self, task: &Evidence, user: &Evidence, prior: Option<&StrategyPrior>) -> Posterior {
        (**self).posterior(task, user, prior)
    }
}

/// Counts of successes and failures under a Beta(1, 1) prior; a reward in between counts for both in its
/// proportion (Thompson 1933; Chapelle & Li 2011). The same for all users.
#[derive(Clone, Copy, Debug, Default)]
pub struct BetaCounts;

impl Learner for BetaCounts {
    fn posterior(&self, task: &Evidence, _: &Evidence, _: Option<&StrategyPrior>) -> Posterior {
        beta(task)
    }
}

/// Rewards of unknown mean and variance under a normal-inverse-gamma prior: κ = κ0 + n, μ = (κ0 m0 + S) / κ,
/// α = α0 + n/2, β = β0 + ½ (Q − S²/n) + κ0 n (x̄ − m0)² / (2κ); the mean's marginal is Student's t with 2α
/// degrees of freedom and squared scale β / (ακ) (Murphy 2007, eq. 85-89; Honda & Takemura 2014). The same for
/// all users. Defaults: m0 = 0.5, κ0 = 1, α0 = 1, β0 = 0.05.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NormalInverseGamma {
    /// Prior mean.
    pub m0: f64,
    /// Prior weight of the mean, in rewards.
    pub kappa0: f64,
    /// Prior shape of the variance.
    pub alpha0: f64,
    /// Prior scale of the variance.
    pub beta0: f64,
}

impl Default for NormalInverseGamma {
    fn default() -> Self {
        Self { m0: 0.5, kappa0: 1.0, alpha0: 1.0, beta0: 0.05 }
    }
}

impl NormalInverseGamma {
    /// (μ, κ, α, β) after `evidence`.
    fn parameters(&self, evidence: &Evidence) -> (f64, f64, f64, f64) {
        let n = evidence.count;
        let kappa = self.kappa0 + n;
        let mean = (self.kappa0 * self.m0 + evidence.sum) / kappa;
        let alpha = self.alpha0 + 0.5 * n;
        let scatter =
            if n > 0.0 { (evidence.sum_sq - evidence.sum * evidence.sum / n).max(0.0) } else { 0.0 };
        let surprise = self.kappa0 * n * (evidence.mean() - self.m0).powi(2) / (2.0 * kappa);
        (mean, kappa, alpha, self.beta0 + 0.5 * scatter + surprise)
    }
}

impl Learner for NormalInverseGamma {
    fn posterior(&self, task: &Evidence, _: &Evidence, _: Option<&StrategyPrior>) -> Posterior {
        let (mean, kappa, alpha, beta) = self.parameters(task);
        Posterior::StudentT { mean, scale: (beta / (alpha * kappa)).sqrt(), dof: 2.0 * alpha }
    }
}

/// One user over everybody else: the others' evidence, blurred by how much users differ, is the prior of the
/// user's own mean (empirical Bayes). Where users do not differ it is the pooled learner; where the user has
/// said much it is the user's own.
#[derive(Clone, Copy, Debug)]
pub struct Hierarchical<L>(pub L);

/// How much the others weigh against a user's own rewards, in rewards, until it has been estimated.
const DEFAULT_CONCENTRATION: f64 = 10.0;
/// The most that the others can weigh; at that, the hierarchy has collapsed to the pooled learner.
const MOST_CONCENTRATION: f64 = 2_000.0;

impl Learner for Hierarchical<BetaCounts> {
    /// Prior Beta(mκ, (1 − m)κ) with m the others' mean and κ = m(1 − m)/τ² − 1, between 2 and 2,000 and never
    /// more than was seen.
    fn posterior(&self, task: &Evidence, user: &Evidence, prior: Option<&StrategyPrior>) -> Posterior {
        let others = task.without(*user);
        let mean = (others.sum + 1.0) / (others.count + 2.0);
        let estimated = prior.map_or(DEFAULT_CONCENTRATION, |prior| {
            (mean * (1.0 - mean) / prior.between.max(1e-9) - 1.0).clamp(2.0, MOST_CONCENTRATION)
        });
        let concentration = estimated.min(others.count + 2.0);
        Posterior::Beta {
            a: mean * concentration + user.sum,
            b: (1.0 - mean) * concentration + (user.count - user.sum).max(0.0),
        }
    }
}

impl Learner for Hierarchical<NormalInverseGamma> {
    /// The user's mean is normal around the others' mean with variance τ² plus that mean's own; n rewards of
    /// variance σ² update it (normal-normal; Gelman et al., Bayesian Data Analysis, 5.4). σ² and τ² come from
    /// the prior estimate, before that σ² from the pooled learner and τ² = σ²/10. Both are estimated, so the
    /// marginal keeps Student's t tails of the pooled evidence.
    fn posterior(&self, task: &Evidence, user: &Evidence, prior: Option<&StrategyPrior>) -> Posterior {
        let (mean, kappa, alpha, beta) = self.0.parameters(&task.without(*user));
        let pooled = beta / alpha;
        let noise = prior.map_or(pooled, |prior| prior.within.max(1e-6));
        let between = prior.map_or(pooled / DEFAULT_CONCENTRATION, |prior| prior.between);
        let before = between.max(noise / MOST_CONCENTRATION) + pooled / kappa;
        let precision = 1.0 / before + user.count / noise;
        let mean = (mean / before + user.sum / noise) / precision;
        Posterior::StudentT { mean, scale: precision.sqrt().recip(), dof: 2.0 * alpha + user.count }
    }
}

fn beta(evidence: &Evidence) -> Posterior {
    Posterior::Beta { a: 1.0 + evidence.sum, b: 1.0 + (evidence.count - evidence.sum).max(0.0) }
}
