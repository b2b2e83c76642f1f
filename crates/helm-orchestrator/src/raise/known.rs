use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use helm_core::{PolicyHash, TaskId, TenantId};
use helm_store::{ErrorKind, Store};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::record::{CandidateStep, Record};
use crate::documents::{self, Stored};
use crate::scoped::{Whose, of_tenant};
use crate::seldom::Seldom;

/// How old what a process knows of a candidate may be when it decides.
pub(crate) const FRESH: Duration = Duration::from_secs(10);

/// What this process knows of candidates that are raised by themselves.
#[derive(Default)]
pub(crate) struct Raised {
    known: RwLock<BTreeMap<Place, Known>>,
    /// Whether somebody was told that a record cannot be read.
    told: Seldom,
}

type Place = (TenantId, TaskId);

struct Known {
    /// Of which policy, candidate and reward.
    pair: PolicyHash,
    /// When it was looked last, also in vain,
    looked: Instant,
    /// and when the reading began that brought what is known.
    read: Instant,
    /// The newest revision that was read.
    revision: u64,
    record: Record,
    /// Held by whoever reads for those that decide.
    reading: Arc<Mutex<()>>,
}

impl Known {
    fn new(pair: PolicyHash, read: Instant, stored: Stored<Record>) -> Self {
        let Stored { revision, document: record } = stored;
        Self { pair, looked: read, read, revision, record, reading: Arc::default() }
    }

    /// A slower reader brings nothing back, nor does one of a copy of the store that is behind.
    fn is_newer_than(&self, other: &Self) -> bool {
        (self.revision, self.read) > (other.revision, other.read)
    }
}

impl Raised {
    /// What became of this pair of policies.
    pub(crate) fn record(&self, tenant: &TenantId, task: &TaskId, pair: &PolicyHash) -> Record {
        self.known(tenant, task, pair, |known| known.record.clone()).unwrap_or_default()
    }

    /// Whether the candidate of this pair decides.
    pub(crate) fn is_live(&self, tenant: &TenantId, task: &TaskId, pair: &PolicyHash) -> bool {
        self.known(tenant, task, pair, |known| known.record.is_live()).unwrap_or_default()
    }

    fn known<T>(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        pair: &PolicyHash,
        read: impl Fn(&Known) -> T,
    ) -> Option<T> {
        let all = self.all();
        all.get(&(tenant.clone(), task.clone())).filter(|known| known.pair == *pair).map(read)
    }

