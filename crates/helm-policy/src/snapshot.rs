use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use helm_core::{Epoch, Scope, Stats, StatsRow, StrategyId, Timestamp, UserId};

use crate::error::{Error, Result};
use crate::learner::Evidence;
use crate::prior::{PriorEstimate, StrategyPrior};

type Buckets = BTreeMap<StrategyId, BTreeMap<Epoch, Stats>>;

/// Learning state as a policy reads it: a task's statistics, one user's, and the prior.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    task: Buckets,
    user: Buckets,
    prior: Option<PriorEstimate>,
}

impl Snapshot {
    /// Sorts stored rows. Rows of the same scope, strategy and epoch are added.
    ///
    /// # Errors
    ///
    /// [`Error::MixedUsers`] when the rows belong to more than one user; [`Error::Stats`] when they cannot be
    /// added.
    pub fn from_rows(rows: impl IntoIterator<Item = StatsRow>, prior: Option<PriorEstimate>) -> Result<Self> {
        let mut snapshot = Self { prior, ..Self::default() };
        let mut users: BTreeSet<UserId> = BTreeSet::new();
        for row in rows {
            let buckets = match row.scope {
                Scope::User(user) => {
                    users.insert(user);
                    &mut snapshot.user
                }
                _ => &mut snapshot.task,
            };
            let stats = buckets.entry(row.strategy).or_default().entry(row.epoch).or_default();
            *stats = stats.checked_add(&row.stats)?;
        }
        if users.len() > 1 { Err(Error::MixedUsers) } else { Ok(snapshot) }
    }

    /// Everything the task knows of a strategy, over all epochs.
    ///
    /// # Errors
    ///
    /// [`Error::Stats`] when the sum overflows.
    pub fn task_total(&self, strategy: &StrategyId) -> Result<Stats> {
        total(&self.task, strategy)
    }

    /// Everything the user's own rows know of a strategy, over all epochs.
    ///
    /// # Errors
    ///
    /// [`Error::Stats`] when the sum overflows.
    pub fn user_total(&self, strategy: &StrategyId) -> Result<Stats> {
        total(&self.user, strategy)
    }

    /// What was estimated about how users differ on a strategy.
    #[must_use]
    pub fn prior(&self, strategy: &StrategyId) -> Option<&StrategyPrior> {
        self.prior.as_ref()?.strategies.get(strategy)
    }

    /// How many rewards the task has, over all its strategies.
    #[must_use]
    pub fn rewards(&self) -> u64 {
        let counts = self.task.values().flat_map(BTreeMap::values);
        counts.fold(0_u64, |sum, stats| sum.saturating_add(u64::try_from(stats.count).unwrap_or(0)))
    }

    pub(crate) fn task_evidence(&self, strategy: &StrategyId, discount: &Discount) -> Result<Evidence> {
        evidence(&self.task, strategy, discount)
    }

    pub(crate) fn user_evidence(&self, strategy: &StrategyId, discount: &Discount) -> Result<Evidence> {
        evidence(&self.user, strategy, discount)
    }
}

/// How much less an older epoch counts. A weight on buckets at read time, so it commutes with merging.
#[derive(Clone, Copy)]
pub(crate) struct Discount {
    pub(crate) half_life: Option<Duration>,
    pub(crate) epoch: Duration,
    pub(crate) now: Timestamp,
}

impl Discount {
    /// Halved with every half-life since the epoch's end; an epoch that is still open counts in full.
    fn weight(&self, epoch: Epoch) -> f64 {
        let Some(half_life) = self.half_life else {
            return 1.0;
        };
        let end = epoch.start() as f64 + self.epoch.as_secs_f64();
        let age = (self.now.as_micros() as f64 / 1e6 - end).max(0.0);
        libm::exp2(-age / half_life.as_secs_f64())
    }
}

fn total(buckets: &Buckets, strategy: &StrategyId) -> Result<Stats> {
    let epochs = buckets.get(strategy).into_iter().flat_map(BTreeMap::values);
    epochs.map(Ok).try_fold(Stats::default(), |sum, stats: Result<&Stats>| Ok(sum.checked_add(stats?)?))
}

fn evidence(buckets: &Buckets, strategy: &StrategyId, discount: &Discount) -> Result<Evidence> {
    let Some(epochs) = buckets.get(strategy) else {
        return Ok(Evidence::default());
    };
    if discount.half_life.is_none() {
        return Evidence::of(&total(buckets, strategy)?, strategy);
    }
    let mut sum = Evidence::default();
    for (epoch, stats) in epochs {
        sum = sum.plus(Evidence::of(stats, strategy)?.weighted(discount.weight(*epoch)));
    }
    Ok(sum)
}
