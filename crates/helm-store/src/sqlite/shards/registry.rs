use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use helm_core::TenantId;
use tokio::sync::watch;

use super::shard::{Shard, View, Written};
use crate::vector::Whose;

/// The most writes that are kept for a shard that is being loaded.
const MOST_WAITING: usize = 10_000;

/// All shards of a store, at most so many bytes of them, the least recently used dropped first.
pub(in crate::sqlite) struct Shards {
    budget: usize,
    slots: Mutex<HashMap<(TenantId, String), Arc<Slot>>>,
    /// Counts uses, to tell the recent ones.
    clock: AtomicU64,
    /// Batches that the committer has begun to commit, and those that shards have followed.
    begun: AtomicU64,
    ended: watch::Sender<u64>,
}

/// The place of one collection's shard.
#[derive(Default)]
pub(in crate::sqlite) struct Slot {
    /// Held by the one search that loads the shard.
    pub(in crate::sqlite) loading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    bytes: AtomicUsize,
    used: AtomicU64,
}

#[derive(Default)]
enum State {
    #[default]
    Absent,
    /// What was written since loading began.
    Loading(Vec<Written>),
    Ready(Box<Shard>),
}

/// What a slot has for a search of one revision.
pub(in crate::sqlite) enum Sight {
    /// Just that revision.
    Same(View),
    /// A later one: the search has to look at a later moment.
    Later,
    /// None, or an earlier one.
    Behind,
}

impl Shards {
    pub(in crate::sqlite) fn new(budget: usize) -> Self {
        Self {
            budget,
            slots: Mutex::default(),
            clock: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
        }
    }

    pub(in crate::sqlite) fn budget(&self) -> usize {
        self.budget
    }

    /// Whether changes of a collection are worth noting. Saying no too late is safe: revisions tell.
    pub(in crate::sqlite) fn watches(&self, tenant: &TenantId, name: &str) -> bool {
        self.existing(tenant, name).is_some_and(|slot| !matches!(*locked(&slot.state), State::Absent))
    }

    /// How many memories a search of the shard would look at; `None` when there is no shard.
    pub(in crate::sqlite) fn memories(&self, tenant: &TenantId, name: &str, whose: &Whose) -> Option<usize> {
        match &*locked(&self.existing(tenant, name)?.state) {
            State::Ready(shard) => Some(shard.memories(whose)),
            _ => None,
        }
    }

    /// A collection's slot, now used.
    pub(in crate::sqlite) fn slot(&self, tenant: &TenantId, name: &str) -> Arc<Slot> {
        let mut slots = locked(&self.slots);
        let slot = Arc::clone(slots.entry((tenant.clone(), name.to_owned())).or_default());
        slot.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        slot
    }

    fn existing(&self, tenant: &TenantId, name: &str) -> Option<Arc<Slot>> {
        let slots = locked(&self.slots);
        // A look-up by parts would need a key of its own kind; without shards there is nothing to look up.
        if slots.is_empty() {
            return None;
        }
        slots.get(&(tenant.clone(), name.to_owned())).cloned()
    }

    /// Brings shards up to date with what was committed.
    pub(in crate::sqlite) fn follow(&self, written: Vec<Written>) {
        let any = !written.is_empty();
        for written in written {
            if let Some(slot) = self.existing(&written.tenant, &written.name) {
                slot.follow(written);
            }
        }
        if any {
            self.evict();
        }
    }

    /// Drops the least recently used shards until the others fit.
    pub(in crate::sqlite) fn evict(&self) {
        let mut slots = locked(&self.slots);
        let bytes = |slot: &Arc<Slot>| slot.bytes.load(Ordering::Relaxed);
        let mut total: usize = slots.values().map(bytes).sum();
        while total > self.budget {
            let oldest = slots.iter().filter(|(_, slot)| bytes(slot) > 0);
            let oldest = oldest.min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { break };
            if let Some(slot) = slots.remove(&key) {
                total = total.saturating_sub(bytes(&slot));
                slot.set(State::Absent);
            }
        }
        metrics::gauge!("helm_vector_shard_bytes").set(total as f64);
    }

    /// To be held from before a commit until shards have followed it.
    pub(in crate::sqlite) fn flight(&self) -> Flight<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Flight { shards: self }
    }

    /// Waits until shards have followed every commit that can be seen by now.
    pub(in crate::sqlite) async fn landed(&self) {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut ended = self.ended.subscribe();
        // The sender lives as long as `self`, so waiting does not fail.
        drop(ended.wait_for(|ended| *ended >= begun).await);
    }
}

