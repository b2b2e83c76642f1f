use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use helm_core::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;

/// Durable follow-up work, delivered at least once and never to two holders of a valid lease. Effects are
/// made exactly once by giving them deterministic keys.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Adds jobs outside a turn. A job whose `dedupe` key is already queued for the tenant is not added again.
    /// Answers how many were added.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn enqueue(&self, tenant: &TenantId, jobs: &[NewJob]) -> Result<u64>;

    /// Leases at most `limit` due jobs, of any tenant, oldest first, until `now + lease`.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Job>>;

    /// Removes a finished job. Answers `false`, and removes nothing, when the lease has been lost.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn complete(&self, job: &Job) -> Result<bool>;

    /// Gives a failed job back: due again at `run_at`, or dead once its attempts are used up. Answers `false`
    /// when the lease has been lost.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool>;

    /// How many jobs wait, run and are dead, over all tenants.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn counts(&self) -> Result<JobState>;
}

#[async_trait]
impl<T: JobQueue + ?Sized> JobQueue for Arc<T> {
    async fn enqueue(&self, tenant: &TenantId, jobs: &[NewJob]) -> Result<u64> {
        (**self).enqueue(tenant, jobs).await
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Job>> {
        (**self).claim(now, lease, limit).await
    }

    async fn complete(&self, job: &Job) -> Result<bool> {
        (**self).complete(job).await
    }

    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool> {
        (**self).fail(job, error, run_at).await
    }

    async fn counts(&self) -> Result<JobState> {
        (**self).counts().await
    }
}

/// A job to be queued.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewJob {
    /// What is to be done, for example `default_reward`.
    pub kind: String,
    /// At most one queued job of a tenant has this key.
    pub dedupe: String,
    /// What the handler needs.
    pub body: Value,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// After this many failures the job is dead.
    pub max_attempts: u32,
}

/// A queued job's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

/// A leased job.
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What is to be done.
    pub kind: String,
    /// What the handler needs.
    pub body: Value,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// Proves that this holder's lease is the valid one.
    pub lease: u64,
}

/// How much follow-up work there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct JobState {
    /// Waiting for their time or for a worker.
    pub waiting: u64,
    /// Under a lease.
    pub leased: u64,
    /// Out of attempts.
    pub dead: u64,
}
