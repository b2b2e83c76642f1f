use helm_core::{DecisionMode, TenantId};
use helm_store::TurnView;

use super::known::FRESH;
use super::record::{CandidateChange, CandidateStep};
use crate::error::Result;
use crate::inner::Inner;

/// How the policy that drew a turn's strategy came to decide, where it was the task's candidate.
pub(crate) async fn explained(inner: &Inner, tenant: &TenantId, turn: &TurnView) -> Result<Option<String>> {
    let drawn = turn
        .decision
        .as_ref()
        .filter(|decision| matches!(decision.mode, DecisionMode::Sampled | DecisionMode::Sticky));
    // A task that is no longer configured has no candidate.
    let (Some(decision), Some(task)) = (drawn, inner.tasks.get(&turn.task)) else { return Ok(None) };
    if task.automatic().is_none_or(|(candidate, _)| *candidate.policy.hash() != decision.policy_hash) {
        return Ok(None);
    }
    inner.look_at_candidate(tenant, task, FRESH).await?;
    let changes = inner.candidate_record(tenant, task).changes;
    // What was decided before, under the same configuration, owes nothing to it.
    let led_to_it =
        |change: &&CandidateChange| change.step == CandidateStep::Raised && change.at <= decision.at;
    let raised = changes.iter().find(led_to_it);
    Ok(raised.map(|raised| sentence(raised, changes.last())))
}

fn sentence(raised: &CandidateChange, last: Option<&CandidateChange>) -> String {
    let CandidateChange { at, because, .. } = raised;
    match last.filter(|last| last.step == CandidateStep::RolledBack) {
        Some(end) => format!(
            "this policy is the task's candidate, which decided from {at} ({because}) to {} ({})",
            end.at, end.because
        ),
        None => format!("this policy is the task's candidate, which decides since {at} ({because})"),
    }
}
