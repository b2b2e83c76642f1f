//! What the processes of an installation share beside its store.

use std::sync::Arc;

use helm_store::{Cache, Limiter, MemoryLimiter, MemoryLimiterOptions};

use crate::error::Result;

/// Where limits and kept answers are. Default: in this process alone.
#[derive(Default)]
pub(crate) enum Sharing {
    #[default]
    Nothing,
    #[cfg(feature = "redis")]
    Redis(helm_llm::RedactedUrl),
    Limiter(Arc<dyn Limiter>),
}

/// The parts, opened.
pub(crate) struct Shared {
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) cache: Option<Arc<dyn Cache>>,
    pub(crate) server: SharedServer,
}

const AWAY: &str = "Redis does not answer: each process keeps limits and answers for itself; check REDIS_URL or store.redis_url";

/// The server that processes share their limits and kept answers through, if there is one.
#[derive(Clone, Default)]
pub(crate) struct SharedServer {
    #[cfg(feature = "redis")]
    redis: Option<helm_store::Redis>,
}

impl SharedServer {
    /// What somebody should see to.
    pub(crate) fn warning(&self) -> Option<String> {
        #[cfg(feature = "redis")]
        let is_missed = self.redis.as_ref().is_some_and(helm_store::Redis::is_missed);
        #[cfg(not(feature = "redis"))]
        let is_missed = false;
        is_missed.then(|| AWAY.to_owned())
    }
}

impl Sharing {
    /// Connects where there is something to connect to; a server that does not answer is done without.
    ///
    /// # Errors
    ///
    /// Fails when the address cannot be used.
    pub(crate) async fn open(self) -> Result<Shared> {
        let in_process = || MemoryLimiter::new(MemoryLimiterOptions::default());
        Ok(match self {
            Self::Nothing => {
                Shared { limiter: Arc::new(in_process()), cache: None, server: SharedServer::default() }
            }
            #[cfg(feature = "redis")]
            Self::Redis(url) => {
                let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(url.expose())).await?;
                let limiter = helm_store::RedisLimiter::new(&redis, in_process());
                let cache: Arc<dyn Cache> = Arc::new(helm_store::RedisCache::new(&redis)?);
                let server = SharedServer { redis: Some(redis) };
                Shared { limiter: Arc::new(limiter), cache: Some(cache), server }
            }
            Self::Limiter(limiter) => Shared { limiter, cache: None, server: SharedServer::default() },
        })
    }
}
