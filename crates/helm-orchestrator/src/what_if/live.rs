use futures::TryStreamExt;
use helm_core::{TaskId, TenantId, Timestamp};
use helm_store::{InteractionLogExt, RowQuery};

use super::candidate::Candidate;
use super::gate::Gate;
use super::past_turn::PastTurn;
use super::read::{Counted, WhatIf};
use super::target::Target;
use crate::error::{Error, Result};
use crate::gates::{self, GateRecord};
use crate::helm::Helm;
use crate::inner::{Inner, TaskRuntime};

impl Helm {
    /// A task's turns that have ended and began before `until`, as another policy is asked about them; those up to now
    /// without it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTask`] when there is no such task; otherwise when the log cannot be read.
    pub async fn past_turns(&self, task: &TaskId, until: Option<Timestamp>) -> Result<Vec<PastTurn>> {
        let inner = self.inner();
        inner.task(task)?;
        past_turns(&inner, &self.tenant, task, until).await
    }

    /// What a target would have earned on a task's turns from `since` until `until`; a policy also learns from those before.
    ///
    /// # Errors
    ///
    /// As for [`Helm::past_turns`] and [`WhatIf::new`].
    pub async fn what_if(
        &self,
        task: &TaskId,
        target: &Target,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<WhatIf> {
        let (turns, target) = (self.past_turns(task, until).await?, target.clone());
        // Of a long log this takes seconds, which turns must not wait for.
        let read = tokio::task::spawn_blocking(move || WhatIf::new(turns, &target, since));
        read.await.map_err(|_| Error::Lost)?
    }

    /// Whether a task's [candidate](crate::Task::with_candidate) may take the place of its present policy; `None` without
    /// one. Both are looked at on the turns that the present one has decided since `since`, or ever. It may be asked at any
    /// time, and again and again.
    ///
    /// # Errors
    ///
    /// As for [`Helm::past_turns`] and [`WhatIf::new`]; when an option is out of range.
    pub async fn gate(&self, task: &TaskId, since: Option<Timestamp>) -> Result<Option<Gate>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        match &task.candidate {
            Some(candidate) => Ok(Some(gate_of(&inner, &self.tenant, task, candidate, since).await?)),
            None => Ok(None),
        }
    }

    /// What was found of a task's candidates by the looks that are made each hour there are turns, oldest first: of each
    /// verdict the first look and the last, of some twenty looks in all.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    pub async fn gate_records(&self, task: &TaskId) -> Result<Vec<GateRecord>> {
        gates::records(&self.inner(), &self.tenant, task).await
    }

    /// As [`Helm::gate`], of any candidate.
    ///
    /// # Errors
    ///
    /// As for [`Helm::gate`].
    pub async fn gate_of(
        &self,
        task: &TaskId,
        candidate: &Candidate,
        since: Option<Timestamp>,
    ) -> Result<Gate> {
        let inner = self.inner();
        gate_of(&inner, &self.tenant, inner.task(task)?, candidate, since).await
    }
}

async fn past_turns(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    until: Option<Timestamp>,
) -> Result<Vec<PastTurn>> {
    // Without an end it would follow those who talk meanwhile.
    let now = inner.clock.now().after(std::time::Duration::from_micros(1));
    let query = RowQuery::default().with_task(task.clone()).with_until(until.unwrap_or(now));
    let rows = inner.store.log().stream_rows(tenant, &query);
    Ok(rows.map_ok(PastTurn::from).try_collect().await?)
}

/// Compares a candidate with a task's present policy.
pub(crate) async fn gate_of(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskRuntime,
    candidate: &Candidate,
    since: Option<Timestamp>,
) -> Result<Gate> {
    let counted = Counted { since, decided_by: Some(task.policy.hash().clone()) };
    let turns = past_turns(inner, tenant, &task.id, None).await?;
    let (target, options) = (candidate.target(), candidate.options);
    // Of a long log this takes seconds, which turns must not wait for.
    let judged = tokio::task::spawn_blocking(move || {
        Gate::new(&WhatIf::counting(turns, &target, &counted)?, &options)
    });
    judged.await.map_err(|_| Error::Lost)?
}
