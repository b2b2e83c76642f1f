//! Work beside the turns: the prior's re-estimation, and durable jobs.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use helm_core::{DecisionId, Outcome, TaskId, TenantId, TurnStatus, UserId};
use helm_policy::{Policy, UserStats};
use helm_store::{ErrorKind, Job, PriorDocument, TURN_DEADLINE, TurnRecord, TurnView};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::documents::document_alone;
use crate::error::{Error, Result};
use crate::gates::{self, GATE};
use crate::inner::{Inner, Running, TaskRuntime};
use crate::judges::{self, JUDGE};
use crate::summarise::{self, SUMMARISE};
use crate::weights::{self, LEARN, REWEIGH};

/// The kind of job that ends a decision's wait for feedback.
pub(crate) const DEFAULT_REWARD: &str = "default_reward";
/// The kinds of jobs that are done here; others are left to processes that know them. Those that wait for a model, or
/// read a whole log, do not keep the others waiting.
pub(crate) const QUICK: &[&str] = &[DEFAULT_REWARD, TURN_DEADLINE];
pub(crate) const SLOW: &[&str] = &[SUMMARISE, JUDGE, LEARN, REWEIGH, GATE];
/// What is quick where nothing slow is configured: of a candidate that was taken out nothing is left to do.
const QUICK_ALONE: &[&str] = &[DEFAULT_REWARD, TURN_DEADLINE, GATE];
/// How many jobs are leased at once.
const CLAIM: usize = 32;
/// How long a lease holds.
const LEASE: Duration = Duration::from_secs(60);
/// How often due jobs are looked for.
const POLL: Duration = Duration::from_secs(1);
/// How long a job waits for a process whose configuration fits it.
const ELSEWHERE: Duration = Duration::from_secs(60);
/// How often new memories are taken into indexes, where the store has any.
const INDEXING: Duration = Duration::from_secs(60);
/// How often the jobs are counted.
const COUNTING: Duration = Duration::from_secs(30);
/// Users read at a time for the prior.
const USERS: usize = 500;

/// Notes that what is known of a decision has changed, and estimates the task's prior again when that is due.
/// Losing this work loses nothing: the prior is derived, and due again soon.
pub(crate) fn note_settled(inner: &Arc<Inner>, tenant: &TenantId, task: &TaskId) {
    let Some(flight) = inner.refits.settled(tenant, task, inner.refit_every) else {
        return;
    };
    let (shared, tenant, task) = (Arc::clone(inner), tenant.clone(), task.clone());
    inner.pool.submit(async move {
        if let Err(error) = estimate_prior_of(&shared, &tenant, &task).await {
            tracing::warn!(%task, error = %error.report(), "the prior could not be estimated");
        }
        drop(flight);
    });
}

/// Estimates anew what a policy does not read from sums.
pub(crate) async fn estimate_prior(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    policy: &dyn Policy,
) -> Result<()> {
    let (bandits, task) = (inner.store.bandits(), &task.id);
    let current = document_alone(policy.hash());
    let revision = bandits.load(tenant, task, &current).await?.prior.map_or(0, |prior| prior.revision);
    let users = all_users(inner, tenant, task).await?;
    let estimate = policy.fit_prior(&users)?;
    let body = serde_json::to_value(estimate)
        .map_err(|error| Error::config(format!("tasks.{task}.policy"), error.to_string()))?;
    let prior = PriorDocument { policy: policy.hash().clone(), revision: revision + 1, body };
    // Another process may have been first; its estimate is as good.
    bandits.put_prior(tenant, task, &prior).await?;
    Ok(())
}

/// The same of the policy that decides.
async fn estimate_prior_of(inner: &Inner, tenant: &TenantId, task: &TaskId) -> Result<()> {
    let task = inner.task(task)?;
    estimate_prior(inner, tenant, task, &**inner.policy_of(tenant, task)).await
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

/// Looks for due jobs until Helm stops, and runs them on the workers. Holds on to Helm only while there is
/// something to do, so an installation that is dropped without a shutdown ends.
pub(crate) async fn run_jobs(running: Weak<Running>, stopping: CancellationToken, kinds: &[&str]) {
    loop {
        let Some(alive) = running.upgrade() else { return };
        let inner = alive.current();
        let more = match present(kinds, inner.has_slow_work()) {
            Some(kinds) => run_due_jobs(&inner, kinds).await,
            None => false,
        };
        drop((inner, alive));
        tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(if more { Duration::ZERO } else { POLL }) => {}
        }
    }
}

