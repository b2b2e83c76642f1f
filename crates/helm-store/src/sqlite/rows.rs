//! Turns as flat rows: one statement for a page and one for its feedback.

use std::collections::HashMap;

use futures::TryStreamExt;
use helm_core::{DecisionId, StrategyId, TaskId, TenantId, Timestamp, TurnStatus, UnitInterval, UserId};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::decode::{decision_id, get, parsed, to_json};
use super::error::{driver, unreadable};
use super::readers::Readers;
use crate::error::Result;
use crate::log::{Cursor, FeedbackEntry, MOST_TURNS, Page};
use crate::rows::{RowQuery, TurnRow};
use crate::stored::Reading;

/// Each source's value of highest revision, of several decisions; SQLite takes the other columns from the row of
/// the maximum. Ids come as a JSON list of UUIDs.
pub(super) const FEEDBACK: &str = "SELECT e.decision, e.source, e.value, e.at, MAX(e.revision)
    FROM json_each(?2) k
    CROSS JOIN helm_evidence e ON e.tenant = ?1 AND e.decision = unhex(k.value, '-')
    GROUP BY k.key, e.source ORDER BY k.key, e.source";

/// A page of rows, with the index that serves its restriction. All have the same twelve parameters.
macro_rules! page {
    ($index:literal, $restriction:literal) => {
        concat!(
            "SELECT t.id, t.user_id, t.task, t.conversation, t.outcome, t.format AS turn_format, t.began,
                 CASE WHEN ?11 THEN t.input END AS input, CASE WHEN ?11 THEN t.output END AS output,
                 d.body AS decision, d.format AS decision_format, r.value, r.stage, r.format AS reward_format
             FROM helm_turn t INDEXED BY ",
            $index,
            " LEFT JOIN helm_decision d ON d.tenant = t.tenant AND d.id = t.id
             LEFT JOIN helm_reward r ON r.tenant = t.tenant AND r.decision = t.id
             WHERE t.tenant = ?1 AND (t.began, t.id) > (?2, ?3) AND t.began < ?4 AND ",
            $restriction,
            " AND (?7 IS NULL OR d.strategy = ?7) AND (?8 IS NULL OR t.status = ?8)
             AND (?9 IS NULL OR (r.value IS NOT NULL) = ?9)
             ORDER BY t.began, t.id LIMIT ?10"
        )
    };
}

pub(super) fn page_sql(query: &RowQuery) -> &'static str {
    match (&query.task, &query.user) {
        (None, None) => page!("helm_turn_by_time", "?5 IS NULL AND ?6 IS NULL"),
        (Some(_), None) => page!("helm_turn_by_task", "t.task = ?5 AND ?6 IS NULL"),
        (None, Some(_)) => page!("helm_turn_by_user", "?5 IS NULL AND t.user_id = ?6"),
        // A user has fewer turns than a task.
        (Some(_), Some(_)) => page!("helm_turn_by_user", "t.task = ?5 AND t.user_id = ?6"),
    }
}

const OPERATION: &str = "rows";

/// A page of rows, of one moment.
pub(super) async fn page(
    readers: &Readers,
    tenant: &TenantId,
    query: &RowQuery,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page<TurnRow>> {
    let failed = |error| driver(OPERATION, error);
    let limit = limit.min(MOST_TURNS);
    let mut reader = readers.get(OPERATION).await?;
    let mut snapshot = reader.begin().await.map_err(failed)?;
    let mut rows = Reading::new(tenant, OPERATION);
    {
        let (at, id) = begin(query, after);
        let mut found = sqlx::query(page_sql(query))
            .bind(tenant.as_str())
            .bind(at)
            .bind(id)
            .bind(query.until.map_or(i64::MAX, Timestamp::as_micros))
            .bind(query.task.as_ref().map(TaskId::as_str))
            .bind(query.user.as_ref().map(UserId::as_str))
            .bind(query.strategy.as_ref().map(StrategyId::to_string))
            .bind(query.status.map(TurnStatus::as_str))
            .bind(query.rewarded)
            .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX))
            .bind(query.texts)
            .fetch(&mut *snapshot);
        while let Some(found) = found.try_next().await.map_err(failed)? {
            rows.push(found);
        }
    }
    let mut page = Page::of_rows(rows.finish().await?, limit);
    let decided = page.items.iter().filter(|row| row.strategy.is_some());
    let ids: Vec<_> = decided.map(|row| row.id).collect();
    let mut said = feedback(&mut snapshot, tenant, &ids, OPERATION).await?;
    for row in &mut page.items {
        row.feedback = said.remove(&row.id).unwrap_or_default();
    }
    Ok(page)
}

/// The moment and id behind which a page begins. No id is as small as none.
fn begin(query: &RowQuery, after: Option<&Cursor>) -> (i64, Vec<u8>) {
    let since = query.since.map_or(i64::MIN, Timestamp::as_micros);
    match after.filter(|after| after.at.as_micros() >= since) {
        Some(after) => (after.at.as_micros(), after.id.as_bytes().to_vec()),
        None => (since, Vec::new()),
    }
}

fn unit(value: f64, operation: &'static str) -> Result<UnitInterval> {
    UnitInterval::new(value).map_err(|error| unreadable(operation, "value", error))
}

/// Each decision's current judgements, sorted by source.
pub(super) async fn feedback(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    ids: &[DecisionId],
    operation: &'static str,
) -> Result<HashMap<DecisionId, Vec<FeedbackEntry>>> {
    let mut feedback: HashMap<DecisionId, Vec<FeedbackEntry>> = HashMap::new();
    if ids.is_empty() {
        return Ok(feedback);
    }
    let rows = sqlx::query(FEEDBACK).bind(tenant.as_str()).bind(to_json(&ids, operation)?);
    for row in &rows.fetch_all(connection).await.map_err(|error| driver(operation, error))? {
        let of = feedback.entry(decision_id(row, "decision", operation)?).or_default();
        of.push(FeedbackEntry {
            source: parsed(row, "source", operation)?,
            value: unit(get(row, "value", operation)?, operation)?,
            at: Timestamp::from_micros(get(row, "at", operation)?),
        });
    }
    Ok(feedback)
}
