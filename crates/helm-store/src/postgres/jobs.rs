use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};
use sqlx::postgres::{PgConnection, PgRow};

use super::columns::Moment;
use super::decode::{get, integer, json, limit as rows_at_most, natural, parsed};
use super::error::{driver, failure};
use super::save;
use super::store::{PostgresStore, Work};
use super::together::Together;
use crate::batch::Failure;
use crate::error::{Result, chain};
use crate::job::{
    DEADLINE_ATTEMPTS, DeadJob, Job, JobId, JobQueue, JobState, NewJob, TURN_DEADLINE, UNHEARD, tell_death,
};

/// Every claim raises `lease`, so a holder whose lease ran out cannot end the job of the next one. What another
/// process is claiming is passed over. A job that ends its process would otherwise be claimed for ever, and end one
/// process after the other: it dies where it is met. When nothing is due, nothing is written.
const CLAIM: &str = "UPDATE helm_job j SET attempts = j.attempts + d.lives, lease = j.lease + d.lives,
        lease_until = CASE d.lives WHEN 1 THEN $1 END, dead = d.lives = 0,
        last_error = CASE d.lives WHEN 1 THEN j.last_error ELSE COALESCE(j.last_error, $5) END
    FROM (SELECT tenant, id, (attempts < max_attempts)::int AS lives FROM helm_job
        WHERE NOT dead AND run_at <= $2 AND (lease_until IS NULL OR lease_until <= $2) AND kind = ANY ($4)
        ORDER BY run_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) d
    WHERE j.tenant = d.tenant AND j.id = d.id
    RETURNING j.id, j.tenant, j.kind, j.body::text AS body, j.attempts, j.max_attempts, j.lease, j.run_at, j.dead, j.last_error";

/// The locks are taken in the order of the keys before anything is removed.
const COMPLETE: &str = "DELETE FROM helm_job j USING (
        SELECT l.tenant, l.id FROM unnest($1::text[], $2::bigint[], $3::bigint[]) k (tenant, id, lease)
        JOIN helm_job l ON l.tenant = k.tenant AND l.id = k.id AND l.lease = k.lease
        WHERE l.lease_until IS NOT NULL AND NOT l.dead ORDER BY l.tenant, l.id FOR UPDATE OF l) d
    WHERE j.tenant = d.tenant AND j.id = d.id
    RETURNING j.tenant, j.id, j.lease";

#[async_trait]
impl JobQueue for PostgresStore {
    async fn enqueue(&self, tenant: &TenantId, jobs: &[NewJob]) -> Result<u64> {
        self.statement("enqueue", Enqueue { tenant, jobs }).await
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize, kinds: &[&str]) -> Result<Vec<Job>> {
        if kinds.contains(&TURN_DEADLINE) {
            self.statement("claim", TakeOver { now, limit }).await?;
        }
        let mut jobs = Vec::new();
        loop {
            let claim = Claim { now, lease, limit: limit - jobs.len(), kinds };
            let (claimed, died) = self.statement("claim", claim).await?;
            jobs.extend(claimed);
            // Those that died leave room for others.
            if !died || jobs.len() >= limit {
                return Ok(jobs);
            }
        }
    }

    async fn renew(&self, job: &Job, until: Timestamp) -> Result<bool> {
        let sql = "UPDATE helm_job SET lease_until = $1
                   WHERE tenant = $2 AND id = $3 AND lease = $4 AND lease_until IS NOT NULL AND NOT dead";
        self.change_lease("renew", sql, job, until).await
    }

    async fn complete(&self, job: &Job) -> Result<bool> {
        const OPERATION: &str = "complete";
        let deleted = sqlx::query(
            "DELETE FROM helm_job WHERE tenant = $1 AND id = $2 AND lease = $3 AND lease_until IS NOT NULL
                 AND NOT dead",
        );
        let deleted = deleted.bind(job.tenant.as_str()).bind(job.id.0).bind(lease_of(job, OPERATION)?);
        let deleted = deleted.execute(&self.pool).await.map_err(|error| driver(OPERATION, error))?;
        Ok(deleted.rows_affected() == 1)
    }