/// Which of these kinds are looked for: whoever is configured to have no slow work leaves it to those that are.
fn present<'a>(kinds: &'a [&'a str], has_slow_work: bool) -> Option<&'a [&'a str]> {
    match (has_slow_work, kinds == SLOW) {
        (true, _) => Some(kinds),
        (false, true) => None,
        (false, false) => Some(QUICK_ALONE),
    }
}

/// Lets the store index new memories now and then until Helm stops. Until it has, they are found all the same.
pub(crate) async fn index_memories(running: Weak<Running>, stopping: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(INDEXING) => {}
        }
        // Only the store is held on to: building may take long, and Helm says that it stops when it is dropped.
        let Some(store) = running.upgrade().map(|alive| Arc::clone(&alive.store)) else { return };
        // Cut off, it is finished another time.
        let built = tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            built = store.vectors().build_indexes() => built,
        };
        if let Err(error) = built {
            tracing::warn!(%error, "memories could not be indexed");
        }
    }
}

/// Counts the jobs there are now and then, for the metrics, until Helm stops.
pub(crate) async fn count_jobs(running: Weak<Running>, stopping: CancellationToken) {
    loop {
        let Some(inner) = running.upgrade().map(|alive| alive.current()) else { return };
        if let Err(error) = count(&inner).await {
            tracing::debug!(%error, "the jobs could not be counted");
        }
        drop(inner);
        tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(COUNTING) => {}
        }
    }
}

async fn count(inner: &Inner) -> helm_store::Result<()> {
    let jobs = inner.store.jobs();
    let counts = jobs.counts().await?;
    for (state, jobs) in [("waiting", counts.waiting), ("leased", counts.leased), ("dead", counts.dead)] {
        metrics::gauge!("helm_jobs", "state" => state).set(jobs as f64);
    }
    inner.dead_jobs.count(&*inner.store).await
}

/// Answers whether there may be more.
async fn run_due_jobs(inner: &Inner, kinds: &[&str]) -> bool {
    match inner.store.jobs().claim(inner.clock.now(), LEASE, CLAIM, kinds).await {
        Ok(jobs) => {
            let full = jobs.len() == CLAIM;
            stream::iter(jobs).for_each_concurrent(inner.workers, |job| run_job(inner, job)).await;
            full
        }
        Err(error) => {
            tracing::warn!(%error, "due jobs could not be read");
            false
        }
    }
}

async fn run_job(inner: &Inner, job: Job) {
    let jobs = inner.store.jobs();
    let performed = tokio::select! {
        performed = AssertUnwindSafe(perform(inner, &job)).catch_unwind() => performed,
        () = keep_lease(inner, &job) => return lost(&job),
    };
    let (outcome, ended) = match performed {
        Ok(Ok(())) => ("done", jobs.complete(&job).await),
        Ok(Err(Undone::Elsewhere)) => {
            tracing::debug!(kind = %job.kind, "a job was left to another process");
            ("released", jobs.release(&job, inner.clock.now().after(ELSEWHERE)).await)
        }
        Ok(Err(Undone::Failed(why))) => ("failed", give_back(inner, &job, &why).await),
        Err(panic) => ("failed", give_back(inner, &job, &panicked(&*panic)).await),
    };
    let outcome = match &ended {
        Ok(true) => outcome,
        _ => "lost",
    };
    metrics::counter!("helm_jobs_total", "kind" => job.kind.clone(), "outcome" => outcome).increment(1);
    match ended {
        Ok(true) => {}
        Ok(false) => lost(&job),
        Err(error) => tracing::warn!(kind = %job.kind, %error, "a job's end could not be stored"),
    }
}

fn lost(job: &Job) {
    tracing::debug!(kind = %job.kind, "a job's lease was lost; another worker has it");
}

/// Renews the lease for as long as the job takes; returns when it is lost.
async fn keep_lease(inner: &Inner, job: &Job) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let until = inner.clock.now().after(LEASE);
        match inner.store.jobs().renew(job, until).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => tracing::warn!(kind = %job.kind, %error, "a job's lease could not be renewed"),
        }
    }
}

