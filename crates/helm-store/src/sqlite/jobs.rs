use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{get, integer, json, natural, parsed, to_json};
use super::error::driver;
use super::many::{Many, many};
use super::script::{Bound, Script};
use super::store::SqliteStore;
use crate::batch::{Key, size};
use crate::error::{Result, chain};
use crate::job::{
    DEADLINE_ATTEMPTS, DeadJob, Job, JobId, JobQueue, JobState, NewJob, TURN_DEADLINE, UNHEARD, tell_death,
};

#[async_trait]
impl JobQueue for SqliteStore {
    async fn enqueue(&self, tenant: &TenantId, jobs: &[NewJob]) -> Result<u64> {
        let (tenant, new) = (tenant.clone(), jobs.to_vec());
        self.write("enqueue", size::SMALL + size::jobs(&new), move |connection| {
            Box::pin(async move {
                let jobs: Vec<_> = new.iter().map(|job| (&tenant, job)).collect();
                insert(connection, &jobs).await
            })
        })
        .await
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize, kinds: &[&str]) -> Result<Vec<Job>> {
        const OPERATION: &str = "claim";
        let known = to_json(&kinds, OPERATION)?;
        // Looking before writing spares an idle installation a transaction a second.
        let due = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM helm_job WHERE dead = 0 AND run_at <= ?1
                     AND (lease_until IS NULL OR lease_until <= ?1)
                     AND kind IN (SELECT value FROM json_each(?2))) AS jobs,
                 ?3 AND EXISTS (SELECT 1 FROM helm_open_turn WHERE deadline <= ?1) AS overdue",
        );
        let due = due
            .bind(now.as_micros())
            .bind(&known)
            .bind(kinds.contains(&TURN_DEADLINE))
            .fetch_one(&mut *self.readers.get(OPERATION).await?)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        let overdue: bool = get(&due, "overdue", OPERATION)?;
        if !overdue && !get::<bool>(&due, "jobs", OPERATION)? {
            return Ok(Vec::new());
        }
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                if overdue {
                    take_over(connection, now, limit).await?;
                }
                claim(connection, now, lease, limit, &known).await
            })
        })
        .await
    }

    async fn renew(&self, job: &Job, until: Timestamp) -> Result<bool> {
        let sql = "UPDATE helm_job SET lease_until = ?1
                   WHERE id = ?2 AND tenant = ?3 AND lease = ?4 AND lease_until IS NOT NULL AND dead = 0";
        self.end_lease("renew", sql, job, until).await
    }

    async fn complete(&self, job: &Job) -> Result<bool> {
        let job = job.clone();
        self.write("complete", size::SMALL, move |connection| {
            Box::pin(async move { complete(connection, &job).await })
        })
        .await
    }

    async fn complete_all(&self, jobs: &[Job]) -> Result<Vec<bool>> {
        const OPERATION: &str = "complete";
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let leases: Vec<_> = jobs.iter().map(|job| (job.id.0, job.tenant.as_str(), job.lease)).collect();
        let (leases, ids) =
            (to_json(&leases, OPERATION)?, jobs.iter().map(|job| job.id.0).collect::<Vec<_>>());
        self.write(OPERATION, size::SMALL + leases.len(), move |connection| {
            Box::pin(async move { complete_all(connection, &leases, &ids).await })
        })
        .await
    }

    async fn release(&self, job: &Job, run_at: Timestamp) -> Result<bool> {
        let sql = "UPDATE helm_job SET lease_until = NULL, run_at = ?1, attempts = attempts - 1
                   WHERE id = ?2 AND tenant = ?3 AND lease = ?4 AND lease_until IS NOT NULL AND dead = 0";
        self.end_lease("release", sql, job, run_at).await
    }

    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool> {
        let (job, message) = (job.clone(), error.to_owned());
        self.write("fail", size::SMALL + message.len(), move |connection| {
            Box::pin(async move { fail(connection, &job, &message, run_at).await })
        })
        .await
    }

    async fn dead(&self, tenant: &TenantId, limit: usize) -> Result<Vec<DeadJob>> {
        const OPERATION: &str = "dead";
        let rows = sqlx::query(
            "SELECT id, kind, body, attempts, last_error FROM helm_job WHERE dead = 1 AND tenant = ?
             ORDER BY id DESC LIMIT ?",
        );
        let rows = rows.bind(tenant.as_str()).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = rows
            .fetch_all(&mut *self.readers.get(OPERATION).await?)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        let dead = |row: &SqliteRow| {
            Ok(DeadJob {
                id: JobId(get(row, "id", OPERATION)?),
                kind: get(row, "kind", OPERATION)?,
                body: get(row, "body", OPERATION)?,
                attempts: get(row, "attempts", OPERATION)?,
                error: get(row, "last_error", OPERATION)?,
            })
        };
        rows.iter().map(dead).collect()
    }

    async fn retry(&self, tenant: &TenantId, id: JobId, run_at: Timestamp) -> Result<bool> {
        const OPERATION: &str = "retry";
        let tenant = tenant.clone();
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                let revived = sqlx::query(
                    "UPDATE helm_job SET dead = 0, attempts = 0, lease_until = NULL, run_at = ?
                     WHERE id = ? AND tenant = ? AND dead = 1",
                );
                let revived = revived.bind(run_at.as_micros()).bind(id.0).bind(tenant.as_str());
                let revived = revived.execute(connection).await.map_err(|error| driver(OPERATION, error))?;
                Ok(revived.rows_affected() == 1)
            })
        })
        .await
    }

    async fn discard(&self, tenant: &TenantId, id: JobId) -> Result<bool> {
        const OPERATION: &str = "discard";
        let tenant = tenant.clone();
        self.write(OPERATION, size::SMALL, move |connection| {
            Box::pin(async move {
                let removed = sqlx::query("DELETE FROM helm_job WHERE id = ? AND tenant = ? AND dead = 1");
                let removed = removed.bind(id.0).bind(tenant.as_str()).execute(connection).await;
                Ok(removed.map_err(|error| driver(OPERATION, error))?.rows_affected() == 1)
            })
        })
        .await
    }

    async fn counts(&self) -> Result<JobState> {
        const OPERATION: &str = "counts";
        let row = sqlx::query(
            "SELECT COALESCE(SUM(dead = 0 AND lease_until IS NULL), 0) + (SELECT COUNT(*) FROM helm_open_turn),
                    COALESCE(SUM(dead = 0 AND lease_until IS NOT NULL), 0),
                    COALESCE(SUM(dead), 0) FROM helm_job",
        );
        let row = row
            .fetch_one(&mut *self.readers.get(OPERATION).await?)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        let count = |column: usize| {
            let value: i64 = row.try_get(column).map_err(|error| driver(OPERATION, error))?;
            natural(value, "count", OPERATION)
        };
        Ok(JobState { waiting: count(0)?, leased: count(1)?, dead: count(2)? })
    }

    async fn dead_counts(&self) -> Result<BTreeMap<TenantId, u64>> {
        const OPERATION: &str = "dead_counts";
        let rows =
            sqlx::query("SELECT tenant, COUNT(*) AS jobs FROM helm_job WHERE dead = 1 GROUP BY tenant")
                .fetch_all(&mut *self.readers.get(OPERATION).await?)
                .await
                .map_err(|error| driver(OPERATION, error))?;
        let counted = |row: &SqliteRow| {
            let jobs: i64 = get(row, "jobs", OPERATION)?;
            Ok((parsed(row, "tenant", OPERATION)?, natural(jobs, "jobs", OPERATION)?))
        };
        rows.iter().map(counted).collect()
    }
}