    async fn complete_all(&self, jobs: &[Job]) -> Result<Vec<bool>> {
        self.statement("complete", Complete { jobs }).await
    }

    async fn release(&self, job: &Job, run_at: Timestamp) -> Result<bool> {
        let sql = "UPDATE helm_job SET lease_until = NULL, run_at = $1, attempts = attempts - 1
                   WHERE tenant = $2 AND id = $3 AND lease = $4 AND lease_until IS NOT NULL AND NOT dead";
        self.change_lease("release", sql, job, run_at).await
    }

    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool> {
        const OPERATION: &str = "fail";
        let updated = sqlx::query(
            "UPDATE helm_job SET lease_until = NULL, run_at = $1, last_error = $2, dead = attempts >= max_attempts
             WHERE tenant = $3 AND id = $4 AND lease = $5 AND lease_until IS NOT NULL",
        );
        // What a handler met may hold anything; NUL is not worth losing the rest for.
        let updated = updated.bind(Moment(run_at)).bind(error.replace('\0', "\u{fffd}"));
        let updated = updated.bind(job.tenant.as_str()).bind(job.id.0).bind(lease_of(job, OPERATION)?);
        let updated = updated.execute(&self.pool).await.map_err(|error| driver(OPERATION, error))?;
        Ok(updated.rows_affected() == 1)
    }

    async fn dead(&self, tenant: &TenantId, limit: usize) -> Result<Vec<DeadJob>> {
        const OPERATION: &str = "dead";
        let rows = sqlx::query(
            "SELECT id, kind, body::text AS body, attempts, last_error FROM helm_job
             WHERE dead AND tenant = $1 ORDER BY id DESC LIMIT $2",
        );
        let rows = rows.bind(tenant.as_str()).bind(rows_at_most(limit)).fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| driver(OPERATION, error))?;
        let dead = |row: &PgRow| {
            Ok(DeadJob {
                id: JobId(get(row, "id", OPERATION)?),
                kind: get(row, "kind", OPERATION)?,
                body: get(row, "body", OPERATION)?,
                attempts: natural(get(row, "attempts", OPERATION)?, "attempts", OPERATION)?,
                error: get(row, "last_error", OPERATION)?,
            })
        };
        rows.iter().map(dead).collect()
    }

    async fn retry(&self, tenant: &TenantId, id: JobId, run_at: Timestamp) -> Result<bool> {
        let revived = sqlx::query(
            "UPDATE helm_job SET dead = false, attempts = 0, lease_until = NULL, run_at = $1
             WHERE tenant = $2 AND id = $3 AND dead",
        );
        let revived = revived.bind(Moment(run_at)).bind(tenant.as_str()).bind(id.0).execute(&self.pool).await;
        Ok(revived.map_err(|error| driver("retry", error))?.rows_affected() == 1)
    }

    async fn discard(&self, tenant: &TenantId, id: JobId) -> Result<bool> {
        let removed = sqlx::query("DELETE FROM helm_job WHERE tenant = $1 AND id = $2 AND dead");
        let removed = removed.bind(tenant.as_str()).bind(id.0).execute(&self.pool).await;
        Ok(removed.map_err(|error| driver("discard", error))?.rows_affected() == 1)
    }

    async fn counts(&self) -> Result<JobState> {
        const OPERATION: &str = "counts";
        let row = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE NOT dead AND lease_until IS NULL)
                        + (SELECT COUNT(*) FROM helm_open_turn) AS waiting,
                    COUNT(*) FILTER (WHERE NOT dead AND lease_until IS NOT NULL) AS leased,
                    COUNT(*) FILTER (WHERE dead) AS dead FROM helm_job",
        );
        let row = row.fetch_one(&self.pool).await.map_err(|error| driver(OPERATION, error))?;
        let count = |column| natural(get(&row, column, OPERATION)?, "count", OPERATION);
        Ok(JobState { waiting: count("waiting")?, leased: count("leased")?, dead: count("dead")? })
    }

    async fn dead_counts(&self) -> Result<BTreeMap<TenantId, u64>> {
        const OPERATION: &str = "dead_counts";
        let rows = sqlx::query("SELECT tenant, COUNT(*) AS jobs FROM helm_job WHERE dead GROUP BY tenant");
        let rows = rows.fetch_all(&self.pool).await.map_err(|error| driver(OPERATION, error))?;
        let counted = |row: &PgRow| {
            let jobs = natural(get(row, "jobs", OPERATION)?, "jobs", OPERATION)?;
            Ok((parsed(row, "tenant", OPERATION)?, jobs))
        };
        rows.iter().map(counted).collect()
    }
}

