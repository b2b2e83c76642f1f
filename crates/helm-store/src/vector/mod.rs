//! Memories: texts with embeddings, recalled by similarity.
//!
//! # What every backend does alike
//!
//! - **Collections.** A tenant's memories live in collections. A collection has one [`Metric`] and one dimension,
//!   fixed by [`VectorStore::create_collection`] or by its first memory (then the metric is cosine). It keeps them
//!   when its last memory is deleted; [`VectorStore::drop_collection`] ends it. Two tenants' collections of one
//!   name have nothing in common.
//! - **Owners.** A memory belongs to one user, and its [`MemoryId`] is that user's: two users may have memories of
//!   the same id. A [`Selection`] says whose memories it means; there is no default.
//! - **Scores.** Larger is better under every metric; see [`Metric`]. Ties are broken by the smaller memory id,
//!   then by the smaller user id.
//! - **Filters** are [`Filter::matches`], no more and no less: two-valued, so what is missing does not match and
//!   its negation does.
//! - **Moments.** A committed memory is found by the next search, also one that came with a turn; a deleted one is
//!   found by none.
//!
//! # What a backend over PostgreSQL has to mind
//!
//! At most [`MOST_DIMENSIONS`] components, as pgvector stores them. [`Capabilities`](crate::Capabilities) aside,
//! approximate search is allowed only in which memories are found, never in fewer than `k` where `k` match, in
//! their scores, or in their order: rescore what the index returns with [`Metric::score`]. A filter becomes
//! `coalesce(..., false)` at every leaf; a path goes through objects only (`strict` JSON path), integers are compared
//! as `jsonb`, other numbers as `float8`, and times only after the grammar of [`Filter::Time`] was checked.

mod collection;
mod filter;
mod items;
mod score;
mod store;
mod top;

pub use collection::{Collection, CollectionInfo, MOST_DIMENSIONS, Metric};
pub use filter::{Filter, MetadataPath, Scalar};
pub use items::{Hit, Memory, MemoryId, Selection, VectorQuery, Whose};
pub(crate) use score::Scorer;
pub use store::VectorStore;
pub(crate) use top::{Rank, Top};