async fn give_back(inner: &Inner, job: &Job, why: &str) -> helm_store::Result<bool> {
    let seconds = 2_u64.saturating_pow(job.attempt).min(300);
    let run_at = inner.clock.now().after(Duration::from_secs(seconds));
    let given_back = inner.store.jobs().fail(job, why, run_at).await?;
    if given_back && job.is_last_attempt() {
        let (tenant, kind, id, attempts) = (&job.tenant, &job.kind, job.id.0, job.attempt);
        tracing::warn!(%tenant, %kind, id, attempts, reason = %why, "a job has died; see `helmctl jobs list`");
        inner.dead_jobs.note();
    }
    Ok(given_back)
}

/// Why a job was not done.
pub(crate) enum Undone {
    /// It is for another process, or for later.
    Elsewhere,
    /// It was tried, for this reason in vain.
    Failed(String),
}

impl From<Error> for Undone {
    /// What is of a task that is not configured here may be of one that is configured elsewhere.
    fn from(error: Error) -> Self {
        match &error {
            Error::Store(store) if store.kind() == ErrorKind::Unsettled => Self::Elsewhere,
            Error::UnknownTask { .. } => Self::Elsewhere,
            _ => Self::Failed(error.report()),
        }
    }
}

impl From<helm_store::Error> for Undone {
    fn from(error: helm_store::Error) -> Self {
        Error::from(error).into()
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the job panicked: {}", text.unwrap_or("without a message"))
}

/// What jobs of one decision are about.
#[derive(Deserialize)]
struct About {
    decision: DecisionId,
}

async fn perform(inner: &Inner, job: &Job) -> Result<(), Undone> {
    let of_decision = || body::<About>(job).map(|about| about.decision);
    match job.kind.as_str() {
        DEFAULT_REWARD => Ok(end_silence(inner, &job.tenant, of_decision()?).await?),
        TURN_DEADLINE => Ok(end_lost_turn(inner, &job.tenant, of_decision()?).await?),
        GATE => Ok(gates::look(inner, &job.tenant, &body(job)?).await?),
        JUDGE => judges::judge(inner, &job.tenant, &body(job)?).await,
        LEARN => weights::learn(inner, &job.tenant, &body(job)?).await,
        REWEIGH => weights::reweigh(inner, &job.tenant, &body(job)?).await,
        SUMMARISE => summarise::summarise(inner, &job.tenant, &body(job)?).await,
        other => Err(Undone::Failed(format!("there is no handler for jobs of kind {other:?}"))),
    }
}

fn body<T: DeserializeOwned>(job: &Job) -> Result<T, Undone> {
    serde_json::from_value(job.body.clone()).map_err(|error| Undone::Failed(format!("its body: {error}")))
}

async fn end_silence(inner: &Inner, tenant: &TenantId, id: DecisionId) -> Result<()> {
    inner.weigh(tenant).await?;
    match inner.store.end_silence(tenant, id, Arc::clone(&inner.settler)).await {
        // A turn that ended before a decision has nothing to wait for.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        ended => Ok(ended.map(drop)?),
    }
}

/// Gives a turn whose process ended before it an end in the log. It teaches nothing: what happened to it is
/// not known, and whatever it was says nothing about the strategy.
async fn end_lost_turn(inner: &Inner, tenant: &TenantId, id: DecisionId) -> Result<()> {
    let Some(view) = inner.store.log().turn(tenant, id).await? else { return Ok(()) };
    if view.outcome.is_some() {
        return Ok(());
    }
    let record = lost_turn(inner, tenant, view);
    match inner.store.commit_turn(record, Arc::clone(&inner.settler)).await {
        // It came to its own end at the same moment.
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
        committed => {
            committed?;
            metrics::counter!("helm_turns_lost_total").increment(1);
            Ok(())
        }
    }
}

fn lost_turn(inner: &Inner, tenant: &TenantId, view: TurnView) -> TurnRecord {
    let mut outcome = Outcome::new(TurnStatus::Cancelled, inner.clock.now());
    outcome.error = Some("the process ended before the turn did".to_owned());
    TurnRecord {
        id: view.id,
        tenant: tenant.clone(),
        user: view.user,
        task: view.task,
        conversation: view.conversation,
        input: String::new(),
        output: None,
        outcome,
        began: view.at,
        messages: Vec::new(),
        preferences: Vec::new(),
        memories: Vec::new(),
        jobs: Vec::new(),
    }
}