    /// Looks what became of a pair, unless it has looked so short a time ago. What is known already holds when that fails, or
    /// while another one looks; with a record that no later try can read the configured policy decides.
    pub(crate) async fn look(
        &self,
        store: &dyn Store,
        tenant: &TenantId,
        (task, pair): (&TaskId, &PolicyHash),
        fresh: Duration,
    ) -> helm_store::Result<()> {
        let looked =
            self.known(tenant, task, pair, |known| (known.looked.elapsed(), Arc::clone(&known.reading)));
        let is_known = looked.is_some();
        let _reading = match looked {
            Some((age, _)) if age < fresh => return Ok(()),
            Some((_, reading)) if !fresh.is_zero() => match reading.try_lock_owned() {
                Ok(held) => Some(held),
                Err(_) => return Ok(()),
            },
            _ => None,
        };
        let (place, began) = ((tenant.clone(), task.clone()), Instant::now());
        match documents::read::<Record>(store, tenant, task, pair).await {
            Ok(stored) => self.keep(place, Known::new(pair.clone(), began, stored)),
            Err(error) if is_lasting(&error) => {
                self.tell(task, &error, "the configured policy decides until it can");
                self.keep_unread(place, pair, began);
            }
            Err(error) if is_known => {
                self.tell(task, &error, "who decides goes on deciding");
                self.note_looked(&place, pair);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn tell(&self, task: &TaskId, error: &helm_store::Error, meanwhile: &str) {
        if self.told.is_due() {
            tracing::warn!(%task, %error, meanwhile, "what became of the candidate could not be read");
        }
    }

    fn keep(&self, place: Place, mut next: Known) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = all.get_mut(&place).filter(|before| before.pair == next.pair) {
            before.looked = before.looked.max(next.looked);
            if before.is_newer_than(&next) {
                return;
            }
            (next.looked, next.reading) = (before.looked, Arc::clone(&before.reading));
        }
        let was_live = all.get(&place).is_some_and(|before| before.record.is_live());
        count(&place.1, was_live, next.record.is_live());
        all.insert(place, next);
    }

    /// Keeps that there is a record which cannot be read: as if nothing had become of the candidate.
    fn keep_unread(&self, place: Place, pair: &PolicyHash, began: Instant) {
        let (tenant, task) = &place;
        let revision = self.known(tenant, task, pair, |known| known.revision).unwrap_or_default();
        let none = Stored { revision, document: Record::default() };
        self.keep(place, Known::new(pair.clone(), began, none));
    }

    /// The next one looks when some time has passed, not at once.
    fn note_looked(&self, place: &Place, pair: &PolicyHash) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(place).filter(|known| known.pair == *pair) {
            known.looked = Instant::now();
        }
    }

    /// Forgets pairs that are no longer configured.
    pub(crate) fn retain(&self, is_configured: impl Fn(&TaskId, &PolicyHash) -> bool) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, task), known| {
            let stays = is_configured(task, &known.pair);
            count(task, known.record.is_live(), stays && known.record.is_live());
            stays
        });
    }

    /// Who decides where that is not what is configured, and who was rolled back, in sentences for people.
    pub(crate) fn warnings(
        &self,
        whose: Whose<'_>,
        is_configured: impl Fn(&TaskId, &PolicyHash) -> bool,
    ) -> Vec<String> {
        let all = self.all();
        let told = all
            .iter()
            .filter(|((tenant, task), known)| whose.holds(tenant) && is_configured(task, &known.pair));
        told.filter_map(|(place, known)| warning(place, &known.record)).collect()
    }

    fn all(&self) -> RwLockReadGuard<'_, BTreeMap<Place, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no later try can read it either, by this build.
fn is_lasting(error: &helm_store::Error) -> bool {
    matches!(error.kind(), ErrorKind::SchemaMismatch | ErrorKind::Corrupt)
}

/// For how many tenants a task's candidate decides, as far as this process knows.
fn count(task: &TaskId, before: bool, now: bool) {
    let more = f64::from(u8::from(now)) - f64::from(u8::from(before));
    metrics::gauge!("helm_candidate_live", "task" => task.to_string()).increment(more);
}

fn warning((tenant, task): &Place, record: &Record) -> Option<String> {
    let (last, of) = (record.changes.last()?, of_tenant(tenant));
    let (at, because) = (last.at, &last.because);
    let what = match last.step {
        CandidateStep::Raised => {
            format!("decides since {at} ({because}); configure it as the policy to keep it")
        }
        CandidateStep::RolledBack => {
            format!("was rolled back at {at} ({because}); take it out, or change it to have it tried again")
        }
    };
    Some(format!("the candidate of task {task} {what} (`helmctl policy gate --task {task}{of}`)"))
}

#[cfg(test)]
mod tests {
    use helm_core::Timestamp;
    use helm_store::PriorDocument;
    use helm_store::memory::MemoryStore;
    use serde_json::{Value, json};

    use super::super::record::CandidateChange;
    use super::*;

    struct World {
        store: MemoryStore,
        raised: Raised,
        place: Place,
        pair: PolicyHash,
    }

    impl World {
        fn new() -> Self {
            let place = (TenantId::single(), TaskId::new("support").unwrap());
            Self { store: MemoryStore::new(), raised: Raised::default(), place, pair: PolicyHash::of("pair") }
        }

