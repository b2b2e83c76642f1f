use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use helm_core::{Clock, SystemClock, Timestamp};

use super::gcra::{self, Exact, Refusal};
use super::limiter::{Denied, LimitKey, Limiter, LimiterCapabilities, Permit, count_denied};
use super::resource::{Cost, Limit, Limits};

/// A [`Limiter`] of one process. Clones share their buckets.
///
/// A key takes memory only until all it took has come back. At most [`MemoryLimiterOptions::max_keys`] are kept:
/// beyond that the one that would be forgotten soonest is forgotten at once, and counted in
/// `helm_limiter_evicted_total`.
#[derive(Clone)]
pub struct MemoryLimiter {
    state: Arc<Mutex<State>>,
    options: MemoryLimiterOptions,
}

/// How a [`MemoryLimiter`] is made.
#[derive(Clone)]
#[non_exhaustive]
pub struct MemoryLimiterOptions {
    /// How many keys are kept at once. Default: 100,000.
    pub max_keys: usize,
    /// Where the time comes from. Default: the system's clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for MemoryLimiterOptions {
    fn default() -> Self {
        Self { max_keys: 100_000, clock: Arc::new(SystemClock) }
    }
}

impl MemoryLimiterOptions {
    /// Sets how many keys are kept at once, at least 1.
    #[must_use]
    pub fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys.max(1);
        self
    }

    /// Sets where the time comes from.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

#[derive(Default)]
struct State {
    keys: HashMap<LimitKey, Buckets>,
    /// The keys in the order in which they become idle.
    idle: BTreeSet<(i64, LimitKey)>,
}

/// The buckets of a key, few enough to look through.
#[derive(Default)]
struct Buckets {
    held: Vec<(Limit, Exact)>,
    idle_at: i64,
}

impl Buckets {
    fn find(&self, limit: &Limit) -> Option<Exact> {
        self.held.iter().find(|(held, _)| held.shares_bucket(limit)).map(|(_, time)| *time)
    }

    fn set(&mut self, limit: Limit, time: Exact) {
        self.held.retain(|(held, _)| !held.shares_bucket(&limit));
        self.held.push((limit, time));
    }
}

impl State {
    /// The arrival times after `cost` is taken from all limits; the refusal with the longest wait otherwise.
    fn take(
        &self,
        key: &LimitKey,
        limits: &Limits,
        now: Timestamp,
        cost: Cost,
    ) -> Result<Vec<(Limit, Exact)>, Denied> {
        let held = |limit| self.keys.get(key)?.find(limit);
        let mut taken = Vec::with_capacity(limits.iter().len());
        let mut refused: Option<(Refusal, Limit)> = None;
        for limit in limits.iter() {
            match gcra::take(limit, held(limit), now, cost.of(limit.resource())) {
                Ok(time) => taken.push((*limit, time)),
                Err(refusal) if refused.is_none_or(|(longest, _)| longest < refusal) => {
                    refused = Some((refusal, *limit));
                }
                Err(_) => {}
            }
        }
        refused.map_or(Ok(taken), |(refusal, limit)| Err(Denied::new(limit, refusal)))
    }

    /// Replaces the key's times and forgets what is no longer ahead of `now`.
    fn put(&mut self, key: &LimitKey, new: Vec<(Limit, Exact)>, now: Timestamp) {
        let mut buckets = self.keys.remove(key).unwrap_or_default();
        self.idle.remove(&(buckets.idle_at, key.clone()));
        for (limit, time) in new {
            buckets.set(limit, time);
        }
        buckets.held.retain(|(_, time)| time.whole >= now.as_micros());
        let Some(idle_at) = buckets.held.iter().map(|(_, time)| time.whole).max() else { return };
        buckets.idle_at = idle_at;
        self.idle.insert((idle_at, key.clone()));
        self.keys.insert(key.clone(), buckets);
    }

    /// Forgets idle keys, a few at a time, and others as long as there are more than `max`.
    fn evict(&mut self, now: Timestamp, max: usize) {
        for _ in 0..2 {
            let Some((idle_at, _)) = self.idle.first() else { return };
            let idle = *idle_at < now.as_micros();
            if !idle && self.keys.len() <= max {
                return;
            }
            if !idle {
                metrics::counter!("helm_limiter_evicted_total").increment(1);
            }
            if let Some((_, key)) = self.idle.pop_first() {
                self.keys.remove(&key);
            }
        }
    }
}

impl MemoryLimiter {
    /// A limiter of which nothing has been taken.
    #[must_use]
    pub fn new(options: MemoryLimiterOptions) -> Self {
        Self { state: Arc::default(), options }
    }

    /// How many keys are kept now.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.state().keys.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half changed in a way that matters to a limit.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    fn capabilities(&self) -> LimiterCapabilities {
        LimiterCapabilities::new("memory", false)
    }

    async fn acquire(&self, key: &LimitKey, limits: &Limits, cost: Cost) -> Result<Permit, Denied> {
        if !limits.is_empty() {
            let now = self.options.clock.now();
            let mut state = self.state();
            let taken = state.take(key, limits, now, cost).inspect_err(count_denied)?;
            state.put(key, taken, now);
            state.evict(now, self.options.max_keys);
        }
        Ok(Permit::new(key.clone(), limits.clone(), cost))
    }

    async fn settle(&self, permit: Permit, actual: Cost) {
        if permit.reserved() == actual || permit.limits().is_empty() {
            return;
        }
        let (key, now) = (permit.key(), self.options.clock.now());
        let mut state = self.state();
        let corrected = permit.limits().iter().filter_map(|limit| {
            let held = state.keys.get(key).and_then(|buckets| buckets.find(limit));
            let costs = (permit.reserved().of(limit.resource()), actual.of(limit.resource()));
            Some((*limit, gcra::correct(limit, held, now, costs)?))
        });
        let corrected = corrected.collect();
        state.put(key, corrected, now);
        state.evict(now, self.options.max_keys);
    }
}

impl fmt::Debug for MemoryLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimiter").field("keys", &self.keys()).finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryLimiterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimiterOptions").field("max_keys", &self.max_keys).finish_non_exhaustive()
    }
}
