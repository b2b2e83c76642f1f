//! Telling all replicas what has changed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fred::{interfaces::LuaInterface, types::Value};
use helm_core::TenantId;
use tokio_util::sync::CancellationToken;

use super::cache::{digits, millis, redis_key};
use super::client::Link;
use super::notices::VERSION;
use crate::cache::{CacheKey, DIGEST, FENCE, Notice, encode};

const INVALIDATE: &str = include_str!("invalidate.lua");
const CLEAR: &str = include_str!("clear.lua");

/// How many things' invalidations are kept for a server that does not answer.
const KEPT: usize = 10_000;

pub(super) struct Announcer {
    link: Arc<Link>,
    channel: String,
    /// What the server has not got yet: the latest revision of each thing.
    unsent: Mutex<HashMap<CacheKey, u64>>,
}

impl Announcer {
    pub(super) fn new(link: Arc<Link>, channel: String) -> Self {
        Self { link, channel, unsent: Mutex::default() }
    }

    /// Tells of `notice`, now or as soon as the server answers.
    pub(super) async fn announce(&self, notice: &Notice) {
        if self.send(notice).await.is_none() {
            self.keep(notice);
        }
    }

    /// Forgets all values of a kind and tenant, and tells every replica that what it has read is not to be trusted.
    /// Answers whether that was done.
    pub(super) async fn clear(&self, kind: &str, tenant: &TenantId) -> bool {
        let beginning = self.link.options.key(format_args!("{kind}:{tenant}:"));
        let length = beginning.len() + DIGEST;
        let mut cursor = "0".to_owned();
        loop {
            let arguments: Vec<Value> = vec![
                cursor.into(),
                beginning.clone().into(),
                length.to_string().into(),
                self.channel.clone().into(),
            ];
            // No key: it is about many.
            let step = self.link.client.eval::<String, _, _, _>(CLEAR, Vec::<String>::new(), arguments);
            match self.link.call(step).await {
                None => return false,
                Some(end) if end == "0" => return true,
                Some(next) => cursor = next,
            }
        }
    }

    /// Sends what could not be sent before, until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (mut up, retry_after) = (self.link.watch(), self.link.options.retry_after);
        loop {
            let waits = !self.unsent().is_empty();
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = up.changed() => {}
                () = tokio::time::sleep(retry_after), if waits => {}
            }
            if *up.borrow_and_update() {
                let unsent = std::mem::take(&mut *self.unsent());
                for (key, revision) in unsent {
                    self.announce(&Notice { key, revision }).await;
                }
            }
        }
    }

    async fn send(&self, notice: &Notice) -> Option<()> {
        let message = encode(VERSION, notice)?;
        let (key, fence) = (redis_key(&self.link.options, &notice.key), millis(FENCE)?);
        let arguments: Vec<Value> =
            vec![digits(notice.revision).into(), fence.into(), self.channel.clone().into(), message.into()];
        self.link.call(self.link.client.eval::<(), _, _, _>(INVALIDATE, key, arguments)).await
    }

    fn keep(&self, notice: &Notice) {
        let mut unsent = self.unsent();
        if unsent.len() >= KEPT && !unsent.contains_key(&notice.key) {
            metrics::counter!("helm_cache_notices_lost_total").increment(1);
            return;
        }
        let known = unsent.entry(notice.key.clone()).or_default();
        *known = notice.revision.max(*known);
    }

    fn unsent(&self) -> MutexGuard<'_, HashMap<CacheKey, u64>> {
        // Every step leaves the map whole.
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