/// A commit on its way.
pub(in crate::sqlite) struct Flight<'s> {
    shards: &'s Shards,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.shards.ended.send_modify(|ended| *ended += 1);
    }
}

impl Slot {
    pub(in crate::sqlite) fn sight(&self, collection: i64, revision: i64, whose: &Whose) -> Sight {
        match &*locked(&self.state) {
            State::Ready(shard) if shard.is_of(collection, revision) => Sight::Same(shard.view(whose)),
            State::Ready(shard) if shard.is_after(collection, revision) => Sight::Later,
            _ => Sight::Behind,
        }
    }

    /// Notes from now on what is written. Dropping the answer forgets it.
    pub(in crate::sqlite) fn begin_loading(&self) -> Loading<'_> {
        self.set(State::Loading(Vec::new()));
        Loading { slot: self, done: false }
    }

    fn follow(&self, written: Written) {
        let mut state = locked(&self.state);
        let followed = match &mut *state {
            State::Absent => return,
            State::Loading(waiting) if waiting.len() < MOST_WAITING => {
                waiting.push(written);
                return;
            }
            State::Loading(_) => false,
            State::Ready(shard) => shard.follow(written),
        };
        if followed {
            self.note_bytes(&state);
        } else {
            *state = State::Absent;
            self.note_bytes(&state);
        }
    }

    fn set(&self, state: State) {
        let mut place = locked(&self.state);
        *place = state;
        self.note_bytes(&place);
    }

    fn note_bytes(&self, state: &State) {
        let bytes = match state {
            State::Ready(shard) => shard.bytes(),
            _ => 0,
        };
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// A load on its way.
pub(in crate::sqlite) struct Loading<'s> {
    slot: &'s Slot,
    done: bool,
}

impl Loading<'_> {
    /// Puts the shard in place, brought up to date with what was written meanwhile.
    pub(in crate::sqlite) fn finish(mut self, mut shard: Shard) {
        self.done = true;
        let mut state = locked(&self.slot.state);
        if let State::Loading(waiting) = std::mem::take(&mut *state)
            && waiting.into_iter().all(|written| shard.follow(written))
        {
            *state = State::Ready(Box::new(shard));
        }
        self.slot.note_bytes(&state);
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.slot.set(State::Absent);
        }
    }
}

/// A panic cannot leave half a change behind that matters: a shard's revision is set last.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::Metric;

    fn load(shards: &Shards, name: &str) -> Arc<Slot> {
        let slot = shards.slot(&TenantId::single(), name);
        let mut shard = Shard::new(1, 0, Metric::L2, 1_000);
        let (user, facts) = ("u".parse().unwrap(), crate::sqlite::shards::Facts::parse("null").unwrap());
        shard.put(1, &user, &[1.0; 1_000], facts, helm_core::Timestamp::from_micros(0));
        slot.begin_loading().finish(shard);
        shards.evict();
        slot
    }

    fn loaded(shards: &Shards, name: &str) -> bool {
        shards.memories(&TenantId::single(), name, &Whose::Everyone).is_some()
    }

    #[test]
    fn the_least_recently_used_shard_goes_first() {
        let shards = Shards::new(3_000);
        load(&shards, "a");
        load(&shards, "b");
        assert!(loaded(&shards, "a") && loaded(&shards, "b"));
        shards.slot(&TenantId::single(), "a");
        load(&shards, "c");
        assert!(loaded(&shards, "a") && !loaded(&shards, "b") && loaded(&shards, "c"));
        let small = Shards::new(10);
        load(&small, "a");
        assert!(!loaded(&small, "a"), "not even one has room");
    }

    #[test]
    fn a_load_that_is_cut_off_leaves_nothing() {
        let shards = Shards::new(1 << 20);
        let slot = shards.slot(&TenantId::single(), "a");
        drop(slot.begin_loading());
        assert!(!shards.watches(&TenantId::single(), "a"));
        let loading = slot.begin_loading();
        assert!(shards.watches(&TenantId::single(), "a"));
        // What was not noted meanwhile cannot be followed.
        shards.follow(vec![Written {
            tenant: TenantId::single(),
            name: "a".to_owned(),
            collection: 1,
            from: 0,
            to: 1,
            changes: None,
        }]);
        loading.finish(Shard::new(1, 0, Metric::L2, 1));
        assert!(!loaded(&shards, "a"));
    }
}
