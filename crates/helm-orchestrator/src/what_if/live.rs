use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use helm_core::{TaskId, TenantId, Timestamp};
use helm_policy::Policy;
use helm_store::{InteractionLogExt, RowQuery};

use super::candidate::Candidate;
use super::gate::{Gate, GateOptions};
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
        let read = self.inner().tracker.spawn_blocking(move || WhatIf::new(turns, &target, since));
        read.await.map_err(|_| Error::Lost)?
    }

    /// Whether a task's [candidate](crate::Task::with_candidate) may take the place of its present policy; `None` without
    /// one. Both are looked at on the turns that the present one has decided since `since`, or ever. It may be asked at any
    /// time, and again and again.
    ///
    /// Where the candidate [was raised](Helm::candidate), the policy waits: whether it may take its place again is looked at on the
    /// turns that the candidate has decided since.
    ///
    /// # Errors
    ///
    /// As for [`Helm::past_turns`] and [`WhatIf::new`]; when an option is out of range.
    pub async fn gate(&self, task: &TaskId, since: Option<Timestamp>) -> Result<Option<Gate>> {
        let inner = self.inner();
        let task = inner.task(task)?;
        let Some(candidate) = &task.candidate else { return Ok(None) };
        inner.look_at_candidate(&self.tenant, task, Duration::ZERO).await?;
        let sides = Sides::configured(&inner, &self.tenant, task, candidate).since(since);
        Ok(Some(compare(&inner, &self.tenant, &task.id, sides).await?))
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
        let task = inner.task(task)?;
        inner.look_at_candidate(&self.tenant, task, Duration::ZERO).await?;
        let sides = Sides::of(&inner, &self.tenant, task, candidate).since(since);
        compare(&inner, &self.tenant, &task.id, sides).await
    }
}

async fn past_turns(
    inner: &Inner,
    tenant: &TenantId,
    task: &TaskId,
    until: Option<Timestamp>,
) -> Result<Vec<PastTurn>> {
    // Without an end it would follow those who talk meanwhile.
    let now = inner.clock.now().after(Duration::from_micros(1));
    let query = RowQuery::default().with_task(task.clone()).with_until(until.unwrap_or(now));
    let rows = inner.store.log().stream_rows(tenant, &query);
    Ok(rows.map_ok(PastTurn::from).try_collect().await?)
}

/// Who is compared with whom.
pub(crate) struct Sides {
    /// The policy that waits.
    waits: Arc<dyn Policy>,
    /// The policy that decides.
    decides: Arc<dyn Policy>,
    options: GateOptions,
    since: Option<Timestamp>,
}

impl Sides {
    /// The one of a task's policy and its candidate that waits, with the one that decides.
    pub(crate) fn configured(
        inner: &Inner,
        tenant: &TenantId,
        task: &TaskRuntime,
        candidate: &Candidate,
    ) -> Self {
        let sides = Self::of(inner, tenant, task, candidate);
        match inner.raised_since(tenant, task) {
            Some(_) => Self { waits: Arc::clone(&task.policy), ..sides },
            None => sides,
        }
    }

    /// A candidate with what decides, on what that has decided since it was raised, if it was.
    fn of(inner: &Inner, tenant: &TenantId, task: &TaskRuntime, candidate: &Candidate) -> Self {
        Self {
            waits: Arc::clone(&candidate.policy),
            decides: Arc::clone(inner.policy_of(tenant, task)),
            options: candidate.options,
            since: inner.raised_since(tenant, task),
        }
    }

    /// Only on turns from this moment on, too.
    fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = self.since.max(since);
        self
    }

    /// The policy that waits, hashed, and the one that decides.
    pub(crate) fn hashes(&self) -> [String; 2] {
        [self.waits.hash().to_string(), self.decides.hash().to_string()]
    }
}

/// Compares the policy that waits with the one that decides.
pub(crate) async fn compare(inner: &Inner, tenant: &TenantId, task: &TaskId, sides: Sides) -> Result<Gate> {
    let counted = Counted { since: sides.since, decided_by: Some(sides.decides.hash().clone()) };
    let turns = past_turns(inner, tenant, task, None).await?;
    let target = Target::Policy(sides.waits);
    // Of a long log this takes seconds, which turns must not wait for.
    let judged = inner
        .tracker
        .spawn_blocking(move || Gate::new(&WhatIf::counting(turns, &target, &counted)?, &sides.options));
    judged.await.map_err(|_| Error::Lost)?
}
