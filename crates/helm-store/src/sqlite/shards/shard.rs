use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use helm_core::{TenantId, Timestamp, UserId};

use super::chunk::{CHUNK, Chunk, Entry, Facts};
use super::codes::encode;
use crate::vector::{Metric, Whose};

/// What a memory takes besides its codes: its entry, its place in the index, and what their growth leaves unused.
const ENTRY_BYTES: usize = 128;

/// What one committed write did to the memories of a collection.
pub(in crate::sqlite) struct Written {
    pub(in crate::sqlite) tenant: TenantId,
    /// The collection's name and number.
    pub(in crate::sqlite) name: String,
    pub(in crate::sqlite) collection: i64,
    /// The collection's revision before and after.
    pub(in crate::sqlite) from: i64,
    pub(in crate::sqlite) to: i64,
    /// All that was changed, in order; `None` when that was not noted, so a shard has to be loaded again.
    pub(in crate::sqlite) changes: Option<Vec<Change>>,
}

/// A change of one memory.
pub(in crate::sqlite) enum Change {
    /// It is new, or replaced what was in its row.
    Put { row: i64, user: UserId, embedding: Vec<f32>, facts: Facts, at: Timestamp },
    /// It is gone.
    Remove { row: i64 },
}

/// A collection in memory, as of one revision.
pub(in crate::sqlite) struct Shard {
    collection: i64,
    revision: i64,
    metric: Metric,
    dimension: usize,
    /// All full but the last.
    chunks: Vec<Arc<Chunk>>,
    /// Where each row's memory is, counted over all chunks.
    places: HashMap<i64, usize>,
    /// The number of each user that ever had a memory here.
    owners: HashMap<UserId, u32>,
    /// How many memories the user of each number has.
    owned: Vec<usize>,
    facts: HashSet<Facts>,
    facts_bytes: usize,
}

/// What a search looks at; later changes of the shard do not show in it.
pub(in crate::sqlite) struct View {
    pub(super) chunks: Vec<Arc<Chunk>>,
    pub(super) dimension: usize,
    pub(super) owner: Sought,
}

/// Whose memories are looked at.
#[derive(Clone, Copy)]
pub(super) enum Sought {
    Anyone,
    Owner(u32),
    Nobody,
}

impl Shard {
    pub(in crate::sqlite) fn new(collection: i64, revision: i64, metric: Metric, dimension: usize) -> Self {
        Self {
            collection,
            revision,
            metric,
            dimension,
            chunks: Vec::new(),
            places: HashMap::new(),
            owners: HashMap::new(),
            owned: Vec::new(),
            facts: HashSet::new(),
            facts_bytes: 0,
        }
    }

    /// Makes room in the index for this many memories.
    pub(in crate::sqlite) fn expect(&mut self, memories: usize) {
        self.places.reserve(memories);
    }

    /// About how much memory this many memories take, without their metadata.
    pub(in crate::sqlite) fn bytes_of(memories: usize, dimension: usize) -> usize {
        memories.saturating_mul(dimension + ENTRY_BYTES)
    }

    pub(in crate::sqlite) fn bytes(&self) -> usize {
        Self::bytes_of(self.places.len(), self.dimension) + self.facts_bytes
    }

    pub(in crate::sqlite) fn is_of(&self, collection: i64, revision: i64) -> bool {
        (self.collection, self.revision) == (collection, revision)
    }

    /// Whether it is ahead of this revision.
    pub(in crate::sqlite) fn is_after(&self, collection: i64, revision: i64) -> bool {
        self.collection > collection || self.collection == collection && self.revision > revision
    }

    /// How many memories a search of these would look at.
    pub(in crate::sqlite) fn memories(&self, whose: &Whose) -> usize {
        match whose {
            Whose::Everyone => self.places.len(),
            Whose::User(user) => self
                .owners
                .get(user)
                .and_then(|number| self.owned.get(*number as usize))
                .copied()
                .unwrap_or(0),
        }
    }

    pub(in crate::sqlite) fn view(&self, whose: &Whose) -> View {
        let owner = match whose {
            Whose::Everyone => Sought::Anyone,
            Whose::User(user) => {
                self.owners.get(user).map_or(Sought::Nobody, |number| Sought::Owner(*number))
            }
        };
        View { chunks: self.chunks.clone(), dimension: self.dimension, owner }
    }

    /// Follows a write; `false` when it does not follow on what is here.
    pub(in crate::sqlite) fn follow(&mut self, written: Written) -> bool {
        if written.collection == self.collection && written.to <= self.revision {
            return true;
        }
        let Some(changes) = written.changes else { return false };
        if !self.is_of(written.collection, written.from) {
            return false;
        }
        for change in changes {
            match change {
                Change::Put { row, user, embedding, facts, at } => {
                    self.put(row, &user, &embedding, facts, at);
                }
                Change::Remove { row } => self.remove(row),
            }
        }
        self.revision = written.to;
        true
    }

