//! Learning state, as it is read.

use std::collections::BTreeMap;

use async_trait::async_trait;
use helm_core::{
    Epoch, PolicyHash, Scope, SegmentName, Stats, StatsRow, StrategyId, TaskId, TenantId, UnitInterval,
    UserId,
};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{body, get, natural, parsed, stats, stats_row};
use super::error::{driver, unreadable};
use super::restate::contributed;
use super::script::{Bound, Script};
use super::store::SqliteStore;
use super::{BACKEND, checkpoint};
use crate::bandit::{Audit, BanditState, BanditStore, PriorDocument, StateQuery, StrategyTotal, UserTotal};
use crate::checkpoint::no_total;
use crate::error::Result;
use crate::fold::{add_judgement, compare, fold, place, since};
#[async_trait]
impl BanditStore for SqliteStore {
    async fn load(&self, tenant: &TenantId, task: &TaskId, query: &StateQuery) -> Result<BanditState> {
        const OPERATION: &str = "load";
        let mut reader = self.readers.get(OPERATION).await?;
        let mut script = Script::over(reader.link());
        let (segment, user) =
            (query.segment.as_ref().map(SegmentName::as_str), query.user.as_ref().map(UserId::as_str));
        let of_task = |bound: Bound| bound.bind(tenant.as_str()).bind(task.as_str());
        let from = query.since.map_or(i64::MIN, Epoch::start);
        let rows = script.add(STATE, OPERATION, |bound| {
            let bound = (0..2).fold(bound, |bound, _| of_task(bound).bind(from));
            let members = [segment, segment, user, user];
            Ok(members.into_iter().fold(bound, |bound, member| of_task(bound).bind(member).bind(from)))
        })?;
        let prior = match &query.policy {
            Some(policy) => {
                Some(script.add(PRIOR, OPERATION, |bound| Ok(of_task(bound).bind(policy.as_str())))?)
            }
            None => None,
        };
        let done = script.send().await?;
        let found = |asked: usize| done.get(asked).map_or(&[][..], |done| &done.rows);
        let rows =
            found(rows).iter().map(|row| Ok((place(&stats_row(row, OPERATION)?), stats(row, OPERATION)?)));
        let rows = since(BACKEND, rows.collect::<Result<Vec<_>>>()?, query.since)?;
        let prior = prior.and_then(|prior| found(prior).first()).zip(query.policy.as_ref());
        let prior = prior.map(|(row, policy)| stored_prior(row, policy, OPERATION)).transpose()?;
        Ok(BanditState { rows, prior })
    }

    async fn user_totals(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: Option<&UserId>,
        users: usize,
    ) -> Result<Vec<UserTotal>> {
        const OPERATION: &str = "user_totals";
        let rows = sqlx::query(
            "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed
             FROM helm_stats WHERE tenant = ?1 AND task = ?2 AND scope = 'user' AND member IN (
                 SELECT DISTINCT member FROM helm_stats
                 WHERE tenant = ?1 AND task = ?2 AND scope = 'user' AND member > ?3 ORDER BY member LIMIT ?4)",
        )
        .bind(tenant.as_str())
        .bind(task.as_str())
        .bind(after.map_or("", UserId::as_str))
        .bind(i64::try_from(users).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.readers.get(OPERATION).await?)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let mut totals: BTreeMap<(UserId, StrategyId), Stats> = BTreeMap::new();
        for row in &rows {
            let StatsRow { scope: Scope::User(user), strategy, stats, .. } = stats_row(row, OPERATION)?
            else {
                continue;
            };
            let total = totals.entry((user, strategy)).or_default();
            *total = fold(BACKEND, total, &stats)?;
        }
        Ok(totals.into_iter().map(|((user, strategy), stats)| UserTotal { user, strategy, stats }).collect())
    }

    async fn put_prior(&self, tenant: &TenantId, task: &TaskId, prior: &PriorDocument) -> Result<bool> {
        self.write_prior(tenant, task, prior).await
    }

    async fn strategy_totals(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StrategyTotal>> {
        const OPERATION: &str = "strategy_totals";
        // One transaction, so that what leaves the log meanwhile is counted once.
        let mut reader = self.readers.get(OPERATION).await?;
        let mut snapshot = reader.begin().await.map_err(|error| driver(OPERATION, error))?;
        let counted = sqlx::query(
            "SELECT strategy, COUNT(*) AS decisions FROM helm_decision WHERE tenant = ? AND task = ? GROUP BY strategy",
        )
        .bind(tenant.as_str())
        .bind(task.as_str())
        .fetch_all(&mut *snapshot)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        let mut totals: BTreeMap<StrategyId, StrategyTotal> = BTreeMap::new();
        for row in &counted {
            let strategy: StrategyId = parsed(row, "strategy", OPERATION)?;
            let total = totals.entry(strategy.clone()).or_insert_with(|| no_total(strategy));
            total.decisions = natural(get(row, "decisions", OPERATION)?, "count", OPERATION)?;
        }
        for (strategy, left) in checkpoint::totals(&mut snapshot, tenant, task, OPERATION).await? {
            left.add_to(BACKEND, totals.entry(strategy.clone()).or_insert_with(|| no_total(strategy)))?;
        }
        for (strategy, value) in judgements(&mut snapshot, tenant, task).await? {
            let Some(total) = totals.get_mut(&strategy) else {
                continue;
            };
            total.feedback_count += 1;
            total.feedback_sum = add_judgement(BACKEND, total.feedback_sum, value)?;
        }
        Ok(totals.into_values().collect())
    }

    async fn checkpoint(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StatsRow>> {
        const OPERATION: &str = "checkpoint";
        let mut connection = self.readers.get(OPERATION).await?;
        checkpoint::sums(&mut connection, tenant, task, OPERATION).await
    }

    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
        const OPERATION: &str = "audit";
        let failed = |error| driver(OPERATION, error);
        // One transaction, so that log and state are of the same moment.
        let mut reader = self.readers.get(OPERATION).await?;
        let mut snapshot = reader.begin().await.map_err(failed)?;
        let logged = contributed(&mut snapshot, tenant, task, OPERATION).await?;
        let stored = sqlx::query(
            "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us, failures, loss, packed
             FROM helm_stats WHERE tenant = ? AND task = ?",
        )
        .bind(tenant.as_str())
        .bind(task.as_str())
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed)?;
        let mut audit = Audit { decisions: logged.decisions, ..Audit::default() };
        let found = stored.iter().map(|row| Ok((place(&stats_row(row, OPERATION)?), stats(row, OPERATION)?)));
        compare(&mut audit, logged.sums, &found.collect::<Result<_>>()?);
        Ok(audit)
    }
}

