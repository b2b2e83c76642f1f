//! A user leaves: what was said goes, what was learnt stays under a pseudonym. In batches of their own transactions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use helm_core::{DecisionId, StatsRow, TaskId, TenantId, UserId};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::checkpoint::keep;
use super::columns::uuid;
use super::decode::{decision_id, limit, natural, parsed, stats_row};
use super::error::failure;
use super::job_text;
use super::save::column;
use super::store::{PostgresStore, Work};
use super::{BACKEND, records, sums};
use crate::batch::Failure;
use crate::checkpoint::Checkpoint;
use crate::disguise::{Disguise, Rewritten};
use crate::error::Result;
use crate::fold::place;
use crate::stored::traced;
use crate::user::{Forgetting, Forgotten, MemoryPage, UserRecords, UserStore};
use crate::vector::Memory;

const OPERATION: &str = "forget";

macro_rules! of_user {
    ($table:literal) => {
        [
            concat!("DELETE FROM ", $table, " WHERE tenant = $1 AND user_id = $2"),
            concat!("SELECT count(*) FROM ", $table, " WHERE tenant = $1 AND user_id = $2"),
        ]
    };
}

macro_rules! jobs {
    ($verb:literal) => {
        concat!(
            $verb,
            " FROM helm_job WHERE tenant = $1 AND (",
            job_text!("user"),
            " = $2
                OR (kind <> ALL ($3) AND json_typeof(body) = 'object' AND ",
            job_text!("decision"),
            " IN (
                    SELECT id::text FROM helm_decision WHERE tenant = $1 AND user_id = $2
                    UNION SELECT id::text FROM helm_turn WHERE tenant = $1 AND user_id = $2)))"
        )
    };
}

/// What is removed, and the statement that only counts it.
const MESSAGES: [&str; 2] = of_user!("helm_message");
const SUMMARIES: [&str; 2] = of_user!("helm_summary");
const MEMORIES: [&str; 2] = of_user!("helm_memory");
const PREFERENCES: [&str; 2] = of_user!("helm_preference");
const JOBS: [&str; 2] = [jobs!("DELETE"), jobs!("SELECT count(*)")];

/// What is logged of the user, the earliest.
const FIRST: &str = "SELECT id FROM (
        SELECT id FROM helm_decision WHERE tenant = $1 AND user_id = $2
        UNION ALL SELECT id FROM helm_turn WHERE tenant = $1 AND user_id = $2) k ORDER BY id LIMIT 1";

/// A page of what is logged of the user, the latest first.
const PAGE: &str = "SELECT id FROM (
        SELECT id FROM helm_decision WHERE tenant = $1 AND user_id = $2
        UNION SELECT id FROM helm_turn WHERE tenant = $1 AND user_id = $2) k ORDER BY id DESC LIMIT $3";

/// Locks their decisions, in the order of their ids, against everybody who would settle them.
const LOCK: &str = "SELECT id FROM helm_decision WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE";

const FOUND: &str = "SELECT k.id, d.body::text AS decision, d.format AS decision_format,
        t.outcome::text AS outcome, t.format AS turn_format, r.contribution::text AS contribution,
        r.format AS reward_format
    FROM unnest($2::uuid[]) k (id)
    LEFT JOIN helm_decision d ON d.tenant = $1 AND d.id = k.id
    LEFT JOIN helm_turn t ON t.tenant = $1 AND t.id = k.id
    LEFT JOIN helm_reward r ON r.tenant = $1 AND r.decision = k.id";

const DECISIONS: &str = "UPDATE helm_decision d SET user_id = $4, conversation = NULL, body = k.new::jsonb
    FROM unnest($2::uuid[], $3::text[]) k (id, new) WHERE d.tenant = $1 AND d.id = k.id";
const TURNS: &str = "UPDATE helm_turn t SET user_id = $4, conversation = NULL, input = '',
        output = CASE WHEN output IS NULL THEN NULL ELSE '' END, outcome = k.new::jsonb,
        digest = decode(repeat('00', 32), 'hex')
    FROM unnest($2::uuid[], $3::text[]) k (id, new) WHERE t.tenant = $1 AND t.id = k.id";
