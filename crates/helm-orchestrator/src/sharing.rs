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
            Self::Nothing => Shared { limiter: Arc::new(in_process()), cache: None },
            #[cfg(feature = "redis")]
            Self::Redis(url) => {
                let redis = helm_store::Redis::connect(helm_store::RedisOptions::new(url.expose())).await?;
                let limiter = helm_store::RedisLimiter::new(&redis, in_process());
                let cache: Arc<dyn Cache> = Arc::new(helm_store::RedisCache::new(&redis)?);
                Shared { limiter: Arc::new(limiter), cache: Some(cache) }
            }
            Self::Limiter(limiter) => Shared { limiter, cache: None },
        })
    }
}
