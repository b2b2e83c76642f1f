//! What happened in a stretch of time.

use std::collections::BTreeMap;

use helm_core::{NanoUsd, TaskId, TenantId};
use sqlx::Executor;
use sqlx::postgres::{PgPool, PgRow};
use uuid::Uuid;

use super::columns::{Moment, uuid};
use super::decode::{get, natural, parsed};
use super::error::{driver, unreadable};
use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery, first_id, merged};
use crate::error::Result;
use crate::stored::{finding, micros};

/// What became of the turns of each task and slot. Slots come as the moments between them.
const TURNS: &str = "SELECT task, width_bucket(began, $2::timestamptz[]) AS slot, count(*) AS turns,
        count(*) FILTER (WHERE status = 'blocked') AS blocked,
        count(*) FILTER (WHERE status IN ('upstream_error', 'timeout', 'storage_error')) AS failed,
        sum(latency_us)::float8 AS latency, max(latency_us)::float8 AS slowest, count(cost_nano_usd) AS priced,
        coalesce(sum(cost_nano_usd), 0)::float8 AS cost
    FROM helm_turn WHERE tenant = $1 AND began >= $3 AND began < $4 AND ($5::text IS NULL OR task = $5)
    GROUP BY 1, 2";

/// In how many turns guards found something.
const FOUND: &str = "SELECT task, width_bucket(began, $2::timestamptz[]) AS slot, count(*) AS found
    FROM helm_turn WHERE tenant = $1 AND began >= $3 AND began < $4 AND ($5::text IS NULL OR task = $5)
        AND jsonb_array_length(outcome -> 'violations') > 0
    GROUP BY 1, 2";

/// The rewards of the decisions of each task and slot. Slots come as the smallest ids of the moments between them.
const REWARDS: &str = "SELECT task, width_bucket(decision, $2::uuid[]) AS slot, count(value) AS rewarded,
        sum(value) AS reward, sum(value * value) AS reward_sq
    FROM helm_reward WHERE tenant = $1 AND decision >= $3 AND decision < $4 AND ($5::text IS NULL OR task = $5)
        AND value IS NOT NULL
    GROUP BY 1, 2";

/// What guards found, by kind.
const FINDINGS: &str =
    "SELECT v ->> 'stage' AS stage, v ->> 'category' AS category, v ->> 'entity' AS entity,
        v ->> 'action' AS action, v ->> 'severity' AS severity, count(*) AS found
    FROM helm_turn t, jsonb_array_elements(t.outcome -> 'violations') v
    WHERE t.tenant = $1 AND t.began >= $2 AND t.began < $3 AND ($4::text IS NULL OR t.task = $4)
        AND jsonb_array_length(t.outcome -> 'violations') > 0
    GROUP BY 1, 2, 3, 4, 5";

type Slots = BTreeMap<(TaskId, u32), Activity>;

pub(super) async fn activity(
    pool: &PgPool,
    tenant: &TenantId,
    query: &ActivityQuery,
) -> Result<Vec<Activity>> {
    const OPERATION: &str = "activity";
    let failed = |error| driver(OPERATION, error);
    let (mut slots, task) = (Slots::new(), query.task.as_ref().map(TaskId::as_str));
    let moments: Vec<_> = query.bounds().map(Moment).collect();
    let ids: Vec<Uuid> = query.bounds().map(|bound| uuid(first_id(bound))).collect();
    // One snapshot, so that turns and rewards are of the same moment.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    let mut snapshot = pool.begin_with(begin).await.map_err(failed)?;
    snapshot.execute("SET LOCAL statement_timeout = '1min'").await.map_err(failed)?;
    for (sql, add) in [(TURNS, add_turns as Add), (FOUND, add_found)] {
        let rows = sqlx::query(sql).bind(tenant.as_str()).bind(&moments);
        let rows = rows.bind(moments.first().copied()).bind(moments.last().copied()).bind(task);
        for row in rows.fetch_all(&mut *snapshot).await.map_err(failed)? {
            add(slot(&mut slots, &row, query, OPERATION)?, &row, OPERATION)?;
        }
    }
    let rows = sqlx::query(REWARDS).bind(tenant.as_str()).bind(&ids);
    let rows = rows.bind(ids.first().copied()).bind(ids.last().copied()).bind(task);
    for row in rows.fetch_all(&mut *snapshot).await.map_err(failed)? {
        add_rewards(slot(&mut slots, &row, query, OPERATION)?, &row, OPERATION)?;
    }
    Ok(slots.into_values().filter(|activity| !activity.is_none()).collect())
}

type Add = fn(&mut Activity, &PgRow, &'static str) -> Result<()>;

/// The slot that a row is of. PostgreSQL counts them from 1.
fn slot<'s>(
    slots: &'s mut Slots,
    row: &PgRow,
    query: &ActivityQuery,
    operation: &'static str,
) -> Result<&'s mut Activity> {
    let task: TaskId = parsed(row, "task", operation)?;
    let number: i32 = get(row, "slot", operation)?;
    let number = u32::try_from(number - 1).map_err(|error| unreadable(operation, "slot", error))?;
    let none = || Activity::none(task.clone(), query.begin(number));
    Ok(slots.entry((task.clone(), number)).or_insert_with(none))
}

fn count(row: &PgRow, column: &'static str, operation: &'static str) -> Result<u64> {
    natural(get(row, column, operation)?, column, operation)
}

fn add_turns(activity: &mut Activity, row: &PgRow, operation: &'static str) -> Result<()> {
    activity.turns = count(row, "turns", operation)?;
    activity.blocked = count(row, "blocked", operation)?;
    activity.failed = count(row, "failed", operation)?;
    activity.latency = micros(get(row, "latency", operation)?);
    activity.slowest = micros(get(row, "slowest", operation)?);
    activity.priced = count(row, "priced", operation)?;
    let cost: f64 = get(row, "cost", operation)?;
    activity.cost = NanoUsd::from_nanos(cost as i64);
    Ok(())
}

fn add_found(activity: &mut Activity, row: &PgRow, operation: &'static str) -> Result<()> {
    activity.found = count(row, "found", operation)?;
    Ok(())
}

fn add_rewards(activity: &mut Activity, row: &PgRow, operation: &'static str) -> Result<()> {
    activity.rewarded = count(row, "rewarded", operation)?;
    activity.reward = get(row, "reward", operation)?;
    activity.reward_sq = get(row, "reward_sq", operation)?;
    Ok(())
}

pub(super) async fn findings(pool: &PgPool, tenant: &TenantId, query: &FindingQuery) -> Result<Vec<Finding>> {
    const OPERATION: &str = "findings";
    let rows = sqlx::query(FINDINGS)
        .bind(tenant.as_str())
        .bind(query.since.map_or(Moment::FIRST, Moment))
        .bind(query.until.map_or(Moment::LAST, Moment))
        .bind(query.task.as_ref().map(TaskId::as_str))
        .fetch_all(pool)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    Ok(merged(rows.iter().map(|row| finding(row, OPERATION)).collect::<Result<Vec<_>>>()?))
}
