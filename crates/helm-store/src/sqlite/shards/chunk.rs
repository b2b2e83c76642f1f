use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use helm_core::Timestamp;
use serde_json::Value;

use super::codes::{Measure, encode};
use crate::vector::Metric;

/// Memories in one chunk: so many are copied when a change meets a scan, and a scan takes no lock.
pub(super) const CHUNK: usize = 1_024;

/// What a shard knows of a memory besides its codes.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) measure: Measure,
    /// Its owner's number in the shard.
    pub(super) owner: u32,
    /// Its row's number.
    pub(super) row: i64,
    pub(super) at: Timestamp,
    pub(super) facts: Facts,
}

/// Metadata, kept once however many memories have it.
#[derive(Clone)]
pub(in crate::sqlite) struct Facts(Arc<(Box<str>, Value)>);

impl Facts {
    pub(in crate::sqlite) fn parse(text: &str) -> serde_json::Result<Self> {
        Ok(Self(Arc::new((text.into(), serde_json::from_str(text)?))))
    }

    pub(super) fn value(&self) -> &Value {
        &self.0.1
    }

    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        96 + self.0.0.len() + crate::batch::size::json(&self.0.1)
    }
}

impl Borrow<str> for Facts {
    fn borrow(&self) -> &str {
        &self.0.0
    }
}

impl Hash for Facts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl Eq for Facts {}

/// Up to [`CHUNK`] memories, their codes one after the other.
#[derive(Clone, Default)]
pub(super) struct Chunk {
    codes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Chunk {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn push(&mut self, metric: Metric, embedding: &[f32], entry: impl FnOnce(Measure) -> Entry) {
        let measure = encode(metric, embedding, &mut self.codes);
        self.entries.push(entry(measure));
    }

    /// Takes the last memory out: its codes and the rest.
    pub(super) fn pop(&mut self, dimension: usize) -> Option<(Vec<u8>, Entry)> {
        let entry = self.entries.pop()?;
        Some((self.codes.split_off(self.codes.len().saturating_sub(dimension)), entry))
    }

    /// Puts a memory in another's place; answers the other.
    pub(super) fn replace(&mut self, place: usize, codes: &[u8], entry: Entry) -> Option<Entry> {
        let begin = place * codes.len();
        self.codes.get_mut(begin..begin + codes.len())?.copy_from_slice(codes);
        Some(std::mem::replace(self.entries.get_mut(place)?, entry))
    }

    /// Every memory with its codes.
    pub(super) fn iter(&self, dimension: usize) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.codes.chunks_exact(dimension.max(1)).zip(&self.entries)
    }
}
