//! Learning state, as policies and people read it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::TryStreamExt;
use helm_core::{
    Epoch, PolicyHash, Scope, SegmentName, Stats, StatsRow, StrategyId, TaskId, TenantId, UserId,
};
use sqlx::Executor;
use sqlx::postgres::PgRow;

use super::decode::{FORMAT, body, get, integer, limit, natural, parsed, stats_row, to_json, unit};
use super::error::driver;
use super::restate;
use super::store::PostgresStore;
use super::{BACKEND, checkpoint};
use crate::bandit::{Audit, BanditState, BanditStore, PriorDocument, StateQuery, StrategyTotal, UserTotal};
use crate::checkpoint::no_total;
use crate::error::Result;
use crate::fold::{add_judgement, fold, place, since};

/// What of one scope is as young as is wanted, row by row, and the sum of what is older: or a task would cost more to read
/// with every hour of its life. Sums of a learner's own are added where they are understood.
macro_rules! part {
    ($scope:literal, $member:literal) => {
        concat!(
            "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us, failures,
                loss, packed::text AS packed
            FROM helm_stats WHERE tenant = $1 AND task = $2 AND scope = '",
            $scope,
            "' AND member = ",
            $member,
            " AND (epoch >= $5 OR layout <> 0)
            UNION ALL
            SELECT scope, member, strategy, MAX(epoch), layout, SUM(count)::bigint, SUM(reward)::bigint,
                SUM(reward_sq)::bigint, SUM(turns)::bigint, SUM(cost)::bigint, SUM(tokens)::bigint, SUM(latency_us)::bigint,
                SUM(failures)::bigint, SUM(loss)::bigint, NULL
            FROM helm_stats WHERE tenant = $1 AND task = $2 AND scope = '",
            $scope,
            "' AND member = ",
            $member,
            " AND epoch < $5 AND layout = 0 GROUP BY scope, member, strategy, layout"
        )
    };
}

/// Three searches by key; written as one condition, it would be a search through the whole task.
const STATE: &str =
    concat!(part!("task", "''"), " UNION ALL ", part!("segment", "$3"), " UNION ALL ", part!("user", "$4"));

/// The rows of a page of users. By its last one, not by membership: on a table that was never analysed membership is a join that
/// reads the page again for each row.
const USERS: &str =
    "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
        latency_us, failures, loss, packed::text AS packed
    FROM helm_stats WHERE tenant = $1 AND task = $2 AND scope = 'user' AND member > $3 AND member <= (
        SELECT max(member) FROM (
            SELECT DISTINCT member FROM helm_stats
            WHERE tenant = $1 AND task = $2 AND scope = 'user' AND member > $3 ORDER BY member LIMIT $4) page)";

/// The current judgements of a task, counted and summed by strategy in Rust, where each is quantised.
const JUDGEMENTS: &str = "SELECT DISTINCT ON (decision, source) strategy, value FROM helm_evidence
    WHERE tenant = $1 AND task = $2 AND source NOT LIKE 'judge:%' ORDER BY decision, source, revision DESC";

const PUT_PRIOR: &str = "INSERT INTO helm_prior (tenant, task, policy_hash, revision, format, body)
    SELECT $1, $2, $5, $3, $6, $4::json WHERE $3 = 1 OR EXISTS (
        SELECT 1 FROM helm_prior WHERE tenant = $1 AND task = $2 AND policy_hash = $5)
    ON CONFLICT (tenant, task, policy_hash) DO UPDATE SET revision = excluded.revision, format = excluded.format,
        body = excluded.body WHERE helm_prior.revision = excluded.revision - 1";

