//! Learning state made from, or compared with, what decisions have contributed.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use helm_core::{Stats, StatsRow, TaskId, TenantId};
use sqlx::sqlite::SqliteConnection;

use super::decode::body;
use super::error::driver;
use super::script::Script;
use super::sums::{STATS, add};
use super::{BACKEND, checkpoint};
use crate::error::Result;
use crate::fold::{Place, fold, place};

/// Replaces a task's statistics by the sum of its contributions.
pub(super) async fn restate(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
) -> Result<u64> {
    const OPERATION: &str = "restate";
    let mut sums = contributed(connection, tenant, task, OPERATION).await?.sums;
    sums.retain(|_, stats| !stats.is_zero());
    let cleared = sqlx::query("DELETE FROM helm_stats WHERE tenant = ? AND task = ?");
    let cleared = cleared.bind(tenant.as_str()).bind(task.as_str()).execute(&mut *connection).await;
    cleared.map_err(|error| driver(OPERATION, error))?;
    let sums = sums.into_iter().map(|(place, sum)| ((tenant.clone(), task.clone(), place), sum)).collect();
    let mut script = Script::new(connection);
    add(&mut script, &STATS, &sums).await?;
    script.send().await?;
    Ok(sums.len() as u64)
}

/// What the decisions of a task have contributed, with those that have left the log.
#[derive(Default)]
pub(super) struct Contributed {
    /// How many contributed anything.
    pub(super) decisions: u64,
    pub(super) sums: BTreeMap<Place, Stats>,
}

/// Adds all contributions of a task up.
pub(super) async fn contributed(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<Contributed> {
    let mut all = Contributed::default();
    for row in checkpoint::sums(connection, tenant, task, operation).await? {
        all.sums.insert(place(&row), row.stats);
    }
    let left = checkpoint::totals(connection, tenant, task, operation).await?;
    all.decisions = left.values().map(|left| left.contributed).sum();
    let logged = sqlx::query("SELECT contribution, format FROM helm_reward WHERE tenant = ? AND task = ?");
    let mut logged = logged.bind(tenant.as_str()).bind(task.as_str()).fetch(connection);
    while let Some(row) = logged.try_next().await.map_err(|error| driver(operation, error))? {
        let contribution: Vec<StatsRow> = body(&row, "contribution", operation)?;
        all.decisions += u64::from(!contribution.is_empty());
        for row in contribution {
            let sum = all.sums.entry(place(&row)).or_default();
            *sum = fold(BACKEND, sum, &row.stats)?;
        }
    }
    Ok(all)
}
