//! Turns as flat rows: one statement for a page and one for its feedback.

use futures::TryStreamExt;
use helm_core::{StrategyId, TaskId, TenantId, TurnStatus, UserId};
use sqlx::Executor;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::columns::{Moment, uuid};
use super::decode::limit as rows_at_most;
use super::error::driver;
use super::logs::feedback;
use crate::error::Result;
use crate::log::{Cursor, MOST_TURNS, Page};
use crate::rows::{RowQuery, TurnRow};
use crate::stored::Reading;

const OPERATION: &str = "rows";

/// A page of rows. Each restriction has a statement of its own, so that each is served by its own index.
macro_rules! page {
    ($restriction:literal) => {
        concat!(
            "SELECT t.id, t.user_id, t.task, t.conversation, t.outcome::text AS outcome, t.format AS turn_format,
                 t.began, CASE WHEN $12 THEN t.input END AS input, CASE WHEN $12 THEN t.output END AS output,
                 d.body::text AS decision, d.format AS decision_format, r.value, r.stage, r.format AS reward_format
             FROM helm_turn t
             LEFT JOIN helm_decision d ON d.tenant = t.tenant AND d.id = t.id
             LEFT JOIN helm_reward r ON r.tenant = t.tenant AND r.decision = t.id
             WHERE t.tenant = $1 AND (t.began, t.id) > ($2, $3) AND t.began >= $4 AND t.began < $5 AND ",
            $restriction,
            " AND ($8::text IS NULL OR d.strategy = $8) AND ($9::text IS NULL OR t.status = $9)
             AND ($10::bool IS NULL OR (r.value IS NOT NULL) = $10)
             ORDER BY t.began, t.id LIMIT $11"
        )
    };
}

fn page_sql(query: &RowQuery) -> &'static str {
    match (&query.task, &query.user) {
        (None, None) => page!("$6::text IS NULL AND $7::text IS NULL"),
        (Some(_), None) => page!("t.task = $6 AND $7::text IS NULL"),
        (None, Some(_)) => page!("$6::text IS NULL AND t.user_id = $7"),
        (Some(_), Some(_)) => page!("t.task = $6 AND t.user_id = $7"),
    }
}

/// A page of rows, of one moment.
pub(super) async fn page(
    pool: &PgPool,
    tenant: &TenantId,
    query: &RowQuery,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page<TurnRow>> {
    let failed = |error| driver(OPERATION, error);
    let limit = limit.min(MOST_TURNS);
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
    let mut snapshot = pool.begin_with(begin).await.map_err(failed)?;
    // What is rare may be far to seek.
    snapshot.execute("SET LOCAL statement_timeout = '10min'").await.map_err(failed)?;
    let mut rows = Reading::new(tenant, OPERATION);
    let mut found = sqlx::query(page_sql(query))
        .bind(tenant.as_str())
        .bind(after.map_or(Moment::FIRST, |after| Moment(after.at)))
        .bind(after.map_or(Uuid::nil(), |after| uuid(after.id)))
        .bind(query.since.map_or(Moment::FIRST, Moment))
        .bind(query.until.map_or(Moment::LAST, Moment))
        .bind(query.task.as_ref().map(TaskId::as_str))
        .bind(query.user.as_ref().map(UserId::as_str))
        .bind(query.strategy.as_ref().map(StrategyId::to_string))
        .bind(query.status.map(TurnStatus::as_str))
        .bind(query.rewarded)
        .bind(rows_at_most(limit + 1))
        .bind(query.texts)
        .fetch(&mut *snapshot);
    while let Some(found) = found.try_next().await.map_err(failed)? {
        rows.push(found);
    }
    drop(found);
    let mut page = Page::of_rows(rows.finish().await?, limit);
    let decided = page.items.iter().filter(|row| row.strategy.is_some());
    let ids: Vec<_> = decided.map(|row| row.id).collect();
    let mut said = feedback(&mut snapshot, tenant, &ids, OPERATION).await?;
    for row in &mut page.items {
        row.feedback = said.remove(&row.id).unwrap_or_default();
    }
    Ok(page)
}