impl SqliteStore {
    /// Changes a leased job with a statement of a moment, an id, a tenant and a lease.
    async fn end_lease(
        &self,
        operation: &'static str,
        sql: &'static str,
        job: &Job,
        moment: Timestamp,
    ) -> Result<bool> {
        let job = job.clone();
        self.write(operation, size::SMALL, move |connection| {
            Box::pin(async move {
                let updated = sqlx::query(sql).bind(moment.as_micros()).bind(job.id.0);
                let updated = updated.bind(job.tenant.as_str()).bind(lease(&job, operation)?);
                let updated = updated.execute(connection).await.map_err(|error| driver(operation, error))?;
                Ok(updated.rows_affected() == 1)
            })
        })
        .await
    }
}

const ENQUEUE: Many = many!(
    "INSERT OR FAIL INTO helm_job (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, dead) VALUES ",
    "(?, ?, ?, ?, ?, 0, ?, 0, 0)",
    " ON CONFLICT (tenant, dedupe) DO NOTHING"
);

/// Adds jobs whose key is not queued; answers how many.
pub(super) async fn insert(connection: &mut SqliteConnection, jobs: &[(&TenantId, &NewJob)]) -> Result<u64> {
    ENQUEUE.run(connection, jobs, "enqueue", bind_job).await
}

