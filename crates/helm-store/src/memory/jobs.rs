use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{DecisionId, TenantId, Timestamp, UserId};

use super::store::MemoryStore;
use crate::error::Result;
use crate::job::{
    DeadJob, Job, JobId, JobQueue, JobState, NewJob, TURN_DEADLINE, UNHEARD, tell_death, turn_deadline,
    turn_deadline_key,
};
use crate::user::UserJob;

/// The queue of all tenants, with what a database would keep as indexes.
#[derive(Default)]
pub(super) struct Jobs {
    jobs: BTreeMap<JobId, QueuedJob>,
    keys: BTreeMap<(TenantId, String), JobId>,
    /// Living jobs by the moment from which they may be claimed.
    due: BTreeSet<(Timestamp, JobId)>,
    /// Turns that have begun, and until when they may take: the oldest first, and by decision.
    open: BTreeSet<(Timestamp, TenantId, DecisionId)>,
    deadlines: BTreeMap<(TenantId, DecisionId), Timestamp>,
    last: i64,
}

struct QueuedJob {
    tenant: TenantId,
    new: NewJob,
    attempts: u32,
    lease: u64,
    lease_until: Option<Timestamp>,
    dead: bool,
    error: Option<String>,
}

impl QueuedJob {
    /// From when it may be claimed.
    fn free(&self) -> Timestamp {
        self.lease_until.map_or(self.new.run_at, |until| until.max(self.new.run_at))
    }

    fn names(&self, user: &UserId) -> bool {
        self.new.body.get("user").and_then(serde_json::Value::as_str) == Some(user.as_str())
    }

    /// Whether it is about one of these decisions, which are in order.
    fn is_about(&self, decisions: &[DecisionId]) -> bool {
        let named = self.new.body.get("decision").and_then(|id| id.as_str()?.parse().ok());
        named.is_some_and(|id: DecisionId| decisions.binary_search(&id).is_ok())
    }

    fn is_held(&self, job: &Job) -> bool {
        self.tenant == job.tenant && self.lease == job.lease && self.lease_until.is_some() && !self.dead
    }
}

impl Jobs {
    pub(super) fn enqueue(&mut self, tenant: &TenantId, jobs: &[NewJob]) -> u64 {
        let mut added = 0;
        for job in jobs {
            let key = (tenant.clone(), job.dedupe.clone());
            if self.keys.contains_key(&key) {
                continue;
            }
            self.last += 1;
            let id = JobId(self.last);
            self.keys.insert(key, id);
            self.due.insert((job.run_at, id));
            let queued = QueuedJob {
                tenant: tenant.clone(),
                new: job.clone(),
                attempts: 0,
                lease: 0,
                lease_until: None,
                dead: false,
                error: None,
            };
            self.jobs.insert(id, queued);
            added += 1;
        }
        added
    }

    /// Looks after a turn until it ends.
    pub(super) fn begin(&mut self, tenant: &TenantId, id: DecisionId, deadline: Timestamp) {
        self.open.insert((deadline, tenant.clone(), id));
        self.deadlines.insert((tenant.clone(), id), deadline);
    }

    /// Looks after it no longer.
    pub(super) fn end(&mut self, tenant: &TenantId, id: DecisionId) {
        match self.deadlines.remove(&(tenant.clone(), id)) {
            Some(deadline) => drop(self.open.remove(&(deadline, tenant.clone(), id))),
            None => {
                let job = self.keys.get(&(tenant.clone(), turn_deadline_key(id))).copied();
                job.into_iter().for_each(|job| self.remove(job));
            }
        }
    }

    /// Makes jobs of turns whose deadlines have passed.
    fn take_over(&mut self, now: Timestamp, limit: usize) {
        for _ in 0..limit {
            let oldest = self.open.first().filter(|(deadline, ..)| *deadline <= now).cloned();
            let Some((deadline, tenant, id)) = oldest else { return };
            self.end(&tenant, id);
            self.enqueue(&tenant, &[turn_deadline(id, deadline)]);
        }
    }

    /// The decisions that a tenant's living jobs name in their bodies.
    pub(super) fn named_decisions(&self, tenant: &TenantId) -> BTreeSet<DecisionId> {
        let living = self.jobs.values().filter(|job| job.tenant == *tenant && !job.dead);
        let named = living.filter_map(|job| job.new.body.get("decision")?.as_str()?.parse().ok());
        named.collect()
    }

