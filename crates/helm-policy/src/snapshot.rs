use std::collections::BTreeMap;

use helm_core::{Epoch, Layout, Scope, SegmentName, Stats, StatsRow, StrategyId, UserId};

use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::forget::EpochWeights;
use crate::learner::PACKED_UNITS;
use crate::prior::{PriorEstimate, StrategyPrior};

/// One strategy's rows of one scope.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Rows {
    /// Rewards by epoch, over all layouts.
    pub(crate) epochs: BTreeMap<Epoch, Stats>,
    /// Their sum over all epochs.
    total: Stats,
    /// Packed sums by layout and epoch.
    packed: BTreeMap<(Layout, Epoch), Vec<i128>>,
}

/// One strategy's rows.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ArmRows {
    pub(crate) task: Rows,
    pub(crate) segment: Rows,
    pub(crate) user: Rows,
}

/// Learning state as a policy reads it: a task's statistics, one segment's, one user's, and the prior.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    arms: BTreeMap<StrategyId, ArmRows>,
    segment: Option<SegmentName>,
    user: Option<UserId>,
    prior: Option<PriorEstimate>,
}

impl Snapshot {
    /// Sorts stored rows. Rows of the same scope, strategy, layout and epoch are added.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::add`].
    pub fn from_rows(rows: impl IntoIterator<Item = StatsRow>, prior: Option<PriorEstimate>) -> Result<Self> {
        let mut snapshot = Self { prior, ..Self::default() };
        for row in rows {
            snapshot.add(&row)?;
        }
        Ok(snapshot)
    }

    /// Adds a row, or a change to one.
    ///
    /// # Errors
    ///
    /// [`Error::MixedUsers`] when it belongs to another user or segment than the rows before it;
    /// [`Error::UnknownScope`] when its scope is none that this build knows; [`Error::Stats`] when it cannot be
    /// added. The snapshot is unchanged.
    pub fn add(&mut self, row: &StatsRow) -> Result<()> {
        let known = match &row.scope {
            Scope::Task => true,
            Scope::Segment(segment) => self.segment.as_ref().is_none_or(|known| known == segment),
            Scope::User(user) => self.user.as_ref().is_none_or(|known| known == user),
            other => return Err(Error::UnknownScope { scope: other.to_string() }),
        };
        if !known {
            return Err(Error::MixedUsers);
        }
        let mut fresh = ArmRows::default();
        let arm = self.arms.get_mut(&row.strategy);
        let is_new = arm.is_none();
        let arm = arm.unwrap_or(&mut fresh);
        match &row.scope {
            Scope::Segment(_) => arm.segment.add(row)?,
            Scope::User(_) => arm.user.add(row)?,
            _ => arm.task.add(row)?,
        }
        // Only now is it certain that the row counts.
        if is_new {
            self.arms.insert(row.strategy.clone(), fresh);
        }
        match &row.scope {
            Scope::Segment(segment) => self.segment = Some(segment.clone()),
            Scope::User(user) => self.user = Some(user.clone()),
            _ => {}
        }
        Ok(())
    }

    /// Replaces the prior.
    pub fn set_prior(&mut self, prior: Option<PriorEstimate>) {
        self.prior = prior;
    }

    /// Everything the task knows of a strategy, over all epochs, without packed sums.
    #[must_use]
    pub fn task_total(&self, strategy: &StrategyId) -> Stats {
        self.total(strategy).cloned().unwrap_or_default()
    }

    /// Everything the user's own rows know of a strategy, over all epochs, without packed sums.
    #[must_use]
    pub fn user_total(&self, strategy: &StrategyId) -> Stats {
        self.arms.get(strategy).map_or_else(Stats::default, |arm| arm.user.total.clone())
    }

    pub(crate) fn total(&self, strategy: &StrategyId) -> Option<&Stats> {
        self.arms.get(strategy).map(|arm| &arm.task.total)
    }

    /// What was estimated about how users differ on a strategy.
    #[must_use]
    pub fn prior(&self, strategy: &StrategyId) -> Option<&StrategyPrior> {
        self.prior.as_ref()?.strategies.get(strategy)
    }

    /// How many rewards the task has, over all its strategies.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptStats`] when a count is negative or the sum leaves its range.
    pub fn rewards(&self) -> Result<u64> {
        let mut rewards = 0_u64;
        for (strategy, arm) in &self.arms {
            let corrupt = |reason| Error::CorruptStats { strategy: strategy.clone(), reason };
            let count = u64::try_from(arm.task.total.count).map_err(|_| corrupt("the count is negative"))?;
            rewards = rewards.checked_add(count).ok_or_else(|| corrupt("the counts overflow"))?;
        }
        Ok(rewards)
    }

    /// Whose rows it holds, if any are a user's.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// Which segment's rows it holds, if any are a segment's.
    #[must_use]
    pub fn segment(&self) -> Option<&SegmentName> {
        self.segment.as_ref()
    }

    pub(crate) fn arm(&self, strategy: &StrategyId) -> Option<&ArmRows> {
        self.arms.get(strategy)
    }

    pub(crate) fn arms(&self) -> impl Iterator<Item = (&StrategyId, &ArmRows)> {
        self.arms.iter()
    }
}

impl Rows {
    fn add(&mut self, row: &StatsRow) -> Result<()> {
        let scalars = row.stats.scalars();
        let total = self.total.checked_add(&scalars)?;
        let sum = self.epochs.get(&row.epoch).cloned().unwrap_or_default().checked_add(&scalars)?;
        if !row.stats.packed.is_empty() {
            let place = (row.layout, row.epoch);
            let packed = |packed: Vec<i128>| Stats { packed, ..Stats::default() };
            let before = packed(self.packed.get(&place).cloned().unwrap_or_default());
            let sum = before.checked_add(&packed(row.stats.packed.clone()))?;
            self.packed.insert(place, sum.packed);
        }
        self.epochs.insert(row.epoch, sum);
        self.total = total;
        Ok(())
    }

    /// The rewards, each epoch with its weight. Epochs of equal weight are added as integers before they are
    /// read, so that a correction counted in another epoch than its reward is no corruption.
    pub(crate) fn evidence(&self, strategy: &StrategyId, weights: &EpochWeights) -> Result<Evidence> {
        let mut sum = Evidence::default();
        let mut run: Option<(f64, Stats)> = None;
        for (epoch, stats) in &self.epochs {
            let weight = weights.of(*epoch);
            run = Some(match run.take() {
                Some((last, total)) if last == weight => (last, total.checked_add(stats)?),
                Some((last, total)) => {
                    sum = sum.plus(Evidence::of(&total, strategy)?.weighted(last));
                    (weight, stats.clone())
                }
                None => (weight, stats.clone()),
            });
        }
        if let Some((last, total)) = run {
            sum = sum.plus(Evidence::of(&total, strategy)?.weighted(last));
        }
        Ok(sum)
    }

    /// The packed sums of one layout, each epoch with its weight, in natural units; `None` without any.
    pub(crate) fn packed(&self, layout: Layout, weights: &EpochWeights) -> Option<Vec<f64>> {
        let first = (layout, Epoch::starting_at(i64::MIN));
        let last = (layout, Epoch::starting_at(i64::MAX));
        let mut sums: Option<Vec<f64>> = None;
        for ((_, epoch), packed) in self.packed.range(first..=last) {
            let weight = weights.of(*epoch) / PACKED_UNITS;
            let sums = sums.get_or_insert_with(|| vec![0.0; packed.len()]);
            sums.iter_mut().zip(packed).for_each(|(sum, part)| *sum += weight * *part as f64);
        }
        sums
    }
}
