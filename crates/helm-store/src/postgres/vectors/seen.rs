use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::CollectionKey;
use crate::vector::Collection;

/// How long what was seen is tried first.
const FRESH: Duration = Duration::from_secs(1);
/// How many collections are remembered at most.
const MOST: usize = 4_096;

/// Collections as they were a moment ago, which spares a search a question to the server. Nothing is answered by that
/// alone: rows that are found are of a collection that is there as it was, for those of another go with it; whoever
/// finds too few has to look again.
#[derive(Default)]
pub(in super::super) struct Seen {
    collections: Mutex<HashMap<CollectionKey, (Instant, Stored)>>,
}

/// A collection, and whether there is an index for it that can be used.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) collection: Collection,
    pub(super) indexed: bool,
}

impl Seen {
    /// The collection, if it was seen a moment ago.
    pub(super) fn get(&self, key: &CollectionKey) -> Option<Stored> {
        let collections = self.locked();
        let (at, stored) = collections.get(key)?;
        (at.elapsed() < FRESH).then(|| stored.clone())
    }

    /// Notes what was seen just now.
    pub(super) fn note(&self, key: CollectionKey, stored: Stored) {
        let mut collections = self.locked();
        if collections.len() >= MOST {
            collections.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if collections.len() < MOST {
            collections.insert(key, (Instant::now(), stored));
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<CollectionKey, (Instant, Stored)>> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
