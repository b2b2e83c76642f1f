//! A user leaves: what was said goes, what was learnt stays under a pseudonym. In batches among the other writes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::future::BoxFuture;
use helm_core::{DecisionId, StatsRow, TaskId, TenantId, UserId};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor, Row};

use super::checkpoint::keep;
use super::decode::{decision_id, natural, parsed, stats_row, to_json};
use super::error::driver;
use super::retain::shrink;
use super::script::Script;
use super::store::SqliteStore;
use super::sums::{STATS, add};
use super::{BACKEND, connect, records};
use crate::batch::{StatsKey, size};
use crate::checkpoint::Checkpoint;
use crate::disguise::{Disguise, Rewritten};
use crate::error::{Result, chain};
use crate::stored::traced;
use crate::user::{Forgetting, Forgotten, MemoryPage, UserRecords, UserStore};
use crate::vector::Memory;

const OPERATION: &str = "forget";

/// Whatever leaves is overwritten, also on pages that are free then.
const OVERWRITE: &str = "PRAGMA secure_delete = ON";
const AS_BEFORE: &str = "PRAGMA secure_delete = FAST";

macro_rules! of_user {
    ($table:literal) => {
        [
            concat!("DELETE FROM ", $table, " WHERE tenant = ?1 AND user_id = ?2"),
            concat!("SELECT COUNT(*) FROM ", $table, " WHERE tenant = ?1 AND user_id = ?2"),
        ]
    };
}

macro_rules! memories {
    ($verb:literal) => {
        concat!(
            $verb,
            " FROM helm_memory WHERE tenant = ?1 AND user_id = ?2
                 AND collection IN (SELECT name FROM helm_collection WHERE tenant = ?1)"
        )
    };
}

macro_rules! jobs {
    ($verb:literal) => {
        concat!(
            $verb,
            " FROM helm_job WHERE tenant = ?1 AND json_valid(body) AND (body ->> '$.user' = ?2
                OR (kind NOT IN (SELECT value FROM json_each(?3)) AND unhex(body ->> '$.decision', '-') IN (
                        SELECT id FROM helm_decision WHERE tenant = ?1 AND user_id = ?2
                        UNION SELECT id FROM helm_turn WHERE tenant = ?1 AND user_id = ?2)))"
        )
    };
}

/// What is removed, and the statement that only counts it.
const MESSAGES: [&str; 2] = of_user!("helm_message");
const SUMMARIES: [&str; 2] = of_user!("helm_summary");
const PREFERENCES: [&str; 2] = of_user!("helm_preference");
const MEMORIES: [&str; 2] = [memories!("DELETE"), memories!("SELECT COUNT(*)")];
const JOBS: [&str; 2] = [jobs!("DELETE"), jobs!("SELECT COUNT(*)")];

/// What is logged of the user, the earliest.
const FIRST: &str = "SELECT id FROM (
        SELECT id FROM helm_decision WHERE tenant = ?1 AND user_id = ?2
        UNION ALL SELECT id FROM helm_turn WHERE tenant = ?1 AND user_id = ?2) ORDER BY id LIMIT 1";

/// A page of what is logged of the user, the latest first.
const PAGE: &str = "SELECT k.id, d.body AS decision, d.format AS decision_format, t.outcome,
        t.format AS turn_format, r.contribution, r.format AS reward_format
    FROM (SELECT id FROM helm_decision WHERE tenant = ?1 AND user_id = ?2
          UNION SELECT id FROM helm_turn WHERE tenant = ?1 AND user_id = ?2 ORDER BY id DESC LIMIT ?3) k
    LEFT JOIN helm_decision d ON d.tenant = ?1 AND d.id = k.id
    LEFT JOIN helm_turn t ON t.tenant = ?1 AND t.id = k.id
    LEFT JOIN helm_reward r ON r.tenant = ?1 AND r.decision = k.id
    ORDER BY k.id DESC";

