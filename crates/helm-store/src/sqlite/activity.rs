//! What happened in a stretch of time.

use helm_core::{NanoUsd, TaskId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use super::decode::{get, parsed, to_json};
use super::error::{driver, unreadable};
use super::readers::Readers;
use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery, first_id, merged};
use crate::error::Result;
use crate::stored::{finding, micros};

/// A task and slot after the other: what of each index lies in it. Tasks are found by leaps in the index; a slot is one
/// range of each index, so nothing is sorted. Slots come as a JSON list.
pub(super) const ACTIVITY: &str = "WITH RECURSIVE
    known(task) AS (
        SELECT '' UNION ALL SELECT (
            SELECT min(next.task) FROM (
                SELECT min(t.task) AS task FROM helm_turn t INDEXED BY helm_turn_by_task
                    WHERE t.tenant = ?1 AND t.task > known.task
                UNION ALL SELECT min(r.task) FROM helm_reward r INDEXED BY helm_reward_by_task
                    WHERE r.tenant = ?1 AND r.task > known.task) next
        ) FROM known WHERE known.task IS NOT NULL),
    slot(number, begins, ends, low, high) AS MATERIALIZED (
        SELECT value ->> 'number', value ->> 'begins', value ->> 'ends', unhex(value ->> 'low', '-'), unhex(value ->> 'high', '-')
        FROM json_each(?2))
    SELECT known.task, slot.number,
        (SELECT json_array(count(*), total(t.latency_us), max(t.latency_us), count(t.cost_nano_usd), total(t.cost_nano_usd))
            FROM helm_turn t INDEXED BY helm_turn_by_task WHERE t.tenant = ?1 AND t.task = known.task
                AND t.began >= slot.begins AND t.began < slot.ends) AS turns,
        (SELECT json_array(count(*) FILTER (WHERE n.status = 'blocked'),
                count(*) FILTER (WHERE n.status IN ('upstream_error', 'timeout', 'storage_error')),
                count(*) FILTER (WHERE json_array_length(n.outcome, '$.violations') > 0))
            FROM helm_turn n INDEXED BY helm_turn_notable
            WHERE n.tenant = ?1 AND n.began >= slot.begins AND n.began < slot.ends AND n.task = known.task
                AND (n.status <> 'completed' OR json_array_length(n.outcome, '$.violations') > 0)) AS notable,
        (SELECT json_array(count(r.value), total(r.value), total(r.value * r.value))
            FROM helm_reward r INDEXED BY helm_reward_by_task WHERE r.tenant = ?1 AND r.task = known.task
                AND r.decision >= slot.low AND r.decision < slot.high) AS rewards
    FROM known CROSS JOIN slot
    WHERE known.task > '' AND (?3 IS NULL OR known.task = ?3) ORDER BY known.task, slot.number";

/// What guards found, by kind.
pub(super) const FINDINGS: &str = "SELECT v.value ->> 'stage' AS stage, v.value ->> 'category' AS category,
        v.value ->> 'entity' AS entity, v.value ->> 'action' AS action, v.value ->> 'severity' AS severity, count(*) AS found
    FROM helm_turn t INDEXED BY helm_turn_notable, json_each(t.outcome, '$.violations') v
    WHERE t.tenant = ? AND t.began >= ? AND t.began < ? AND json_array_length(t.outcome, '$.violations') > 0
        AND (?4 IS NULL OR t.task = ?4)
    GROUP BY 1, 2, 3, 4, 5";

/// A slot's bounds, as moments and as the ids of such moments.
#[derive(Serialize)]
struct Slot {
    number: usize,
    begins: i64,
    ends: i64,
    low: String,
    high: String,
}

fn slots(query: &ActivityQuery) -> Vec<Slot> {
    let bounds: Vec<_> = query.bounds().collect();
    let slot = |(number, (begins, ends)): (usize, (&Timestamp, &Timestamp))| Slot {
        number,
        begins: begins.as_micros(),
        ends: ends.as_micros(),
        low: first_id(*begins).to_string(),
        high: first_id(*ends).to_string(),
    };
    bounds.iter().zip(bounds.iter().skip(1)).enumerate().map(slot).collect()
}

pub(super) async fn activity(
    readers: &Readers,
    tenant: &TenantId,
    query: &ActivityQuery,
) -> Result<Vec<Activity>> {
    let slots = slots(query);
    // What is counted in the two halves of the time is counted at once, on two connections.
    let (early, late) = slots.split_at(slots.len() / 2);
    let (early, late) =
        futures::try_join!(counted(readers, tenant, query, early), counted(readers, tenant, query, late))?;
    let mut found: Vec<_> = early.into_iter().chain(late).filter(|activity| !activity.is_none()).collect();
    found.sort_by(|one, other| (&one.task, one.from).cmp(&(&other.task, other.from)));
    Ok(found)
}

async fn counted(
    readers: &Readers,
    tenant: &TenantId,
    query: &ActivityQuery,
    slots: &[Slot],
) -> Result<Vec<Activity>> {
    const OPERATION: &str = "activity";
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(ACTIVITY)
        .bind(tenant.as_str())
        .bind(to_json(&slots, OPERATION)?)
        .bind(query.task.as_ref().map(TaskId::as_str))
        .fetch_all(&mut *readers.get(OPERATION).await?)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    rows.iter().map(|row| read(row, query, OPERATION)).collect()
}

fn read(row: &SqliteRow, query: &ActivityQuery, operation: &'static str) -> Result<Activity> {
    let number: i64 = get(row, "number", operation)?;
    let number = u32::try_from(number).map_err(|error| unreadable(operation, "number", error))?;
    let (turns, latency, slowest, priced, cost): (u64, f64, Option<f64>, u64, f64) =
        array(row, "turns", operation)?;
    let (blocked, failed, found) = array(row, "notable", operation)?;
    let (rewarded, reward, reward_sq) = array(row, "rewards", operation)?;
    Ok(Activity {
        task: parsed(row, "task", operation)?,
        from: query.begin(number),
        turns,
        blocked,
        failed,
        found,
        latency: micros(latency),
        slowest: micros(slowest.unwrap_or(0.0)),
        priced,
        cost: NanoUsd::from_nanos(cost as i64),
        rewarded,
        reward,
        reward_sq,
    })
}

/// Reads a column that holds a JSON array.
fn array<'r, T: Deserialize<'r>>(
    row: &'r SqliteRow,
    column: &'static str,
    operation: &'static str,
) -> Result<T> {
    let text: &str = get(row, column, operation)?;
    serde_json::from_str(text).map_err(|error| unreadable(operation, column, error))
}

pub(super) async fn findings(
    readers: &Readers,
    tenant: &TenantId,
    query: &FindingQuery,
) -> Result<Vec<Finding>> {
    const OPERATION: &str = "findings";
    let rows = sqlx::query(FINDINGS)
        .bind(tenant.as_str())
        .bind(query.since.map_or(i64::MIN, Timestamp::as_micros))
        .bind(query.until.map_or(i64::MAX, Timestamp::as_micros))
        .bind(query.task.as_ref().map(TaskId::as_str))
        .fetch_all(&mut *readers.get(OPERATION).await?)
        .await
        .map_err(|error| driver(OPERATION, error))?;
    Ok(merged(rows.iter().map(|row| finding(row, OPERATION)).collect::<Result<Vec<_>>>()?))
}