impl PostgresStore {
    /// Changes a leased job with a statement of a moment, a tenant, an id and a lease.
    async fn change_lease(
        &self,
        operation: &'static str,
        sql: &'static str,
        job: &Job,
        moment: Timestamp,
    ) -> Result<bool> {
        let updated = sqlx::query(sql).bind(Moment(moment)).bind(job.tenant.as_str()).bind(job.id.0);
        let updated = updated.bind(lease_of(job, operation)?).execute(&self.pool).await;
        Ok(updated.map_err(|error| driver(operation, error))?.rows_affected() == 1)
    }
}

struct Enqueue<'a> {
    tenant: &'a TenantId,
    jobs: &'a [NewJob],
}

impl Work for Enqueue<'_> {
    type Done = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, Failure> {
        let jobs: Vec<_> = self.jobs.iter().map(|job| (self.tenant.as_str(), job)).collect();
        let mut writes = Together::new("enqueue");
        save::enqueue(&mut writes, &jobs)?;
        if writes.is_empty() {
            return Ok(0);
        }
        Ok(writes.run(connection).await?.rows.into_iter().sum())
    }
}

/// Makes jobs of turns whose deadlines have passed. What another process is taking over, or ending, is passed over. Their
/// bodies are those of other backends to the letter, as dead jobs show them.
struct TakeOver {
    now: Timestamp,
    limit: usize,
}

const TAKE_OVER: &str = "WITH overdue AS (DELETE FROM helm_open_turn o
        USING (SELECT tenant, id FROM helm_open_turn WHERE deadline <= $1
            ORDER BY deadline, tenant, id LIMIT $2 FOR UPDATE SKIP LOCKED) d
        WHERE o.tenant = d.tenant AND o.id = d.id RETURNING o.tenant, o.id, o.deadline)
    INSERT INTO helm_job (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, dead)
    SELECT tenant, $3, $3 || ':' || id, ('{\"decision\":\"' || id || '\"}')::json, deadline, 0, $4, 0, false FROM overdue
    ORDER BY deadline, tenant, id
    ON CONFLICT (tenant, dedupe) DO NOTHING";

impl Work for TakeOver {
    type Done = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        let taken = sqlx::query(TAKE_OVER)
            .bind(Moment(self.now))
            .bind(rows_at_most(self.limit))
            .bind(TURN_DEADLINE)
            .bind(i64::from(DEADLINE_ATTEMPTS));
        taken.execute(connection).await.map(drop).map_err(|error| failure("claim", error))
    }
}

struct Claim<'a> {
    now: Timestamp,
    lease: Duration,
    limit: usize,
    kinds: &'a [&'a str],
}