        async fn look(&self, fresh: Duration) {
            let (tenant, task) = &self.place;
            self.raised.look(&self.store, tenant, (task, &self.pair), fresh).await.unwrap();
        }

        fn is_live(&self) -> bool {
            self.raised.is_live(&self.place.0, &self.place.1, &self.pair)
        }

        async fn put(&self, revision: u64, body: Value) {
            let (tenant, task) = &self.place;
            let prior = PriorDocument { policy: self.pair.clone(), revision, body };
            assert!(Store::bandits(&self.store).put_prior(tenant, task, &prior).await.unwrap());
        }

        async fn put_raised(&self, revision: u64) {
            self.put(revision, json!({ "format": 1, "changes": raised().changes })).await;
        }

        fn keep(&self, read: Instant, revision: u64, document: Record) {
            let stored = Stored { revision, document };
            self.raised.keep(self.place.clone(), Known::new(self.pair.clone(), read, stored));
        }
    }

    fn raised() -> Record {
        let at = Timestamp::from_micros(1);
        Record { changes: vec![CandidateChange::by_hand(CandidateStep::Raised, "so".to_owned(), at)] }
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_record_that_cannot_be_read_the_policy_decides() {
        for body in [json!({ "format": 2 }), json!({ "format": 1, "changes": "?" })] {
            let world = World::new();
            world.put_raised(1).await;
            world.look(FRESH).await;
            assert!(world.is_live());
            world.put(2, body).await;
            world.look(FRESH).await;
            assert!(world.is_live(), "it has looked a moment ago");
            tokio::time::advance(FRESH).await;
            world.look(FRESH).await;
            assert!(!world.is_live());
            world.put_raised(3).await;
            world.look(FRESH).await;
            assert!(!world.is_live(), "not every turn looks again");
            tokio::time::advance(FRESH).await;
            world.look(FRESH).await;
            assert!(world.is_live());
        }
        let world = World::new();
        world.put(1, json!({ "format": 2 })).await;
        world.look(FRESH).await;
        assert!(!world.is_live(), "nor does it stop who has known nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn one_reads_and_the_others_go_by_what_is_known() {
        let world = World::new();
        world.look(FRESH).await;
        world.put_raised(1).await;
        tokio::time::advance(FRESH).await;
        let (tenant, task) = &world.place;
        let reading = world.raised.known(tenant, task, &world.pair, |known| Arc::clone(&known.reading));
        let held = reading.unwrap().try_lock_owned().unwrap();
        world.look(FRESH).await;
        assert!(!world.is_live(), "another one is reading");
        drop(held);
        world.look(FRESH).await;
        assert!(world.is_live());
        let world = World::new();
        world.look(FRESH).await;
        world.put_raised(1).await;
        world.look(Duration::ZERO).await;
        assert!(world.is_live(), "whoever must know what is there reads at once");
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_in_vain_is_not_made_again_by_every_turn() {
        let world = World::new();
        world.look(FRESH).await;
        world.put_raised(1).await;
        tokio::time::advance(FRESH).await;
        world.raised.note_looked(&world.place, &world.pair);
        world.look(FRESH).await;
        assert!(!world.is_live());
        tokio::time::advance(FRESH).await;
        world.look(FRESH).await;
        assert!(world.is_live());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_older_takes_the_place_of_what_is_known() {
        let early = Instant::now();
        tokio::time::advance(FRESH).await;
        let late = Instant::now();
        let world = World::new();
        world.keep(late, 2, Record::default());
        for (read, revision) in [(early, 1), (late, 1), (early, 2)] {
            world.keep(read, revision, raised());
            assert!(!world.is_live(), "{revision}");
        }
        world.keep(early, 3, raised());
        assert!(world.is_live(), "the newest revision counts, whoever brings it");
        world.keep(late, 3, Record::default());
        assert!(!world.is_live(), "of two readings of one revision that which began last");
    }
}
