//! Caches of what the database holds. None of them is the truth: everything works without, only slower.
//!
//! [`TwoLevel`] is what callers use: decoded values in this process over a [`Cache`] of bytes that replicas may
//! share. [`MemoryCache`] is such a cache in process; with the feature `redis` there is one over Redis.

mod codec;
mod key;
mod level;
mod memory;
mod metrics;
mod near;
mod notice;
mod options;
mod two_level;

pub use key::CacheKey;
pub use level::{Cache, CacheCapabilities, CacheEvent, Cached, FENCE, PutOutcome};
pub use memory::{MemoryCache, MemoryCacheOptions};
pub use notice::Notice;
pub use options::TwoLevelOptions;
pub use two_level::{TwoLevel, Versioned};
#[cfg(feature = "redis")]
pub(crate) use {
    codec::{decode, encode},
    key::{DIGEST, digest},
    level::LONGEST_TTL,
    notice::{BACKLOG, events},
};
