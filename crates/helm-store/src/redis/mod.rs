//! What replicas share through Redis: a cache with its notices, and limits. Redis is never the truth, and with
//! it away everything works, more slowly or less strictly.

mod announce;
mod breaker;
mod cache;
mod client;
mod limiter;
mod notices;
mod options;

pub use cache::RedisCache;
pub use client::Redis;
pub use limiter::RedisLimiter;
pub use options::RedisOptions;

/// The backend's name in errors.
const BACKEND: &str = "redis";
