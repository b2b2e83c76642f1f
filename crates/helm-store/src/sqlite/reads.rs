use async_trait::async_trait;
use helm_core::{Decision, DecisionId, StrategyId, TaskId, TenantId, Timestamp, TurnStatus, UserId};
use sqlx::Connection;

use super::decode::{body, decision_id};
use super::error::driver;
use super::script::rows_of;
use super::store::SqliteStore;
use super::writes::preferences;
use super::{activity, retain, rows};
use crate::activity::{Activity, ActivityQuery, Finding, FindingQuery};
use crate::error::Result;
use crate::log::{Cursor, DrawQuery, InteractionLog, LogQuery, MOST_TURNS, Page, SettledDecision, TurnView};
use crate::preference::{PreferenceChange, PreferenceStore, Preferences};
use crate::retention::{Retained, Retention};
use crate::rows::{RowQuery, TurnRow};
use crate::stored;

#[async_trait]
impl InteractionLog for SqliteStore {
    async fn turn(&self, tenant: &TenantId, id: DecisionId) -> Result<Option<TurnView>> {
        const OPERATION: &str = "turn";
        let mut connection = self.readers.get(OPERATION).await?;
        let row = sqlx::query(
            "SELECT d.body AS decision, d.format AS decision_format, t.user_id, t.task, t.conversation, t.input, t.output,
                    t.outcome, t.format AS turn_format, t.began, r.reward, r.format AS reward_format
             FROM (SELECT ?1 AS tenant, ?2 AS id) k
             LEFT JOIN helm_decision d ON d.tenant = k.tenant AND d.id = k.id
             LEFT JOIN helm_turn t ON t.tenant = k.tenant AND t.id = k.id
             LEFT JOIN helm_reward r ON r.tenant = k.tenant AND r.decision = k.id",
        )
        .bind(tenant.as_str())
        .bind(id.as_bytes().as_slice())
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let Some(mut view) = stored::view(&row, id, OPERATION)? else {
            return Ok(None);
        };
        let mut said = rows::feedback(&mut connection, tenant, &[id], OPERATION).await?;
        view.feedback = said.remove(&id).unwrap_or_default();
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
        let limit = limit.min(MOST_TURNS);
        let after_at = after.map_or(i64::MAX, |after| after.at.as_micros());
        let after_id = after.map_or([0xff; 16], |after| *after.id.as_bytes());
        let mut reader = self.readers.get(OPERATION).await?;
        let mut snapshot = reader.begin().await.map_err(|error| driver(OPERATION, error))?;
        let found = sqlx::query(scan_sql(query))
            .bind(tenant.as_str())
            .bind(after_at)
            .bind(after_id.as_slice())
            .bind(query.since.map_or(i64::MIN, Timestamp::as_micros))
            .bind(query.task.as_ref().map(helm_core::TaskId::as_str))
            .bind(query.user.as_ref().map(helm_core::UserId::as_str))
            .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX))
            .bind(query.until.map_or(i64::MAX, Timestamp::as_micros))
            .bind(query.strategy.as_ref().map(StrategyId::to_string))
            .bind(query.status.map(TurnStatus::as_str))
            .fetch_all(&mut *snapshot)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        let views = found
            .iter()
            .take(limit)
            .map(|row| stored::view(row, decision_id(row, "id", OPERATION)?, OPERATION));
        let mut items: Vec<_> = views.filter_map(Result::transpose).collect::<Result<_>>()?;
        let ids: Vec<_> = items.iter().map(|view| view.id).collect();
        let mut said = rows::feedback(&mut snapshot, tenant, &ids, OPERATION).await?;
        for view in &mut items {
            view.feedback = said.remove(&view.id).unwrap_or_default();
        }
        let more = found.len() > limit;
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
        rows::page(&self.readers, tenant, query, after, limit).await
    }

    async fn last_draw(&self, tenant: &TenantId, query: &DrawQuery) -> Result<Option<Decision>> {
        const OPERATION: &str = "last_draw";
        let sql = if query.conversation.is_none() { USERS_DRAW } else { CONVERSATIONS_DRAW };
        let mut reader = self.readers.get(OPERATION).await?;
        let rows = rows_of(reader.link(), sql, OPERATION, |bound| {
            let bound = match &query.conversation {
                None => bound,
                Some(conversation) => bound.bind(conversation.as_str()),
            };
            bound.bind(tenant.as_str()).bind(query.user.as_str()).bind(query.task.as_str())
        });
        rows.await?.first().map(|row| body(row, "body", OPERATION)).transpose()
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
        // One transaction, so that evidence and contributions are of the same moment.
        let mut reader = self.readers.get(OPERATION).await?;
        let mut snapshot = reader.begin().await.map_err(failed)?;
        let rows = sqlx::query(SETTLED)
            .bind(tenant.as_str())
            .bind(task.as_str())
            .bind(after.as_ref().map_or(&[][..], |after| after.as_bytes().as_slice()))
            .bind(i64::try_from(limit.min(MOST_TURNS)).unwrap_or(i64::MAX))
            .fetch_all(&mut *snapshot)
            .await
            .map_err(failed)?;
        let settled = rows.iter().map(|row| stored::settled(row, OPERATION));
        let mut settled: Vec<SettledDecision> = settled.collect::<Result<_>>()?;
        let ids: Vec<_> = settled.iter().map(|settled| settled.decision.id).collect();
        let mut said = rows::feedback(&mut snapshot, tenant, &ids, OPERATION).await?;
        for settled in &mut settled {
            let said = said.remove(&settled.decision.id).unwrap_or_default();
            settled.feedback = said.into_iter().map(|entry| (entry.source, entry.value)).collect();
        }
        Ok(settled)
    }

    async fn activity(&self, tenant: &TenantId, query: &ActivityQuery) -> Result<Vec<Activity>> {
        activity::activity(&self.readers, tenant, query).await
    }

    async fn findings(&self, tenant: &TenantId, query: &FindingQuery) -> Result<Vec<Finding>> {
        activity::findings(&self.readers, tenant, query).await
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

/// The draw that a user keeps to.
const USERS_DRAW: &str = "SELECT body, format FROM helm_decision INDEXED BY helm_decision_by_draw
    WHERE tenant = ? AND user_id = ? AND task = ? AND draw IS NOT NULL ORDER BY draw DESC, id LIMIT 1";

/// The draw that a conversation keeps to.
const CONVERSATIONS_DRAW: &str =
    "SELECT body, format FROM helm_decision INDEXED BY helm_decision_by_conversation
    WHERE conversation = ? AND tenant = ? AND user_id = ? AND task = ? AND draw IS NOT NULL
    ORDER BY draw DESC, id LIMIT 1";

/// A page of a task's settled decisions.
const SETTLED: &str = "SELECT d.body AS decision, d.format AS decision_format, t.outcome,
        t.format AS turn_format, r.silence_ended, r.reward, r.format, r.contribution
    FROM helm_reward r INDEXED BY helm_reward_by_task
    JOIN helm_decision d ON d.tenant = r.tenant AND d.id = r.decision
    LEFT JOIN helm_turn t ON t.tenant = r.tenant AND t.id = r.decision
    WHERE r.tenant = ? AND r.task = ? AND r.decision > ? ORDER BY r.decision LIMIT ?";

/// The pages of [`InteractionLog::scan`], with a condition on task or user and the index that serves it, which
/// SQLite would not choose by itself without statistics. All have the same ten parameters.
macro_rules! scan {
    ($index:literal, $condition:literal) => {
        concat!(
            "SELECT t.id, d.body AS decision, d.format AS decision_format, t.user_id, t.task, t.conversation,
                    t.input, t.output, t.outcome, t.format AS turn_format, t.began, r.reward, r.format AS reward_format
             FROM helm_turn t INDEXED BY ",
            $index,
            " LEFT JOIN helm_decision d ON d.tenant = t.tenant AND d.id = t.id
             LEFT JOIN helm_reward r ON r.tenant = t.tenant AND r.decision = t.id
             WHERE t.tenant = ?1 AND (t.began, t.id) < (?2, ?3) AND t.began >= ?4 AND t.began < ?8
                 AND (?9 IS NULL OR d.strategy = ?9) AND (?10 IS NULL OR t.status = ?10) AND ",
            $condition,
            " ORDER BY t.began DESC, t.id DESC LIMIT ?7"
        )
    };
}

fn scan_sql(query: &LogQuery) -> &'static str {
    if query.found {
        return scan!(
            "helm_turn_notable",
            "json_array_length(t.outcome, '$.violations') > 0
                 AND (?5 IS NULL OR t.task = ?5) AND (?6 IS NULL OR t.user_id = ?6)"
        );
    }
    let is_unusual = query.status.is_some_and(|status| status != TurnStatus::Completed);
    match (&query.task, &query.user) {
        // What is rare would be far to seek.
        (_, None) if is_unusual => {
            scan!(
                "helm_turn_notable",
                "t.status <> 'completed' AND (?5 IS NULL OR t.task = ?5) AND ?6 IS NULL"
            )
        }
        (None, None) => scan!("helm_turn_by_time", "?5 IS NULL AND ?6 IS NULL"),
        (Some(_), None) => scan!("helm_turn_by_task", "t.task = ?5 AND ?6 IS NULL"),
        (None, Some(_)) => scan!("helm_turn_by_user", "?5 IS NULL AND t.user_id = ?6"),
        // A user has fewer turns than a task.
        (Some(_), Some(_)) => scan!("helm_turn_by_user", "t.task = ?5 AND t.user_id = ?6"),
    }
}

