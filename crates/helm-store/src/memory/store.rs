use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use helm_core::{Decision, DecisionId, Feedback, Reward, TaskId, TenantId, Timestamp};

use super::BACKEND;
use super::state::{Judgement, Kept, State, Tenant};
use crate::api_key::ApiKeyStore;
use crate::bandit::BanditStore;
use crate::changes::apply_preferences;
use crate::conversation::ConversationStore;
use crate::error::{Error, ErrorKind, Result};
use crate::job::JobQueue;
use crate::log::InteractionLog;
use crate::preference::PreferenceStore;
use crate::records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
use crate::settle::Settle;
use crate::store::{Capabilities, Health, MigrationReport, Store};
use crate::user::UserStore;
use crate::vector::VectorStore;

/// A store that keeps everything in the process's memory. A clone is a second handle to the same state, open
/// after the first is closed.
///
/// # Examples
///
/// ```
/// use helm_store::{Store, memory::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> helm_store::Result<()> {
/// let store = MemoryStore::new();
/// assert!(!store.capabilities().durable);
/// assert_eq!(store.health().await?.backend, "memory");
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    closed: AtomicBool,
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), closed: AtomicBool::new(false) }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn read<T>(&self, operation: &'static str, view: impl FnOnce(&State) -> T) -> Result<T> {
        self.read_checked(operation, |state| Ok(view(state)))
    }

    pub(super) fn read_checked<T>(
        &self,
        operation: &'static str,
        view: impl FnOnce(&State) -> Result<T>,
    ) -> Result<T> {
        view(&*self.locked(operation)?)
    }

    /// Changes the state. `change` must check everything before it changes anything.
    pub(super) fn write<T>(
        &self,
        operation: &'static str,
        change: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        change(&mut *self.locked(operation)?)
    }

    fn locked(&self, operation: &'static str) -> Result<MutexGuard<'_, State>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Unavailable, BACKEND, operation, "the store is closed"));
        }
        // A panic cannot leave half a change behind: writes replace the state only at their end.
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(BACKEND, false, false)
    }

    fn bandits(&self) -> &dyn BanditStore {
        self
    }

    fn log(&self) -> &dyn InteractionLog {
        self
    }

    fn preferences(&self) -> &dyn PreferenceStore {
        self
    }

    fn conversations(&self) -> &dyn ConversationStore {
        self
    }

    fn vectors(&self) -> &dyn VectorStore {
        self
    }

    fn jobs(&self) -> &dyn JobQueue {
        self
    }

    fn api_keys(&self) -> &dyn ApiKeyStore {
        self
    }

    fn users(&self) -> &dyn UserStore {
        self
    }

    async fn log_decision(&self, decision: &Decision, deadline: Timestamp) -> Result<Applied> {
        self.write("log_decision", |state| {
            let tenant = state.tenant_mut(&decision.context.tenant);
            match tenant.decisions.get(&decision.id) {
                None => {
                    tenant.log(decision);
                    state.jobs.begin(&decision.context.tenant, decision.id, deadline);
                    Ok(Applied::Fresh)
                }
                Some(stored) if stored == decision => Ok(Applied::Duplicate),
                Some(_) => {
                    let message = format!("another decision has the id {}", decision.id);
                    Err(Error::new(ErrorKind::Conflict, BACKEND, "log_decision", message))
                }
            }
        })
    }

    async fn commit_turn(&self, turn: TurnRecord, settle: Arc<dyn Settle>) -> Result<TurnReceipt> {
        self.write("commit_turn", |state| {
            let tenant = state.tenant_mut(&turn.tenant);
            let id = turn.id;
            let digest = turn.digest().map_err(|error| {
                Error::new(ErrorKind::Invalid, BACKEND, "commit_turn", "a value cannot be written as JSON")
                    .with_source(error)
            })?;
            if let Some(kept) = tenant.turns.get(&id) {
                if kept.digest != digest {
                    return Err(turn.conflict(BACKEND));
                }
                return Ok(TurnReceipt { applied: Applied::Duplicate, reward: tenant.reward(id) });
            }
            if let Some(decision) = tenant.decisions.get(&id) {
                turn.check_against(BACKEND, decision)?;
            }
            let preferences = tenant.preferences.get(&turn.user).cloned().unwrap_or_default();
            let preferences = apply_preferences(BACKEND, &preferences, &turn.preferences)?;
            let made = tenant.check_memories(&turn.memories)?;
            let plan = tenant.decisions.contains_key(&id).then(|| {
                tenant.plan(id, Some(&turn.outcome), &tenant.judged(id), tenant.silence_ended(id), &*settle)
            });
            let plan = plan.transpose()?;
            if !turn.preferences.is_empty() {
                tenant.preferences.insert(turn.user.clone(), preferences);
            }
            tenant.put_memories(&turn.user, &turn.memories, made);
            tenant.add_messages(&turn);
            let reward = plan.and_then(|plan| tenant.apply(plan));
            state.jobs.end(&turn.tenant, id);
            state.jobs.enqueue(&turn.tenant, &turn.jobs);
            let tenant = state.tenant_mut(&turn.tenant);
            tenant.begun.insert((turn.began, id));
            tenant.turns.insert(id, Kept { turn, digest });
            Ok(TurnReceipt { applied: Applied::Fresh, reward })
        })
    }

    async fn record_feedback(
        &self,
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: Arc<dyn Settle>,
    ) -> Result<FeedbackReceipt> {
        self.write("record_feedback", |state| record(state.tenant_mut(tenant), feedback, at, &*settle))
    }

    async fn end_silence(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>> {
        self.write("end_silence", |state| {
            let tenant = state.tenant_mut(tenant);
            let outcome = tenant.turns.get(&decision).map(|kept| &kept.turn.outcome);
            let plan = tenant.plan(decision, outcome, &tenant.judged(decision), true, &*settle)?;
            Ok(tenant.apply(plan))
        })
    }

    async fn resettle(
        &self,
        tenant: &TenantId,
        decision: DecisionId,
        settle: Arc<dyn Settle>,
    ) -> Result<Option<Reward>> {
        self.write("resettle", |state| {
            let tenant = state.tenant_mut(tenant);
            let outcome = tenant.turns.get(&decision).map(|kept| &kept.turn.outcome);
            let (judged, ended) = (tenant.judged(decision), tenant.silence_ended(decision));
            let plan = tenant.plan(decision, outcome, &judged, ended, &*settle)?;
            Ok(tenant.apply(plan))
        })
    }

    async fn restate(&self, tenant: &TenantId, task: &TaskId) -> Result<u64> {
        self.write("restate", |state| {
            let tenant = state.tenant_mut(tenant);
            let mut sums = tenant.contributed(task)?;
            sums.retain(|_, stats| !stats.is_zero());
            let rows = sums.len() as u64;
            tenant.stats.insert(task.clone(), sums);
            Ok(rows)
        })
    }

    async fn migrate(&self) -> Result<MigrationReport> {
        self.read("migrate", |_| MigrationReport::default())
    }

    async fn health(&self) -> Result<Health> {
        let detail = "state ends with the process".to_owned();
        self.read("health", |_| Health { backend: BACKEND, detail, schema: 0, warnings: vec![] })
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

fn record(
    tenant: &mut Tenant,
    feedback: &Feedback,
    at: Timestamp,
    settle: &dyn Settle,
) -> Result<FeedbackReceipt> {
    let id = feedback.decision;
    let task = tenant.decision(id, "record_feedback")?.context.task.clone();
    let said = (id, feedback.source.clone(), feedback.value);
    let earlier = feedback.key.as_ref().and_then(|key| tenant.keys.get(key)).cloned();
    if earlier.as_ref().is_some_and(|earlier| *earlier != said) {
        let message = "the idempotency key was used with other content; use a new one";
        return Err(Error::new(ErrorKind::Conflict, BACKEND, "record_feedback", message));
    }
    let mut judgements = tenant.judged(id);
    let applied = match judgements.get(&feedback.source) {
        _ if earlier.is_some() => Applied::Duplicate,
        Some(current) if current.value == feedback.value => Applied::Duplicate,
        Some(_) => Applied::Corrected,
        None => Applied::Fresh,
    };
    let mut reward = tenant.reward(id);
    if applied != Applied::Duplicate {
        judgements.insert(feedback.source.clone(), Judgement { value: feedback.value, at });
        let outcome = tenant.turns.get(&id).map(|kept| &kept.turn.outcome);
        let plan = tenant.plan(id, outcome, &judgements, tenant.silence_ended(id), settle)?;
        reward = tenant.apply(plan);
        tenant.judgements.insert(id, judgements);
    }
    if applied != Applied::Duplicate || (feedback.key.is_some() && earlier.is_none()) {
        *tenant.revisions.entry(id).or_default() += 1;
    }
    if let Some(key) = &feedback.key {
        tenant.keys.insert(key.clone(), said);
    }
    Ok(FeedbackReceipt { applied, task, reward })
}
