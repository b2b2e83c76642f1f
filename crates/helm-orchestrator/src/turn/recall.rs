use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use helm_core::{Decision, ExperimentKey, Stage, VariantName, Violation};
use helm_llm::{Call, EmbeddingModel};
use helm_policy::{Policy, PriorEstimate, Snapshot};
use helm_store::{BanditState, DrawQuery, Preferences, Selection, StateQuery, VectorQuery};
use tokio::time::Instant;

use super::past::Past;
use super::run::{Stop, Turn};
use crate::error::{Error, Result};
use crate::experiments::RunningExperiment;
use crate::inner::TaskRuntime;
use crate::intake::Inside;
use crate::raise::FRESH;
use crate::task::Sticky;

/// The share of a turn's shortest deadline that recalling memories may take: they help, but are not needed.
const MEMORY_SHARE: u32 = 4;

/// What is known before the decision.
pub(super) struct Recalled {
    /// The policy that decides: the task's, or its candidate where that was raised.
    pub(super) policy: Arc<dyn Policy>,
    pub(super) snapshot: Snapshot,
    /// The draw that the conversation or the user keeps to.
    pub(super) held: Option<Decision>,
    /// The variants that the user has of sticky experiments.
    pub(super) variants: BTreeMap<ExperimentKey, VariantName>,
    pub(super) preferences: Preferences,
    pub(super) past: Past,
    pub(super) memories: Vec<String>,
    /// What the guards found in memories.
    pub(super) violations: Vec<Violation>,
    /// The message's embedding, when something needs it.
    pub(super) embedding: Option<Vec<f32>>,
}

impl Turn {
    /// Reads learning state, preferences, history and memories, all at the same time. It is `inside` until it has all but the
    /// memories, which may wait for an embedding model.
    pub(super) async fn recall(
        &self,
        task: &TaskRuntime,
        message: &str,
        inside: Inside,
    ) -> Result<Recalled, Stop> {
        let (store, user) = (&self.inner.store, &self.request.user);
        self.inner.look_at_candidate(&self.tenant, task, FRESH).await?;
        let policy = Arc::clone(self.inner.policy_of(&self.tenant, task));
        let query = self.state_query(task, &*policy);
        let state = async { store.bandits().load(&self.tenant, &task.id, &query).await.map_err(Error::from) };
        let preferences = async { store.preferences().get(&self.tenant, user).await.map_err(Error::from) };
        let known = async {
            let (held, variants, past) = (self.held(task), self.variants(task), self.past(task));
            let known = tokio::try_join!(state, held, variants, preferences, past);
            drop(inside);
            known
        };
        let ((state, held, variants, preferences, past), (embedding, memories)) =
            tokio::try_join!(known, self.memories_if_any(task, message))?;
        let (memories, violations) = self.passing(task, memories).await?;
        let snapshot = snapshot(state)?;
        Ok(Recalled { policy, snapshot, held, variants, preferences, past, memories, violations, embedding })
    }

    /// The draw that this turn keeps to, if the task has such and one was made.
    async fn held(&self, task: &TaskRuntime) -> Result<Option<Decision>> {
        let query = DrawQuery::of_user(task.id.clone(), self.request.user.clone());
        let continued = self.request.conversation.as_ref().filter(|_| !self.request.begins);
        let query = match (task.sticky, continued) {
            (Sticky::User, _) => query,
            (Sticky::Conversation, Some(conversation)) => query.in_conversation(conversation.clone()),
            (Sticky::Conversation, None) | (Sticky::Decision, _) => return Ok(None),
        };
        Ok(self.inner.store.log().last_draw(&self.tenant, &query).await?)
    }

    /// The variants that the user has of sticky experiments, each as the first decision under it has it.
    async fn variants(&self, task: &TaskRuntime) -> Result<BTreeMap<ExperimentKey, VariantName>> {
        let mut held = BTreeMap::new();
        for running in task.experiments.iter().filter(|running| running.spec.is_sticky()) {
            let log = self.inner.store.log();
            let first = running.first_variant(log, &self.tenant, &self.request.user).await?;
            held.extend(first.map(|variant| (running.spec.key().clone(), variant)));
        }
        Ok(held)
    }