impl Work for Claim<'_> {
    /// The jobs in order, and whether others died.
    type Done = (Vec<Job>, bool);

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Done, Failure> {
        const OPERATION: &str = "claim";
        let rows = sqlx::query(CLAIM)
            .bind(Moment(self.now.after(self.lease)))
            .bind(Moment(self.now))
            .bind(rows_at_most(self.limit))
            .bind(self.kinds)
            .bind(UNHEARD)
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| failure(OPERATION, error))?;
        let (mut jobs, mut died) = (Vec::with_capacity(rows.len()), false);
        for row in &rows {
            let dead: bool = get(row, "dead", OPERATION)?;
            died |= dead;
            match job(row) {
                _ if dead => tell(row, get(row, "last_error", OPERATION)?)?,
                Ok(job) => jobs.push(job),
                Err(error) => bury(connection, row, &chain(&error)).await?,
            }
        }
        jobs.sort_by_key(|(run_at, job)| (*run_at, job.id));
        Ok((jobs.into_iter().map(|(_, job)| job).collect(), died))
    }
}

struct Complete<'a> {
    jobs: &'a [Job],
}

impl Work for Complete<'_> {
    type Done = Vec<bool>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Vec<bool>, Failure> {
        const OPERATION: &str = "complete";
        if self.jobs.is_empty() {
            return Ok(Vec::new());
        }
        let leases = self.jobs.iter().map(|job| lease_of(job, OPERATION)).collect::<Result<Vec<_>>>()?;
        let rows = sqlx::query(COMPLETE)
            .bind(save::column(self.jobs, |job| job.tenant.as_str()))
            .bind(save::column(self.jobs, |job| job.id.0))
            .bind(&leases)
            .fetch_all(connection)
            .await
            .map_err(|error| failure(OPERATION, error))?;
        let ended = rows.iter().map(|row| {
            let (tenant, id, lease) = ("tenant", "id", "lease");
            Ok((get(row, tenant, OPERATION)?, get(row, id, OPERATION)?, get(row, lease, OPERATION)?))
        });
        let mut ended: HashSet<(&str, i64, i64)> = ended.collect::<Result<_>>()?;
        let jobs = self.jobs.iter().zip(leases);
        // Whoever names a job twice has ended it once.
        Ok(jobs.map(|(job, lease)| ended.remove(&(job.tenant.as_str(), job.id.0, lease))).collect())
    }
}

/// Puts a job that cannot be read out of the way.
async fn bury(connection: &mut PgConnection, row: &PgRow, why: &str) -> Result<(), Failure> {
    let buried = sqlx::query(
        "UPDATE helm_job SET dead = true, lease_until = NULL, last_error = $1 WHERE tenant = $2 AND id = $3",
    );
    let (tenant, id): (&str, i64) = (get(row, "tenant", "claim")?, get(row, "id", "claim")?);
    let buried = buried.bind(why).bind(tenant).bind(id).execute(connection).await;
    buried.map_err(|error| failure("claim", error))?;
    Ok(tell(row, why)?)
}

/// Says that a job has died where it was met.
fn tell(row: &PgRow, why: &str) -> Result<()> {
    tell_death(
        get(row, "tenant", "claim")?,
        get(row, "kind", "claim")?,
        JobId(get(row, "id", "claim")?),
        why,
    );
    Ok(())
}

fn job(row: &PgRow) -> Result<(Timestamp, Job)> {
    const OPERATION: &str = "claim";
    let job = Job {
        id: JobId(get(row, "id", OPERATION)?),
        tenant: parsed(row, "tenant", OPERATION)?,
        kind: get(row, "kind", OPERATION)?,
        body: json(row, "body", OPERATION)?,
        attempt: natural(get(row, "attempts", OPERATION)?, "attempts", OPERATION)?,
        max_attempts: natural(get(row, "max_attempts", OPERATION)?, "max_attempts", OPERATION)?,
        lease: natural(get(row, "lease", OPERATION)?, "lease", OPERATION)?,
    };
    Ok((get::<Moment>(row, "run_at", OPERATION)?.0, job))
}

fn lease_of(job: &Job, operation: &'static str) -> Result<i64> {
    integer(job.lease, "lease", operation)
}
