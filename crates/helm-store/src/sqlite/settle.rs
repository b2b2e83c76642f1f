use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use helm_core::{
    Decision, DecisionId, Outcome, Reward, SourceName, Stats, StatsRow, TaskId, TenantId, UnitInterval,
};
use sqlx::sqlite::SqliteConnection;

use super::BACKEND;
use super::decode::{FORMAT, body, check_format, get, json_opt, pack, parsed, scope_columns, stats, to_json};
use super::error::{driver, unreadable};
use crate::error::Result;
use crate::fold::{Place, difference, fold, place};
use crate::settle::{Case, Settle, Settlement, settled};

const OPERATION: &str = "settle";

/// What a decision amounted to before.
#[derive(Default)]
struct Before {
    contribution: Vec<StatsRow>,
    silence_ended: bool,
}

/// Reads all evidence of a decision, settles it, and adds the difference to the statistics; all inside the
/// committer's transaction, where nobody else writes.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    decision: &Decision,
    ends_silence: bool,
    settle: &Arc<dyn Settle>,
) -> Result<Option<Reward>> {
    let (tenant, task) = (&decision.context.tenant, &decision.context.task);
    let before = before(connection, tenant, decision.id).await?;
    let silence_ended = before.silence_ended || ends_silence;
    let outcome = outcome(connection, tenant, decision.id).await?;
    let feedback = feedback(connection, tenant, decision.id).await?;
    let case = Case::new(decision, outcome.as_ref(), &feedback, silence_ended);
    let settlement = settled(BACKEND, &**settle, &case)?;
    for (place, change) in difference(BACKEND, &before.contribution, &settlement.contribution)? {
        add(connection, tenant, task, &place, &change).await?;
    }
    keep(connection, decision, &settlement, silence_ended).await?;
    Ok(settlement.reward)
}

async fn before(connection: &mut SqliteConnection, tenant: &TenantId, id: DecisionId) -> Result<Before> {
    let row = sqlx::query(
        "SELECT contribution, silence_ended, format FROM helm_reward WHERE tenant = ? AND decision = ?",
    )
    .bind(tenant.as_str())
    .bind(id.as_bytes().as_slice())
    .fetch_optional(connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    let Some(row) = row else {
        return Ok(Before::default());
    };
    Ok(Before {
        contribution: body(&row, "contribution", OPERATION)?,
        silence_ended: get(&row, "silence_ended", OPERATION)?,
    })
}

async fn outcome(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
) -> Result<Option<Outcome>> {
    let row = sqlx::query("SELECT outcome, format FROM helm_turn WHERE tenant = ? AND id = ?")
        .bind(tenant.as_str())
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    row.map(|row| body(&row, "outcome", OPERATION)).transpose()
}

/// Each source's value of highest revision; SQLite takes the other columns from the row of the maximum.
pub(super) async fn feedback(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
) -> Result<Vec<(SourceName, UnitInterval)>> {
    let rows = sqlx::query(
        "SELECT source, value, MAX(revision) FROM helm_evidence WHERE tenant = ? AND decision = ?
         GROUP BY source ORDER BY source",
    );
    let rows = rows.bind(tenant.as_str()).bind(id.as_bytes().as_slice()).fetch_all(connection).await;
    let rows = rows.map_err(|error| driver(OPERATION, error))?;
    let read = rows.iter().map(|row| {
        let value = UnitInterval::new(get(row, "value", OPERATION)?);
        let value = value.map_err(|error| unreadable(OPERATION, "value", error))?;
        Ok((parsed(row, "source", OPERATION)?, value))
    });
    read.collect()
}

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
    for (place, sum) in &sums {
        add(connection, tenant, task, place, sum).await?;
    }
    Ok(sums.len() as u64)
}

/// What the decisions of a task have contributed.
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
    let logged = sqlx::query("SELECT contribution, format FROM helm_reward WHERE tenant = ? AND task = ?");
    let mut logged = logged.bind(tenant.as_str()).bind(task.as_str()).fetch(connection);
    let mut all = Contributed::default();
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

/// Adds to one row of statistics with checked arithmetic; there is only one writer, so nothing is lost.
async fn add(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
    place: &Place,
    change: &Stats,
) -> Result<()> {
    let ((scope, member), strategy) = (scope_columns(&place.0, OPERATION)?, place.1.to_string());
    let (epoch, layout) = (place.2.start(), place.3.number());
    let stored = sqlx::query(
        "SELECT count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed FROM helm_stats
         WHERE tenant = ? AND task = ? AND scope = ? AND member = ? AND strategy = ? AND epoch = ? AND layout = ?",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(scope)
    .bind(member)
    .bind(&strategy)
    .bind(epoch)
    .bind(layout)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|error| driver(OPERATION, error))?;
    let state = stored.map_or(Ok(Stats::default()), |row| stats(&row, OPERATION))?;
    let sum = fold(BACKEND, &state, change)?;
    sqlx::query(
        "INSERT INTO helm_stats
             (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
              latency_us, failures, loss, packed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET count = excluded.count, reward = excluded.reward,
             reward_sq = excluded.reward_sq, turns = excluded.turns, cost = excluded.cost, tokens = excluded.tokens,
             latency_us = excluded.latency_us, failures = excluded.failures, loss = excluded.loss, packed = excluded.packed",
    )
    .bind(tenant.as_str())
    .bind(task.as_str())
    .bind(scope)
    .bind(member)
    .bind(strategy)
    .bind(epoch)
    .bind(layout)
    .bind(sum.count)
    .bind(sum.reward.to_bits())
    .bind(sum.reward_sq.to_bits())
    .bind(sum.turns)
    .bind(sum.cost.nanos())
    .bind(sum.tokens)
    .bind(sum.latency_us)
    .bind(sum.failures)
    .bind(sum.loss.to_bits())
    .bind(pack(&sum.packed))
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}

async fn keep(
    connection: &mut SqliteConnection,
    decision: &Decision,
    settlement: &Settlement,
    silence_ended: bool,
) -> Result<()> {
    let reward = settlement.reward.as_ref();
    let text = reward.map(|reward| to_json(reward, OPERATION)).transpose()?;
    sqlx::query(
        "INSERT INTO helm_reward (tenant, decision, task, value, stage, silence_ended, format, reward, contribution)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET value = excluded.value, stage = excluded.stage,
             silence_ended = excluded.silence_ended, format = excluded.format, reward = excluded.reward,
             contribution = excluded.contribution",
    )
    .bind(decision.context.tenant.as_str())
    .bind(decision.id.as_bytes().as_slice())
    .bind(decision.context.task.as_str())
    .bind(reward.map(|reward| reward.value.get()))
    .bind(reward.map(|reward| reward.stage.as_str()))
    .bind(silence_ended)
    .bind(FORMAT)
    .bind(text)
    .bind(to_json(&settlement.contribution, OPERATION)?)
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| driver(OPERATION, error))
}

/// A decision's stored reward, without settling anything.
pub(super) async fn reward(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: DecisionId,
) -> Result<Option<Reward>> {
    let row = sqlx::query("SELECT reward, format FROM helm_reward WHERE tenant = ? AND decision = ?")
        .bind(tenant.as_str())
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    let Some(row) = row else { return Ok(None) };
    check_format(&row, "format", OPERATION)?;
    json_opt(&row, "reward", OPERATION)
}
