//! Limits on requests, tokens and money over windows of time.
//!
//! [`MemoryLimiter`] holds them in one process; with the feature `redis` there is one that holds them over many.

mod gcra;
mod limiter;
mod memory;
mod resource;

pub use limiter::{Denied, LimitKey, Limiter, LimiterCapabilities, Permit};
pub use memory::{MemoryLimiter, MemoryLimiterOptions};
pub use resource::{Cost, Limit, Limits, Resource};
#[cfg(feature = "redis")]
pub(crate) use {
    gcra::{Exact, Refusal, span},
    limiter::count_denied,
};
