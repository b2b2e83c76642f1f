use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use helm_core::{DecisionId, TenantId, Timestamp};
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

    /// Leases at most `limit` due jobs of these kinds, of any tenant, oldest first, until `now + lease`. Jobs
    /// of other kinds are left to processes that know them.
    ///
    /// A due job whose attempts are used up, because its holders ended without a word, dies instead when its turn
    /// comes; so does one that cannot be read. Neither stands in the way of the others.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize, kinds: &[&str]) -> Result<Vec<Job>>;

    /// Holds a job's lease until `until` instead. Answers `false` when the lease has been lost.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn renew(&self, job: &Job, until: Timestamp) -> Result<bool>;

    /// Removes a finished job. Answers `false`, and removes nothing, when the lease has been lost.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn complete(&self, job: &Job) -> Result<bool>;

    /// Removes finished jobs. Answers for each, in their order, what [`JobQueue::complete`] would. Databases do it in
    /// one transaction; by default it is done one by one.
    ///
    /// # Errors
    ///
    /// Fails when the database does; some may be removed then if they are removed one by one.
    async fn complete_all(&self, jobs: &[Job]) -> Result<Vec<bool>> {
        let mut ended = Vec::with_capacity(jobs.len());
        for job in jobs {
            ended.push(self.complete(job).await?);
        }
        Ok(ended)
    }

    /// Gives a job back that this process cannot do now: due again at `run_at`, and the attempt does not
    /// count. Answers `false` when the lease has been lost.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn release(&self, job: &Job, run_at: Timestamp) -> Result<bool>;

    /// Gives a failed job back: due again at `run_at`, or dead once its attempts are used up. Answers `false`
    /// when the lease has been lost.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool>;

    /// At most `limit` of a tenant's dead jobs, newest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn dead(&self, tenant: &TenantId, limit: usize) -> Result<Vec<DeadJob>>;

    /// Brings a dead job back, due at `run_at` and with all its attempts. Answers `false` when the tenant has
    /// no dead job of this number.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn retry(&self, tenant: &TenantId, id: JobId, run_at: Timestamp) -> Result<bool>;

    /// Removes a dead job for good. Answers `false` when the tenant has no dead job of this number.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn discard(&self, tenant: &TenantId, id: JobId) -> Result<bool>;

    /// How many jobs wait, run and are dead, over all tenants.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn counts(&self) -> Result<JobState>;

    /// How many jobs of each tenant are dead; tenants without any are not named.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn dead_counts(&self) -> Result<BTreeMap<TenantId, u64>>;
}

#[async_trait]
impl<T: JobQueue + ?Sized> JobQueue for Arc<T> {
    async fn enqueue(&self, tenant: &TenantId, jobs: &[NewJob]) -> Result<u64> {
        (**self).enqueue(tenant, jobs).await
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize, kinds: &[&str]) -> Result<Vec<Job>> {
        (**self).claim(now, lease, limit, kinds).await
    }

    async fn renew(&self, job: &Job, until: Timestamp) -> Result<bool> {
        (**self).renew(job, until).await
    }

    async fn complete(&self, job: &Job) -> Result<bool> {
        (**self).complete(job).await
    }

    async fn complete_all(&self, jobs: &[Job]) -> Result<Vec<bool>> {
        (**self).complete_all(jobs).await
    }

    async fn release(&self, job: &Job, run_at: Timestamp) -> Result<bool> {
        (**self).release(job, run_at).await
    }

    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool> {
        (**self).fail(job, error, run_at).await
    }

    async fn dead(&self, tenant: &TenantId, limit: usize) -> Result<Vec<DeadJob>> {
        (**self).dead(tenant, limit).await
    }

    async fn retry(&self, tenant: &TenantId, id: JobId, run_at: Timestamp) -> Result<bool> {
        (**self).retry(tenant, id, run_at).await
    }

    async fn discard(&self, tenant: &TenantId, id: JobId) -> Result<bool> {
        (**self).discard(tenant, id).await
    }

    async fn counts(&self) -> Result<JobState> {
        (**self).counts().await
    }

    async fn dead_counts(&self) -> Result<BTreeMap<TenantId, u64>> {
        (**self).dead_counts().await
    }
}

/// A job to be queued.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NewJob {
    /// What is to be done, for example `default_reward`.
    pub kind: String,
    /// At most one queued job of a tenant has this key.
    pub dedupe: String,
    /// What the handler needs. A decision named here as `decision` stays in the log until the job is done.
    pub body: Value,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// After this many failures the job is dead.
    pub max_attempts: u32,
}

/// The kind of the job that there is for a decision whose deadline has passed, from
/// [`Store::log_decision`](crate::Store::log_decision) until [`Store::commit_turn`](crate::Store::commit_turn): its
/// handler ends a turn whose process did not. Until its deadline it is counted among those that wait. The body is `{"decision": ID}`.
pub const TURN_DEADLINE: &str = "turn_deadline";

/// Why a job died that was claimed again and again and never heard of.
pub(crate) const UNHEARD: &str = "the last attempt ended without a word";

/// How often it is tried to end such a turn.
pub(crate) const DEADLINE_ATTEMPTS: u32 = 10;

/// The job that ends a turn which has not ended by `at`.
pub(crate) fn turn_deadline(id: DecisionId, at: Timestamp) -> NewJob {
    NewJob {
        kind: TURN_DEADLINE.to_owned(),
        dedupe: turn_deadline_key(id),
        body: serde_json::json!({ "decision": id }),
        run_at: at,
        max_attempts: DEADLINE_ATTEMPTS,
    }
}

pub(crate) fn turn_deadline_key(id: DecisionId) -> String {
    format!("{TURN_DEADLINE}:{id}")
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
    /// After this many failures it is dead.
    pub max_attempts: u32,
    /// Proves that this holder's lease is the valid one.
    pub lease: u64,
}

impl Job {
    /// Whether it dies when this attempt fails.
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }
}

/// Says in the log that a job has died where it was met.
pub(crate) fn tell_death(tenant: &str, kind: &str, JobId(id): JobId, reason: &str) {
    tracing::warn!(tenant, kind, id, reason, "a job has died; see `helmctl jobs list`");
}

/// A job whose attempts are used up, or that cannot be read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadJob {
    /// Its number.
    pub id: JobId,
    /// What was to be done.
    pub kind: String,
    /// What the handler needed, as it is stored.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it died.
    pub error: Option<String>,
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
