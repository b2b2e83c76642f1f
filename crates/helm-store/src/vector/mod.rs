//! Memories: texts with embeddings, recalled by similarity. What every backend does alike is said at
//! [`VectorStore`].
//!
//! # What a backend over PostgreSQL has to mind
//!
//! At most [`MOST_DIMENSIONS`] components, as pgvector stores them. [`Capabilities`](crate::Capabilities) aside,
//! approximate search is allowed only in which memories are found, never in fewer than `k` where `k` match, in
//! their scores, or in their order: rescore what the index returns with [`Metric::score`]. A filter becomes
//! `coalesce(..., false)` at every leaf; a path goes through objects only (`strict` JSON path), integers are compared
//! as `jsonb`, other numbers as `float8`, and times only after the grammar of [`Filter::Time`] was checked.

mod begin;
mod collection;
mod filter;
mod items;
mod scalar;
mod score;
mod store;
mod top;

pub(crate) use begin::check_memories;
pub use collection::{Collection, CollectionInfo, MOST_DIMENSIONS, Metric};
pub use filter::Filter;
pub use items::{Hit, Memory, MemoryId, Selection, VectorQuery, Whose};
pub use scalar::{MetadataPath, Scalar};
pub(crate) use score::Scorer;
#[cfg(feature = "sqlite")]
pub(crate) use score::sum;
pub use store::VectorStore;
pub(crate) use top::{Rank, Top};