    /// The jobs that name this user.
    pub(super) fn naming(&self, tenant: &TenantId, user: &UserId) -> Vec<UserJob> {
        let of_tenant = self.jobs.values().filter(|job| job.tenant == *tenant);
        let naming = of_tenant.filter(|job| job.names(user));
        let shown = naming.map(|job| UserJob {
            kind: job.new.kind.clone(),
            body: job.new.body.to_string(),
            error: job.error.clone(),
        });
        shown.collect()
    }

    /// The jobs that name a user, or are about one of these decisions and not of a kind that is kept.
    pub(super) fn about(
        &self,
        tenant: &TenantId,
        user: &UserId,
        decisions: &[DecisionId],
        kept: &BTreeSet<String>,
    ) -> Vec<JobId> {
        let of_tenant = self.jobs.iter().filter(|(_, job)| job.tenant == *tenant);
        let about = of_tenant
            .filter(|(_, job)| job.names(user) || (job.is_about(decisions) && !kept.contains(&job.new.kind)));
        about.map(|(id, _)| *id).collect()
    }

    pub(super) fn drop_all(&mut self, ids: Vec<JobId>) {
        ids.into_iter().for_each(|id| self.remove(id));
    }

    /// Forgets what went wrong with jobs about these decisions.
    pub(super) fn forget_errors(&mut self, tenant: &TenantId, decisions: &[DecisionId]) {
        let jobs = self.jobs.values_mut().filter(|job| job.tenant == *tenant && job.is_about(decisions));
        jobs.for_each(|job| job.error = None);
    }

    fn remove(&mut self, id: JobId) {
        let Some(job) = self.jobs.remove(&id) else { return };
        self.due.remove(&(job.free(), id));
        self.keys.remove(&(job.tenant, job.new.dedupe));
    }

    /// Changes a job and keeps the index of due ones right.
    fn change<T>(&mut self, id: JobId, change: impl FnOnce(&mut QueuedJob) -> T) -> Option<T> {
        let job = self.jobs.get_mut(&id)?;
        self.due.remove(&(job.free(), id));
        let changed = change(job);
        if !job.dead {
            self.due.insert((job.free(), id));
        }
        Some(changed)
    }

    /// Changes a job if the lease is still the valid one.
    fn change_held(&mut self, job: &Job, change: impl FnOnce(&mut QueuedJob)) -> bool {
        let held = self.jobs.get(&job.id).is_some_and(|queued| queued.is_held(job));
        held && self.change(job.id, change).is_some()
    }

    fn claim(&mut self, now: Timestamp, lease: Duration, limit: usize, kinds: &[&str]) -> Vec<Job> {
        if kinds.contains(&TURN_DEADLINE) {
            self.take_over(now, limit);
        }
        let due = self.due.range(..=(now, JobId(i64::MAX)));
        let known = due.filter_map(|(_, id)| Some((*id, self.jobs.get(id)?)));
        let known = known.filter(|(_, job)| kinds.contains(&job.new.kind.as_str()));
        let mut known: Vec<_> = known.map(|(id, job)| (job.new.run_at, id)).collect();
        known.sort_unstable();
        let mut taken = Vec::new();
        for (_, id) in known {
            if taken.len() == limit {
                break;
            }
            match self.is_used_up(id) {
                true => drop(self.change(id, |job| bury(id, job))),
                false => taken.extend(self.change(id, |job| take(id, job, now.after(lease)))),
            }
        }
        taken
    }

    fn complete(&mut self, job: &Job) -> bool {
        let held = self.jobs.get(&job.id).is_some_and(|queued| queued.is_held(job));
        if held {
            self.remove(job.id);
        }
        held
    }

    fn is_used_up(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_some_and(|job| job.attempts >= job.new.max_attempts)
    }
}

fn bury(id: JobId, job: &mut QueuedJob) {
    (job.dead, job.lease_until) = (true, None);
    let reason = job.error.get_or_insert_with(|| UNHEARD.to_owned());
    tell_death(job.tenant.as_str(), &job.new.kind, id, reason);
}

