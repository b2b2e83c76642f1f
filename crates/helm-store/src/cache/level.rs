use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use helm_core::TenantId;

use super::{CacheKey, Notice};

/// Bytes kept for a while by key: one level of a cache, in process or shared by replicas.
///
/// A cache is never the truth and never in the way: a method that cannot do its work within the cache's own
/// deadline does nothing, counts that in a metric, and answers as if nothing were held. It returns no errors.
#[async_trait]
pub trait Cache: Send + Sync {
    /// What this cache is.
    fn capabilities(&self) -> CacheCapabilities;

    /// What is held for `key`.
    async fn get(&self, key: &CacheKey) -> Option<Cached>;

    /// Holds `value` for at most `ttl`, whatever was held before. Its revision counts as 0. For things that have
    /// no revision; a key that has one uses [`Cache::put_if_newer`]. A `ttl` of 0 holds nothing, and one of more
    /// than 365 days is that long.
    async fn put(&self, key: &CacheKey, value: Bytes, ttl: Duration);

    /// Holds `value` for at most `ttl`, unless something newer is held or was announced by
    /// [`Cache::invalidate`]. An equal revision replaces: it is the same state, read again.
    async fn put_if_newer(&self, key: &CacheKey, value: Bytes, revision: u64, ttl: Duration) -> PutOutcome;

    /// Forgets what is held for `key`, its revision too. Tells nobody.
    async fn remove(&self, key: &CacheKey);

    /// Says that the thing is now at the notice's revision: forgets what is older, refuses for the next
    /// [`FENCE`] whatever is older, and tells every replica. Send it after the database has committed.
    async fn invalidate(&self, notice: &Notice);

    /// Forgets all values of this kind and tenant, and tells every replica with a [`CacheEvent::Missed`]. What is put
    /// meanwhile may stay. Answers whether it was done; not, when the cache cannot be reached.
    async fn clear(&self, kind: &str, tenant: &TenantId) -> bool;

    /// What happens from now on: the notices of all replicas, this one too.
    fn notices(&self) -> BoxStream<'static, CacheEvent>;
}

/// How long after an invalidation older values are refused. It outlasts any read that had begun before.
pub const FENCE: Duration = Duration::from_secs(60);

/// Longer times to live count as this one.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(365 * 86_400);

/// What a [`Cache`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CacheCapabilities {
    /// The backend's name, for messages and metrics.
    pub backend: &'static str,
    /// Whether several processes share it.
    pub shared: bool,
}

impl CacheCapabilities {
    /// The capabilities of `backend`.
    #[must_use]
    pub fn new(backend: &'static str, shared: bool) -> Self {
        Self { backend, shared }
    }
}

/// A value that was held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cached {
    /// The bytes.
    pub value: Bytes,
    /// The revision that they were put with; 0 without one.
    pub revision: u64,
}

/// What became of a value that was put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PutOutcome {
    /// It is held.
    Stored,
    /// It is not, because the thing is known to be at this later revision.
    Newer(u64),
    /// It is not, because the cache cannot be reached or nothing was to be held.
    Skipped,
}

/// What [`Cache::notices`] tells.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CacheEvent {
    /// A thing has changed.
    Changed(Notice),
    /// Notices may have been missed, as after a lost connection: nothing read before is to be trusted.
    Missed,
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Cache + ?Sized> Cache for $pointer<T> {
            fn capabilities(&self) -> CacheCapabilities {
                (**self).capabilities()
            }

            async fn get(&self, key: &CacheKey) -> Option<Cached> {
                (**self).get(key).await
            }

            async fn put(&self, key: &CacheKey, value: Bytes, ttl: Duration) {
                (**self).put(key, value, ttl).await;
            }

            async fn put_if_newer(
                &self,
                key: &CacheKey,
                value: Bytes,
                revision: u64,
                ttl: Duration,
            ) -> PutOutcome {
                (**self).put_if_newer(key, value, revision, ttl).await
            }

            async fn remove(&self, key: &CacheKey) {
                (**self).remove(key).await;
            }

            async fn invalidate(&self, notice: &Notice) {
                (**self).invalidate(notice).await;
            }

            async fn clear(&self, kind: &str, tenant: &TenantId) -> bool {
                (**self).clear(kind, tenant).await
            }

            fn notices(&self) -> BoxStream<'static, CacheEvent> {
                (**self).notices()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