/// The same, with what else a script does.
pub(super) async fn add(script: &mut Script<'_>, jobs: &[(&TenantId, &NewJob)]) -> Result<()> {
    script.write(&ENQUEUE, jobs, "enqueue", bind_job).await
}

fn bind_job(query: Bound, (tenant, job): &(&TenantId, &NewJob)) -> Result<Bound> {
    Ok(query
        .bind(tenant.as_str())
        .bind(&job.kind)
        .bind(&job.dedupe)
        .bind(to_json(&job.body, "enqueue")?)
        .bind(job.run_at.as_micros())
        .bind(job.max_attempts))
}

const BEGIN: Many =
    many!("INSERT OR FAIL INTO helm_open_turn (tenant, id, deadline) VALUES ", "(?, ?, ?)", "");

/// Looks after turns until they end.
pub(super) async fn begin(script: &mut Script<'_>, begun: &BTreeMap<Key, Timestamp>) -> Result<()> {
    let begun: Vec<_> = begun.iter().collect();
    let written = script.write(&BEGIN, &begun, "log_decision", |query, ((tenant, id), deadline)| {
        Ok(query.bind(tenant.as_str()).bind(id.as_bytes().as_slice()).bind(deadline.as_micros()))
    });
    written.await
}

const END: &str = "DELETE FROM helm_open_turn WHERE (tenant, id) IN
    (SELECT value ->> 0, unhex(value ->> 1, '-') FROM json_each(?))";

/// Looks after them no longer.
pub(super) fn end(script: &mut Script<'_>, ended: &BTreeSet<Key>) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    if ended.is_empty() {
        return Ok(());
    }
    let keys = to_json(ended, OPERATION)?;
    script.add(END, OPERATION, |query| Ok(query.bind(keys))).map(drop)
}

/// The oldest turns whose deadlines have passed, as jobs; and their removal from where they were.
const OVERDUE: [&str; 2] = [
    "INSERT INTO helm_job (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, dead)
     SELECT tenant, ?1, ?1 || ':' || name, json_object('decision', name), deadline, 0, ?2, 0, 0
     FROM (SELECT tenant, id, deadline, lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-'
             || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS name
         FROM helm_open_turn WHERE deadline <= ?3 ORDER BY deadline, tenant, id LIMIT ?4)
     WHERE true ORDER BY deadline, tenant, id
     ON CONFLICT (tenant, dedupe) DO NOTHING",
    "DELETE FROM helm_open_turn WHERE (tenant, id) IN
        (SELECT tenant, id FROM helm_open_turn WHERE deadline <= ? ORDER BY deadline, tenant, id LIMIT ?)",
];

