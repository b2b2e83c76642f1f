use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fred::{
    interfaces::{KeysInterface, LuaInterface},
    types::{Expiration, Value},
};
use futures::stream::BoxStream;
use helm_core::TenantId;
use tokio::sync::broadcast;

use super::announce::Announcer;
use super::client::Redis;
use super::notices;
use super::options::RedisOptions;
use crate::cache::{
    Cache, CacheCapabilities, CacheEvent, CacheKey, Cached, LONGEST_TTL, Notice, PutOutcome, events,
};
use crate::error::Result;

/// A [`Cache`] in Redis, shared by all replicas that use the server with one prefix.
///
/// A key is `prefix:schema:kind:tenant:digest`. Its value is the revision as 16 hexadecimal digits, `=`, and the
/// bytes; the digits alone are what an invalidation leaves behind.
///
/// Without the server nothing is held. Invalidations of that time are kept, the latest of each of 10,000 things,
/// and sent once it is back, when [`CacheEvent::Missed`] is told as well; until then other replicas may answer
/// what they have as long as its time to live allows. Those beyond are counted in `helm_cache_notices_lost_total`.
#[derive(Clone)]
pub struct RedisCache {
    redis: Redis,
    announcer: Arc<Announcer>,
    events: broadcast::Sender<CacheEvent>,
}

/// The digits of a revision.
const REVISION: usize = 16;

const PUT_IF_NEWER: &str = include_str!("put_if_newer.lua");

impl RedisCache {
    /// A cache on this server. Begins to listen to its notices, in the background.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the connection's address cannot be used.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn new(redis: &Redis) -> Result<Self> {
        let link = Arc::clone(redis.link());
        let channel = link.options.key(format_args!("notices"));
        let events = notices::listen(redis, &channel)?;
        let announcer = Arc::new(Announcer::new(link, channel));
        redis.spawn(|stop| Arc::clone(&announcer).run(stop));
        Ok(Self { redis: redis.clone(), announcer, events })
    }
}

/// The Redis key of a cached thing.
pub(super) fn redis_key(options: &RedisOptions, key: &CacheKey) -> String {
    options.key(format_args!("{}:{}:{}", key.kind(), key.tenant(), key.digest()))
}

#[async_trait]
impl Cache for RedisCache {
    fn capabilities(&self) -> CacheCapabilities {
        CacheCapabilities::new(super::BACKEND, true)
    }

    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let key = redis_key(&self.redis.link().options, key);
        let bytes: Option<Bytes> = self.redis.link().call(self.redis.link().client.get(key)).await?;
        parse(&bytes?)
    }

    async fn put(&self, key: &CacheKey, value: Bytes, ttl: Duration) {
        let Some(ttl) = millis(ttl) else { return self.remove(key).await };
        let (key, mut bytes) =
            (redis_key(&self.redis.link().options, key), BytesMut::with_capacity(REVISION + 1 + value.len()));
        bytes.extend_from_slice(digits(0).as_bytes());
        bytes.extend_from_slice(b"=");
        bytes.extend_from_slice(&value);
        let expires = Some(Expiration::PX(ttl));
        let set = self.redis.link().client.set::<(), _, _>(key, bytes.freeze(), expires, None, false);
        self.redis.link().call(set).await;
    }

    async fn put_if_newer(&self, key: &CacheKey, value: Bytes, revision: u64, ttl: Duration) -> PutOutcome {
        let Some(ttl) = millis(ttl) else { return PutOutcome::Skipped };
        let (key, revision) = (redis_key(&self.redis.link().options, key), digits(revision));
        let arguments: Vec<Value> = vec![revision.into(), value.into(), ttl.into()];
        let put = self.redis.link().client.eval::<Option<String>, _, _, _>(PUT_IF_NEWER, key, arguments);
        match self.redis.link().call(put).await {
            None => PutOutcome::Skipped,
            Some(None) => PutOutcome::Stored,
            Some(Some(held)) => u64::from_str_radix(&held, 16).map_or(PutOutcome::Skipped, PutOutcome::Newer),
        }
    }

    async fn remove(&self, key: &CacheKey) {
        let key = redis_key(&self.redis.link().options, key);
        self.redis.link().call(self.redis.link().client.del::<(), _>(key)).await;
    }

    async fn invalidate(&self, notice: &Notice) {
        self.announcer.announce(notice).await;
    }

    async fn clear(&self, kind: &str, tenant: &TenantId) -> bool {
        self.announcer.clear(kind, tenant).await
    }

    fn notices(&self) -> BoxStream<'static, CacheEvent> {
        events(&self.events)
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("redis", &self.redis).finish_non_exhaustive()
    }
}

/// What is held, if it is a value.
fn parse(bytes: &Bytes) -> Option<Cached> {
    let (revision, rest) = bytes.split_at_checked(REVISION)?;
    let revision = u64::from_str_radix(std::str::from_utf8(revision).ok()?, 16).ok()?;
    let value = bytes.slice_ref(rest.strip_prefix(b"=")?);
    Some(Cached { value, revision })
}

/// In the order of numbers, also as text.
pub(super) fn digits(revision: u64) -> String {
    format!("{revision:016x}")
}

/// At least one; `None` for nothing.
pub(super) fn millis(ttl: Duration) -> Option<i64> {
    let millis = i64::try_from(ttl.min(LONGEST_TTL).as_millis()).ok()?;
    (!ttl.is_zero()).then_some(millis.max(1))
}