    /// Adds a memory, or replaces what its row held.
    pub(in crate::sqlite) fn put(
        &mut self,
        row: i64,
        user: &UserId,
        embedding: &[f32],
        facts: Facts,
        at: Timestamp,
    ) {
        let (owner, facts) = (self.own(user), self.keep(facts));
        let entry = |measure| Entry { measure, owner, row, at, facts };
        if let Some(place) = self.places.get(&row).copied() {
            let mut codes = Vec::with_capacity(self.dimension);
            let measure = encode(self.metric, embedding, &mut codes);
            self.replace(place, &codes, entry(measure));
            self.sweep();
            return;
        }
        let place = self.places.len();
        if place.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        if let Some(last) = self.chunks.last_mut() {
            Arc::make_mut(last).push(self.metric, embedding, entry);
            self.places.insert(row, place);
        }
    }

    /// Takes a memory out; the last one fills its place.
    fn remove(&mut self, row: i64) {
        let Some(place) = self.places.remove(&row) else { return };
        let Some(last) = self.chunks.last_mut() else { return };
        let popped = Arc::make_mut(last).pop(self.dimension);
        if last.len() == 0 {
            self.chunks.pop();
        }
        let Some((codes, entry)) = popped else { return };
        if entry.row == row {
            self.disown(entry.owner);
        } else {
            self.places.insert(entry.row, place);
            self.replace(place, &codes, entry);
        }
        self.sweep();
    }

    fn replace(&mut self, place: usize, codes: &[u8], entry: Entry) {
        let chunk = self.chunks.get_mut(place / CHUNK);
        let replaced = chunk.and_then(|chunk| Arc::make_mut(chunk).replace(place % CHUNK, codes, entry));
        if let Some(replaced) = replaced {
            self.disown(replaced.owner);
        }
    }

