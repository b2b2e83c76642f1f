//! The log of turns.

use std::collections::HashMap;

use async_trait::async_trait;
use helm_core::{
    Decision, DecisionId, SourceName, StrategyId, TaskId, TenantId, Timestamp, TurnStatus, UnitInterval,
    UserId,
};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::columns::{Moment, uuid};
use super::decode::{body, decision_id, get, limit as rows_at_most, moment, parsed, unit};
use super::error::driver;
use super::store::PostgresStore;
use super::{activity, retain, rows};
use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery};
use crate::error::Result;
use crate::log::{
    Cursor, DrawQuery, FeedbackEntry, InteractionLog, LogQuery, MOST_TURNS, Page, SettledDecision, TurnView,
};
use crate::retention::{Retained, Retention};
use crate::rows::{RowQuery, TurnRow};
use crate::stored;

const TURN: &str =
    "SELECT d.body::text AS decision, d.format AS decision_format, t.user_id, t.task, t.conversation,
        t.input, t.output, t.outcome::text AS outcome, t.format AS turn_format, t.began,
        r.reward::text AS reward, r.format AS reward_format
    FROM (SELECT $1::text AS tenant, $2::uuid AS id) k
    LEFT JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id
    LEFT JOIN helm_turn t ON t.tenant = k.tenant AND t.id = k.id
    LEFT JOIN helm_reward r ON r.tenant = k.tenant AND r.decision = k.id";

/// Current judgements about several decisions.
const FEEDBACK: &str = "SELECT DISTINCT ON (e.decision, e.source) e.decision, e.source, e.value, e.at
    FROM helm_evidence e WHERE e.tenant = $1 AND e.decision = ANY ($2)
    ORDER BY e.decision, e.source, e.revision DESC";

/// The draw that a user keeps to.
const USERS_DRAW: &str = "SELECT body::text AS body, format FROM helm_decision
    WHERE tenant = $1 AND user_id = $2 AND task = $3 AND draw IS NOT NULL ORDER BY draw DESC, id LIMIT 1";

/// The draw that a conversation keeps to.
const CONVERSATIONS_DRAW: &str = "SELECT body::text AS body, format FROM helm_decision
    WHERE tenant = $1 AND user_id = $2 AND task = $3 AND conversation = $4 AND draw IS NOT NULL
    ORDER BY draw DESC, id LIMIT 1";

/// A page of a task's settled decisions.
const SETTLED: &str =
    "SELECT d.body::text AS decision, d.format AS decision_format, t.outcome::text AS outcome,
        t.format AS turn_format, r.silence_ended, r.reward::text AS reward, r.format,
        r.contribution::text AS contribution
    FROM helm_reward r
    JOIN helm_decision d ON d.tenant = r.tenant AND d.id = r.decision
    LEFT JOIN helm_turn t ON t.tenant = r.tenant AND t.id = r.decision
    WHERE r.tenant = $1 AND r.task = $2 AND ($3::uuid IS NULL OR r.decision > $3)
    ORDER BY r.decision LIMIT $4";

/// A page of the log. Each restriction has a statement of its own, so that each is served by its own index.
macro_rules! scan {
    ($restriction:literal) => {
        concat!(
            "SELECT t.id, t.user_id, t.task, t.conversation, t.input, t.output, t.outcome::text AS outcome,
                 t.format AS turn_format, t.began, d.body::text AS decision, d.format AS decision_format,
                 r.reward::text AS reward, r.format AS reward_format
             FROM helm_turn t
             LEFT JOIN helm_decision d ON d.tenant = t.tenant AND d.id = t.id
             LEFT JOIN helm_reward r ON r.tenant = t.tenant AND r.decision = t.id
             WHERE t.tenant = $1 AND (t.began, t.id) < ($2, $3) AND t.began >= $4 AND t.began < $8
                 AND ($9::text IS NULL OR d.strategy = $9) AND ($10::text IS NULL OR t.status = $10) AND ",
            $restriction,
            " ORDER BY t.began DESC, t.id DESC LIMIT $7"
        )
    };
}

fn scan_sql(query: &LogQuery) -> &'static str {
    if query.found {
        return scan!(
            "jsonb_array_length(t.outcome -> 'violations') > 0
                 AND ($5::text IS NULL OR t.task = $5) AND ($6::text IS NULL OR t.user_id = $6)"
        );
    }
    let is_unusual = query.status.is_some_and(|status| status != TurnStatus::Completed);
    match (&query.task, &query.user) {
        // What is rare would be far to seek.
        (_, None) if is_unusual => {
            scan!("t.status <> 'completed' AND ($5::text IS NULL OR t.task = $5) AND $6::text IS NULL")
        }
        (None, None) => scan!("$5::text IS NULL AND $6::text IS NULL"),
        (Some(_), None) => scan!("t.task = $5 AND $6::text IS NULL"),
        (None, Some(_)) => scan!("$5::text IS NULL AND t.user_id = $6"),
        (Some(_), Some(_)) => scan!("t.task = $5 AND t.user_id = $6"),
    }
}