/// Makes jobs of turns whose deadlines have passed.
async fn take_over(connection: &mut SqliteConnection, now: Timestamp, limit: usize) -> Result<()> {
    let (now, limit) = (now.as_micros(), i64::try_from(limit).unwrap_or(i64::MAX));
    let [add, remove] = OVERDUE.map(sqlx::query);
    let add = add.bind(TURN_DEADLINE).bind(DEADLINE_ATTEMPTS).bind(now).bind(limit);
    for query in [add, remove.bind(now).bind(limit)] {
        query.execute(&mut *connection).await.map_err(|error| driver("claim", error))?;
    }
    Ok(())
}

const FORGET: &str = "DELETE FROM helm_job WHERE id IN (SELECT j.id FROM json_each(?) k
    CROSS JOIN helm_job j ON j.tenant = k.value ->> 0 AND j.dedupe = k.value ->> 1)";

/// Removes queued jobs that are no longer needed.
pub(super) fn forget(script: &mut Script<'_>, keys: &BTreeSet<(TenantId, String)>) -> Result<()> {
    const OPERATION: &str = "commit_turn";
    if keys.is_empty() {
        return Ok(());
    }
    let keys = to_json(keys, OPERATION)?;
    script.add(FORGET, OPERATION, |query| Ok(query.bind(keys))).map(drop)
}

/// Every claim raises `lease`, so a holder whose lease ran out cannot end the job of the next one. A job that ends its
/// process would otherwise be claimed for ever, and end one process after the other: it dies where it is met.
const CLAIM: &str = "UPDATE helm_job SET attempts = attempts + (attempts < max_attempts),
        lease = lease + (attempts < max_attempts), dead = attempts >= max_attempts,
        lease_until = CASE WHEN attempts < max_attempts THEN ?1 END,
        last_error = CASE WHEN attempts < max_attempts THEN last_error ELSE COALESCE(last_error, ?5) END
    WHERE id IN (SELECT id FROM helm_job
        WHERE dead = 0 AND run_at <= ?2 AND (lease_until IS NULL OR lease_until <= ?2)
            AND kind IN (SELECT value FROM json_each(?4))
        ORDER BY run_at, id LIMIT ?3)
    RETURNING id, tenant, kind, body, attempts, max_attempts, lease, run_at, dead, last_error";

async fn claim(
    connection: &mut SqliteConnection,
    now: Timestamp,
    lease: Duration,
    limit: usize,
    kinds: &str,
) -> Result<Vec<Job>> {
    const OPERATION: &str = "claim";
    let (mut jobs, mut died) = (Vec::new(), true);
    // Those that died leave room for others.
    while died && jobs.len() < limit {
        let rows = sqlx::query(CLAIM)
            .bind(now.after(lease).as_micros())
            .bind(now.as_micros())
            .bind(i64::try_from(limit - jobs.len()).unwrap_or(i64::MAX))
            .bind(kinds)
            .bind(UNHEARD)
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| driver(OPERATION, error))?;
        died = false;
        for row in &rows {
            let dead: bool = get(row, "dead", OPERATION)?;
            died |= dead;
            match job(row) {
                _ if dead => tell(row, &get::<String>(row, "last_error", OPERATION)?)?,
                Ok(job) => jobs.push(job),
                Err(error) => bury(connection, row, &chain(&error)).await?,
            }
        }
    }
    jobs.sort_by_key(|(run_at, job)| (*run_at, job.id));
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

/// Puts a job that cannot be read out of the way.
async fn bury(connection: &mut SqliteConnection, row: &SqliteRow, why: &str) -> Result<()> {
    let buried = sqlx::query("UPDATE helm_job SET dead = 1, lease_until = NULL, last_error = ? WHERE id = ?");
    let buried = buried.bind(why).bind(get::<i64>(row, "id", "claim")?).execute(connection).await;
    buried.map_err(|error| driver("claim", error))?;
    tell(row, why)
}

