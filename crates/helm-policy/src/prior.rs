use std::collections::BTreeMap;

use helm_core::{Stats, StrategyId};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::evidence::Evidence;

/// One user's statistics of one strategy, over all epochs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserStats {
    /// Which strategy.
    pub strategy: StrategyId,
    /// The user's total.
    pub stats: Stats,
}

/// How much users differ, by strategy. Derived from all users' statistics; not additive, so it is estimated
/// again from time to time and may be lost.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PriorEstimate {
    /// The format of this document: 1.
    pub format_version: u32,
    /// By strategy; absent where too few users have been seen.
    pub strategies: BTreeMap<StrategyId, StrategyPrior>,
}

/// How much users differ on one strategy.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrategyPrior {
    /// Variance of users' true means around the common one, in squared reward units.
    pub between: f64,
    /// What `between` would scatter by if users did not differ at all: its standard error then.
    pub chance: f64,
    /// Variance of single rewards around their user's mean, in squared reward units.
    pub within: f64,
    /// How many users it rests on.
    pub users: u64,
}

/// As if this many more users had differed by a tenth of the noise: eight users who agree by chance must not make
/// everybody the same.
const PRIOR_USERS: f64 = 8.0;

impl StrategyPrior {
    /// The variance between users that a learner should believe: the estimate, drawn towards a tenth of the noise
    /// while it rests on few users.
    #[must_use]
    pub fn believed(&self) -> f64 {
        let users = self.users as f64;
        (users * self.between + PRIOR_USERS * 0.1 * self.within) / (users + PRIOR_USERS)
    }

    /// Whether users differ by more than twice what chance explains.
    #[must_use]
    pub fn users_differ(&self) -> bool {
        self.between > 2.0 * self.chance
    }
}

/// Fewer users than this say nothing about how users differ.
const FEWEST_USERS: usize = 8;

impl PriorEstimate {
    /// Estimates both variances by the method of moments for one-way random effects: with n_u rewards of user
    /// u, mean x_u, N = Σ n_u, the weighted sum of squares between k users has the expectation
    /// (k − 1) σ² + (N − Σ n_u² / N) τ² (DerSimonian & Laird 1986, with weights n_u; Searle, Casella &
    /// McCulloch 1992, 3.6). A negative estimate is 0: then users do not differ, and the hierarchy is pooled.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptStats`](crate::Error::CorruptStats) when statistics cannot have come from rewards.
    pub fn fit(users: &[UserStats]) -> Result<Self> {
        let mut groups: BTreeMap<&StrategyId, Vec<Evidence>> = BTreeMap::new();
        for user in users {
            let evidence = Evidence::of(&user.stats, &user.strategy)?;
            // A user with one reward shows no variance of their own.
            if evidence.count >= 2.0 {
                groups.entry(&user.strategy).or_default().push(evidence);
            }
        }
        let enough = groups.into_iter().filter(|(_, users)| users.len() >= FEWEST_USERS);
        let strategies = enough.map(|(strategy, users)| (strategy.clone(), moments(&users))).collect();
        Ok(Self { format_version: 1, strategies })
    }
}

fn moments(users: &[Evidence]) -> StrategyPrior {
    let k = users.len() as f64;
    let sum = |of: fn(&Evidence) -> f64| users.iter().map(of).sum::<f64>();
    let total = sum(|user| user.count);
    let common = sum(|user| user.sum) / total;
    let within = sum(Evidence::scatter) / (total - k);
    let between =
        users.iter().map(|user| user.count * (user.mean() - common) * (user.mean() - common)).sum::<f64>();
    let spread = total - sum(|user| user.count * user.count) / total;
    let between = ((between - (k - 1.0) * within) / spread).max(0.0);
    let chance = within * libm::sqrt(2.0 * (k - 1.0)) / spread;
    StrategyPrior { between, chance, within, users: users.len() as u64 }
}
