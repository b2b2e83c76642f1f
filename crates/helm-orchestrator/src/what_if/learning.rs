use std::collections::BTreeMap;

use helm_core::{Context, Epoch, Layout, Scope, Stats, StatsRow, StrategyId};
use helm_policy::{Policy, PriorEstimate, Result, Snapshot, UserStats};

/// After how many lessons the prior of users is estimated again.
const REFIT: u64 = 200;

type Rows = BTreeMap<(StrategyId, Layout, Epoch), Stats>;

/// What a policy would have learnt from the log so far.
#[derive(Default)]
pub(super) struct Learning {
    scopes: BTreeMap<Scope, Rows>,
    counts: BTreeMap<StrategyId, u64>,
    prior: Option<PriorEstimate>,
    lessons: u64,
    /// Rows of the task from before this epoch are added up.
    folded: Option<Epoch>,
}

impl Learning {
    /// Adds what a decision teaches.
    pub(super) fn add(&mut self, policy: &dyn Policy, rows: Vec<StatsRow>) -> Result<()> {
        for row in rows {
            if row.scope == Scope::Task {
                let count = self.counts.entry(row.strategy.clone()).or_default();
                *count = count.saturating_add_signed(row.stats.count);
            }
            let place = (row.strategy, row.layout, row.epoch);
            let sum = self.scopes.entry(row.scope).or_default().entry(place).or_default();
            *sum = sum.checked_add(&row.stats)?;
        }
        self.lessons += 1;
        if self.lessons.is_multiple_of(REFIT) {
            self.prior = Some(policy.fit_prior(&self.users()?)?);
        }
        Ok(())
    }

    /// How many rewards a strategy has.
    pub(super) fn pulls(&self, strategy: &StrategyId) -> u64 {
        self.counts.get(strategy).copied().unwrap_or(0)
    }

    /// What the policy would read before a decision.
    pub(super) fn snapshot(&mut self, policy: &dyn Policy, context: &Context) -> Result<Snapshot> {
        self.fold(policy.history(context.at))?;
        let segment = context.segment.iter().cloned().map(Scope::Segment);
        let scopes = std::iter::once(Scope::Task).chain(segment);
        let mut snapshot = Snapshot::default();
        for scope in scopes.chain(std::iter::once(Scope::User(context.user.clone()))) {
            for ((strategy, layout, epoch), stats) in self.scopes.get(&scope).into_iter().flatten() {
                snapshot.add(&StatsRow {
                    scope: scope.clone(),
                    strategy: strategy.clone(),
                    epoch: *epoch,
                    layout: *layout,
                    stats: stats.clone(),
                })?;
            }
        }
        snapshot.set_prior(self.prior.clone());
        Ok(snapshot)
    }

    /// Adds epochs that the policy no longer tells apart, as stores do: into the newest of them.
    fn fold(&mut self, since: Option<Epoch>) -> Result<()> {
        let Some(since) = since.filter(|since| self.folded.is_none_or(|folded| folded < *since)) else {
            return Ok(());
        };
        for rows in self.scopes.values_mut() {
            let mut folded = Rows::new();
            let mut last: Option<((StrategyId, Layout, Epoch), Stats)> = None;
            for (place, stats) in std::mem::take(rows) {
                let is_same = |own: &(StrategyId, Layout, Epoch)| {
                    own.0 == place.0 && own.1 == place.1 && place.2 < since
                };
                last = Some(match last.take() {
                    Some((own, sum)) if is_same(&own) => (place, sum.checked_add(&stats)?),
                    Some((own, sum)) => {
                        folded.insert(own, sum);
                        (place, stats)
                    }
                    None => (place, stats),
                });
            }
            folded.extend(last);
            *rows = folded;
        }
        self.folded = Some(since);
        Ok(())
    }

    fn users(&self) -> Result<Vec<UserStats>> {
        let mut users = Vec::new();
        for (_, rows) in self.scopes.iter().filter(|(scope, _)| matches!(scope, Scope::User(_))) {
            let mut totals: BTreeMap<&StrategyId, Stats> = BTreeMap::new();
            for ((strategy, ..), stats) in rows {
                let sum = totals.entry(strategy).or_default();
                *sum = sum.checked_add(&stats.scalars())?;
            }
            let total =
                |(strategy, stats): (&StrategyId, Stats)| UserStats { strategy: strategy.clone(), stats };
            users.extend(totals.into_iter().map(total));
        }
        Ok(users)
    }
}