const PREFERENCES: &str =
    "SELECT revision, format, body FROM helm_preference WHERE tenant = ? AND user_id = ?";

#[async_trait]
impl PreferenceStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, user: &UserId) -> Result<Preferences> {
        const OPERATION: &str = "get_preferences";
        let mut reader = self.readers.get(OPERATION).await?;
        let rows = rows_of(reader.link(), PREFERENCES, OPERATION, |bound| {
            bound.bind(tenant.as_str()).bind(user.as_str())
        });
        let rows = rows.await?;
        rows.first().map_or(Ok(Preferences::default()), |row| preferences(row, OPERATION))
    }

    async fn apply(
        &self,
        tenant: &TenantId,
        user: &UserId,
        changes: &[PreferenceChange],
        expect: Option<u64>,
    ) -> Result<Preferences> {
        self.write_preferences(tenant, user, changes, expect).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::sqlite::SqliteOptions;
    use crate::sqlite::state::{JUDGEMENTS, STATE};

    /// How SQLite would run a statement.
    async fn plan(store: &SqliteStore, sql: &str) -> String {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows =
            sqlx::query(explain).fetch_all(&mut *store.readers.get("test").await.unwrap()).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn scans_are_served_by_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("helm.db"))).await.unwrap();
        let (task, user) = ("t".parse().unwrap(), "u".parse().unwrap());
        let (any, of_task) = (LogQuery::default(), LogQuery::default().with_task(task));
        let of_user = LogQuery::default().with_user(user);
        let of_both = LogQuery { task: of_task.task.clone(), ..of_user.clone() };
        let (found, failed) =
            (of_user.clone().with_findings(), of_task.clone().with_status(TurnStatus::Timeout));
        for (query, index) in [
            (found, "helm_turn_notable"),
            (failed, "helm_turn_notable"),
            (any, "helm_turn_by_time"),
            (of_task, "helm_turn_by_task"),
            (of_user, "helm_turn_by_user"),
            (of_both, "helm_turn_by_user"),
        ] {
            let plan = plan(&store, scan_sql(&query)).await;
            assert!(plan.contains(&format!("SEARCH t USING INDEX {index}")), "{query:?}: {plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
        }
        let (any, of_task) = (RowQuery::default(), RowQuery::default().with_task("t".parse().unwrap()));
        let of_user = RowQuery::default().with_user("u".parse().unwrap());
        for (query, index) in
            [(any, "helm_turn_by_time"), (of_task, "helm_turn_by_task"), (of_user, "helm_turn_by_user")]
        {
            let plan = plan(&store, rows::page_sql(&query)).await;
            assert!(plan.contains(&format!("SEARCH t USING INDEX {index}")), "{query:?}: {plan}");
            assert!(plan.contains("(began,id)>(?,?) AND began<?"), "{query:?}: {plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
        }
        for (sql, index) in [
            (
                "SELECT id FROM helm_decision WHERE tenant = ? AND user_id = ?",
                "helm_decision_by_draw (tenant=? AND user_id=?",
            ),
            ("SELECT * FROM helm_reward WHERE tenant = ? AND task = ?", "helm_reward_by_task"),
            (JUDGEMENTS, "helm_evidence_by_task"),
            (USERS_DRAW, "helm_decision_by_draw (tenant=? AND user_id=? AND task=?"),
            (
                CONVERSATIONS_DRAW,
                "helm_decision_by_conversation (tenant=? AND user_id=? AND task=? AND conversation=?",
            ),
            (SETTLED, "helm_reward_by_task (tenant=? AND task=? AND decision>?"),
        ] {
            let plan = plan(&store, sql).await;
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
        let state = plan(&store, STATE).await;
        assert_eq!(state.matches("(tenant=? AND task=? AND scope=? AND member=?)").count(), 6, "{state}");
        assert!(!state.contains("SCAN") && !state.contains("TEMP B-TREE"), "{state}");
        let counted = plan(&store, activity::ACTIVITY).await;
        for range in [
            "t USING COVERING INDEX helm_turn_by_task (tenant=? AND task=? AND began>? AND began<?)",
            "n USING INDEX helm_turn_notable (tenant=? AND began>? AND began<?)",
            "r USING COVERING INDEX helm_reward_by_task (tenant=? AND task=? AND decision>? AND decision<?)",
        ] {
            assert!(counted.contains(range), "{range}: {counted}");
        }
        let found = plan(&store, activity::FINDINGS).await;
        assert!(found.contains("helm_turn_notable (tenant=? AND began>? AND began<?)"), "{found}");
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum")
            .fetch_one(&mut *store.readers.get("test").await.unwrap())
            .await
            .unwrap();
        assert_eq!(mode, 2, "what is erased can be given back piece by piece");
    }
}
