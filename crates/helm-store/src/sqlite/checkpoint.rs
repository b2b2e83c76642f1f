//! What decisions that have left the log had contributed.

use std::collections::BTreeMap;

use helm_core::{StatsRow, StrategyId, TaskId, TenantId};
use sqlx::sqlite::SqliteConnection;

use super::decode::{integer, stats_row};
use super::error::driver;
use super::many::{Many, many};
use super::script::Script;
use super::sums::{CHECKPOINT, add};
use crate::checkpoint::{Checkpoint, Left};
use crate::error::Result;
use crate::stored::left;

const TOTALS: Many = many!(
    "INSERT INTO helm_checkpoint_total
         (tenant, task, strategy, decisions, contributed, feedback_count, feedback_sum) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT DO UPDATE SET decisions = decisions + excluded.decisions,
         contributed = contributed + excluded.contributed,
         feedback_count = feedback_count + excluded.feedback_count,
         feedback_sum = feedback_sum + excluded.feedback_sum"
);

/// Adds to the checkpoint.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    checkpoint: Checkpoint,
) -> Result<()> {
    const OPERATION: &str = "retain";
    let sums = checkpoint.sums.into_iter();
    let sums = sums.map(|((task, place), sum)| ((tenant.clone(), task, place), sum)).collect();
    let mut script = Script::new(connection);
    add(&mut script, &CHECKPOINT, &sums).await?;
    let totals: Vec<_> = checkpoint.totals.into_iter().collect();
    let kept = script.write(&TOTALS, &totals, OPERATION, |query, ((task, strategy), left)| {
        Ok(query
            .bind(tenant.as_str())
            .bind(task.as_str())
            .bind(strategy.to_string())
            .bind(integer(left.decisions, "count", OPERATION)?)
            .bind(integer(left.contributed, "count", OPERATION)?)
            .bind(integer(left.feedback_count, "count", OPERATION)?)
            .bind(left.feedback_sum.to_bits()))
    });
    kept.await?;
    script.send().await.map(drop)
}

/// What the decisions of a task that have left the log had contributed.
pub(super) async fn sums(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<Vec<StatsRow>> {
    let rows = sqlx::query(
        "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us,
             failures, loss, packed
         FROM helm_checkpoint WHERE tenant = ? AND task = ? ORDER BY scope, member, strategy, epoch, layout",
    );
    let rows = rows.bind(tenant.as_str()).bind(task.as_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| driver(operation, error))?;
    rows.iter().map(|row| stats_row(row, operation)).collect()
}

/// How much of a task has left the log, by strategy.
pub(super) async fn totals(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<BTreeMap<StrategyId, Left>> {
    let rows = sqlx::query(
        "SELECT strategy, decisions, contributed, feedback_count, feedback_sum FROM helm_checkpoint_total
         WHERE tenant = ? AND task = ?",
    );
    let rows = rows.bind(tenant.as_str()).bind(task.as_str()).fetch_all(connection).await;
    rows.map_err(|error| driver(operation, error))?.iter().map(|row| left(row, operation)).collect()
}
