//! Answers that are used again for questions that mean the same, for strategies that say so.

mod alike;
#[cfg(test)]
mod measured;

use std::time::Duration;

use helm_core::{
    DecisionId, ModelName, NanoUsd, Part, Role, StrategyId, TaskId, TenantId, Timestamp, UnitInterval, Usage,
};
use helm_llm::{ChatRequest, ChatResponse, EmbeddingModel, Finish, FinishReason};
use helm_store::{CacheKey, Filter, Hit, Memory, MemoryId, Selection, VectorQuery};
use serde::{Deserialize, Serialize};

use crate::inner::Inner;

/// The kind of what is kept.
const KIND: &str = "similar";
/// How many of the most similar questions are looked at.
const LOOKED_AT: usize = 4;
/// The longest answer that is kept, in bytes.
const MOST_OF_ANSWER: usize = 64 << 10;
/// Beside its question, of which a memory may be kept.
const INDEX: u32 = 1;
/// One in so many turns that keep an answer removes what has expired.
const SWEEP: u8 = 32;

/// When the answer to one question is used again for another, within a tenant, a task and one version of a strategy,
/// whoever asked it. Off unless a task [says so](crate::Task::with_semantic_cache).
///
/// Only whole questions count: turns without history, tools, a form or pictures, whose message the input guards left as
/// it was, under a prompt that says nothing of preferences and memories and is the same to the letter; so one that names
/// the user is of that user. Questions that differ in a number, a negation, the order of the words they share, or in a
/// few words among many are different ones, however similar their embeddings are.
///
/// An answer that is used again passes the output guards and is evaluated like any other, costs nothing, and says
/// [whose it is](crate::TurnResponse::similar_to).
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct SemanticCache {
    /// How similar the embeddings must be at least, as a cosine. Default: 0.97.
    pub similarity: UnitInterval,
    /// How long an answer is used again. Default: an hour.
    pub ttl: Duration,
}

impl SemanticCache {
    /// Answers are used again when questions are this similar, for so long.
    #[must_use]
    pub const fn new(similarity: UnitInterval, ttl: Duration) -> Self {
        Self { similarity, ttl }
    }
}

/// The turn whose answer was used again.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SimilarTurn {
    /// The turn.
    pub decision: DecisionId,
    /// How similar its question was, as a cosine.
    pub similarity: f64,
}

/// A question whose answer may be another's, or may become one's.
#[derive(Clone)]
pub(crate) struct Question {
    text: String,
    embedding: Vec<f32>,
    collection: String,
    /// All that is asked beside its text, as a digest.
    key: String,
    cache: SemanticCache,
}

/// Where a question is asked: answers stay within a tenant, a task and one version of a strategy.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) task: &'a TaskId,
    pub(crate) strategy: &'a StrategyId,
    pub(crate) embedder: &'a dyn EmbeddingModel,
}

/// What is kept beside a question.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    /// In microseconds.
    until: i64,
    answer: String,
    model: Option<ModelName>,
}

impl Question {
    /// The question of a request; `None` when there is more to it than its text.
    pub(crate) fn of(
        request: &ChatRequest,
        message: &str,
        embedding: &[f32],
        place: Place<'_>,
        cache: SemanticCache,
    ) -> Option<Self> {
        let (last, before) = request.messages.split_last()?;
        let plain = last.parts.iter().all(|part| matches!(part, Part::Text { .. }));
        let alone = last.role == Role::User && before.iter().all(|message| message.role == Role::System);
        let free = request.tools.is_empty() && request.output.is_none();
        if !(plain && alone && free && last.joined_text() == message) {
            return None;
        }
        let mut rest = request.clone();
        rest.messages.pop();
        let rest = serde_json::to_string(&rest).ok()?;
        let Place { tenant, task, strategy, embedder } = place;
        // Names have no line breaks.
        let key = CacheKey::new(KIND, tenant.clone(), format!("{task}\n{strategy}\n{rest}")).digest();
        let collection = format!("answers/{}@{}", embedder.name(), embedder.dimensions());
        Some(Self { text: message.to_owned(), embedding: embedding.to_vec(), collection, key, cache })
    }

    /// What was answered to one like it.
    pub(crate) async fn find(&self, inner: &Inner, tenant: &TenantId) -> Option<(ChatResponse, SimilarTurn)> {
        let now = inner.clock.now().as_micros() as f64;
        let fresh =
            Filter::All(vec![Filter::equals("key", self.key.as_str()), Filter::number("until", now..)]);
        let selection = Selection::of_everyone(&*self.collection).with_filter(fresh);
        let query = VectorQuery::new(selection, self.embedding.clone(), LOOKED_AT);
        let _inside = inner.intake.enter_again();
        let hits = inner.store.vectors().search(tenant, &query).await;
        let hits =
            hits.inspect_err(|error| tracing::warn!(%error, "no similar question could be looked for"));
        hits.ok()?.iter().find_map(|hit| self.answered_by(hit))
    }

    fn answered_by(&self, hit: &Hit) -> Option<(ChatResponse, SimilarTurn)> {
        let near = hit.score >= self.cache.similarity.get();
        if !near || alike::differ(&self.text, &hit.memory.text) {
            return None;
        }
        let kept: Kept = serde_json::from_value(hit.memory.metadata.clone()).ok()?;
        let mut finish = Finish::new(FinishReason::Stop)
            .with_usage(Some(Usage::default()))
            .with_cost(Some(NanoUsd::from_nanos(0)));
        finish.model = kept.model;
        let similar = SimilarTurn { decision: hit.memory.id.turn, similarity: hit.score };
        Some((ChatResponse::new(kept.answer, finish), similar))
    }

    /// What keeps its answer.
    pub(crate) fn answered(
        &self,
        turn: DecisionId,
        at: Timestamp,
        answer: &str,
        finish: &Finish,
    ) -> Option<Memory> {
        if answer.trim().is_empty() || answer.len() > MOST_OF_ANSWER {
            return None;
        }
        let until = at.after(self.cache.ttl).as_micros();
        let (key, answer, model) = (self.key.clone(), answer.to_owned(), finish.model.clone());
        Some(Memory {
            id: MemoryId { turn, index: INDEX },
            collection: self.collection.clone(),
            text: self.text.clone(),
            embedding: self.embedding.clone(),
            metadata: serde_json::to_value(Kept { key, until, answer, model }).ok()?,
            at,
        })
    }
}

/// Removes what has expired of a tenant, now and then: losing this work loses nothing.
pub(crate) fn sweep(inner: &std::sync::Arc<Inner>, tenant: &TenantId, turn: DecisionId, kept: &Memory) {
    if !turn.as_bytes().last().is_some_and(|byte| byte.is_multiple_of(SWEEP)) {
        return;
    }
    let expired = Filter::number("until", ..inner.clock.now().as_micros() as f64);
    let selection = Selection::of_everyone(&*kept.collection).with_filter(expired);
    let (shared, tenant) = (std::sync::Arc::clone(inner), tenant.clone());
    inner.pool.submit(async move {
        if let Err(error) = shared.store.vectors().delete_where(&tenant, &selection).await {
            tracing::warn!(%error, "expired answers could not be removed");
        }
    });
}