    fn state_query(&self, task: &TaskRuntime, policy: &dyn Policy) -> StateQuery {
        let query = StateQuery::default().with_user(self.request.user.clone());
        let mut query = query.with_policy(policy.hash().clone());
        query.segment = self.context().segment;
        // As far back as the policy looks that looks furthest.
        let variants =
            task.experiments.iter().flat_map(RunningExperiment::policies).map(|(_, policy)| policy);
        let histories = variants.map(|variant| variant.history(self.began));
        query.since = histories.fold(policy.history(self.began), |own, other| Some(own?.min(other?)));
        query
    }

    /// Memories, or none when they cannot be had in time: a turn does not fail for want of them.
    async fn memories_if_any(
        &self,
        task: &TaskRuntime,
        message: &str,
    ) -> Result<(Option<Vec<f32>>, Vec<String>)> {
        let shortest = task.strategies.iter().map(|strategy| strategy.limits.deadline).min();
        let patience = shortest.unwrap_or_default() / MEMORY_SHARE;
        let until = Instant::now() + patience;
        let call = Call::new(self.tenant.clone()).with_deadline(until).with_cancel(self.cancel.child_token());
        // However this ends, nobody goes on for it.
        let _stopping = call.cancel.clone().drop_guard();
        let recalling = AssertUnwindSafe(self.memories(task, message, &call)).catch_unwind();
        let why = match tokio::time::timeout_at(until, recalling).await {
            Ok(Ok(Ok(recalled))) => return Ok(recalled),
            Ok(Ok(Err(error))) => error.report(),
            Ok(Err(_)) => "the embedding model panicked".to_owned(),
            Err(_) => format!("no answer within {patience:?}"),
        };
        tracing::warn!(task = %task.id, error = why, "no memories could be recalled");
        metrics::counter!("helm_recall_failures_total", "task" => task.id.to_string()).increment(1);
        Ok((None, Vec::new()))
    }

    async fn memories(
        &self,
        task: &TaskRuntime,
        message: &str,
        call: &Call,
    ) -> Result<(Option<Vec<f32>>, Vec<String>)> {
        let wanted = task.strategies.iter().map(|strategy| strategy.retrieval.memories).max().unwrap_or(0);
        let Some(embedder) =
            self.inner.embedder.as_ref().filter(|_| wanted > 0 || task.remember || !task.similar.is_empty())
        else {
            return Ok((None, Vec::new()));
        };
        let embedding = embedder.embed(&[message.to_owned()], call).await?.into_iter().next();
        // A message without words embeds to nothing, and nothing is similar to it.
        let Some(embedding) = embedding.filter(|vector| vector.iter().any(|part| *part != 0.0)) else {
            return Ok((None, Vec::new()));
        };
        let own = Selection::of_user(self.request.user.clone(), collection(&**embedder));
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let query = VectorQuery::new(own, embedding.clone(), wanted);
        let hits = match query.k {
            0 => Vec::new(),
            _ => {
                let _inside = self.inner.intake.enter_again();
                self.inner.store.vectors().search(&self.tenant, &query).await?
            }
        };
        Ok((Some(embedding), hits.into_iter().map(|hit| hit.memory.text).collect()))
    }

    /// Memories as the guards let them pass, without those that they refuse, and what they found.
    async fn passing(
        &self,
        task: &TaskRuntime,
        memories: Vec<String>,
    ) -> Result<(Vec<String>, Vec<Violation>), Stop> {
        let (mut passed, mut found) = (Vec::with_capacity(memories.len()), Vec::new());
        for text in memories {
            let verdict = self.check(&task.guardrails, Stage::Retrieved, &text).await?;
            if !verdict.is_blocked() {
                passed.push(verdict.text(&text).to_owned());
            }
            found.extend(verdict.violations);
        }
        Ok((passed, found))
    }
}

/// The collection that messages are remembered in. Embeddings of different models cannot be compared, so each
/// model has its own.
pub(crate) fn collection(embedder: &dyn EmbeddingModel) -> String {
    format!("messages/{}@{}", embedder.name(), embedder.dimensions())
}

/// A policy's view of stored state. A prior that this build cannot read is treated as not yet estimated: it is
/// derived data, and the next estimate replaces it.
pub(crate) fn snapshot(state: BanditState) -> Result<Snapshot> {
    let prior = state.prior.and_then(|document| {
        let read = serde_json::from_value::<PriorEstimate>(document.body);
        read.inspect_err(
            |error| tracing::warn!(%error, "the stored prior cannot be read and is estimated anew"),
        )
        .ok()
    });
    Ok(Snapshot::from_rows(state.rows, prior)?)
}
