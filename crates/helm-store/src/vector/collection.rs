use serde::{Deserialize, Serialize};

use super::score::Scorer;
use crate::error::{Error, ErrorKind, Result};

/// The most components an embedding may have: what pgvector stores.
pub const MOST_DIMENSIONS: usize = 16_000;

/// The longest name of a collection, in bytes.
const LONGEST_NAME: usize = 256;

/// How similar two embeddings are. Larger scores are better under each of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The cosine of the angle between them, from -1 to 1. Lengths do not matter, so a zero vector is refused.
    #[default]
    Cosine,
    /// Their inner product, any number. For embeddings of length 1 it is the cosine, and cheaper.
    InnerProduct,
    /// Their Euclidean distance, negated: 0 for equal embeddings, less for others.
    L2,
}

impl Metric {
    /// The name under which it is stored: `cosine`, `inner_product`, `l2`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::InnerProduct => "inner_product",
            Self::L2 => "l2",
        }
    }

    /// The metric of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cosine, Self::InnerProduct, Self::L2].into_iter().find(|metric| metric.as_str() == name)
    }

    /// The score of two embeddings of one length, summed in double precision. Every backend answers exactly this
    /// number for what it found.
    #[must_use]
    pub fn score(self, query: &[f32], embedding: &[f32]) -> f64 {
        Scorer::new(self, query).score(embedding)
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Memories whose embeddings can be compared with each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Collection {
    /// Its name, unique in the tenant: 1 to 256 bytes, no control characters.
    pub name: String,
    /// How its embeddings are compared.
    pub metric: Metric,
    /// How many components its embeddings have, from 1 to [`MOST_DIMENSIONS`].
    pub dimension: usize,
}

/// A collection and what is in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CollectionInfo {
    /// The collection.
    pub collection: Collection,
    /// How many memories it holds, all users together.
    pub memories: u64,
}

impl CollectionInfo {
    /// This many memories in `collection`.
    #[must_use]
    pub fn new(collection: Collection, memories: u64) -> Self {
        Self { collection, memories }
    }
}

impl Collection {
    /// A collection compared by cosine.
    pub fn new(name: impl Into<String>, dimension: usize) -> Self {
        Self { name: name.into(), metric: Metric::default(), dimension }
    }

    /// Sets how its embeddings are compared.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Refuses a name or dimension that no collection can have.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] then.
    pub fn check(&self, backend: &'static str, operation: &'static str) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::Invalid, backend, operation, message));
        let fits = (1..=LONGEST_NAME).contains(&self.name.len());
        if !fits || self.name.chars().any(char::is_control) {
            return refuse(format!(
                "a collection's name has 1 to {LONGEST_NAME} bytes and no control characters"
            ));
        }
        if !(1..=MOST_DIMENSIONS).contains(&self.dimension) {
            let (name, found) = (&self.name, self.dimension);
            return refuse(format!(
                "collection {name:?}: expected embeddings of 1 to {MOST_DIMENSIONS} components, found {found}"
            ));
        }
        Ok(())
    }

    /// Refuses an embedding that cannot be compared with this collection's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when it has another length, holds NaN or infinity, or is all zeros under
    /// [`Metric::Cosine`]. The message names the collection, what was expected and what was found.
    pub fn check_embedding(
        &self,
        backend: &'static str,
        operation: &'static str,
        embedding: &[f32],
    ) -> Result<()> {
        let name = &self.name;
        let refuse = |message: String| Err(Error::new(ErrorKind::Invalid, backend, operation, message));
        if embedding.len() != self.dimension {
            let (expected, found) = (self.dimension, embedding.len());
            return refuse(format!(
                "collection {name:?}: expected embeddings of {expected} components, found {found}"
            ));
        }
        if let Some((place, part)) = embedding.iter().enumerate().find(|(_, part)| !part.is_finite()) {
            return refuse(format!(
                "collection {name:?}: expected finite components, found {part} at position {place}"
            ));
        }
        if self.metric == Metric::Cosine && embedding.iter().all(|part| *part == 0.0) {
            return refuse(format!(
                "collection {name:?}: expected a direction to take the cosine of, found an embedding of zeros"
            ));
        }
        Ok(())
    }

    /// Refuses to be asked for another metric than its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] then.
    pub fn check_metric(
        &self,
        backend: &'static str,
        operation: &'static str,
        asked: Option<Metric>,
    ) -> Result<()> {
        match asked {
            Some(asked) if asked != self.metric => {
                let (name, metric) = (&self.name, self.metric);
                let message = format!("collection {name:?}: expected the metric {metric}, found {asked}");
                Err(Error::new(ErrorKind::Invalid, backend, operation, message))
            }
            _ => Ok(()),
        }
    }

    /// Whether creating `wanted` again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when this collection, of the same name, has another metric or dimension.
    pub fn check_same(&self, backend: &'static str, operation: &'static str, wanted: &Self) -> Result<()> {
        if self == wanted {
            return Ok(());
        }
        let message = format!(
            "collection {:?}: expected {} of {} components as it exists, found {} of {}; drop it first or choose another name",
            self.name, self.metric, self.dimension, wanted.metric, wanted.dimension
        );
        Err(Error::new(ErrorKind::Conflict, backend, operation, message))
    }
}
