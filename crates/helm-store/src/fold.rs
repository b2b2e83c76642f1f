//! What both backends do to statistics.

use std::collections::BTreeMap;

use helm_core::{Epoch, Fixed, Layout, Scope, Stats, StatsRow, StrategyId, UnitInterval};

use crate::bandit::{Audit, Mismatch};
use crate::error::{Error, ErrorKind, Result};

/// A row's place within a tenant and task.
pub(crate) type Place = (Scope, StrategyId, Epoch, Layout);

/// `new` minus `old`, by place; places where nothing changes are left out.
pub(crate) fn difference(
    backend: &'static str,
    old: &[StatsRow],
    new: &[StatsRow],
) -> Result<BTreeMap<Place, Stats>> {
    let mut changes: BTreeMap<Place, Stats> = BTreeMap::new();
    for row in new {
        let entry = changes.entry(place(row)).or_default();
        *entry = entry.checked_add(&row.stats).map_err(|error| refused(backend, error))?;
    }
    for row in old {
        let entry = changes.entry(place(row)).or_default();
        *entry = entry.checked_sub(&row.stats).map_err(|error| refused(backend, error))?;
    }
    changes.retain(|_, stats| !stats.is_zero());
    Ok(changes)
}

/// The sum of two changes.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn added(backend: &'static str, one: &Stats, other: &Stats) -> Result<Stats> {
    one.checked_add(other).map_err(|error| refused(backend, error))
}

/// `state` with `change` added.
pub(crate) fn fold(backend: &'static str, state: &Stats, change: &Stats) -> Result<Stats> {
    let sum = state.checked_add(change).map_err(|error| refused(backend, error))?;
    if sum.count < 0 || sum.failures < 0 {
        let message = "a count of learning state would fall below 0; audit the state against its log";
        return Err(Error::new(ErrorKind::Corrupt, backend, "settle", message));
    }
    Ok(sum)
}

pub(crate) fn place(row: &StatsRow) -> Place {
    (row.scope.clone(), row.strategy.clone(), row.epoch, row.layout)
}

pub(crate) fn row((scope, strategy, epoch, layout): Place, stats: Stats) -> StatsRow {
    StatsRow { scope, strategy, epoch, layout, stats }
}

/// The rows in order, with those of epochs before `since` summed up by scope, strategy and layout.
pub(crate) fn since(
    backend: &'static str,
    rows: impl IntoIterator<Item = (Place, Stats)>,
    since: Option<Epoch>,
) -> Result<Vec<StatsRow>> {
    let mut kept: BTreeMap<Place, Stats> = BTreeMap::new();
    let mut older: BTreeMap<(Scope, StrategyId, Layout), (Epoch, Stats)> = BTreeMap::new();
    for ((scope, strategy, epoch, layout), stats) in rows {
        if since.is_none_or(|since| epoch >= since) {
            kept.insert((scope, strategy, epoch, layout), stats);
            continue;
        }
        let (newest, sum) = older.entry((scope, strategy, layout)).or_insert((epoch, Stats::default()));
        *newest = epoch.max(*newest);
        *sum = sum.checked_add(&stats).map_err(|error| refused(backend, error))?;
    }
    let older = older
        .into_iter()
        .map(|((scope, strategy, layout), (epoch, sum))| ((scope, strategy, epoch, layout), sum));
    kept.extend(older);
    Ok(kept.into_iter().map(|(place, stats)| row(place, stats)).collect())
}

/// A sum of judgements with one more.
pub(crate) fn add_judgement(backend: &'static str, sum: Fixed, value: UnitInterval) -> Result<Fixed> {
    let value = Stats::of_reward(value).reward.to_bits();
    sum.to_bits().checked_add(value).map(Fixed::from_bits).ok_or_else(|| {
        let message = "the sum of judgements would overflow; start a new strategy version";
        Error::new(ErrorKind::Invalid, backend, "strategy_totals", message)
    })
}

fn refused(backend: &'static str, error: helm_core::StatsError) -> Error {
    Error::new(ErrorKind::Invalid, backend, "settle", "the contribution cannot be added").with_source(error)
}

/// Notes every place where the state is not what the log adds up to.
pub(crate) fn compare(
    audit: &mut Audit,
    mut expected: BTreeMap<Place, Stats>,
    found: &BTreeMap<Place, Stats>,
) {
    audit.rows = found.len() as u64;
    for place in found.keys() {
        expected.entry(place.clone()).or_default();
    }
    for (place, sum) in expected {
        let stored = found.get(&place).cloned().unwrap_or_default();
        if !stored.checked_sub(&sum).is_ok_and(|difference| difference.is_zero()) {
            audit.mismatches.push(Mismatch { expected: row(place, sum), found: stored });
        }
    }
}
