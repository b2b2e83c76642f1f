//! A cache in a map, as somebody would write a backend for Helm: one trait, and its conformance suite as the test of it
//! (`tests/laws.rs`). A store goes the same way, with more methods: `helm_store::conformance::run_all` holds it to the
//! laws of ours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use helm_core::{Clock, TenantId, Timestamp};
use helm_store::{Cache, CacheCapabilities, CacheEvent, CacheKey, Cached, FENCE, Notice, PutOutcome};

/// A cache in a map. Clones see the same map, as replicas see the same server.
#[derive(Clone)]
pub struct MapCache {
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    entries: HashMap<CacheKey, Entry>,
    listeners: Vec<UnboundedSender<CacheEvent>>,
}

/// What is known of a thing until its time ends.
struct Entry {
    /// `None` when only its revision is known, after an invalidation.
    value: Option<Bytes>,
    revision: u64,
    until: Timestamp,
}

impl MapCache {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, shared: Arc::default() }
    }

    /// What has not ended yet. A panic elsewhere leaves the map whole, for each change is one assignment.
    fn current(&self) -> MutexGuard<'_, Shared> {
        let now = self.clock.now();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.entries.retain(|_, entry| entry.until > now);
        shared
    }

    fn entry(&self, value: Option<Bytes>, revision: u64, ttl: Duration) -> Entry {
        let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
        let until = Timestamp::from_micros(self.clock.now().as_micros().saturating_add(ttl));
        Entry { value, revision, until }
    }
}

#[async_trait]
impl Cache for MapCache {
    fn capabilities(&self) -> CacheCapabilities {
        CacheCapabilities::new("map", false)
    }

    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let shared = self.current();
        let entry = shared.entries.get(key)?;
        Some(Cached { value: entry.value.clone()?, revision: entry.revision })
    }

    async fn put(&self, key: &CacheKey, value: Bytes, ttl: Duration) {
        let entry = self.entry(Some(value), 0, ttl);
        self.current().entries.insert(key.clone(), entry);
    }

    async fn put_if_newer(&self, key: &CacheKey, value: Bytes, revision: u64, ttl: Duration) -> PutOutcome {
        if ttl.is_zero() {
            return PutOutcome::Skipped;
        }
        let entry = self.entry(Some(value), revision, ttl);
        let mut shared = self.current();
        match shared.entries.get(key) {
            Some(known) if known.revision > revision => PutOutcome::Newer(known.revision),
            _ => {
                shared.entries.insert(key.clone(), entry);
                PutOutcome::Stored
            }
        }
    }

    async fn remove(&self, key: &CacheKey) {
        self.current().entries.remove(key);
    }

    async fn clear(&self, kind: &str, tenant: &TenantId) -> bool {
        let mut shared = self.current();
        shared.entries.retain(|key, _| key.kind() != kind || key.tenant() != tenant);
        shared.listeners.retain(|listener| listener.unbounded_send(CacheEvent::Missed).is_ok());
        true
    }

    async fn invalidate(&self, notice: &Notice) {
        let entry = self.entry(None, notice.revision, FENCE);
        let mut shared = self.current();
        if shared.entries.get(&notice.key).is_none_or(|known| known.revision < notice.revision) {
            shared.entries.insert(notice.key.clone(), entry);
        }
        // Whoever does not listen any more is not told again.
        shared.listeners.retain(|listener| listener.unbounded_send(CacheEvent::Changed(notice.clone())).is_ok());
    }

    fn notices(&self) -> BoxStream<'static, CacheEvent> {
        let (listener, events) = unbounded();
        self.current().listeners.push(listener);
        events.boxed()
    }
}