const CONTRIBUTIONS: &str = "UPDATE helm_reward r SET contribution = k.new::json
    FROM unnest($2::uuid[], $3::text[]) k (id, new)
    WHERE r.tenant = $1 AND r.decision = k.id AND $4::text IS NOT NULL";
const EVIDENCE: &str = "UPDATE helm_evidence SET key = NULL WHERE tenant = $1 AND decision = ANY ($2)";
const ERRORS: &str = concat!(
    "UPDATE helm_job SET last_error = NULL WHERE tenant = $1 AND last_error IS NOT NULL
    AND json_typeof(body) = 'object' AND ",
    job_text!("decision"),
    " IN (SELECT unnest($2::uuid[])::text)"
);

/// How much would be a pseudonym's.
const COUNT: &str = "SELECT (SELECT count(*) FROM helm_decision WHERE tenant = $1 AND user_id = $2),
    (SELECT count(*) FROM helm_turn WHERE tenant = $1 AND user_id = $2),
    (SELECT count(*) FROM helm_evidence e JOIN helm_decision d ON d.tenant = e.tenant AND d.id = e.decision
        WHERE e.tenant = $1 AND d.user_id = $2),
    (SELECT count(*) FROM helm_stats WHERE tenant = $1 AND scope = 'user' AND member = $2)
        + (SELECT count(*) FROM helm_checkpoint WHERE tenant = $1 AND scope = 'user' AND member = $2)";
const CHECKPOINT: &str =
    "SELECT task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost,
        tokens, latency_us, failures, loss, packed::text AS packed
    FROM helm_checkpoint WHERE tenant = $1 AND scope = 'user' AND member = $2";
const LOCK_CHECKPOINT: &str = "LOCK TABLE helm_checkpoint IN SHARE ROW EXCLUSIVE MODE";
const DROP_CHECKPOINT: &str =
    "DELETE FROM helm_checkpoint WHERE tenant = $1 AND scope = 'user' AND member = $2";
/// Rows that say nothing any more.
const SWEEP: &str = "DELETE FROM helm_stats WHERE tenant = $1 AND scope = 'user' AND member = $2 AND count = 0
    AND reward = 0 AND reward_sq = 0 AND turns = 0 AND cost = 0 AND tokens = 0 AND latency_us = 0 AND failures = 0
    AND loss = 0 AND (packed IS NULL OR 0 = ALL (packed))";

#[async_trait]
impl UserStore for PostgresStore {
    async fn records(&self, tenant: &TenantId, user: &UserId) -> Result<UserRecords> {
        records::records(&self.pool, tenant, user).await
    }

    async fn memories(&self, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>> {
        records::memories(&self.pool, tenant, page).await
    }

    async fn forget(
        &self,
        tenant: &TenantId,
        forgetting: &Forgetting,
        progress: &mut (dyn FnMut(Forgotten) + Send),
    ) -> Result<Forgotten> {
        let whose = Whose { tenant, forgetting };
        let (mut all, first) = self.transaction(OPERATION, Remove(whose)).await?;
        progress(all);
        if forgetting.dry_run {
            return Ok(all);
        }
        let forgetting = &forgetting.clone().named(first);
        let whose = Whose { tenant, forgetting };
        all.add(self.transaction(OPERATION, DisguiseCheckpoint(whose)).await?);
        loop {
            let (done, more) = self.transaction(OPERATION, DisguisePage(whose)).await?;
            all.add(done);
            progress(all);
            if !more {
                break;
            }
        }
        // Now nothing more can come in their name. What did meanwhile goes, too.
        all.add(self.transaction(OPERATION, DisguiseCheckpoint(whose)).await?);
        all.add(self.transaction(OPERATION, Remove(whose)).await?.0);
        self.recent.clear();
        progress(all);
        Ok(all)
    }
}

#[derive(Clone, Copy)]
struct Whose<'a> {
    tenant: &'a TenantId,
    forgetting: &'a Forgetting,
}

