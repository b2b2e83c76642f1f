//! What decisions that have left the log had contributed.

use std::collections::BTreeMap;

use helm_core::{Fixed, StatsRow, StrategyId, TaskId, TenantId};
use sqlx::Executor;
use sqlx::postgres::{PgConnection, PgRow};

use super::decode::{get, integer, natural, parsed, stats_row};
use super::error::{driver, failure};
use super::save::column;
use super::sums::bound;
use crate::batch::Failure;
use crate::checkpoint::{Checkpoint, Left};
use crate::error::Result;

const OPERATION: &str = "retain";

/// Held by whoever changes the checkpoint: last of all locks.
const LOCK: &str = "LOCK TABLE helm_checkpoint IN SHARE ROW EXCLUSIVE MODE";

const SUMS: &str = "INSERT INTO helm_checkpoint AS c (tenant, task, scope, member, strategy, epoch, layout, count, reward,
        reward_sq, turns, cost, tokens, latency_us, failures, loss, packed)
    SELECT tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
        latency_us, failures, loss, packed::numeric[]
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[], $16::bigint[], $17::text[])
        k (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
            latency_us, failures, loss, packed)
    ON CONFLICT (tenant, task, scope, member, strategy, epoch, layout) DO UPDATE SET
        count = c.count + excluded.count, reward = c.reward + excluded.reward,
        reward_sq = c.reward_sq + excluded.reward_sq, turns = c.turns + excluded.turns,
        cost = c.cost + excluded.cost, tokens = c.tokens + excluded.tokens,
        latency_us = c.latency_us + excluded.latency_us, failures = c.failures + excluded.failures,
        loss = c.loss + excluded.loss,
        packed = CASE WHEN excluded.packed IS NULL THEN c.packed WHEN c.packed IS NULL THEN excluded.packed
            ELSE (SELECT array_agg(a.old + a.new ORDER BY a.n)
                FROM unnest(c.packed, excluded.packed) WITH ORDINALITY a (old, new, n)) END";

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
    let failed = |error| failure(OPERATION, error);
    connection.execute(LOCK).await.map_err(failed)?;
    let sums = checkpoint.sums.into_iter();
    let sums: Vec<_> = sums.map(|((task, place), sum)| ((tenant.clone(), task, place), sum)).collect();
    if !sums.is_empty() {
        bound(SUMS, &sums.iter().collect::<Vec<_>>())?.execute(&mut *connection).await.map_err(failed)?;
    }
    let totals: Vec<_> = checkpoint.totals.into_iter().collect();
    let counts = |part: fn(&Left) -> u64| -> Result<Vec<i64>> {
        totals.iter().map(|(_, left)| integer(part(left), "count", OPERATION)).collect()
    };
    let kept = sqlx::query(TOTALS)
        .bind(tenant.as_str())
        .bind(column(&totals, |((task, _), _)| task.as_str()))
        .bind(column(&totals, |((_, strategy), _)| strategy.to_string()))
        .bind(counts(|left| left.decisions)?)
        .bind(counts(|left| left.contributed)?)
        .bind(counts(|left| left.feedback_count)?)
        .bind(column(&totals, |(_, left)| left.feedback_sum.to_bits()));
    kept.execute(connection).await.map(drop).map_err(failed)
}

/// What the decisions of a task that have left the log had contributed.
pub(super) async fn sums(
    connection: &mut PgConnection,
    tenant: &TenantId,
    task: &TaskId,
    operation: &'static str,
) -> Result<Vec<StatsRow>> {
    let rows = sqlx::query(
        "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us,
             failures, loss, packed::text AS packed
         FROM helm_checkpoint WHERE tenant = $1 AND task = $2 ORDER BY scope, member, strategy, epoch, layout",
    );
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
    let left = |row: &PgRow| {
        let count = |column| natural(get(row, column, operation)?, "count", operation);
        let left = Left {
            decisions: count("decisions")?,
            contributed: count("contributed")?,
            feedback_count: count("feedback_count")?,
            feedback_sum: Fixed::from_bits(get(row, "feedback_sum", operation)?),
        };
        Ok((parsed(row, "strategy", operation)?, left))
    };
    rows.map_err(|error| driver(operation, error))?.iter().map(left).collect()
}