    /// Counts one more memory of a user; their number.
    fn own(&mut self, user: &UserId) -> u32 {
        let number = match self.owners.get(user) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.owned.len()).unwrap_or(u32::MAX);
                self.owners.insert(user.clone(), number);
                self.owned.push(0);
                number
            }
        };
        self.count(number, 1);
        number
    }

    fn disown(&mut self, number: u32) {
        self.count(number, -1);
    }

    fn count(&mut self, number: u32, change: isize) {
        if let Some(owned) = self.owned.get_mut(number as usize) {
            *owned = owned.saturating_add_signed(change);
        }
    }

    /// Metadata that some memory has already, so that it need not be parsed again.
    pub(in crate::sqlite) fn known(&self, metadata: &str) -> Option<Facts> {
        self.facts.get(metadata).cloned()
    }

    fn keep(&mut self, facts: Facts) -> Facts {
        if let Some(kept) = self.facts.get(&facts) {
            return kept.clone();
        }
        self.facts_bytes += facts.bytes();
        self.facts.insert(facts.clone());
        facts
    }

    /// Drops metadata that no memory has any more, once there is much of it.
    fn sweep(&mut self) {
        if self.facts.len() > self.places.len() + CHUNK {
            self.facts.retain(Facts::is_shared);
            self.facts_bytes = self.facts.iter().map(Facts::bytes).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Probe, candidates};
    use super::*;
    use crate::vector::Filter;

    type Model = BTreeMap<i64, (UserId, [f32; 3], u8)>;

    fn user(number: u8) -> UserId {
        UserId::new(format!("u{number}")).unwrap()
    }

    fn facts(number: u8) -> Facts {
        Facts::parse(&json!({ "n": number }).to_string()).unwrap()
    }

    /// Puts or removes as told; the same in the model.
    fn change(
        shard: &mut Shard,
        model: &mut Model,
        (row, remove, owner, embedding): (i64, bool, u8, [f32; 3]),
    ) {
        let (user, at) = (user(owner), Timestamp::from_micros(row));
        let change = if remove {
            model.remove(&row);
            Change::Remove { row }
        } else {
            model.insert(row, (user.clone(), embedding, owner / 2));
            Change::Put { row, user, embedding: embedding.into(), facts: facts(owner / 2), at }
        };
        let from = shard.revision;
        let tenant = TenantId::single();
        let written = Written {
            tenant,
            name: String::new(),
            collection: 1,
            from,
            to: from + 1,
            changes: Some(vec![change]),
        };
        assert!(shard.follow(written));
    }

    fn rows(shard: &Shard, whose: &Whose, filter: Option<&Filter>) -> BTreeSet<i64> {
        let probe = Probe::new(shard.metric, &[1.0, 0.0, 0.0]);
        let all = candidates(&shard.view(whose), &probe, usize::MAX, filter);
        all.iter().map(|candidate| candidate.row).collect()
    }

    fn check(shard: &Shard, model: &Model) {
        assert_eq!(rows(shard, &Whose::Everyone, None), model.keys().copied().collect());
        for owner in 0..4 {
            let whose = Whose::User(user(owner));
            let own = || model.iter().filter(|(_, (of, ..))| *of == user(owner));
            assert_eq!(rows(shard, &whose, None), own().map(|(row, _)| *row).collect());
            assert_eq!(shard.memories(&whose), own().count());
            let filter = Filter::equals("n", i64::from(owner));
            let matching = model.iter().filter(|(_, (.., n))| *n == owner).map(|(row, _)| *row).collect();
            assert_eq!(rows(shard, &Whose::Everyone, Some(&filter)), matching);
        }
        // Every one of the best is a candidate.
        for metric_query in [[1.0, 0.0, 0.0], [-0.3, 0.2, 0.9]] {
            let probe = Probe::new(shard.metric, &metric_query);
            let found = candidates(&shard.view(&Whose::Everyone), &probe, 5, None);
            let score = |row: &i64| shard.metric.score(&metric_query, &model[row].1);
            let mut scores: Vec<f64> = model.keys().map(score).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            if let Some(fifth) = scores.get(4) {
                let found: BTreeSet<_> = found.iter().map(|candidate| candidate.row).collect();
                assert!(model.keys().filter(|row| score(row) >= *fifth).all(|row| found.contains(row)));
            }
        }
    }

    #[test]
    fn a_shard_of_many_chunks_is_what_was_put_into_it() {
        for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
            let (mut shard, mut model) = (Shard::new(1, 0, metric, 3), Model::new());
            for step in 0..6_000_i64 {
                // Fills three chunks, replaces here and there, then empties most of them.
                let row = if step < 3_500 { step } else { step * 7_919 % 3_500 };
                let remove = step % 13 == 5 || step > 3_800 && step % 3 != 0;
                let part = |prime: i64| (step * prime % 101) as f32 / 50.0 - 1.0;
                let embedding = [part(7), part(31), part(57) + 0.001];
                change(&mut shard, &mut model, (row, remove, (step % 4) as u8, embedding));
            }
            assert!(model.len() > 1_100, "{}", model.len());
            check(&shard, &model);
            assert_eq!(shard.bytes(), Shard::bytes_of(model.len(), 3) + shard.facts_bytes);
            for row in model.keys().copied().collect::<Vec<_>>() {
                change(&mut shard, &mut model, (row, true, 0, [0.0; 3]));
            }
            assert!(shard.chunks.is_empty() && shard.places.is_empty());
        }
    }

    #[test]
    fn a_view_stays_as_it_was() {
        let (mut shard, mut model) = (Shard::new(1, 0, Metric::L2, 3), Model::new());
        change(&mut shard, &mut model, (1, false, 0, [1.0, 0.0, 0.0]));
        let view = shard.view(&Whose::Everyone);
        change(&mut shard, &mut model, (1, true, 0, [0.0; 3]));
        change(&mut shard, &mut model, (2, false, 0, [0.0, 1.0, 0.0]));
        let probe = Probe::new(Metric::L2, &[1.0, 0.0, 0.0]);
        let found = candidates(&view, &probe, 9, None);
        assert_eq!(found.iter().map(|candidate| candidate.row).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_write_is_followed_once_and_in_order() {
        let mut shard = Shard::new(1, 5, Metric::L2, 3);
        let written = |collection, from, to, noted: bool| Written {
            tenant: TenantId::single(),
            name: String::new(),
            collection,
            from,
            to,
            changes: noted.then(Vec::new),
        };
        assert!(shard.follow(written(1, 3, 5, false)), "it was read with the rows");
        assert!(!shard.follow(written(1, 6, 7, true)), "something is between");
        assert!(!shard.follow(written(1, 5, 6, false)), "nobody noted what was changed");
        assert!(!shard.follow(written(2, 5, 6, true)), "another collection of the name");
        assert!(shard.is_of(1, 5) && shard.follow(written(1, 5, 7, true)) && shard.is_of(1, 7));
        assert!(shard.is_after(1, 6) && !shard.is_after(1, 7) && !shard.is_after(2, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_changes_leave_what_a_list_has(
            metric in prop::sample::select(vec![Metric::Cosine, Metric::InnerProduct, Metric::L2]),
            changes in prop::collection::vec(
                (0..12_i64, prop::bool::weighted(0.3), 0..4_u8, prop::array::uniform3(0.01_f32..1.0)), 0..60),
        ) {
            let (mut shard, mut model) = (Shard::new(1, 0, metric, 3), Model::new());
            changes.into_iter().for_each(|next| change(&mut shard, &mut model, next));
            check(&shard, &model);
        }
    }
}
