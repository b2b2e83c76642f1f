//! Work beside the turns: the prior's re-estimation, and durable jobs.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use helm_core::{DecisionId, TaskId, TenantId, UserId};
use helm_policy::UserStats;
use helm_store::{Job, PriorDocument};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::inner::Inner;

/// The kind of job that ends a decision's wait for feedback.
pub(crate) const DEFAULT_REWARD: &str = "default_reward";
/// How many jobs are leased at once.
const CLAIM: usize = 32;
/// How long a lease holds.
const LEASE: Duration = Duration::from_secs(60);
/// How often due jobs are looked for.
const POLL: Duration = Duration::from_secs(1);
/// Users read at a time for the prior.
const USERS: usize = 500;

/// Estimates a task's prior again, in the background. Losing this work loses nothing: it is derived, and due
/// again soon.
pub(crate) fn refit_prior(inner: &Arc<Inner>, tenant: &TenantId, task: &TaskId) {
    let (shared, tenant, task) = (Arc::clone(inner), tenant.clone(), task.clone());
    inner.pool.submit(async move {
        if let Err(error) = estimate_prior(&shared, &tenant, &task).await {
            tracing::warn!(%task, error = %error.report(), "the prior could not be estimated");
        }
    });
}

async fn estimate_prior(inner: &Inner, tenant: &TenantId, task: &TaskId) -> Result<()> {
    let bandits = inner.store.bandits();
    let revision = bandits.load(tenant, task, None).await?.prior.map_or(0, |prior| prior.revision);
    let users = all_users(inner, tenant, task).await?;
    let estimate = inner.task(task)?.policy.fit_prior(&users)?;
    let body = serde_json::to_value(estimate)
        .map_err(|error| Error::config(format!("tasks.{task}.policy"), error.to_string()))?;
    let prior = PriorDocument { revision: revision + 1, body };
    // Another process may have been first; its estimate is as good.
    bandits.put_prior(tenant, task, &prior).await?;
    Ok(())
}

async fn all_users(inner: &Inner, tenant: &TenantId, task: &TaskId) -> Result<Vec<UserStats>> {
    let mut users = Vec::new();
    let mut after: Option<UserId> = None;
    loop {
        let page = inner.store.bandits().user_totals(tenant, task, after.as_ref(), USERS).await?;
        let Some(last) = page.last() else { return Ok(users) };
        after = Some(last.user.clone());
        users
            .extend(page.into_iter().map(|total| UserStats { strategy: total.strategy, stats: total.stats }));
    }
}

/// Looks for due jobs until Helm stops, and runs them on the workers.
pub(crate) async fn run_jobs(inner: Arc<Inner>) {
    loop {
        let claimed = inner.store.jobs().claim(inner.clock.now(), LEASE, CLAIM).await;
        let full = match claimed {
            Ok(jobs) => {
                let full = jobs.len() == CLAIM;
                stream::iter(jobs).for_each_concurrent(inner.workers, |job| run_job(&inner, job)).await;
                full
            }
            Err(error) => {
                tracing::warn!(%error, "due jobs could not be read");
                false
            }
        };
        tokio::select! {
            biased;
            () = inner.stopping.cancelled() => return,
            () = tokio::time::sleep(if full { Duration::ZERO } else { POLL }) => {}
        }
    }
}

async fn run_job(inner: &Inner, job: Job) {
    let jobs = inner.store.jobs();
    let ended = match perform(inner, &job).await {
        Ok(()) => jobs.complete(&job).await,
        Err(error) => {
            let seconds = 2_u64.saturating_pow(job.attempt).min(300);
            let run_at = inner.clock.now().after(Duration::from_secs(seconds));
            jobs.fail(&job, &error.report(), run_at).await
        }
    };
    match ended {
        Ok(true) => {}
        Ok(false) => tracing::debug!(kind = %job.kind, "a job's lease was lost; another worker has it"),
        Err(error) => tracing::warn!(kind = %job.kind, %error, "a job's end could not be stored"),
    }
}

#[derive(Deserialize)]
struct DefaultReward {
    decision: DecisionId,
}

async fn perform(inner: &Inner, job: &Job) -> Result<()> {
    match job.kind.as_str() {
        DEFAULT_REWARD => {
            let body: DefaultReward = serde_json::from_value(job.body.clone())
                .map_err(|error| Error::config("job default_reward", error.to_string()))?;
            match inner.store.end_silence(&job.tenant, body.decision, Arc::clone(&inner.settler)).await {
                // A turn that ended before a decision has nothing to wait for.
                Err(error) if error.kind() == helm_store::ErrorKind::NotFound => Ok(()),
                ended => Ok(ended.map(drop)?),
            }
        }
        other => Err(Error::config("jobs", format!("there is no handler for jobs of kind {other:?}"))),
    }
}
