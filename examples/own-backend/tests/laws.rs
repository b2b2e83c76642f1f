//! The cache keeps every law that Helm's own caches keep.

use std::sync::Arc;

use helm_core::{ManualClock, Timestamp};
use helm_store::conformance::cache::{CacheCase, run_all};
use own_backend::MapCache;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_keeps_the_laws() {
    run_all(async || {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let cache = MapCache::new(clock.clone());
        CacheCase { one: Arc::new(cache.clone()), two: Arc::new(cache), clock: Some(clock) }
    })
    .await;
}
