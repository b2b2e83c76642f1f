//! The first level: decoded values in this process, and what is known of their revisions.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use helm_core::{TenantId, Timestamp};
use moka::{future::Cache as Moka, ops::compute::Op};

use super::{CacheKey, FENCE, Versioned};

/// How many revisions are remembered after their invalidation.
const FENCES: u64 = 100_000;

pub(super) struct Near<V> {
    held: Moka<CacheKey, Entry<V>>,
    /// The revision that each recently changed thing has at least.
    fences: Moka<CacheKey, u64>,
    /// Raised when notices were missed: whatever was read before is not to be trusted.
    epoch: AtomicU64,
    /// How often everything of a tenant was forgotten.
    cleared: RwLock<BTreeMap<TenantId, u64>>,
}

/// A value with what decides whether it may be answered.
pub(super) struct Entry<V> {
    pub(super) found: Versioned<V>,
    pub(super) until: Timestamp,
    pub(super) ttl: Duration,
    pub(super) epoch: u64,
    pub(super) bytes: usize,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        let Self { found, until, ttl, epoch, bytes } = self;
        Self { found: found.clone(), until: *until, ttl: *ttl, epoch: *epoch, bytes: *bytes }
    }
}

impl<V: Send + Sync + 'static> Near<V> {
    /// Of at most `max_bytes`. What nobody asks for any more gives its memory back after `longest`; the answer to
    /// those who ask is each entry's own time.
    pub(super) fn new(max_bytes: u64, longest: Duration) -> Self {
        Self {
            held: Moka::builder().max_capacity(max_bytes).weigher(weight).time_to_live(longest).build(),
            fences: Moka::builder().max_capacity(FENCES).time_to_live(FENCE).build(),
            epoch: AtomicU64::new(0),
            cleared: RwLock::default(),
        }
    }

    /// Raised when what was read before of this tenant is not to be trusted. A sum of two numbers that only grow is as it was
    /// when both are.
    pub(super) fn epoch(&self, tenant: &TenantId) -> u64 {
        let cleared = self.cleared.read().unwrap_or_else(PoisonError::into_inner);
        self.epoch.load(Ordering::Acquire) + cleared.get(tenant).copied().unwrap_or(0)
    }

    /// What is held and may be answered.
    pub(super) async fn get(&self, key: &CacheKey, now: Timestamp) -> Option<Versioned<V>> {
        let entry = self.held.get(key).await?;
        self.is_good(key, &entry, now).then_some(entry.found)
    }

    fn is_good(&self, key: &CacheKey, entry: &Entry<V>, now: Timestamp) -> bool {
        entry.until > now && entry.epoch == self.epoch(key.tenant())
    }

    /// What is held, or what `load` makes: one of all that ask for the key at once runs it, and if that one goes
    /// away the next takes over.
    pub(super) async fn get_or_load<E: Send + Sync + 'static>(
        &self,
        key: &CacheKey,
        now: Timestamp,
        load: impl Future<Output = Result<Entry<V>, E>>,
    ) -> Result<Entry<V>, Arc<E>> {
        self.remove_if(key, |entry| !self.is_good(key, entry, now)).await;
        self.held.try_get_with_by_ref(key, load).await
    }

    /// The revision that the thing has at least, as far as is known.
    pub(super) async fn fence(&self, key: &CacheKey) -> u64 {
        self.fences.get(key).await.unwrap_or(0)
    }

    /// Whether nothing newer than `entry` is known, and no notice was missed since it was read. What
    /// fails this is not kept.
    pub(super) async fn is_current(&self, key: &CacheKey, entry: &Entry<V>) -> bool {
        let (fence, epoch) = (self.fence(key).await, self.epoch(key.tenant()));
        let is_stale = |entry: &Entry<V>| entry.epoch != epoch || entry.found.revision < fence;
        if is_stale(entry) {
            self.remove_if(key, is_stale).await;
        }
        !is_stale(entry)
    }

    /// Notes that the thing is at `revision` and forgets what is older. Answers whether something was.
    ///
    /// The note comes first: a read that ends in between finds either the note or itself removed.
    pub(super) async fn raise(&self, key: &CacheKey, revision: u64) -> bool {
        let raised = self.fences.entry_by_ref(key).and_compute_with(|entry| {
            let known = entry.map_or(0, moka::Entry::into_value);
            std::future::ready(if known < revision { Op::Put(revision) } else { Op::Nop })
        });
        raised.await;
        self.remove_if(key, |entry| entry.found.revision < revision).await
    }

    /// Holds `new`, unless something newer is held or known.
    pub(super) async fn put(&self, key: &CacheKey, new: Entry<V>) {
        let put = new.clone();
        let compute = self.held.entry_by_ref(key).and_compute_with(|entry| {
            let newer = entry.is_some_and(|entry| entry.into_value().found.revision > new.found.revision);
            std::future::ready(if newer { Op::Nop } else { Op::Put(new) })
        });
        compute.await;
        self.is_current(key, &put).await;
    }

    /// Trusts nothing that has been read so far.
    pub(super) fn distrust(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.held.invalidate_all();
    }

    /// Forgets everything of a tenant, also what is being read. The number is raised first: a read that ends in between
    /// finds it, or itself removed.
    pub(super) async fn forget(&self, tenant: &TenantId) {
        self.raise_epoch(tenant);
        let held: Vec<_> =
            self.held.iter().map(|(key, _)| key).filter(|key| key.tenant() == tenant).collect();
        for key in held {
            self.held.invalidate(&*key).await;
        }
    }

    fn raise_epoch(&self, tenant: &TenantId) {
        let mut cleared = self.cleared.write().unwrap_or_else(PoisonError::into_inner);
        *cleared.entry(tenant.clone()).or_default() += 1;
    }

    async fn remove_if(&self, key: &CacheKey, unwanted: impl Fn(&Entry<V>) -> bool) -> bool {
        if !self.held.contains_key(key) {
            return false;
        }
        let mut removed = false;
        let compute = self.held.entry_by_ref(key).and_compute_with(|entry| {
            removed = entry.is_some_and(|entry| unwanted(entry.value()));
            std::future::ready(if removed { Op::Remove } else { Op::Nop })
        });
        compute.await;
        removed
    }
}

/// `ttl` give or take up to a tenth, by what is cached and when.
pub(super) fn jittered(ttl: Duration, key: &CacheKey, at: Timestamp) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    at.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 2_001).unwrap_or(0);
    ttl * 9 / 10 + ttl / 10_000 * share
}

fn weight<V>(key: &CacheKey, entry: &Entry<V>) -> u32 {
    let bytes = key.weight() + size_of::<Entry<V>>() + entry.bytes;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use helm_core::TenantId;

    use super::*;

    #[test]
    fn times_to_live_spread_over_a_fifth() {
        let ttl = Duration::from_secs(10);
        let key = |n| CacheKey::new("k", TenantId::single(), format!("n{n}"));
        let all = (0..2_000).map(|n| jittered(ttl, &key(n), Timestamp::from_micros(n)));
        let all: Vec<_> = all.collect();
        let (low, high) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(*low >= ttl * 9 / 10 && *low < ttl * 92 / 100, "{low:?}");
        assert!(*high <= ttl * 11 / 10 && *high > ttl * 108 / 100, "{high:?}");
    }
}