#[async_trait]
impl InteractionLog for PostgresStore {
    async fn turn(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<TurnView>> {
        const OPERATION: &str = "turn";
        let failed = |error| driver(OPERATION, error);
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        let row = sqlx::query(TURN).bind(tenant.as_str()).bind(uuid(id)).fetch_one(&mut *connection).await;
        let Some(mut view) = stored::view(&row.map_err(failed)?, id, OPERATION)? else {
            return Ok(None);
        };
        let mut feedback = feedback(&mut connection, tenant, &[id], OPERATION).await?;
        view.feedback = feedback.remove(&id).unwrap_or_default();
        Ok(Some(view))
    }

    async fn scan(
        &self,
        tenant: &TenantId,
        query: &LogQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnView>> {
        const OPERATION: &str = "scan";
        let failed = |error| driver(OPERATION, error);
        let limit = limit.min(MOST_TURNS);
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        let rows = sqlx::query(scan_sql(query))
            .bind(tenant.as_str())
            .bind(after.map_or(Moment::LAST, |after| Moment(after.at)))
            .bind(after.map_or(Uuid::max(), |after| uuid(after.id)))
            .bind(query.since.map_or(Moment::FIRST, Moment))
            .bind(query.task.as_ref().map(TaskId::as_str))
            .bind(query.user.as_ref().map(UserId::as_str))
            .bind(rows_at_most(limit + 1))
            .bind(query.until.map_or(Moment::LAST, Moment))
            .bind(query.strategy.as_ref().map(StrategyId::to_string))
            .bind(query.status.map(TurnStatus::as_str))
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
        let views = rows
            .iter()
            .take(limit)
            .map(|row| stored::view(row, decision_id(row, "id", OPERATION)?, OPERATION));
        let mut items: Vec<_> = views.filter_map(Result::transpose).collect::<Result<_>>()?;
        let ids: Vec<_> = items.iter().map(|view| view.id).collect();
        let mut feedback = feedback(&mut connection, tenant, &ids, OPERATION).await?;
        for view in &mut items {
            view.feedback = feedback.remove(&view.id).unwrap_or_default();
        }
        let more = rows.len() > limit;
        let next = items.last().filter(|_| more).map(|last| Cursor { at: last.at, id: last.id });
        Ok(Page { items, next })
    }

    async fn rows(
        &self,
        tenant: &TenantId,
        query: &RowQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<TurnRow>> {
        rows::page(&self.pool, tenant, query, after, limit).await
    }

    async fn last_draw(&self, tenant: &TenantId, query: &DrawQuery) -> Result<Option<Decision>> {
        const OPERATION: &str = "last_draw";
        let row = match &query.conversation {
            None => sqlx::query(USERS_DRAW),
            Some(_) => sqlx::query(CONVERSATIONS_DRAW),
        };
        let row = row.bind(tenant.as_str()).bind(query.user.as_str()).bind(query.task.as_str());
        let row = match &query.conversation {
            None => row,
            Some(conversation) => row.bind(conversation.as_str()),
        };
        let row = row.fetch_optional(&self.pool).await.map_err(|error| driver(OPERATION, error))?;
        row.map(|row| body(&row, "body", OPERATION)).transpose()
    }

    async fn settled(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<SettledDecision>> {
        const OPERATION: &str = "settled";
        let failed = |error| driver(OPERATION, error);
        // One snapshot, so that evidence and contributions are of the same moment.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let mut snapshot = self.pool.begin_with(begin).await.map_err(failed)?;
        let rows = sqlx::query(SETTLED)
            .bind(tenant.as_str())
            .bind(task.as_str())
            .bind(after.map(uuid))
            .bind(rows_at_most(limit.min(MOST_TURNS)))
            .fetch_all(&mut *snapshot)
            .await
            .map_err(failed)?;
        let settled = rows.iter().map(|row| stored::settled(row, OPERATION));
        let mut settled: Vec<SettledDecision> = settled.collect::<Result<_>>()?;
        let ids: Vec<_> = settled.iter().map(|settled| settled.decision.id).collect();
        let mut feedback = feedback(&mut snapshot, tenant, &ids, OPERATION).await?;
        for settled in &mut settled {
            let said = feedback.remove(&settled.decision.id).unwrap_or_default();
            settled.feedback = said.into_iter().map(|entry| (entry.source, entry.value)).collect();
        }
        Ok(settled)
    }

    async fn activity(&self, tenant: &TenantId, query: &ActivityQuery) -> Result<Vec<Activity>> {
        activity::activity(&self.pool, tenant, query).await
    }

    async fn findings(&self, tenant: &TenantId, query: &FindingQuery) -> Result<Vec<Finding>> {
        activity::findings(&self.pool, tenant, query).await
    }

    async fn retain(
        &self,
        tenant: &TenantId,
        retention: &Retention,
        progress: &mut (dyn FnMut(Retained) + Send),
    ) -> Result<Retained> {
        retain::retain(self, tenant, retention, progress).await
    }
}

/// Each decision's current judgements, sorted by source.
pub(super) async fn feedback(
    connection: &mut PgConnection,
    tenant: &TenantId,
    ids: &[DecisionId],
    operation: &'static str,
) -> Result<HashMap<DecisionId, Vec<FeedbackEntry>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = ids.iter().copied().map(uuid).collect();
    let rows = sqlx::query(FEEDBACK).bind(tenant.as_str()).bind(ids).fetch_all(connection).await;
    let mut feedback: HashMap<DecisionId, Vec<FeedbackEntry>> = HashMap::new();
    for row in &rows.map_err(|error| driver(operation, error))? {
        let source: SourceName = parsed(row, "source", operation)?;
        let value: UnitInterval = unit(get(row, "value", operation)?, operation)?;
        let at: Timestamp = moment(row, "at", operation)?;
        let of = feedback.entry(decision_id(row, "decision", operation)?).or_default();
        of.push(FeedbackEntry { source, value, at });
    }
    Ok(feedback)
}