impl Whose<'_> {
    async fn remove(
        &self,
        connection: &mut PgConnection,
        [delete, count]: [&'static str; 2],
    ) -> Result<u64, Failure> {
        let failed = |error| failure(OPERATION, error);
        let sql = if self.forgetting.dry_run { count } else { delete };
        let query = sqlx::query(sql).bind(self.tenant.as_str()).bind(self.forgetting.user.as_str());
        // Only of jobs some kinds may stay.
        let query = match sql == JOBS[0] || sql == JOBS[1] {
            true => query.bind(self.forgetting.kept_jobs.iter().cloned().collect::<Vec<_>>()),
            false => query,
        };
        if self.forgetting.dry_run {
            let row = query.fetch_one(connection).await.map_err(failed)?;
            return Ok(natural(row.try_get(0).map_err(failed)?, "count", OPERATION)?);
        }
        Ok(query.execute(connection).await.map_err(failed)?.rows_affected())
    }

    /// What would be a pseudonym's.
    async fn count(&self, connection: &mut PgConnection, so_far: Forgotten) -> Result<Forgotten, Failure> {
        let failed = |error| failure(OPERATION, error);
        let row = sqlx::query(COUNT).bind(self.tenant.as_str()).bind(self.forgetting.user.as_str());
        let row = row.fetch_one(connection).await.map_err(failed)?;
        let count = |at: usize| -> Result<u64, Failure> {
            Ok(natural(row.try_get(at).map_err(failed)?, "count", OPERATION)?)
        };
        let (decisions, turns, judgements, statistics) = (count(0)?, count(1)?, count(2)?, count(3)?);
        Ok(Forgotten { decisions, turns, judgements, statistics, ..so_far })
    }

    async fn first(&self, connection: &mut PgConnection) -> Result<Option<DecisionId>, Failure> {
        let first = sqlx::query(FIRST).bind(self.tenant.as_str()).bind(self.forgetting.user.as_str());
        let first = first.fetch_optional(connection).await.map_err(|error| failure(OPERATION, error))?;
        Ok(first.map(|row| decision_id(&row, "id", OPERATION)).transpose()?)
    }

    fn disguise(&self) -> Result<Disguise, Failure> {
        Ok(Disguise::new(BACKEND, &self.forgetting.user, self.forgetting.otherwise)?)
    }
}

/// Removes what was said, or counts everything; and the first that is logged of the user.
struct Remove<'a>(Whose<'a>);

impl Work for Remove<'_> {
    type Done = (Forgotten, Option<DecisionId>);

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Done, Failure> {
        let whose = self.0;
        let first = whose.first(connection).await?;
        let forgotten = Forgotten {
            jobs: whose.remove(connection, JOBS).await?,
            preferences: whose.remove(connection, PREFERENCES).await?,
            messages: whose.remove(connection, MESSAGES).await?,
            summaries: whose.remove(connection, SUMMARIES).await?,
            memories: whose.remove(connection, MEMORIES).await?,
            ..Forgotten::default()
        };
        match whose.forgetting.dry_run {
            true => Ok((whose.count(connection, forgotten).await?, first)),
            false => Ok((forgotten, first)),
        }
    }
}

/// Puts the pseudonym into the latest turns that have none; answers whether there may be more.
struct DisguisePage<'a>(Whose<'a>);

impl Work for DisguisePage<'_> {
    type Done = (Forgotten, bool);

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Done, Failure> {
        let Whose { tenant, forgetting } = self.0;
        let failed = |error| failure(OPERATION, error);
        let disguise = self.0.disguise()?;
        let page = sqlx::query(PAGE).bind(tenant.as_str()).bind(forgetting.user.as_str());
        let page = page.bind(limit(forgetting.batch)).fetch_all(&mut *connection).await.map_err(failed)?;
        let ids =
            page.iter().map(|row| row.try_get("id")).collect::<Result<Vec<Uuid>, _>>().map_err(failed)?;
        if ids.is_empty() {
            return Ok((Forgotten::default(), false));
        }
        let locked = sqlx::query(LOCK).bind(tenant.as_str()).bind(&ids).fetch_all(&mut *connection).await;
        locked.map_err(failed)?;
        // A statement of its own, so that it sees what those committed who held the locks before.
        let rows = sqlx::query(FOUND).bind(tenant.as_str()).bind(&ids).fetch_all(&mut *connection).await;
        let found = rows.map_err(failed)?.iter().map(|row| traced(row, OPERATION)).collect::<Result<_>>()?;
        let rewritten = disguise.rewrite(BACKEND, tenant, found)?;
        let done = write(connection, tenant, &disguise, rewritten).await?;
        Ok((done, ids.len() == forgetting.batch))
    }
}

