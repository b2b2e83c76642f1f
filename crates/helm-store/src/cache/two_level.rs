use std::{fmt, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use helm_core::{TenantId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::level::LONGEST_TTL;
use super::metrics::Counters;
use super::near::{Entry, Near, jittered};
use super::{CacheEvent, CacheKey, Notice, PutOutcome, TwoLevelOptions, codec};

/// How often a source is read when changes overtake the reading.
const READS: usize = 2;

/// What a thing is, and at which revision.
pub struct Versioned<V> {
    /// The thing, or that there is none.
    pub value: Option<Arc<V>>,
    /// Its revision, which every commit that changes it raises; 0 when it never existed.
    pub revision: u64,
}

impl<V> Versioned<V> {
    /// A thing that exists.
    pub fn present(value: V, revision: u64) -> Self {
        Self { value: Some(Arc::new(value)), revision }
    }

    /// That there is no such thing.
    #[must_use]
    pub fn absent(revision: u64) -> Self {
        Self { value: None, revision }
    }
}

impl<V> Clone for Versioned<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), revision: self.revision }
    }
}

impl<V: fmt::Debug> fmt::Debug for Versioned<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned").field("value", &self.value).field("revision", &self.revision).finish()
    }
}

impl<V: PartialEq> PartialEq for Versioned<V> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.revision == other.revision
    }
}

/// Decoded values of one kind in this process, over the bytes of an optional second level that replicas share.
///
/// - A value comes from the first level, else from the second, else from its source, which the caller gives. All
///   that miss a key at once wait for one read; if the caller that makes it goes away, the next one does.
/// - That a thing does not exist is kept too, for a shorter time.
/// - After its commit a writer calls [`TwoLevel::invalidate`] or [`TwoLevel::replace`]. From then on this replica
///   answers nothing older, and neither do others once the notice has reached them, if they run
///   [`TwoLevel::follow`]. A read that the change overtook is made again. Without notices the time to live bounds
///   how old an answer can be.
/// - Bytes in the second level that this build did not write, or that are damaged, are a miss.
///
/// Clones share everything. A metrics recorder that is to count must be installed before the cache is made.
///
/// # Examples
///
/// ```
/// use helm_core::TenantId;
/// use helm_store::{TwoLevel, TwoLevelOptions, Versioned};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = TwoLevel::<String>::new("preferences", TwoLevelOptions::default());
/// let tenant = TenantId::single();
/// // What stands for a query that could fail.
/// let load = || async { Ok::<_, std::io::Error>(Versioned::present("formal".to_owned(), 3)) };
/// let found = cache.get(&tenant, "ana", load).await?;
/// assert_eq!(found.value.as_deref().map(String::as_str), Some("formal"));
/// // Somebody has committed revision 4.
/// cache.invalidate(&tenant, "ana", 4).await;
/// # Ok(())
/// # }
/// ```
pub struct TwoLevel<V> {
    inner: Arc<Inner<V>>,
}

struct Inner<V> {
    kind: &'static str,
    near: Near<V>,
    options: TwoLevelOptions,
    counters: Counters,
}

/// A value as the second level keeps it.
#[derive(Serialize, Deserialize)]
struct Kept<V> {
    /// When its source was read, in microseconds since the Unix epoch.
    at: i64,
    value: Option<V>,
}

impl<V> TwoLevel<V>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// An empty cache of values of this kind, a word of the program such as `preferences`.
    #[must_use]
    pub fn new(kind: &'static str, mut options: TwoLevelOptions) -> Self {
        options.ttl = options.ttl.min(LONGEST_TTL);
        options.negative_ttl = options.negative_ttl.min(LONGEST_TTL);
        let longest = options.ttl.max(options.negative_ttl) * 11 / 10;
        let (near, counters) = (Near::new(options.max_bytes, longest), Counters::new(kind));
        Self { inner: Arc::new(Inner { kind, near, options, counters }) }
    }

    /// The thing called `name`, from the cache or else from its source: `load`, which may be called again when
    /// a change overtook it.
    ///
    /// # Errors
    ///
    /// What `load` answered, for all that waited for it. Errors are not kept.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future leaves the cache as it was; another waiting caller reads the source.
    pub async fn get<E, F>(
        &self,
        tenant: &TenantId,
        name: &str,
        load: impl Fn() -> F,
    ) -> Result<Versioned<V>, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Versioned<V>, E>>,
    {
        let inner = &*self.inner;
        if inner.options.ttl.is_zero() {
            inner.counters.misses.increment(1);
            return load().await.map_err(Arc::new);
        }
        let (key, now) = (self.key(tenant, name), inner.options.clock.now());
        if let Some(found) = inner.near.get(&key, now).await {
            inner.counters.near.increment(1);
            return Ok(found);
        }
        let mut reads = 1;
        loop {
            let entry = inner.near.get_or_load(&key, now, inner.fetch(&key, &load)).await?;
            // What was overtaken is not kept. If it is again, then the source itself is behind what was
            // announced, as a database's read replica can be, and nobody knows better.
            if inner.near.is_current(&key, &entry).await || reads == READS {
                return Ok(entry.found);
            }
            reads += 1;
        }
    }

    /// Says that a thing is now at `revision`, once that has been committed: older values are forgotten here, in
    /// the second level, and by the replicas that follow.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future may leave older values in the second level and in other replicas; call it again.
    pub async fn invalidate(&self, tenant: &TenantId, name: &str, revision: u64) {
        let key = self.key(tenant, name);
        self.inner.near.raise(&key, revision).await;
        if let Some(far) = &self.inner.options.far {
            far.invalidate(&Notice { key, revision }).await;
        }
    }

    /// As [`TwoLevel::invalidate`], and keeps what has been committed, so that nobody has to read it.
    ///
    /// # Cancellation safety
    ///
    /// As of [`TwoLevel::invalidate`].
    pub async fn replace(&self, tenant: &TenantId, name: &str, committed: Versioned<V>) {
        let (inner, revision) = (&*self.inner, committed.revision);
        self.invalidate(tenant, name, revision).await;
        let (key, at, epoch) = (self.key(tenant, name), inner.options.clock.now(), inner.near.epoch(tenant));
        if let Some(entry) = inner.keep(&key, committed, at, epoch).await {
            inner.near.put(&key, entry).await;
        }
    }

    /// Forgets everything of a tenant, in both levels, and by the replicas that [follow](TwoLevel::follow), which read other
    /// tenants' values anew, too: a second level tells no more than that. Answers whether it could be reached.
    ///
    /// # Cancellation safety
    ///
    /// Dropping the future may leave values in either level; call it again.
    pub async fn clear(&self, tenant: &TenantId) -> bool {
        let cleared = match &self.inner.options.far {
            Some(far) => far.clear(self.inner.kind, tenant).await,
            None => true,
        };
        self.inner.near.forget(tenant).await;
        cleared
    }

    /// Forgets what other replicas announce. Its caller spawns it and stops it by dropping it; it ends by itself
    /// when the second level closes, and at once without one. Notices count from this call on, not from the first
    /// poll.
    pub fn follow(&self) -> impl Future<Output = ()> + Send + 'static {
        let (inner, far) = (Arc::clone(&self.inner), self.inner.options.far.clone());
        let events = far.map(|far| far.notices());
        async move {
            if let Some(events) = events {
                inner.follow(events).await;
            }
        }
    }

    fn key(&self, tenant: &TenantId, name: &str) -> CacheKey {
        CacheKey::new(self.inner.kind, tenant.clone(), name)
    }
}

