//! Candidates that wait, looked at again and again: a durable job compares each with what is live, keeps what it found, and
//! tells people; those that are [automatic](crate::Candidate::automatic()) it raises and rolls back ([`raise`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use helm_core::{Epoch, TaskId, TenantId, Timestamp, UserId};
use helm_store::{NewJob, PreferenceChange};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::inner::{Inner, TaskRuntime};
use crate::raise::{self, CandidateStep};
use crate::scoped::{Whose, of_tenant};
use crate::what_if::{GateVerdict, Sides, compare};

/// The kind of job that compares a task's candidate with what is live.
pub(crate) const GATE: &str = "policy_gate";
/// In whose preferences it is kept what was found, by task. Nobody else may change them.
pub(crate) const GATES: &str = "helm/gates";
/// How long after a turn it is looked again.
const EVERY: Duration = Duration::from_secs(3_600);
/// How many changes of a task's verdict are kept.
const KEPT: usize = 20;
const ATTEMPTS: u32 = 3;

/// What was found of a candidate at one look.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GateRecord {
    /// When.
    pub at: Timestamp,
    /// What was to be done.
    pub verdict: GateVerdict,
    /// Why, in a sentence.
    pub because: String,
    /// The policy that waited, its configuration hashed: the candidate, or where that was raised the policy in whose place it
    /// decides.
    pub candidate: String,
    /// The policy that was live, its configuration hashed.
    pub live: String,
    /// What the one that waited would have earned more, a decision, with what bounds it at all looks together.
    pub gain: Option<[f64; 3]>,
    /// How many decisions were looked at.
    pub decisions: usize,
    /// What was done about it, where the candidate is automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<CandidateStep>,
}

impl GateRecord {
    /// Whether nothing has changed since another look.
    fn is_as(&self, other: &Self) -> bool {
        (self.verdict, &self.candidate, &self.live) == (other.verdict, &other.candidate, &other.live)
    }
}

/// Which task a job is about.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    task: TaskId,
}

/// The job that looks at a task's candidate within an hour after a turn, if it has one; all turns of an hour share it, so that
/// one that has died does not stop those of the next.
pub(crate) fn job(task: &TaskRuntime, began: Timestamp) -> Option<NewJob> {
    let hour = Epoch::containing(began, EVERY).start();
    task.candidate.as_ref().map(|_| NewJob {
        kind: GATE.to_owned(),
        dedupe: format!("{GATE}:{}:{hour}", task.id),
        body: serde_json::json!(About { task: task.id.clone() }),
        run_at: began.after(EVERY),
        max_attempts: ATTEMPTS,
    })
}

/// Looks at a candidate, keeps what was found, and acts upon it where the candidate is automatic.
pub(crate) async fn look(inner: &Inner, tenant: &TenantId, about: &About) -> Result<()> {
    let task = inner.task(&about.task)?;
    // It has been taken out, or has become what is live.
    let Some(candidate) = &task.candidate else { return Ok(()) };
    inner.look_at_candidate(tenant, task, Duration::ZERO).await?;
    let seen = inner.candidate_record(tenant, task);
    let sides = Sides::configured(inner, tenant, task, candidate);
    let [waits, live] = sides.hashes();
    let gate = compare(inner, tenant, &task.id, sides).await?;
    let acted = raise::act(inner, tenant, task, &seen, &gate).await;
    let record = GateRecord {
        at: inner.clock.now(),
        verdict: gate.verdict,
        because: gate.because.clone(),
        candidate: waits,
        live,
        gain: gate.bounds(),
        decisions: gate.decisions,
        done: acted.as_ref().ok().copied().flatten(),
    };
    tell(&task.id, &record);
    // What Helm does itself nobody else needs to be told to do.
    let is_for_people =
        !candidate.automatic || (seen.changes.is_empty() && gate.verdict != GateVerdict::Raise);
    inner.gates.keep((tenant.clone(), task.id.clone()), is_for_people.then(|| record.clone()));
    // What was found is kept, whatever came of acting upon it.
    append(inner, tenant, &task.id, record).await?;
    acted.map(drop)
}

fn tell(task: &TaskId, record: &GateRecord) {
    let Some(gain) = record.gain else { return };
    for (bound, value) in ["gain", "low", "high"].into_iter().zip(gain) {
        metrics::gauge!("helm_candidate_gain", "task" => task.to_string(), "bound" => bound).set(value);
    }
}

/// The last look replaces the one before, unless the verdict has changed since.
async fn append(inner: &Inner, tenant: &TenantId, task: &TaskId, record: GateRecord) -> Result<()> {
    let mut records = records(inner, tenant, task).await?;
    // The first look of a verdict says when it came about, the last one how it stands.
    let is_same = records.iter().rev().take(2).filter(|last| last.is_as(&record)).count() == 2;
    if is_same {
        records.pop();
    }
    records.push(record);
    let value = records.split_off(records.len().saturating_sub(KEPT));
    let value = serde_json::to_value(value).map_err(|error| Error::config(GATES, error.to_string()))?;
    let change = PreferenceChange::Set { name: task.to_string(), value };
    inner.store.preferences().apply(tenant, &UserId::new(GATES)?, &[change], None).await?;
    Ok(())
}

/// What was found of a task's candidates, oldest first: of each verdict the first look and the last.
pub(crate) async fn records(inner: &Inner, tenant: &TenantId, task: &TaskId) -> Result<Vec<GateRecord>> {
    let kept = inner.store.preferences().get(tenant, &UserId::new(GATES)?).await?;
    let Some(value) = kept.values.get(task.as_str()).cloned() else { return Ok(Vec::new()) };
    // What cannot be read is not taken for nothing, which would be written over.
    let unreadable = |error: serde_json::Error| {
        let message = format!(
            "what was found of the candidates of task {task}: {error}; another version of Helm wrote it"
        );
        let backend = inner.store.capabilities().backend;
        helm_store::Error::new(helm_store::ErrorKind::Corrupt, backend, "gate_records", message)
    };
    Ok(serde_json::from_value(value).map_err(unreadable)?)
}

/// What this process found last of each candidate.
#[derive(Default)]
pub(crate) struct Gates(Mutex<BTreeMap<(TenantId, TaskId), GateRecord>>);

impl Gates {
    fn keep(&self, key: (TenantId, TaskId), record: Option<GateRecord>) {
        match record {
            Some(record) => self.locked().insert(key, record),
            None => self.locked().remove(&key),
        };
    }

    /// Forgets candidates that are no longer what they were.
    pub(crate) fn retain(&self, is_as_before: impl Fn(&TaskId) -> bool) {
        self.locked().retain(|(_, task), _| is_as_before(task));
    }

    /// What is to be done, in sentences for people.
    pub(crate) fn warnings(&self, whose: Whose<'_>) -> Vec<String> {
        let all = self.locked();
        let told = all.iter().filter(|((tenant, _), _)| whose.holds(tenant));
        told.filter_map(|(key, record)| warning(key, record)).collect()
    }

    /// What is to be done with one task's candidate.
    pub(crate) fn warning(&self, key: &(TenantId, TaskId)) -> Option<String> {
        warning(key, self.locked().get(key)?)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<(TenantId, TaskId), GateRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn warning((tenant, task): &(TenantId, TaskId), record: &GateRecord) -> Option<String> {
    let what = match record.verdict {
        GateVerdict::Raise => "earns more than its policy; put it in the policy's place",
        GateVerdict::RollBack => "earns less than its policy; take it out",
        _ => return None,
    };
    let of = of_tenant(tenant);
    Some(format!("the candidate of task {task} {what} (`helmctl policy gate --task {task}{of}`)"))
}
