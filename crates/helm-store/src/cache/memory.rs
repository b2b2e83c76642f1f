use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use helm_core::{Clock, SystemClock, TenantId, Timestamp};
use moka::{Expiry, future::Cache as Moka, ops::compute::Op};
use tokio::sync::broadcast;

use super::level::LONGEST_TTL;
use super::notice::{BACKLOG, events};
use super::{Cache, CacheCapabilities, CacheEvent, CacheKey, Cached, FENCE, Notice, PutOutcome};

/// A [`Cache`] in this process, bounded in bytes. Clones share what they hold and their notices, so they stand
/// for the replicas of a shared cache.
#[derive(Clone)]
pub struct MemoryCache {
    held: Moka<CacheKey, Held>,
    clock: Arc<dyn Clock>,
    events: broadcast::Sender<CacheEvent>,
}

/// How a [`MemoryCache`] is made.
#[derive(Clone)]
#[non_exhaustive]
pub struct MemoryCacheOptions {
    /// How many bytes keys and values may take; what is used least goes first. Default: 64 MiB.
    pub max_bytes: u64,
    /// Where the time comes from. Default: the system's clock.
    pub clock: Arc<dyn Clock>,
}

/// What is held for a key: without bytes, only the knowledge that the thing is at a revision.
#[derive(Clone)]
struct Held {
    value: Option<Bytes>,
    revision: u64,
    until: Timestamp,
    ttl: Duration,
}

impl Default for MemoryCacheOptions {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, clock: Arc::new(SystemClock) }
    }
}

impl MemoryCacheOptions {
    /// Sets how many bytes keys and values may take.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets where the time comes from.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl MemoryCache {
    /// An empty cache.
    #[must_use]
    pub fn new(options: MemoryCacheOptions) -> Self {
        let held = Moka::builder().max_capacity(options.max_bytes).weigher(weight).expire_after(Ttl);
        Self { held: held.build(), clock: options.clock, events: broadcast::Sender::new(BACKLOG) }
    }

    /// Puts `new` in place of what is held, unless that is newer; the newer revision then.
    async fn replace(&self, key: &CacheKey, new: Held) -> Option<u64> {
        let (mut newer, now) = (None, self.clock.now());
        let compute = self.held.entry_by_ref(key).and_compute_with(|entry| {
            let held = entry.map(moka::Entry::into_value).filter(|held| held.until > now);
            newer = held.map(|held| held.revision).filter(|revision| *revision > new.revision);
            std::future::ready(if newer.is_some() { Op::Nop } else { Op::Put(new) })
        });
        compute.await;
        newer
    }

    fn held(&self, value: Option<Bytes>, revision: u64, ttl: Duration) -> Held {
        let ttl = ttl.min(LONGEST_TTL);
        Held { value, revision, until: self.clock.now().after(ttl), ttl }
    }
}

#[async_trait]
impl Cache for MemoryCache {
    fn capabilities(&self) -> CacheCapabilities {
        CacheCapabilities::new("memory", false)
    }

    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let held = self.held.get(key).await.filter(|held| held.until > self.clock.now())?;
        Some(Cached { value: held.value?, revision: held.revision })
    }

    async fn put(&self, key: &CacheKey, value: Bytes, ttl: Duration) {
        if ttl.is_zero() {
            return self.remove(key).await;
        }
        self.held.insert(key.clone(), self.held(Some(value), 0, ttl)).await;
    }

    async fn put_if_newer(&self, key: &CacheKey, value: Bytes, revision: u64, ttl: Duration) -> PutOutcome {
        if ttl.is_zero() {
            return PutOutcome::Skipped;
        }
        let newer = self.replace(key, self.held(Some(value), revision, ttl)).await;
        newer.map_or(PutOutcome::Stored, PutOutcome::Newer)
    }

    async fn remove(&self, key: &CacheKey) {
        self.held.invalidate(key).await;
    }

    async fn invalidate(&self, notice: &Notice) {
        let held = self.held.get(&notice.key).await.filter(|held| held.until > self.clock.now());
        // What is already at this revision is the change itself.
        if held.is_none_or(|held| held.revision < notice.revision) {
            self.replace(&notice.key, self.held(None, notice.revision, FENCE)).await;
        }
        // Nobody listens: then nobody has to be told.
        let _ = self.events.send(CacheEvent::Changed(notice.clone()));
    }

    async fn clear(&self, kind: &str, tenant: &TenantId) -> bool {
        let meant = |key: &CacheKey| key.kind() == kind && key.tenant() == tenant;
        let keys: Vec<_> = self.held.iter().filter(|(key, _)| meant(key)).map(|(key, _)| key).collect();
        for key in keys {
            self.held.invalidate(&*key).await;
        }
        // Nobody listens: then nobody has to be told.
        let _ = self.events.send(CacheEvent::Missed);
        true
    }

    fn notices(&self) -> BoxStream<'static, CacheEvent> {
        events(&self.events)
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("bytes", &self.held.weighted_size()).finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryCacheOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCacheOptions").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

fn weight(key: &CacheKey, held: &Held) -> u32 {
    let bytes = key.weight() + size_of::<Held>() + held.value.as_ref().map_or(0, Bytes::len);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Gives the memory back when nothing asks for the key any more; the answer to those who ask is the clock's.
struct Ttl;

impl Expiry<CacheKey, Held> for Ttl {
    fn expire_after_create(&self, _: &CacheKey, held: &Held, _: Instant) -> Option<Duration> {
        Some(held.ttl)
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        held: &Held,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(held.ttl)
    }
}