fn take(id: JobId, job: &mut QueuedJob, until: Timestamp) -> Job {
    job.attempts += 1;
    job.lease += 1;
    job.lease_until = Some(until);
    Job {
        id,
        tenant: job.tenant.clone(),
        kind: job.new.kind.clone(),
        body: job.new.body.clone(),
        attempt: job.attempts,
        max_attempts: job.new.max_attempts,
        lease: job.lease,
    }
}

#[async_trait]
impl JobQueue for MemoryStore {
    async fn enqueue(&self, tenant: &TenantId, jobs: &[NewJob]) -> Result<u64> {
        self.write("enqueue", |state| Ok(state.jobs.enqueue(tenant, jobs)))
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize, kinds: &[&str]) -> Result<Vec<Job>> {
        self.write("claim", |state| Ok(state.jobs.claim(now, lease, limit, kinds)))
    }

    async fn renew(&self, job: &Job, until: Timestamp) -> Result<bool> {
        self.write("renew", |state| {
            Ok(state.jobs.change_held(job, |queued| queued.lease_until = Some(until)))
        })
    }

    async fn complete(&self, job: &Job) -> Result<bool> {
        self.write("complete", |state| Ok(state.jobs.complete(job)))
    }

    async fn complete_all(&self, jobs: &[Job]) -> Result<Vec<bool>> {
        self.write("complete", |state| Ok(jobs.iter().map(|job| state.jobs.complete(job)).collect()))
    }

    async fn release(&self, job: &Job, run_at: Timestamp) -> Result<bool> {
        self.write("release", |state| {
            Ok(state.jobs.change_held(job, |queued| {
                queued.lease_until = None;
                queued.new.run_at = run_at;
                queued.attempts -= 1;
            }))
        })
    }

    async fn fail(&self, job: &Job, error: &str, run_at: Timestamp) -> Result<bool> {
        self.write("fail", |state| {
            Ok(state.jobs.change_held(job, |queued| {
                queued.lease_until = None;
                queued.new.run_at = run_at;
                queued.error = Some(error.to_owned());
                queued.dead = queued.attempts >= queued.new.max_attempts;
            }))
        })
    }

    async fn dead(&self, tenant: &TenantId, limit: usize) -> Result<Vec<DeadJob>> {
        self.read("dead", |state| {
            let dead = state.jobs.jobs.iter().rev().filter(|(_, job)| job.dead && job.tenant == *tenant);
            let dead = dead.map(|(id, job)| DeadJob {
                id: *id,
                kind: job.new.kind.clone(),
                body: job.new.body.to_string(),
                attempts: job.attempts,
                error: job.error.clone(),
            });
            dead.take(limit).collect()
        })
    }

    async fn retry(&self, tenant: &TenantId, id: JobId, run_at: Timestamp) -> Result<bool> {
        self.write("retry", |state| {
            let found = state.jobs.jobs.get(&id).is_some_and(|job| job.dead && job.tenant == *tenant);
            let revive = |job: &mut QueuedJob| {
                (job.dead, job.attempts) = (false, 0);
                job.new.run_at = run_at;
            };
            Ok(found && state.jobs.change(id, revive).is_some())
        })
    }

    async fn discard(&self, tenant: &TenantId, id: JobId) -> Result<bool> {
        self.write("discard", |state| {
            let found = state.jobs.jobs.get(&id).is_some_and(|job| job.dead && job.tenant == *tenant);
            if found {
                state.jobs.remove(id);
            }
            Ok(found)
        })
    }

    async fn counts(&self) -> Result<JobState> {
        self.read("counts", |state| {
            let count = |wanted: fn(bool, bool) -> bool| {
                let jobs = state.jobs.jobs.values();
                jobs.filter(|job| wanted(job.dead, job.lease_until.is_some())).count() as u64
            };
            JobState {
                waiting: count(|dead, leased| !dead && !leased) + state.jobs.open.len() as u64,
                leased: count(|dead, leased| !dead && leased),
                dead: count(|dead, _| dead),
            }
        })
    }

    async fn dead_counts(&self) -> Result<BTreeMap<TenantId, u64>> {
        self.read("dead_counts", |state| {
            let mut counts = BTreeMap::new();
            for job in state.jobs.jobs.values().filter(|job| job.dead) {
                *counts.entry(job.tenant.clone()).or_default() += 1;
            }
            counts
        })
    }
}