/// What is put in the place of others, by id: a JSON list of pairs.
macro_rules! pairs {
    () => {
        "FROM (SELECT unhex(value ->> 0, '-') AS key, value ->> 1 AS new FROM json_each(?2)) k WHERE tenant = ?1 AND "
    };
}
const DECISIONS: &str = concat!(
    "UPDATE helm_decision SET user_id = ?3, conversation = NULL, body = k.new ",
    pairs!(),
    "helm_decision.id = k.key"
);
const TURNS: &str = concat!(
    "UPDATE helm_turn SET user_id = ?3, conversation = NULL, input = '',
         output = CASE WHEN output IS NULL THEN NULL ELSE '' END, outcome = k.new, digest = zeroblob(32) ",
    pairs!(),
    "helm_turn.id = k.key"
);
const CONTRIBUTIONS: &str = concat!(
    "UPDATE helm_reward SET contribution = k.new ",
    pairs!(),
    "helm_reward.decision = k.key AND ?3 <> ''"
);
const EVIDENCE: &str = "UPDATE helm_evidence SET key = NULL
    WHERE tenant = ?1 AND decision IN (SELECT unhex(value, '-') FROM json_each(?2))";
const ERRORS: &str = "UPDATE helm_job SET last_error = NULL WHERE tenant = ?1 AND last_error IS NOT NULL
    AND json_valid(body) AND lower(body ->> '$.decision') IN (SELECT value FROM json_each(?2))";

/// What stands in learning state and in the checkpoint under the user's name.
const COUNT: &str = "SELECT COUNT(*) FROM helm_decision WHERE tenant = ?1 AND user_id = ?2
    UNION ALL SELECT COUNT(*) FROM helm_turn WHERE tenant = ?1 AND user_id = ?2
    UNION ALL SELECT COUNT(*) FROM helm_evidence WHERE tenant = ?1
        AND decision IN (SELECT id FROM helm_decision WHERE tenant = ?1 AND user_id = ?2)
    UNION ALL SELECT (SELECT COUNT(*) FROM helm_stats WHERE tenant = ?1 AND scope = 'user' AND member = ?2)
        + (SELECT COUNT(*) FROM helm_checkpoint WHERE tenant = ?1 AND scope = 'user' AND member = ?2)";
const CHECKPOINT: &str =
    "SELECT task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost,
        tokens, latency_us, failures, loss, packed
    FROM helm_checkpoint WHERE tenant = ?1 AND scope = 'user' AND member = ?2";
const DROP_CHECKPOINT: &str =
    "DELETE FROM helm_checkpoint WHERE tenant = ?1 AND scope = 'user' AND member = ?2";
/// Rows that say nothing any more.
const SWEEP: &str = "DELETE FROM helm_stats WHERE tenant = ?1 AND scope = 'user' AND member = ?2 AND count = 0
    AND reward = 0 AND reward_sq = 0 AND turns = 0 AND cost = 0 AND tokens = 0 AND latency_us = 0 AND failures = 0
    AND loss = 0 AND (packed IS NULL OR packed = zeroblob(length(packed)))";

#[async_trait]
impl UserStore for SqliteStore {
    async fn records(&self, tenant: &TenantId, user: &UserId) -> Result<UserRecords> {
        records::records(&self.readers, tenant, user).await
    }

    async fn memories(&self, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>> {
        records::memories(&self.readers, tenant, page).await
    }

    async fn forget(
        &self,
        tenant: &TenantId,
        forgetting: &Forgetting,
        progress: &mut (dyn FnMut(Forgotten) + Send),
    ) -> Result<Forgotten> {
        let (mut all, first) = self.step(tenant, forgetting, remove).await?;
        progress(all);
        if forgetting.dry_run {
            return Ok(all);
        }
        let forgetting = &forgetting.clone().named(first);
        all.add(self.step(tenant, forgetting, disguise_checkpoint).await?);
        loop {
            let (done, more) = self.step(tenant, forgetting, disguise_page).await?;
            all.add(done);
            progress(all);
            if !more {
                break;
            }
        }
        // Now nothing more can come in their name. What did meanwhile goes, too.
        all.add(self.step(tenant, forgetting, disguise_checkpoint).await?);
        all.add(self.step(tenant, forgetting, remove).await?.0);
        progress(all);
        // Pages that were freed long ago may hold what somebody said then.
        while self.write(OPERATION, size::SMALL, |connection| Box::pin(shrink(connection))).await? {}
        self.truncate_log().await;
        Ok(all)
    }
}

/// One transaction of it.
type Step<T> = for<'c> fn(&'c mut SqliteConnection, TenantId, Forgetting) -> BoxFuture<'c, Result<T>>;