#[async_trait]
impl BanditStore for PostgresStore {
    async fn load(&self, tenant: &TenantId, task: &TaskId, query: &StateQuery) -> Result<BanditState> {
        const OPERATION: &str = "load";
        let rows = sqlx::query(STATE)
            .bind(tenant.as_str())
            .bind(task.as_str())
            .bind(query.segment.as_ref().map(SegmentName::as_str))
            .bind(query.user.as_ref().map(UserId::as_str))
            .bind(query.since.map_or(i64::MIN, Epoch::start))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        let rows = rows.iter().map(|row| {
            let row = stats_row(row, OPERATION)?;
            Ok((place(&row), row.stats))
        });
        let rows = since(BACKEND, rows.collect::<Result<Vec<_>>>()?, query.since)?;
        let prior = match &query.policy {
            Some(policy) => self.prior(tenant, task, policy).await?,
            None => None,
        };
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
        let rows = sqlx::query(USERS)
            .bind(tenant.as_str())
            .bind(task.as_str())
            .bind(after.map_or("", UserId::as_str))
            .bind(limit(users))
            .fetch_all(&self.pool)
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
        const OPERATION: &str = "put_prior";
        let put = sqlx::query(PUT_PRIOR)
            .bind(tenant.as_str())
            .bind(task.as_str())
            .bind(integer(prior.revision, "revision", OPERATION)?)
            .bind(to_json(&prior.body, OPERATION)?)
            .bind(prior.policy.as_str())
            .bind(FORMAT)
            .execute(&self.pool)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        Ok(put.rows_affected() == 1)
    }

    async fn strategy_totals(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StrategyTotal>> {
        const OPERATION: &str = "strategy_totals";
        let failed = |error| driver(OPERATION, error);
        // One snapshot, so that what leaves the log meanwhile is counted once.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let mut snapshot = self.pool.begin_with(begin).await.map_err(failed)?;
        // All that was ever said is read, which may take longer than statements otherwise may.
        snapshot.execute("SET LOCAL statement_timeout = '10min'").await.map_err(failed)?;
        let counted = sqlx::query(
            "SELECT strategy, COUNT(*) AS decisions FROM helm_decision WHERE tenant = $1 AND task = $2
             GROUP BY strategy",
        );
        let counted = counted.bind(tenant.as_str()).bind(task.as_str()).fetch_all(&mut *snapshot).await;
        let mut totals: BTreeMap<StrategyId, StrategyTotal> = BTreeMap::new();
        for row in &counted.map_err(failed)? {
            let strategy: StrategyId = parsed(row, "strategy", OPERATION)?;
            let total = totals.entry(strategy.clone()).or_insert_with(|| no_total(strategy));
            total.decisions = natural(get(row, "decisions", OPERATION)?, "count", OPERATION)?;
        }
        for (strategy, left) in checkpoint::totals(&mut snapshot, tenant, task, OPERATION).await? {
            left.add_to(BACKEND, totals.entry(strategy.clone()).or_insert_with(|| no_total(strategy)))?;
        }
        let judged = sqlx::query(JUDGEMENTS).bind(tenant.as_str()).bind(task.as_str());
        let mut judged = judged.fetch(&mut *snapshot);
        while let Some(row) = judged.try_next().await.map_err(failed)? {
            let Some(total) = totals.get_mut(&parsed(&row, "strategy", OPERATION)?) else { continue };
            let value = unit(get(&row, "value", OPERATION)?, OPERATION)?;
            total.feedback_count += 1;
            total.feedback_sum = add_judgement(BACKEND, total.feedback_sum, value)?;
        }
        Ok(totals.into_values().collect())
    }

    async fn checkpoint(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<StatsRow>> {
        const OPERATION: &str = "checkpoint";
        let mut connection = self.pool.acquire().await.map_err(|error| driver(OPERATION, error))?;
        checkpoint::sums(&mut connection, tenant, task, OPERATION).await
    }

    async fn audit(&self, tenant: &TenantId, task: &TaskId) -> Result<Audit> {
        restate::audit(&self.pool, tenant, task).await
    }
}

impl PostgresStore {
    async fn prior(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        policy: &PolicyHash,
    ) -> Result<Option<PriorDocument>> {
        const OPERATION: &str = "load";
        let row = sqlx::query(
            "SELECT revision, format, body::text AS body FROM helm_prior
             WHERE tenant = $1 AND task = $2 AND policy_hash = $3",
        );
        let row = row.bind(tenant.as_str()).bind(task.as_str()).bind(policy.as_str());
        let row = row.fetch_optional(&self.pool).await.map_err(|error| driver(OPERATION, error))?;
        let prior = |row: PgRow| {
            let revision = natural(get(&row, "revision", OPERATION)?, "revision", OPERATION)?;
            Ok(PriorDocument { policy: policy.clone(), revision, body: body(&row, "body", OPERATION)? })
        };
        row.map(prior).transpose()
    }
}
