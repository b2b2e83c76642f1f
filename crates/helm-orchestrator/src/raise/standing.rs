use std::sync::Arc;
use std::time::Duration;

use helm_core::{PolicyHash, PolicyName, TaskId, TenantId, Timestamp};
use helm_policy::Policy;

use super::act;
use super::known::FRESH;
use super::record::{CandidateChange, CandidateStep, Record};
use crate::error::Result;
use crate::helm::Helm;
use crate::inner::{Inner, TaskRuntime};
use crate::scoped::Whose;
use crate::what_if::Candidate;

/// Which of a task's policy and its candidate decides, and what became of the candidate.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct CandidateStanding {
    /// The configured policy.
    pub policy: PolicyName,
    /// The candidate.
    pub candidate: PolicyName,
    /// Whether it is raised and rolled back without anybody.
    pub automatic: bool,
    /// When it was raised and rolled back, the oldest first.
    pub changes: Vec<CandidateChange>,
}

impl CandidateStanding {
    /// Whether the candidate decides.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.last().is_some_and(|last| last.step == CandidateStep::Raised)
    }

    /// Since when it stands so, and why; `None` where it has always waited.
    #[must_use]
    pub fn last(&self) -> Option<&CandidateChange> {
        self.changes.last()
    }
}

impl TaskRuntime {
    /// The candidate that is raised without anybody, and the [name](super::checked_pair) of the pair that it makes with the
    /// policy.
    pub(crate) fn automatic(&self) -> Option<(&Candidate, &PolicyHash)> {
        self.candidate.as_ref().zip(self.pair.as_ref())
    }

    /// Whether it is this pair, by now.
    pub(crate) fn is_pair(&self, pair: &PolicyHash) -> bool {
        self.automatic().is_some_and(|(_, own)| own == pair)
    }
}

impl Inner {
    /// The policy that decides for a tenant, as far as this process knows.
    pub(crate) fn policy_of<'t>(&self, tenant: &TenantId, task: &'t TaskRuntime) -> &'t Arc<dyn Policy> {
        let raised = task.automatic().filter(|(_, pair)| self.raised.is_live(tenant, &task.id, pair));
        raised.map_or(&task.policy, |(candidate, _)| &candidate.policy)
    }

    /// Sees to it that what is known of a task's candidate is so fresh, where it is raised without anybody.
    pub(crate) async fn look_at_candidate(
        &self,
        tenant: &TenantId,
        task: &TaskRuntime,
        fresh: Duration,
    ) -> helm_store::Result<()> {
        let Some((_, pair)) = task.automatic() else { return Ok(()) };
        self.raised.look(&*self.store, tenant, (&task.id, pair), fresh).await
    }

    /// The same of all tasks.
    pub(crate) async fn look_at_candidates(&self, tenant: &TenantId) -> helm_store::Result<()> {
        for task in self.tasks.values() {
            self.look_at_candidate(tenant, task, FRESH).await?;
        }
        Ok(())
    }

    /// What became of a task's candidate, as far as this process knows.
    pub(crate) fn candidate_record(&self, tenant: &TenantId, task: &TaskRuntime) -> Record {
        let automatic = task.automatic();
        automatic.map(|(_, pair)| self.raised.record(tenant, &task.id, pair)).unwrap_or_default()
    }

    /// Since when a task's candidate decides; `None` while its policy does.
    pub(crate) fn raised_since(&self, tenant: &TenantId, task: &TaskRuntime) -> Option<Timestamp> {
        self.candidate_record(tenant, task).live_since()
    }

    /// How a task's candidate stands, if it has one.
    pub(crate) fn standing(&self, tenant: &TenantId, task: &TaskRuntime) -> Option<CandidateStanding> {
        let candidate = task.candidate.as_ref()?;
        Some(CandidateStanding {
            policy: task.policy.name().clone(),
            candidate: candidate.policy.name().clone(),
            automatic: candidate.automatic,
            changes: self.candidate_record(tenant, task).changes,
        })
    }

    /// Whose candidates decide or were rolled back, of one task or of all, in sentences for people.
    pub(crate) fn candidate_warnings(&self, whose: Whose<'_>, of: Option<&TaskId>) -> Vec<String> {
        self.raised.warnings(whose, |task, pair| {
            of.is_none_or(|of| of == task) && self.tasks.get(task).is_some_and(|own| own.is_pair(pair))
        })
    }
}

impl Helm {
    /// Which of a task's policy and its candidate decides for this tenant, since when and why; `None` without a candidate.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; otherwise when it cannot be read.
    pub async fn candidate(&self, task: &TaskId) -> Result<Option<CandidateStanding>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        inner.look_at_candidate(&self.tenant, task, Duration::ZERO).await?;
        Ok(inner.standing(&self.tenant, task))
    }

    /// Puts the configured policy back in the place of a candidate that was raised, for this reason, which is kept. The candidate
    /// is not raised again until it or the policy is configured otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::NotRaised`](crate::Error::NotRaised) when the candidate does not decide;
    /// [`Error::UnknownTask`](crate::Error::UnknownTask) when there is no such task; otherwise when it cannot be stored.
    pub async fn roll_back(&self, task: &TaskId, because: impl Into<String>) -> Result<()> {
        let inner = self.inner();
        act::roll_back(&inner, &self.tenant, inner.task(task)?, because.into()).await
    }
}
