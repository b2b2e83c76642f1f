//! Learning state compared with, or made from, what decisions have contributed.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use helm_core::{Stats, StatsRow, TaskId, TenantId};
use sqlx::Executor;
use sqlx::postgres::{PgConnection, PgPool};

use super::decode::{body, stats_row};
use super::error::{driver, failure};
use super::store::Work;
use super::sums;
use super::{BACKEND, checkpoint};
use crate::bandit::Audit;
use crate::batch::Failure;
use crate::error::Result;
use crate::fold::{Place, compare, fold, place};

/// Replaces a task's statistics by the sum of its contributions.
///
/// Whoever adds to the statistics has written the contribution it adds by then. So under the lock, what is
/// committed counts, and what is not will add its difference afterwards.
pub(super) struct Restate<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) task: &'a TaskId,
}

impl Work for Restate<'_> {
    type Done = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, Failure> {
        const OPERATION: &str = "restate";
        let (tenant, task) = (self.tenant, self.task);
        let failed = |error| failure(OPERATION, error);
        connection.execute("SET LOCAL statement_timeout = '10min'").await.map_err(failed)?;
        connection.execute("LOCK TABLE helm_stats IN SHARE ROW EXCLUSIVE MODE").await.map_err(failed)?;
        // Nothing may move from the log to the checkpoint between reading one and the other.
        connection.execute(checkpoint::LOCK).await.map_err(failed)?;
        let mut sums = contributed(connection, tenant, task, OPERATION).await?.sums;
        sums.retain(|_, stats| !stats.is_zero());
        let cleared = sqlx::query("DELETE FROM helm_stats WHERE tenant = $1 AND task = $2");
        cleared.bind(tenant.as_str()).bind(task.as_str()).execute(&mut *connection).await.map_err(failed)?;
        let key = |place| (tenant.clone(), task.clone(), place);
        let rows: Vec<_> = sums.into_iter().map(|(place, stats)| (key(place), stats)).collect();
        for part in rows.chunks(1_000) {
            sums::add(connection, part).await?;
        }
        Ok(rows.len() as u64)
    }
}

/// Compares the statistics of one moment with the contributions of the same moment.
pub(super) async fn audit(pool: &PgPool, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
    const OPERATION: &str = "audit";
    let failed = |error| driver(OPERATION, error);
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    let mut snapshot = pool.begin_with(begin).await.map_err(failed)?;
    snapshot.execute("SET LOCAL statement_timeout = '10min'").await.map_err(failed)?;
    let logged = contributed(&mut snapshot, tenant, task, OPERATION).await?;
    let stored = sqlx::query(
        "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us,
             failures, loss, packed::text AS packed
         FROM helm_stats WHERE tenant = $1 AND task = $2",
    );
    let stored = stored.bind(tenant.as_str()).bind(task.as_str()).fetch_all(&mut *snapshot).await;
    let stored = stored.map_err(failed)?;
    let mut audit = Audit { decisions: logged.decisions, ..Audit::default() };
    let found = stored.iter().map(|row| {
        let row = stats_row(row, OPERATION)?;
        Ok((place(&row), row.stats))
    });
    compare(&mut audit, logged.sums, &found.collect::<Result<_>>()?);
    Ok(audit)
}

/// What the decisions of a task have contributed, with those that have left the log.
#[derive(Default)]
struct Contributed {
    /// How many contributed anything.
    decisions: u64,
    sums: BTreeMap<Place, Stats>,
}

/// Adds all contributions of a task up.
async fn contributed(
    connection: &mut PgConnection,
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
    let logged = sqlx::query(
        "SELECT contribution::text AS contribution, format FROM helm_reward WHERE tenant = $1 AND task = $2",
    );
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