impl SqliteStore {
    async fn step<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        forgetting: &Forgetting,
        step: Step<T>,
    ) -> Result<T> {
        let (tenant, forgetting) = (tenant.clone(), forgetting.clone());
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                set(connection, OVERWRITE).await?;
                let done = step(connection, tenant, forgetting).await;
                set(connection, AS_BEFORE).await?;
                done
            })
        })
        .await
    }

    /// Empties the log of writes, which holds what was overwritten in the file. Whoever reads at this moment keeps it until
    /// later, which is told.
    async fn truncate_log(&self) {
        let emptied = async {
            let mut connection = connect::mover(&self.options).await?;
            let row = connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await;
            let busy: i64 = row.and_then(|row| row.try_get(0)).map_err(|error| driver(OPERATION, error))?;
            connection.close().await.map_err(|error| driver(OPERATION, error))?;
            Ok::<_, crate::error::Error>(busy != 0)
        };
        match emptied.await {
            Ok(false) => {}
            Ok(true) => tracing::warn!(
                "somebody reads, so the log of writes beside the file still holds what was forgotten; forget again later"
            ),
            Err(error) => tracing::warn!(error = %chain(&error), "the log of writes was not emptied"),
        }
    }
}

async fn set(connection: &mut SqliteConnection, pragma: &'static str) -> Result<()> {
    let set = sqlx::query(pragma).fetch_all(connection).await;
    set.map(drop).map_err(|error| driver(OPERATION, error))
}

/// Removes what was said, or counts everything; and the first that is logged of the user.
fn remove(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    forgetting: Forgetting,
) -> BoxFuture<'_, Result<(Forgotten, Option<DecisionId>)>> {
    Box::pin(async move {
        let whose = Whose { tenant: &tenant, forgetting: &forgetting };
        let first = whose.first(connection).await?;
        let forgotten = Forgotten {
            jobs: whose.remove(connection, JOBS).await?,
            preferences: whose.remove(connection, PREFERENCES).await?,
            messages: whose.remove(connection, MESSAGES).await?,
            summaries: whose.remove(connection, SUMMARIES).await?,
            memories: whose.remove(connection, MEMORIES).await?,
            ..Forgotten::default()
        };
        match forgetting.dry_run {
            true => Ok((whose.count(connection, forgotten).await?, first)),
            false => Ok((forgotten, first)),
        }
    })
}

struct Whose<'a> {
    tenant: &'a TenantId,
    forgetting: &'a Forgetting,
}

impl Whose<'_> {
    async fn remove(
        &self,
        connection: &mut SqliteConnection,
        [delete, count]: [&'static str; 2],
    ) -> Result<u64> {
        let failed = |error| driver(OPERATION, error);
        let sql = if self.forgetting.dry_run { count } else { delete };
        let query = sqlx::query(sql).bind(self.tenant.as_str()).bind(self.forgetting.user.as_str());
        // Only of jobs some kinds may stay.
        let query = match sql == JOBS[0] || sql == JOBS[1] {
            true => query.bind(to_json(&self.forgetting.kept_jobs, OPERATION)?),
            false => query,
        };
        if self.forgetting.dry_run {
            let row = query.fetch_one(connection).await.map_err(failed)?;
            return natural(row.try_get(0).map_err(failed)?, "count", OPERATION);
        }
        Ok(query.execute(connection).await.map_err(failed)?.rows_affected())
    }

    /// What would be a pseudonym's.
    async fn count(&self, connection: &mut SqliteConnection, so_far: Forgotten) -> Result<Forgotten> {
        let failed = |error| driver(OPERATION, error);
        let counts = sqlx::query(COUNT).bind(self.tenant.as_str()).bind(self.forgetting.user.as_str());
        let counts = counts.fetch_all(connection).await.map_err(failed)?;
        let count = |at: usize| match counts.get(at) {
            Some(row) => natural(row.try_get(0).map_err(failed)?, "count", OPERATION),
            None => Ok(0),
        };
        let (decisions, turns, judgements, statistics) = (count(0)?, count(1)?, count(2)?, count(3)?);
        Ok(Forgotten { decisions, turns, judgements, statistics, ..so_far })
    }

    async fn first(&self, connection: &mut SqliteConnection) -> Result<Option<DecisionId>> {
        let first = sqlx::query(FIRST).bind(self.tenant.as_str()).bind(self.forgetting.user.as_str());
        let first = first.fetch_optional(connection).await.map_err(|error| driver(OPERATION, error))?;
        first.map(|row| decision_id(&row, "id", OPERATION)).transpose()
    }

    fn disguise(&self) -> Result<Disguise> {
        Disguise::new(BACKEND, &self.forgetting.user, self.forgetting.otherwise)
    }
}

