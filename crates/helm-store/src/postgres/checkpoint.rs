//! What decisions that have left the log had contributed.

use std::collections::BTreeMap;

use helm_core::{StatsRow, StrategyId, TaskId, TenantId};
use sqlx::Executor;
use sqlx::postgres::PgConnection;

use super::decode::{integer, stats_row};
use super::error::{driver, failure};
use super::save::column;
use super::sums::bind;
use super::together::Together;
use super::{select_stats, upsert_stats};
use crate::batch::Failure;
use crate::checkpoint::{Checkpoint, Left};
use crate::error::Result;
use crate::stored::left;

const OPERATION: &str = "retain";

/// Held by whoever changes the checkpoint: last of all locks.
const LOCK: &str = "LOCK TABLE helm_checkpoint IN SHARE ROW EXCLUSIVE MODE";

const SUMS: &str = upsert_stats!("helm_checkpoint");

const TOTALS: &str = "INSERT INTO helm_checkpoint_total AS c
        (tenant, task, strategy, decisions, contributed, feedback_count, feedback_sum)
    SELECT $1, task, strategy, decisions, contributed, feedback_count, feedback_sum
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        k (task, strategy, decisions, contributed, feedback_count, feedback_sum)
    ON CONFLICT (tenant, task, strategy) DO UPDATE SET decisions = c.decisions + excluded.decisions,
        contributed = c.contributed + excluded.contributed,
        feedback_count = c.feedback_count + excluded.feedback_count,
        feedback_sum = c.feedback_sum + excluded.feedback_sum";

/// Adds to the checkpoint.
pub(super) async fn keep(
    connection: &mut PgConnection,
    tenant: &TenantId,
    checkpoint: Checkpoint,
) -> Result<(), Failure> {
    connection.execute(LOCK).await.map_err(|error| failure(OPERATION, error))?;
    let mut writes = Together::new(OPERATION);
    let sums = checkpoint.sums.into_iter();
    let sums: Vec<_> = sums.map(|((task, place), sum)| ((tenant.clone(), task, place), sum)).collect();
    if !sums.is_empty() {
        bind(writes.write(SUMS, None), &sums)?;
    }
    let totals: Vec<_> = checkpoint.totals.into_iter().collect();
    let counts = |part: fn(&Left) -> u64| -> Result<Vec<i64>> {
        totals.iter().map(|(_, left)| integer(part(left), "count", OPERATION)).collect()
    };
    writes
        .write(TOTALS, None)
        .bind(tenant.as_str())?
        .bind(column(&totals, |((task, _), _)| task.as_str()))?
        .bind(column(&totals, |((_, strategy), _)| strategy.to_string()))?
        .bind(counts(|left| left.decisions)?)?
        .bind(counts(|left| left.contributed)?)?
        .bind(counts(|left| left.feedback_count)?)?
        .bind(column(&totals, |(_, left)| left.feedback_sum.to_bits()))?;
    writes.run(connection).await.map(drop)
}

/// What the decisions of a task that have left the log had contributed.
pub(super) async fn sums(
    connection: &mut PgConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<Vec<StatsRow>> {
    let rows = sqlx::query(select_stats!("helm_checkpoint"));
    let rows = rows.bind(tenant.as_str()).bind(task.as_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| driver(operation, error))?;
    rows.iter().map(|row| stats_row(row, operation)).collect()
}

/// How much of a task has left the log, by strategy.
pub(super) async fn totals(
    connection: &mut PgConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<BTreeMap<StrategyId, Left>> {
    let rows = sqlx::query(
        "SELECT strategy, decisions, contributed, feedback_count, feedback_sum FROM helm_checkpoint_total
         WHERE tenant = $1 AND task = $2",
    );
    let rows = rows.bind(tenant.as_str()).bind(task.as_str()).fetch_all(connection).await;
    rows.map_err(|error| driver(operation, error))?.iter().map(|row| left(row, operation)).collect()
}
