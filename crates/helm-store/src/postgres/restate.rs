//! Learning state compared with, or made from, what decisions have contributed.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use helm_core::{Stats, StatsRow, TaskId, TenantId};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection, Executor, Row};

use super::decode::{body, pack, scope_columns, stats_row};
use super::error::{driver, failure};
use super::options::PostgresOptions;
use super::{BACKEND, checkpoint, connect, select_stats, sums};
use crate::bandit::Audit;
use crate::batch::{Failure, StatsKey};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{Place, compare, difference, fold, place, row};

/// Statistics and contributions of one moment.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// One at a time: two that add the same difference would add it twice. Held by the connection, which is closed in the
/// end.
const ALONE: &str = "SELECT pg_advisory_lock(hashtextextended('helm restate ' || $1 || ' ' || $2, 0))";

/// What cannot be put right by adding, unless it has been changed meanwhile.
const CLEAR: &str =
    "UPDATE helm_stats SET packed = NULL WHERE tenant = $1 AND task = $2 AND scope = $3 AND member = $4
    AND strategy = $5 AND epoch = $6 AND layout = $7 AND packed::text = $8";

/// Rows that say nothing.
const SWEEP: &str = "DELETE FROM helm_stats WHERE tenant = $1 AND task = $2 AND count = 0 AND reward = 0
    AND reward_sq = 0 AND turns = 0 AND cost = 0 AND tokens = 0 AND latency_us = 0 AND failures = 0 AND loss = 0
    AND (packed IS NULL OR 0 = ALL (packed))";

/// Makes a task's statistics the sum of its contributions, while turns go on.
///
/// Whoever changes a contribution adds the same difference to the statistics in the same transaction. So what the
/// statistics lack at one moment they lack until it is added to them, whatever is written meanwhile.
pub(super) async fn restate(options: &PostgresOptions, tenant: &TenantId, task: &TaskId) -> Result<u64> {
    const TRIES: u32 = 5;
    let mut connection = connect::patient(options).await?;
    let alone = sqlx::query(ALONE).bind(tenant.as_str()).bind(task.as_str()).execute(&mut connection);
    alone.await.map_err(|error| driver("restate", error))?;
    let mut attempt = 1;
    let rows = loop {
        match try_restate(&mut connection, tenant, task).await {
            Err(Failure::Again(_)) if attempt < TRIES => attempt += 1,
            Err(Failure::Again(error) | Failure::Final(error)) => return Err(error),
            Ok(rows) => break rows,
        }
    };
    connection.close().await.map_err(|error| driver("restate", error))?;
    Ok(rows)
}

async fn try_restate(
    connection: &mut PgConnection,
    tenant: &TenantId,
    task: &TaskId,
) -> Result<u64, Failure> {
    const OPERATION: &str = "restate";
    let failed = |error| failure(OPERATION, error);
    let mut snapshot = connection.begin_with(SNAPSHOT).await.map_err(failed)?;
    let expected = contributed(&mut snapshot, tenant, task, OPERATION).await?.sums;
    let found = stored(&mut snapshot, tenant, task, OPERATION).await?;
    snapshot.commit().await.map_err(failed)?;
    let lack = lack(expected, found)?;
    let key = |place| (tenant.clone(), task.clone(), place);
    let rows: Vec<_> = lack.differences.into_iter().map(|(place, stats)| (key(place), stats)).collect();
    let mut transaction = connection.begin().await.map_err(failed)?;
    for (place, packed) in &lack.misshapen {
        clear(&mut transaction, &key(place.clone()), packed).await?;
    }
    for part in rows.chunks(1_000) {
        sums::add(&mut transaction, part).await?;
    }
    let swept = sqlx::query(SWEEP).bind(tenant.as_str()).bind(task.as_str());
    swept.execute(&mut *transaction).await.map_err(failed)?;
    let count = sqlx::query("SELECT count(*) FROM helm_stats WHERE tenant = $1 AND task = $2");
    let count = count.bind(tenant.as_str()).bind(task.as_str()).fetch_one(&mut *transaction).await;
    let count = count.and_then(|row| row.try_get::<i64, _>(0)).map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(count.unsigned_abs())
}

/// What is to be added to the statistics of a moment.
#[derive(Default)]
struct Lack {
    differences: BTreeMap<Place, Stats>,
    /// Rows whose packed sums have another length than they should have, with these.
    misshapen: Vec<(Place, Vec<i128>)>,
}

fn lack(expected: BTreeMap<Place, Stats>, mut found: BTreeMap<Place, Stats>) -> Result<Lack> {
    let mut lack = Lack::default();
    for (place, stats) in &mut found {
        let length = expected.get(place).map_or(0, |sum| sum.packed.len());
        if !stats.packed.is_empty() && stats.packed.len() != length {
            lack.misshapen.push((place.clone(), std::mem::take(&mut stats.packed)));
        }
    }
    let rows = |sums: BTreeMap<Place, Stats>| {
        sums.into_iter().map(|(place, stats)| row(place, stats)).collect::<Vec<_>>()
    };
    lack.differences = difference(BACKEND, &rows(found), &rows(expected))?;
    Ok(lack)
}

async fn clear(connection: &mut PgConnection, key: &StatsKey, packed: &[i128]) -> Result<(), Failure> {
    const OPERATION: &str = "restate";
    let (tenant, task, (scope, strategy, epoch, layout)) = key;
    let (scope, member) = scope_columns(scope, OPERATION)?;
    let cleared = sqlx::query(CLEAR)
        .bind(tenant.as_str())
        .bind(task.as_str())
        .bind(scope)
        .bind(member)
        .bind(strategy.to_string())
        .bind(epoch.start())
        .bind(layout.number())
        .bind(pack(packed))
        .execute(connection)
        .await
        .map_err(|error| failure(OPERATION, error))?;
    match cleared.rows_affected() {
        1 => Ok(()),
        _ => {
            let message = "learning state was changed at the same time; try again";
            Err(Failure::Again(Error::new(ErrorKind::Unavailable, BACKEND, OPERATION, message)))
        }
    }
}

/// Compares the statistics of one moment with the contributions of the same moment.
pub(super) async fn audit(pool: &PgPool, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
    const OPERATION: &str = "audit";
    let failed = |error| driver(OPERATION, error);
    let mut snapshot = pool.begin_with(SNAPSHOT).await.map_err(failed)?;
    snapshot.execute("SET LOCAL statement_timeout = '10min'").await.map_err(failed)?;
    let logged = contributed(&mut snapshot, tenant, task, OPERATION).await?;
    let found = stored(&mut snapshot, tenant, task, OPERATION).await?;
    let mut audit = Audit { decisions: logged.decisions, ..Audit::default() };
    compare(&mut audit, logged.sums, &found);
    Ok(audit)
}

/// A task's statistics.
async fn stored(
    connection: &mut PgConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<BTreeMap<Place, Stats>> {
    let rows = sqlx::query(select_stats!("helm_stats"));
    let rows = rows.bind(tenant.as_str()).bind(task.as_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| driver(operation, error))?;
    rows.iter().map(|row| stats_row(row, operation).map(|row| (place(&row), row.stats))).collect()
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
