//! Whether people still say what the reward says: watched task by task, as their feedback comes in.
//!
//! Each process watches the feedback that reaches it. What is lost with a process is only the beginning of an alarm;
//! `helmctl eval rescore` looks at the whole log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use helm_core::{DecisionId, SourceName, TaskId, TenantId, Timestamp, UnitInterval};
use helm_eval::stats::{Drift, Moved};
use helm_store::{Case, TurnView};

use crate::error::Result;
use crate::inner::Inner;
use crate::scoped::{Whose, of_tenant};
use crate::weights::rated;

/// The watches of all tasks.
#[derive(Default)]
pub(crate) struct Watches(Mutex<BTreeMap<(TenantId, TaskId), Watch>>);

#[derive(Default)]
struct Watch {
    drift: Drift,
    /// When it last gave an alarm, and which way people had moved.
    alarm: Option<(Timestamp, Moved)>,
}

impl Watch {
    fn warning(&self, (tenant, task): &(TenantId, TaskId)) -> Option<String> {
        let (at, moved) = self.alarm?;
        let (people, of) = (words(moved), of_tenant(tenant));
        Some(format!(
            "since about {at}, people find answers of task {task} {people} than its reward says; run \
             `helmctl eval calibrate --task {task}{of}`"
        ))
    }
}

impl Watches {
    /// Takes in how far people are from the reward; whether that has moved.
    fn observe(
        &self,
        key: (TenantId, TaskId),
        distance: f64,
        at: Timestamp,
    ) -> helm_eval::Result<Option<Moved>> {
        let mut all = self.locked();
        let watch = all.entry(key).or_default();
        let moved = watch.drift.observe(distance)?;
        watch.alarm = moved.map(|moved| (at, moved)).or(watch.alarm);
        Ok(moved)
    }

    /// Forgets what was seen of tasks that are not so any more.
    pub(crate) fn retain(&self, is_as_before: impl Fn(&TaskId) -> bool) {
        self.locked().retain(|(_, task), _| is_as_before(task));
    }

    /// The alarms, in sentences for people.
    pub(crate) fn warnings(&self, whose: Whose<'_>) -> Vec<String> {
        let all = self.locked();
        let told = all.iter().filter(|((tenant, _), _)| whose.holds(tenant));
        told.filter_map(|(key, watch)| watch.warning(key)).collect()
    }

    /// One task's alarm.
    pub(crate) fn warning(&self, key: &(TenantId, TaskId)) -> Option<String> {
        self.locked().get(key)?.warning(key)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<(TenantId, TaskId), Watch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn words(moved: Moved) -> &'static str {
    match moved {
        Moved::Up => "better",
        Moved::Down => "worse",
    }
}

/// Compares what people say of a turn with what its reward says without them, beside the caller's path. Losing this work
/// loses one of many values.
pub(crate) fn note_feedback(inner: &Arc<Inner>, tenant: &TenantId, id: DecisionId) {
    let (shared, tenant) = (Arc::clone(inner), tenant.clone());
    inner.pool.submit(async move {
        if let Err(error) = watch(&shared, tenant, id).await {
            tracing::warn!(decision = %id, error = %error.report(), "feedback was not compared with the reward");
        }
    });
}

async fn watch(inner: &Inner, tenant: TenantId, id: DecisionId) -> Result<()> {
    inner.weigh(&tenant).await?;
    let Some(turn) = inner.store.log().turn(&tenant, id).await? else { return Ok(()) };
    let Some(said) = said(inner, &turn)? else { return Ok(()) };
    let key = (tenant, turn.task.clone());
    let distance = said.people.get() - said.machine.get();
    if let Some(moved) = inner.watches.observe(key.clone(), distance, inner.clock.now())? {
        let (task, people) = (turn.task.to_string(), words(moved));
        tracing::warn!(%task, people, "people say something else than the reward; calibrate it");
        metrics::counter!("helm_reward_drift_total", "task" => task, "people" => people).increment(1);
    }
    if let Some(answer) = rated(&turn, said.people) {
        inner.shadows.note(&key, &inner.task(&turn.task)?.reward, answer).await;
    }
    Ok(())
}

/// What was said of a turn.
struct Said {
    /// The mean of what people said.
    people: UnitInterval,
    /// The reward without them, and without model judges where there is one.
    machine: UnitInterval,
}

/// What was said of a turn; `None` where there is not both.
fn said(inner: &Inner, turn: &TurnView) -> Result<Option<Said>> {
    let (judged, people): (Vec<_>, Vec<_>) =
        turn.feedback.iter().partition(|entry| entry.source.as_judge().is_some());
    let (Some(decision), Some(outcome), false) = (&turn.decision, &turn.outcome, people.is_empty()) else {
        return Ok(None);
    };
    let judged: Vec<(SourceName, UnitInterval)> =
        judged.into_iter().map(|entry| (entry.source.clone(), entry.value)).collect();
    let settled = |judged: &[(SourceName, UnitInterval)]| {
        let case = Case::new(decision, Some(outcome), judged, false);
        inner.settler.settle(&case).map(|settled| settled.reward).map_err(helm_eval::Error::Evaluator)
    };
    // How often turns are judged changes with strategies that are new; that is no change of people.
    let reward = match settled(&[])? {
        Some(reward) => Some(reward),
        None => settled(&judged)?,
    };
    let mean = people.iter().map(|entry| entry.value.get()).sum::<f64>() / people.len() as f64;
    let people = UnitInterval::clamped(mean)?;
    Ok(reward.map(|reward| Said { people, machine: reward.value }))
}
