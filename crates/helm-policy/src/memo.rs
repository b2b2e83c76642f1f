//! Remembering the results of pure functions. Losing one costs time, nothing else.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// More results than this are not kept.
const CAPACITY: usize = 128;

/// The newest results by a fingerprint of their input.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    entries: Mutex<VecDeque<(u64, T)>>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<T: Clone> Memo<T> {
    pub(crate) fn get(&self, key: u64) -> Option<T> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().rev().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
    }

    pub(crate) fn put(&self, key: u64, value: T) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            entries.pop_front();
        }
        entries.push_back((key, value));
    }
}

/// A 64-bit hash of an input.
#[derive(Default)]
pub(crate) struct Fingerprint(DefaultHasher);

impl Fingerprint {
    pub(crate) fn add(&mut self, part: &impl Hash) {
        part.hash(&mut self.0);
    }

    pub(crate) fn finish(self) -> u64 {
        self.0.finish()
    }
}
