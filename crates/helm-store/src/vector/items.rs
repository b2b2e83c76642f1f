use helm_core::{DecisionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::collection::{Collection, Metric};
use super::filter::Filter;
use crate::error::Result;

/// A memory's id among its user's: the turn it came from and its number within that turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MemoryId {
    /// The turn.
    pub turn: DecisionId,
    /// Counted from 0.
    pub index: u32,
}

/// A text with its embedding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// Its id.
    pub id: MemoryId,
    /// Texts of one collection have embeddings of one model, so of one length.
    pub collection: String,
    /// The text.
    pub text: String,
    /// Its embedding: as many finite components as the collection has, not all zero if it compares by cosine.
    pub embedding: Vec<f32>,
    /// Anything else the application wants to keep, and to filter by.
    pub metadata: Value,
    /// When it was made.
    pub at: Timestamp,
}

/// Whose memories are meant, within one tenant. There is no default: who reads across users says so.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// One user's.
    User(UserId),
    /// All of the tenant's.
    Everyone,
}

impl Whose {
    /// The user, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Everyone => None,
        }
    }

    /// Whether memories of `user` are meant.
    #[must_use]
    pub fn includes(&self, user: &UserId) -> bool {
        self.user().is_none_or(|own| own == user)
    }
}

/// Which memories of a tenant are meant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Selection {
    /// Whose.
    pub whose: Whose,
    /// From which collection.
    pub collection: String,
    /// Only those that match. Default: all.
    pub filter: Option<Filter>,
}

impl Selection {
    /// One user's memories in a collection.
    pub fn of_user(user: UserId, collection: impl Into<String>) -> Self {
        Self { whose: Whose::User(user), collection: collection.into(), filter: None }
    }

    /// All memories of the tenant in a collection, whoever they belong to.
    pub fn of_everyone(collection: impl Into<String>) -> Self {
        Self { whose: Whose::Everyone, collection: collection.into(), filter: None }
    }

    /// Only those that match.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Whether a memory of a selected user and collection matches too.
    #[must_use]
    pub fn matches(&self, metadata: &Value, made: Timestamp) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(metadata, made))
    }

    /// Refuses a filter that no backend can evaluate.
    ///
    /// # Errors
    ///
    /// As [`Filter::check`].
    pub fn check(&self, backend: &'static str, operation: &'static str) -> Result<()> {
        self.filter.as_ref().map_or(Ok(()), |filter| filter.check(backend, operation))
    }
}

/// What to recall.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct VectorQuery {
    /// Among which memories.
    pub selection: Selection,
    /// The embedding to be similar to.
    pub embedding: Vec<f32>,
    /// How many at most.
    pub k: usize,
    /// The metric that the caller takes the collection to have; another one is refused. Default: not checked.
    pub metric: Option<Metric>,
}

impl VectorQuery {
    /// The `k` memories of a selection most similar to `embedding`.
    #[must_use]
    pub fn new(selection: Selection, embedding: Vec<f32>, k: usize) -> Self {
        Self { selection, embedding, k, metric: None }
    }

    /// Only memories that match.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.selection.filter = Some(filter);
        self
    }

    /// Refuses a collection of another metric.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        self.metric = Some(metric);
        self
    }

    /// Refuses what cannot be compared with the memories of `collection`; when there is no such collection, with
    /// those of any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), as the checks of [`Collection`] and [`Filter`] say.
    pub fn check(
        &self,
        backend: &'static str,
        operation: &'static str,
        collection: Option<&Collection>,
    ) -> Result<()> {
        self.selection.check(backend, operation)?;
        match collection {
            Some(collection) => {
                collection.check_metric(backend, operation, self.metric)?;
                collection.check_embedding(backend, operation, &self.embedding)
            }
            None => {
                let any = Collection::new(&*self.selection.collection, self.embedding.len());
                let any = any.with_metric(self.metric.unwrap_or_default());
                any.check(backend, operation)?;
                any.check_embedding(backend, operation, &self.embedding)
            }
        }
    }
}

/// A recalled memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hit {
    /// Whose it is.
    pub user: UserId,
    /// The memory.
    pub memory: Memory,
    /// How similar it is, as the collection's [`Metric`] says; larger is better.
    pub score: f64,
}

impl Hit {
    /// A memory of `user` that was found with this score.
    #[must_use]
    pub fn new(user: UserId, memory: Memory, score: f64) -> Self {
        Self { user, memory, score }
    }
}
