use std::time::Duration;

use helm_core::{PolicyHash, TenantId};

use super::record::{CandidateChange, CandidateStep, Record};
use crate::background;
use crate::documents::{self, Stored};
use crate::error::{Error, Result};
use crate::inner::{Inner, TaskRuntime};
use crate::rebuild;
use crate::storable;
use crate::what_if::{Candidate, Gate};

/// Does what a look at the gate speaks for, where the candidate is automatic; `seen` is what had become of it before that look.
/// Answers what was done: nothing also where another process was first, which had the same log.
pub(crate) async fn act(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    seen: &Record,
    gate: &Gate,
) -> Result<Option<CandidateStep>> {
    let Some((candidate, pair)) = task.automatic() else { return Ok(None) };
    let Some(step) = seen.step(gate.verdict) else { return Ok(None) };
    // What cannot be read is not written over, and the work for it is not done either.
    let Some(stored) = as_seen(inner, tenant, task, (pair, seen)).await? else { return Ok(None) };
    if step == CandidateStep::Raised {
        prepare(inner, tenant, task, candidate).await?;
    }
    let change = CandidateChange::of(step, gate, inner.clock.now());
    let done = write(inner, tenant, task, (pair, stored), change).await?;
    Ok(done.then_some(step))
}

/// Puts the policy back in the place of its candidate.
pub(super) async fn roll_back(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    because: String,
) -> Result<()> {
    inner.look_at_candidate(tenant, task, Duration::ZERO).await?;
    let seen = inner.candidate_record(tenant, task);
    let refuse = || Error::NotRaised { task: task.id.clone() };
    let (_, pair) = task.automatic().filter(|_| seen.is_live()).ok_or_else(refuse)?;
    let because = storable::text(because);
    let change = CandidateChange::by_hand(CandidateStep::RolledBack, because, inner.clock.now());
    // Whoever was first has rolled it back: nothing else can become of it.
    let stored = as_seen(inner, tenant, task, (pair, &seen)).await?.ok_or_else(refuse)?;
    let done = write(inner, tenant, task, (pair, stored), change).await?;
    if done { Ok(()) } else { Err(refuse()) }
}

/// Sees to it that a candidate knows what the gate took it to know before it decides: what it keeps beside the sums of rewards
/// is settled from the whole log, and its prior is estimated.
async fn prepare(inner: &Inner, tenant: &TenantId, task: &TaskRuntime, candidate: &Candidate) -> Result<()> {
    rebuild::rebuild(inner, tenant, &task.id, &mut |_| {}).await?;
    background::estimate_prior(inner, tenant, task, &*candidate.policy).await
}

/// What is stored, where that is what was seen; `None` when another process has changed it meanwhile.
async fn as_seen(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    (pair, seen): (&PolicyHash, &Record),
) -> Result<Option<Stored<Record>>> {
    let stored: Stored<Record> = documents::read(&*inner.store, tenant, &task.id, pair).await?;
    if stored.document.changes.len() == seen.changes.len() {
        return Ok(Some(stored));
    }
    inner.look_at_candidate(tenant, task, Duration::ZERO).await?;
    Ok(None)
}

/// Adds a change to what is stored; `false` when another process has added one meanwhile.
async fn write(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    (pair, stored): (&PolicyHash, Stored<Record>),
    change: CandidateChange,
) -> Result<bool> {
    let Stored { revision, mut document } = stored;
    document.changes.push(change.clone());
    let next = Stored { revision, document };
    let is_first = documents::write(&*inner.store, tenant, &task.id, pair, next).await?;
    inner.look_at_candidate(tenant, task, Duration::ZERO).await?;
    if is_first {
        tell(tenant, task, &change);
    }
    Ok(is_first)
}

fn tell(tenant: &TenantId, task: &TaskRuntime, change: &CandidateChange) {
    let candidate = task.candidate.as_ref().map(|own| own.policy.name().to_string()).unwrap_or_default();
    let CandidateChange { because, by_hand, .. } = change;
    let (task, policy) = (&task.id, task.policy.name());
    match change.step {
        CandidateStep::Raised => {
            tracing::info!(%tenant, %task, %policy, candidate, because, "the candidate decides in the policy's place from now on");
        }
        CandidateStep::RolledBack => {
            tracing::warn!(%tenant, %task, %policy, candidate, because, by_hand, "the candidate was rolled back; the policy decides again");
        }
    }
}
