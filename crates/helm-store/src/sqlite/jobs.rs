use std::time::Duration;

use helm_core::{TenantId, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::decode::{get, json, parsed, to_json};
use super::error::driver;
use crate::error::Result;
use crate::job::{Job, JobId, NewJob};

pub(super) async fn enqueue(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    jobs: &[NewJob],
) -> Result<u64> {
    const OPERATION: &str = "enqueue";
    let mut added = 0;
    for job in jobs {
        let inserted = sqlx::query(
            "INSERT INTO helm_job (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, dead)
             VALUES (?, ?, ?, ?, ?, 0, ?, 0, 0) ON CONFLICT (tenant, dedupe) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(&job.kind)
        .bind(&job.dedupe)
        .bind(to_json(&job.body, OPERATION)?)
        .bind(job.run_at.as_micros())
        .bind(job.max_attempts)
        .execute(&mut *connection)
        .await
        .map_err(|error| driver(OPERATION, error))?;
        added += inserted.rows_affected();
    }
    Ok(added)
}

/// Every claim raises `lease`, so a holder whose lease ran out cannot end the job of the next one.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    now: Timestamp,
    lease: Duration,
    limit: usize,
) -> Result<Vec<Job>> {
    let rows = sqlx::query(
        "UPDATE helm_job SET attempts = attempts + 1, lease = lease + 1, lease_until = ?1
         WHERE id IN (SELECT id FROM helm_job
             WHERE dead = 0 AND run_at <= ?2 AND (lease_until IS NULL OR lease_until <= ?2)
             ORDER BY run_at, id LIMIT ?3)
         RETURNING id, tenant, kind, body, attempts, lease, run_at",
    )
    .bind(now.after(lease).as_micros())
    .bind(now.as_micros())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await
    .map_err(|error| driver("claim", error))?;
    let mut jobs = rows.iter().map(job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|(run_at, job)| (*run_at, job.id));
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
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
        lease: lease.unsigned_abs(),
    };
    Ok((get(row, "run_at", OPERATION)?, job))
}

pub(super) async fn complete(connection: &mut SqliteConnection, job: &Job) -> Result<bool> {
    let deleted = sqlx::query(
        "DELETE FROM helm_job WHERE id = ? AND tenant = ? AND lease = ? AND lease_until IS NOT NULL AND dead = 0",
    );
    let deleted = deleted.bind(job.id.0).bind(job.tenant.as_str()).bind(lease(job)).execute(connection).await;
    Ok(deleted.map_err(|error| driver("complete", error))?.rows_affected() == 1)
}

pub(super) async fn fail(
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
    .bind(lease(job))
    .execute(connection)
    .await
    .map_err(|error| driver("fail", error))?;
    Ok(updated.rows_affected() == 1)
}

fn lease(job: &Job) -> i64 {
    i64::try_from(job.lease).unwrap_or(i64::MAX)
}
