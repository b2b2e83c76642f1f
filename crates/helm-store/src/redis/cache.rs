use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fred::{
    interfaces::{KeysInterface, LuaInterface},
    types::{Expiration, Value},
};
use futures::stream::BoxStream;
use tokio::sync::broadcast;

use super::client::Redis;
use super::notices;
use crate::cache::{
    Cache, CacheCapabilities, CacheEvent, CacheKey, Cached, FENCE, Notice, PutOutcome, encode, events,
};
use crate::error::Result;

/// A [`Cache`] in Redis, shared by all replicas that use the server with one prefix.
///
/// A key is `prefix:schema:kind:tenant:digest`. Its value is the revision as 16 hexadecimal digits, `=`, and the
/// bytes; the digits alone are what an invalidation leaves behind. Without the server nothing is held, and
/// notices of that time are lost: [`CacheEvent::Missed`] is told once it is back. What the server holds by then
/// may be as old as its time to live allows.
#[derive(Clone)]
pub struct RedisCache {
    redis: Redis,
    channel: String,
    events: broadcast::Sender<CacheEvent>,
}

/// The digits of a revision.
const REVISION: usize = 16;

const PUT_IF_NEWER: &str = include_str!("put_if_newer.lua");
const INVALIDATE: &str = include_str!("invalidate.lua");

impl RedisCache {
    /// A cache on this server. Begins to listen to its notices, in the background.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the connection's address cannot be used.
    pub fn new(redis: &Redis) -> Result<Self> {
        let channel = redis.options().key(format_args!("notices"));
        let events = notices::listen(redis, &channel)?;
        Ok(Self { redis: redis.clone(), channel, events })
    }

    fn key(&self, key: &CacheKey) -> String {
        let digest = key.digest();
        self.redis.options().key(format_args!("{}:{}:{digest}", key.kind(), key.tenant()))
    }
}

#[async_trait]
impl Cache for RedisCache {
    fn capabilities(&self) -> CacheCapabilities {
        CacheCapabilities::new(super::BACKEND, true)
    }

    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let key = self.key(key);
        let bytes: Option<Bytes> = self.redis.call(self.redis.client().get(key)).await?;
        parse(&bytes?)
    }

    async fn put(&self, key: &CacheKey, value: Bytes, ttl: Duration) {
        let Some(ttl) = millis(ttl) else { return self.remove(key).await };
        let (key, mut bytes) = (self.key(key), BytesMut::with_capacity(REVISION + 1 + value.len()));
        bytes.extend_from_slice(digits(0).as_bytes());
        bytes.extend_from_slice(b"=");
        bytes.extend_from_slice(&value);
        let expires = Some(Expiration::PX(ttl));
        let set = self.redis.client().set::<(), _, _>(key, bytes.freeze(), expires, None, false);
        self.redis.call(set).await;
    }

    async fn put_if_newer(&self, key: &CacheKey, value: Bytes, revision: u64, ttl: Duration) -> PutOutcome {
        let Some(ttl) = millis(ttl) else { return PutOutcome::Skipped };
        let (key, revision) = (self.key(key), digits(revision));
        let arguments: Vec<Value> = vec![revision.into(), value.into(), ttl.into()];
        let put = self.redis.client().eval::<Option<String>, _, _, _>(PUT_IF_NEWER, key, arguments);
        match self.redis.call(put).await {
            None => PutOutcome::Skipped,
            Some(None) => PutOutcome::Stored,
            Some(Some(held)) => u64::from_str_radix(&held, 16).map_or(PutOutcome::Skipped, PutOutcome::Newer),
        }
    }

    async fn remove(&self, key: &CacheKey) {
        let key = self.key(key);
        self.redis.call(self.redis.client().del::<(), _>(key)).await;
    }

    async fn invalidate(&self, notice: &Notice) {
        let Some(message) = encode(notices::VERSION, notice) else { return };
        let (key, fence) = (self.key(&notice.key), millis(FENCE).unwrap_or(1));
        let arguments: Vec<Value> =
            vec![digits(notice.revision).into(), fence.into(), self.channel.clone().into(), message.into()];
        self.redis.call(self.redis.client().eval::<(), _, _, _>(INVALIDATE, key, arguments)).await;
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
fn digits(revision: u64) -> String {
    format!("{revision:016x}")
}

/// At least one, at most a year; `None` for nothing.
fn millis(ttl: Duration) -> Option<i64> {
    const YEAR: i64 = 365 * 86_400_000;
    let millis = i64::try_from(ttl.as_millis()).unwrap_or(YEAR).clamp(1, YEAR);
    (!ttl.is_zero()).then_some(millis)
}