/// Puts the pseudonym into the latest turns that have none; answers whether there may be more.
fn disguise_page(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    forgetting: Forgetting,
) -> BoxFuture<'_, Result<(Forgotten, bool)>> {
    Box::pin(async move {
        let disguise = Whose { tenant: &tenant, forgetting: &forgetting }.disguise()?;
        let rows = sqlx::query(PAGE)
            .bind(tenant.as_str())
            .bind(forgetting.user.as_str())
            .bind(i64::try_from(forgetting.batch).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        let found = rows.iter().map(|row| traced(row, OPERATION)).collect::<Result<Vec<_>>>()?;
        let more = found.len() == forgetting.batch;
        let rewritten = disguise.rewrite(BACKEND, &tenant, found)?;
        Ok((write(connection, &tenant, &disguise, &rewritten).await?, more))
    })
}

/// Writes rows under the pseudonym, and moves their sums.
async fn write(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    disguise: &Disguise,
    rewritten: &Rewritten,
) -> Result<Forgotten> {
    if rewritten.ids.is_empty() {
        return Ok(Forgotten::default());
    }
    let pseudonym = disguise.pseudonym.as_str();
    for (sql, pairs) in [
        (DECISIONS, &rewritten.decisions),
        (TURNS, &rewritten.outcomes),
        (CONTRIBUTIONS, &rewritten.contributions),
    ] {
        let query = sqlx::query(sql).bind(tenant.as_str()).bind(to_json(pairs, OPERATION)?).bind(pseudonym);
        query.execute(&mut *connection).await.map_err(|error| driver(OPERATION, error))?;
    }
    let ids = to_json(&rewritten.ids, OPERATION)?;
    let mut touched = [0; 2];
    for (sql, rows) in [EVIDENCE, ERRORS].into_iter().zip(&mut touched) {
        let done = sqlx::query(sql).bind(tenant.as_str()).bind(&ids).execute(&mut *connection).await;
        *rows = done.map_err(|error| driver(OPERATION, error))?.rows_affected();
    }
    let mut script = Script::new(connection);
    add(&mut script, &STATS, &rewritten.changes).await?;
    script.send().await?;
    Ok(Forgotten {
        decisions: rewritten.decisions.len() as u64,
        turns: rewritten.outcomes.len() as u64,
        judgements: touched[0],
        ..Forgotten::default()
    })
}

/// Moves what has left the log, and drops the rows that are empty then.
fn disguise_checkpoint(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    forgetting: Forgetting,
) -> BoxFuture<'_, Result<Forgotten>> {
    Box::pin(async move {
        let disguise = Whose { tenant: &tenant, forgetting: &forgetting }.disguise()?;
        let failed = |error| driver(OPERATION, error);
        let bound = |sql: &'static str| sqlx::query(sql).bind(tenant.as_str()).bind(forgetting.user.as_str());
        let rows = bound(CHECKPOINT).fetch_all(&mut *connection).await.map_err(failed)?;
        let mut left: BTreeMap<TaskId, Vec<StatsRow>> = BTreeMap::new();
        for row in &rows {
            left.entry(parsed(row, "task", OPERATION)?).or_default().push(stats_row(row, OPERATION)?);
        }
        let (mut moved, mut checkpoint) = (BTreeMap::new(), Checkpoint::default());
        for (task, rows) in left {
            for (place, change) in disguise.moved(BACKEND, &rows)? {
                let key: StatsKey = (tenant.clone(), task.clone(), place);
                moved.insert(key, change);
            }
            for row in disguise.contribution(&rows) {
                checkpoint.sums.insert((task.clone(), crate::fold::place(&row)), row.stats);
            }
        }
        bound(DROP_CHECKPOINT).execute(&mut *connection).await.map_err(failed)?;
        keep(connection, &tenant, checkpoint).await?;
        let mut script = Script::new(&mut *connection);
        add(&mut script, &STATS, &moved).await?;
        script.send().await?;
        let swept = bound(SWEEP).execute(&mut *connection).await.map_err(failed)?.rows_affected();
        Ok(Forgotten { statistics: rows.len() as u64 + swept, ..Forgotten::default() })
    })
}