/// Says that a job has died where it was met.
fn tell(row: &SqliteRow, why: &str) -> Result<()> {
    let (tenant, kind): (String, String) = (get(row, "tenant", "claim")?, get(row, "kind", "claim")?);
    tell_death(&tenant, &kind, JobId(get(row, "id", "claim")?), why);
    Ok(())
}

fn job(row: &SqliteRow) -> Result<(i64, Job)> {
    const OPERATION: &str = "claim";
    let lease: i64 = get(row, "lease", OPERATION)?;
    let job = Job {
        id: JobId(get(row, "id", OPERATION)?),
        tenant: parsed(row, "tenant", OPERATION)?,
        kind: get(row, "kind", OPERATION)?,
        body: json(row, "body", OPERATION)?,
        attempt: get(row, "attempts", OPERATION)?,
        max_attempts: get(row, "max_attempts", OPERATION)?,
        lease: natural(lease, "lease", OPERATION)?,
    };
    Ok((get(row, "run_at", OPERATION)?, job))
}

async fn complete(connection: &mut SqliteConnection, job: &Job) -> Result<bool> {
    let deleted = sqlx::query(
        "DELETE FROM helm_job WHERE id = ? AND tenant = ? AND lease = ? AND lease_until IS NOT NULL AND dead = 0",
    );
    let deleted = deleted
        .bind(job.id.0)
        .bind(job.tenant.as_str())
        .bind(lease(job, "complete")?)
        .execute(connection)
        .await;
    Ok(deleted.map_err(|error| driver("complete", error))?.rows_affected() == 1)
}

/// Removes those of the jobs whose leases hold; the places of those come as one list, for each row of an answer is a
/// message from SQLite's thread.
async fn complete_all(connection: &mut SqliteConnection, leases: &str, ids: &[i64]) -> Result<Vec<bool>> {
    const OPERATION: &str = "complete";
    let held = sqlx::query(
        "SELECT json_group_array(k.key) AS held FROM json_each(?) k
         CROSS JOIN helm_job j ON j.id = k.value ->> 0 AND j.tenant = k.value ->> 1 AND j.lease = k.value ->> 2
         WHERE j.lease_until IS NOT NULL AND j.dead = 0",
    );
    let row = held.bind(leases).fetch_one(&mut *connection).await;
    let row = row.map_err(|error| driver(OPERATION, error))?;
    let mut places: Vec<usize> = json(&row, "held", OPERATION)?;
    places.sort_unstable();
    let mut ended = vec![false; ids.len()];
    let mut removed = BTreeSet::new();
    for place in places {
        if let (Some(id), Some(ended)) = (ids.get(place), ended.get_mut(place)) {
            // Whoever names a job twice has ended it once.
            *ended = removed.insert(*id);
        }
    }
    let gone = sqlx::query("DELETE FROM helm_job WHERE id IN (SELECT value FROM json_each(?))");
    let gone = gone.bind(to_json(&removed, OPERATION)?).execute(connection).await;
    gone.map_err(|error| driver(OPERATION, error))?;
    Ok(ended)
}

async fn fail(
    connection: &mut SqliteConnection,
    job: &Job,
    message: &str,
    run_at: Timestamp,
) -> Result<bool> {
    let updated = sqlx::query(
        "UPDATE helm_job SET lease_until = NULL, run_at = ?, last_error = ?, dead = attempts >= max_attempts
         WHERE id = ? AND tenant = ? AND lease = ? AND lease_until IS NOT NULL",
    )
    .bind(run_at.as_micros())
    .bind(message)
    .bind(job.id.0)
    .bind(job.tenant.as_str())
    .bind(lease(job, "fail")?)
    .execute(connection)
    .await
    .map_err(|error| driver("fail", error))?;
    Ok(updated.rows_affected() == 1)
}

fn lease(job: &Job, operation: &'static str) -> Result<i64> {
    integer(job.lease, "lease", operation)
}