impl<V> Inner<V>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// A miss of the first level: the second, else the source.
    async fn fetch<E, F: Future<Output = Result<Versioned<V>, E>>>(
        &self,
        key: &CacheKey,
        load: &impl Fn() -> F,
    ) -> Result<Entry<V>, E> {
        let (epoch, at) = (self.near.epoch(key.tenant()), self.options.clock.now());
        if let Some(entry) = self.fetch_far(key, at, epoch).await {
            self.counters.far.increment(1);
            return Ok(entry);
        }
        self.counters.misses.increment(1);
        let found = load().await?;
        let entry = self.entry(key, &found, at, epoch, 0);
        Ok(self.keep(key, found, at, epoch).await.unwrap_or(entry))
    }

    async fn fetch_far(&self, key: &CacheKey, now: Timestamp, epoch: u64) -> Option<Entry<V>> {
        let cached = self.options.far.as_ref()?.get(key).await?;
        let Some(kept) = codec::decode::<Kept<V>>(self.options.version, &cached.value) else {
            self.counters.damaged.increment(1);
            return None;
        };
        let found = Versioned { value: kept.value.map(Arc::new), revision: cached.revision };
        // A clock that is ahead of this one must not make a value live longer.
        let at = Timestamp::from_micros(kept.at).min(now);
        let entry = self.entry(key, &found, at, epoch, cached.value.len());
        (entry.until > now && self.near.fence(key).await <= cached.revision).then_some(entry)
    }

    /// Puts what was read at `at` into the second level; what the first level is to hold. `None` when the value
    /// cannot be encoded, so that its size is unknown.
    async fn keep(&self, key: &CacheKey, found: Versioned<V>, at: Timestamp, epoch: u64) -> Option<Entry<V>> {
        let kept = Kept { at: at.as_micros(), value: found.value.as_deref() };
        let bytes = codec::encode(self.options.version, &kept)?;
        let entry = self.entry(key, &found, at, epoch, bytes.len());
        if let PutOutcome::Newer(revision) = self.put_far(key, bytes, &entry).await {
            self.near.raise(key, revision).await;
        }
        Some(entry)
    }

    async fn put_far(&self, key: &CacheKey, bytes: Bytes, entry: &Entry<V>) -> PutOutcome {
        match &self.options.far {
            Some(far) => far.put_if_newer(key, bytes, entry.found.revision, entry.ttl).await,
            None => PutOutcome::Skipped,
        }
    }

    fn entry(
        &self,
        key: &CacheKey,
        found: &Versioned<V>,
        at: Timestamp,
        epoch: u64,
        bytes: usize,
    ) -> Entry<V> {
        let ttl = if found.value.is_some() { self.options.ttl } else { self.options.negative_ttl };
        let ttl: Duration = jittered(ttl, key, at);
        Entry { found: found.clone(), until: at.after(ttl), ttl, epoch, bytes }
    }

    async fn follow(&self, events: impl Stream<Item = CacheEvent>) {
        let mut events = pin!(events);
        while let Some(event) = events.next().await {
            match event {
                CacheEvent::Changed(notice) if notice.key.kind() == self.kind => {
                    if self.near.raise(&notice.key, notice.revision).await {
                        self.counters.dropped.increment(1);
                    }
                }
                CacheEvent::Changed(_) => {}
                CacheEvent::Missed => {
                    self.counters.distrusted.increment(1);
                    self.near.distrust();
                }
            }
        }
    }
}

impl<V> Clone for TwoLevel<V> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<V> fmt::Debug for TwoLevel<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, options, .. } = &*self.inner;
        f.debug_struct("TwoLevel").field("kind", kind).field("options", options).finish_non_exhaustive()
    }
}
