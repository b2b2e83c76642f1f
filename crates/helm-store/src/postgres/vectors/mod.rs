//! Memories.
//!
//! With pgvector, collections of many memories are searched through an HNSW index, of which there is one for each
//! metric and dimension: Malkov and Yashunin (2018). What it finds is scored again from the rows, and when it finds
//! fewer than were asked for, every selected row is read and scored instead; so it is without the extension, too.
//!
//! No new memory waits for an index; one that is replaced or removed just while it is taken in waits some tens of
//! milliseconds. A memory that is written while there is one is marked as not in it, and found by reading
//! those that are so marked; building and feeding indexes is for [`VectorStore::build_indexes`](crate::VectorStore).
//!
//! Statements of a search are composed, for a filter is a tree, and an index is of a number of dimensions that the
//! statement must name. [`sql::Sql`] puts them together from constants, numbers and bound values.

mod collections;
mod filter;
mod index;
mod rows;
mod search;
mod seen;
mod sql;
mod store;

pub(super) use collections::{collection, hold as hold_collections, insert as insert_collections};
pub(super) use rows::put;
pub(super) use search::Embeddings;
pub(super) use seen::Seen;