/// Writes rows under the pseudonym, and moves their sums, last.
async fn write(
    connection: &mut PgConnection,
    tenant: &TenantId,
    disguise: &Disguise,
    rewritten: Rewritten,
) -> Result<Forgotten, Failure> {
    let failed = |error| failure(OPERATION, error);
    for (sql, pairs) in [
        (DECISIONS, &rewritten.decisions),
        (TURNS, &rewritten.outcomes),
        (CONTRIBUTIONS, &rewritten.contributions),
    ] {
        let query = sqlx::query(sql)
            .bind(tenant.as_str())
            .bind(column(pairs, |(id, _)| uuid(*id)))
            .bind(column(pairs, |(_, new)| new.as_str()))
            .bind(disguise.pseudonym.as_str());
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    let ids = column(&rewritten.ids, |id: &DecisionId| uuid(*id));
    let mut touched = [0; 2];
    for (sql, rows) in [EVIDENCE, ERRORS].into_iter().zip(&mut touched) {
        let done = sqlx::query(sql).bind(tenant.as_str()).bind(&ids).execute(&mut *connection).await;
        *rows = done.map_err(failed)?.rows_affected();
    }
    sums::add(connection, &rewritten.changes.into_iter().collect::<Vec<_>>()).await?;
    Ok(Forgotten {
        decisions: rewritten.decisions.len() as u64,
        turns: rewritten.outcomes.len() as u64,
        judgements: touched[0],
        ..Forgotten::default()
    })
}

/// Moves what has left the log, and drops the rows that are empty then.
struct DisguiseCheckpoint<'a>(Whose<'a>);

impl Work for DisguiseCheckpoint<'_> {
    type Done = Forgotten;

    async fn run(&self, connection: &mut PgConnection) -> Result<Forgotten, Failure> {
        let Whose { tenant, forgetting } = self.0;
        let failed = |error| failure(OPERATION, error);
        let disguise = self.0.disguise()?;
        let bound = |sql: &'static str| sqlx::query(sql).bind(tenant.as_str()).bind(forgetting.user.as_str());
        sqlx::query(LOCK_CHECKPOINT).execute(&mut *connection).await.map_err(failed)?;
        let rows = bound(CHECKPOINT).fetch_all(&mut *connection).await.map_err(failed)?;
        let mut left: BTreeMap<TaskId, Vec<StatsRow>> = BTreeMap::new();
        for row in &rows {
            left.entry(parsed(row, "task", OPERATION)?).or_default().push(stats_row(row, OPERATION)?);
        }
        let (mut moved, mut checkpoint) = (BTreeMap::new(), Checkpoint::default());
        for (task, rows) in left {
            for (place, change) in disguise.moved(BACKEND, &rows)? {
                moved.insert((tenant.clone(), task.clone(), place), change);
            }
            for row in disguise.contribution(&rows) {
                checkpoint.sums.insert((task.clone(), place(&row)), row.stats);
            }
        }
        bound(DROP_CHECKPOINT).execute(&mut *connection).await.map_err(failed)?;
        keep(connection, tenant, checkpoint).await?;
        sums::add(connection, &moved.into_iter().collect::<Vec<_>>()).await?;
        let swept = bound(SWEEP).execute(&mut *connection).await.map_err(failed)?.rows_affected();
        Ok(Forgotten { statistics: rows.len() as u64 + swept, ..Forgotten::default() })
    }
}