/// The current judgements of a task; without the hint SQLite would read the whole tenant's.
pub(super) const JUDGEMENTS: &str =
    "SELECT strategy, value, MAX(revision) FROM helm_evidence INDEXED BY helm_evidence_by_task
    WHERE tenant = ? AND task = ? AND source NOT GLOB 'judge:*' GROUP BY decision, source";

/// What of one scope is as young as is wanted, row by row, and the sum of what is older: or a task would cost more to read with
/// every hour of its life. Sums of a learner's own are added where they are understood.
macro_rules! part {
    ($scope:literal, $member:literal) => {
        concat!(
            "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us, failures,
                loss, packed
            FROM helm_stats WHERE tenant = ? AND task = ? AND scope = '",
            $scope,
            "' AND member = ",
            $member,
            " AND (epoch >= ? OR layout <> 0)
            UNION ALL
            SELECT scope, member, strategy, MAX(epoch), layout, SUM(count), SUM(reward), SUM(reward_sq), SUM(turns),
                SUM(cost), SUM(tokens), SUM(latency_us), SUM(failures), SUM(loss), NULL
            FROM helm_stats WHERE tenant = ? AND task = ? AND scope = '",
            $scope,
            "' AND member = ",
            $member,
            " AND epoch < ? AND layout = 0 GROUP BY scope, member, strategy"
        )
    };
}

/// A task's state, with a segment's and a user's: three searches by key. Written as one condition, it would be a search
/// through the rows of all users.
pub(super) const STATE: &str =
    concat!(part!("task", "''"), " UNION ALL ", part!("segment", "?"), " UNION ALL ", part!("user", "?"));

const PRIOR: &str =
    "SELECT revision, format, body FROM helm_prior WHERE tenant = ? AND task = ? AND policy_hash = ?";

/// A row of helm_prior.
fn stored_prior(row: &SqliteRow, policy: &PolicyHash, operation: &'static str) -> Result<PriorDocument> {
    let revision = natural(get(row, "revision", operation)?, "revision", operation)?;
    Ok(PriorDocument { policy: policy.clone(), revision, body: body(row, "body", operation)? })
}

/// The current judgements of a task, each with the strategy it is about.
async fn judgements(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: &TaskId,
) -> Result<Vec<(StrategyId, UnitInterval)>> {
    const OPERATION: &str = "strategy_totals";
    let rows = sqlx::query(JUDGEMENTS).bind(tenant.as_str()).bind(task.as_str()).fetch_all(connection).await;
    let rows = rows.map_err(|error| driver(OPERATION, error))?;
    let read =
        rows.iter().map(|row| Ok((parsed(row, "strategy", OPERATION)?, unit(row, "value", OPERATION)?)));
    read.collect()
}

fn unit(row: &SqliteRow, column: &'static str, operation: &'static str) -> Result<UnitInterval> {
    UnitInterval::new(get(row, column, operation)?).map_err(|error| unreadable(operation, column, error))
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::sqlite::SqliteOptions;
    use crate::sqlite::script::rows_of;

    #[tokio::test]
    async fn a_long_life_of_a_task_is_a_row_for_each_strategy() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("helm.db"))).await.unwrap();
        store
            .write("test", 0, |connection| {
                Box::pin(async move {
                    let hours = "WITH RECURSIVE hour(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM hour WHERE n < 10000)
                        INSERT INTO helm_stats (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq,
                            turns, cost, tokens, latency_us, failures, loss)
                        SELECT 'default', 't', 'task', '', 'a@1', 3600 * n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 FROM hour";
                    sqlx::query(hours).execute(connection).await.map_err(|error| driver("test", error))
                })
            })
            .await
            .unwrap();
        let mut reader = store.readers.get("test").await.unwrap();
        let (task, since) = ("t", 3_600 * 9_999_i64);
        let rows = rows_of(reader.link(), STATE, "test", |bound| {
            (0..6).fold(bound, |bound, part| {
                let bound = bound.bind("default").bind(task);
                let bound = if part < 2 { bound } else { bound.bind("nobody") };
                bound.bind(since)
            })
        });
        let counts: Vec<i64> = rows.await.unwrap().iter().map(|row| row.get("count")).collect();
        assert_eq!(counts, [1, 1, 9_998]);
    }
}
