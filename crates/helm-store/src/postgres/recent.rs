//! What this process has just written of decisions, so that it need not be read back: most turns end, and most
//! judgements come, where the decision was made.
//!
//! Nothing here is taken on trust. What is written on the strength of it goes along with the versions of the rows that it
//! was written to; where those have changed, nothing is done, and everything is read again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::load::{Loaded, Versions};
use crate::batch::{Changes, CollectionKey, Key, Known, Needs, Working, size};
use crate::vector::Collection;

/// After that it is read again. A judgement mostly follows its answer within minutes.
const LIFETIME: Duration = Duration::from_secs(600);

/// What is known of a decision, and of which versions of its rows.
#[derive(Clone)]
struct Remembered {
    known: Known,
    decision: Arc<str>,
    reward: Option<Arc<str>>,
}

/// How many collections are remembered.
const COLLECTIONS: u64 = 10_000;

/// Decisions by key, within so many bytes, and the collections that memories were put into.
#[derive(Clone)]
pub(super) struct Recent {
    decisions: Cache<Key, Arc<Remembered>>,
    collections: Cache<CollectionKey, Collection>,
    /// How often all was forgotten.
    epoch: Arc<AtomicU64>,
}

/// What a transaction is about to write of decisions.
pub(super) struct Touched {
    new: BTreeSet<Key>,
    open: BTreeSet<Key>,
    settled: BTreeSet<Key>,
}

impl Touched {
    pub(super) fn by(changes: &Changes) -> Self {
        let new = changes.decisions.iter().map(|new| (new.decision.context.tenant.clone(), new.decision.id));
        Self {
            new: new.collect(),
            open: changes.begun.keys().cloned().collect(),
            settled: changes.settled.clone(),
        }
    }
}

impl Recent {
    pub(super) fn new(bytes: u64) -> Self {
        let decisions = Cache::builder().max_capacity(bytes).time_to_live(LIFETIME);
        let decisions = decisions.weigher(|_, remembered: &Arc<Remembered>| remembered.bytes()).build();
        let most = if bytes == 0 { 0 } else { COLLECTIONS };
        let collections = Cache::builder().max_capacity(most).time_to_live(LIFETIME).build();
        Self { decisions, collections, epoch: Arc::default() }
    }

    /// The time at which a transaction begins: what it has written is only remembered if nothing was forgotten since.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Takes out what is known of the decisions that are needed, which then need not be read. Whoever writes them puts
    /// them back. Collections stay where they are.
    ///
    /// When all are known, keys of feedback need not be read either: one that was used before cannot be used again.
    pub(super) async fn recall(&self, needs: &mut Needs) -> Loaded {
        let mut loaded = Loaded::default();
        for key in std::mem::take(&mut needs.decisions) {
            let Some(remembered) = self.decisions.remove(&key).await else {
                needs.decisions.insert(key);
                continue;
            };
            let Remembered { known, decision, reward } = Arc::unwrap_or_clone(remembered);
            loaded.versions.decisions.insert(key.clone(), decision);
            loaded.versions.rewards.extend(reward.map(|reward| (key.clone(), reward)));
            loaded.working.known.insert(key, known);
        }
        if needs.decisions.is_empty() && !loaded.working.known.is_empty() {
            needs.keys.clear();
        }
        for key in std::mem::take(&mut needs.collections) {
            match self.collections.get(&key).await {
                Some(found) => loaded.know(key, found),
                None => drop(needs.collections.insert(key)),
            }
        }
        loaded
    }

    /// Remembers nothing of what may have changed.
    pub(super) async fn doubt(&self, needs: &Needs) {
        for key in &needs.collections {
            self.collections.invalidate(key).await;
        }
    }

    /// Remembers what a transaction of this id has written that began in this epoch.
    pub(super) async fn remember(
        &self,
        epoch: u64,
        touched: Touched,
        working: Working,
        versions: &Versions,
        transaction: &str,
    ) {
        if epoch != self.epoch() {
            return;
        }
        for (key, collection) in working.collections {
            self.collections.insert(key, collection).await;
        }
        let transaction: Arc<str> = transaction.into();
        for (key, mut known) in working.known {
            let new = touched.new.contains(&key).then(|| Arc::clone(&transaction));
            let Some(decision) = new.or_else(|| versions.decisions.get(&key).cloned()) else { continue };
            let settled = touched.settled.contains(&key).then(|| Arc::clone(&transaction));
            let reward = settled.or_else(|| versions.rewards.get(&key).cloned());
            known.open |= touched.open.contains(&key);
            self.decisions.insert(key, Arc::new(Remembered { known, decision, reward })).await;
        }
    }

    /// Remembers nothing of what was: its rows are a person's who is forgotten, or a server's that may be another one now,
    /// which lacks what was written last and gives its versions again.
    pub(super) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.decisions.invalidate_all();
        self.collections.invalidate_all();
    }
}

impl Remembered {
    fn bytes(&self) -> u32 {
        let Known { decision, turn, settled, feedback, .. } = &self.known;
        let decision = decision.as_ref().map_or(0, |decision| size::decision(decision));
        let outcome = turn.as_ref().and_then(|turn| turn.outcome.as_ref()).map_or(0, size::outcome);
        let sums = size::SMALL * (settled.contribution.len() + 1) + 128 * feedback.len();
        u32::try_from(decision + outcome + sums).unwrap_or(u32::MAX)
    }
}
