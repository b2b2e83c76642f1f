use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use helm_core::{DecisionId, Epoch, Layout, Scope, Stats, StatsRow, StrategyId, TaskId, TenantId};
use helm_store::{ErrorKind, Mismatch, SettledDecision, Settlement};

use crate::error::{Error, Result};
use crate::inner::Inner;

/// Decisions that are read at a time.
const PAGE: usize = 500;
/// Decisions that are settled at a time; a store may commit them together.
const BATCH: usize = 64;

/// A task's log settled again with the present policy and reward, beside what is stored.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Rebuild {
    /// How many decisions were settled again.
    pub decisions: u64,
    /// How many of them come to another reward or contribution than is stored.
    pub changed: u64,
    /// How many rows of learning state were compared.
    pub rows: u64,
    /// The rows that differ: what the log adds up to, and what the state holds.
    pub differences: Vec<Mismatch>,
}

impl Rebuild {
    /// Whether log and state agree bit for bit.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.changed == 0 && self.differences.is_empty()
    }
}

type Place = (Scope, StrategyId, Epoch, Layout);

/// Settles all decisions of a task again, in memory, and compares. Answers too which decisions come to something
/// else. `progress` is called with the number of decisions so far.
pub(crate) async fn compare(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(Rebuild, Vec<DecisionId>)> {
    inner.task(task)?;
    inner.weigh_as_of(tenant, Duration::ZERO).await?;
    let (mut rebuild, mut changed, mut after) = (Rebuild::default(), Vec::new(), None);
    let (mut expected, mut found) = (BTreeMap::new(), BTreeMap::new());
    loop {
        let page = inner.store.log().settled(tenant, task, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.decision.id);
        for settled in &page {
            let again = settle(inner, settled)?;
            if again.reward != settled.reward || again.contribution != settled.contribution {
                changed.push(settled.decision.id);
            }
            add(&mut expected, &again.contribution)?;
            add(&mut found, &settled.contribution)?;
            rebuild.decisions += 1;
        }
        progress(rebuild.decisions);
    }
    // Decisions that have left the log cannot be settled again; what they came to holds.
    let left = inner.store.bandits().checkpoint(tenant, task).await?;
    add(&mut expected, &left)?;
    add(&mut found, &left)?;
    // What is stored is what was contributed, but for the rows that the audit names.
    for mismatch in inner.store.bandits().audit(tenant, task).await?.mismatches {
        found.insert(place(&mismatch.expected), mismatch.found);
    }
    (rebuild.changed, rebuild.differences) = (changed.len() as u64, differences(expected, &found));
    rebuild.rows = found.len() as u64;
    Ok((rebuild, changed))
}

/// Replaces what is stored by what the log adds up to. Turns may go on meanwhile: each step leaves the state the sum
/// of its contributions.
pub(crate) async fn rebuild(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Rebuild> {
    let (rebuild, changed) = compare(inner, tenant, task, progress).await?;
    if rebuild.is_equal() {
        return Ok(rebuild);
    }
    // First the sum of what was contributed, so that differences can be added to it.
    inner.store.restate(tenant, task).await?;
    let settled = stream::iter(changed).map(|id| {
        let settler = Arc::clone(&inner.settler);
        async move { inner.store.resettle(tenant, id, settler).await.map(drop) }
    });
    settled.buffer_unordered(BATCH).try_collect::<()>().await?;
    // Then without the rows that came to nothing.
    inner.store.restate(tenant, task).await?;
    Ok(rebuild)
}

fn settle(inner: &Inner, settled: &SettledDecision) -> Result<Settlement> {
    inner.settler.settle(&settled.case()).map_err(|error| {
        let message = format!("the decision {} cannot be settled", settled.decision.id);
        let backend = inner.store.capabilities().backend;
        helm_store::Error::new(ErrorKind::Unsettled, backend, "rebuild", message).with_source(error).into()
    })
}

fn add(sums: &mut BTreeMap<Place, Stats>, rows: &[StatsRow]) -> Result<()> {
    for row in rows {
        let sum = sums.entry(place(row)).or_default();
        *sum = sum.checked_add(&row.stats).map_err(helm_policy::Error::from).map_err(Error::from)?;
    }
    Ok(())
}

fn place(row: &StatsRow) -> Place {
    (row.scope.clone(), row.strategy.clone(), row.epoch, row.layout)
}

fn differences(mut expected: BTreeMap<Place, Stats>, found: &BTreeMap<Place, Stats>) -> Vec<Mismatch> {
    for place in found.keys() {
        expected.entry(place.clone()).or_default();
    }
    let rows = expected.into_iter().filter_map(|(place, stats)| {
        let found = found.get(&place).cloned().unwrap_or_default();
        let equal = found.checked_sub(&stats).is_ok_and(|difference| difference.is_zero());
        let (scope, strategy, epoch, layout) = place;
        let expected = StatsRow { scope, strategy, epoch, layout, stats };
        (!equal).then_some(Mismatch { expected, found })
    });
    rows.collect()
}
