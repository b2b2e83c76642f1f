//! Random memories, metrics, filters and changes: every answer is the one of a plain list.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use helm_core::UserId;
use serde_json::{Value, json};

use super::fixtures::{at, decision_id, mean, tenant, turn, user};
use super::vectors::memory;
use crate::{Collection, Filter, Memory, MemoryId, Metric, Scalar, Selection, Store, VectorQuery, Whose};

const ROUNDS: usize = 24;
const SEARCHES: usize = 6;
const COLLECTIONS: [(&str, Metric, usize); 4] = [
    ("angles", Metric::Cosine, 5),
    ("products", Metric::InnerProduct, 17),
    ("distances", Metric::L2, 8),
    ("lines", Metric::L2, 1),
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        // Vigna (2015), splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Often from a few points, so that there are ties; never zero.
    fn embedding(&mut self, dimension: usize) -> Vec<f32> {
        let coarse = self.below(2) == 0;
        let mut part = || match coarse {
            true => self.below(3) as f32 - 1.0,
            false => self.below(2_000_001) as f32 / 1e6 - 1.0,
        };
        let mut embedding: Vec<f32> = (0..dimension).map(|_| part()).collect();
        if embedding.iter().all(|part| *part == 0.0) {
            embedding[0] = 1.0;
        }
        embedding
    }

    fn metadata(&mut self) -> Value {
        match self.below(6) {
            0 => Value::Null,
            1 => json!({ "n": self.below(5), "tags": [self.below(3), "a"] }),
            2 => json!({ "n": self.below(10) as f64 / 2.0, "in": { "s": *self.pick(&["a", "b"]) } }),
            3 => json!({ "n": "1", "b": self.below(2) == 0 }),
            4 => json!({ "when": at(self.below(10) as i64).to_string(), "n": null }),
            _ => json!({ "in": { "s": *self.pick(&["a", "b"]), "n": self.below(3) } }),
        }
    }

    fn scalar(&mut self) -> Scalar {
        match self.below(5) {
            0 => Scalar::Null,
            1 => (self.below(2) == 0).into(),
            2 => (self.below(5) as f64 / 2.0).into(),
            3 => (*self.pick(&["a", "b", "1"])).into(),
            _ => (self.below(5) as i64).into(),
        }
    }

    fn bound<T>(&mut self, value: T) -> Bound<T> {
        match self.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(value),
            _ => Bound::Excluded(value),
        }
    }

    fn filter(&mut self, depth: u64) -> Filter {
        let paths =
            [vec!["n"], vec!["in", "s"], vec!["in", "n"], vec!["b"], vec!["tags"], vec!["when"], vec![]];
        let path = self.pick(&paths).iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        match self.below(if depth == 0 { 7 } else { 10 }) {
            0 => Filter::equals(path, self.scalar()),
            1 => Filter::one_of(path, (0..self.below(4)).map(|_| self.scalar()).collect::<Vec<_>>()),
            2 => Filter::contains(path, self.scalar()),
            3 => {
                let (from, to) = (self.below(5) as f64 / 2.0, self.below(5) as f64 / 2.0);
                Filter::number(path, (self.bound(from), self.bound(to)))
            }
            4 => {
                let (from, to) = (at(self.below(10) as i64), at(self.below(10) as i64));
                Filter::time("when", (self.bound(from), self.bound(to)))
            }
            5 => {
                let (from, to) = (at(self.below(90) as i64), at(self.below(90) as i64));
                Filter::made((self.bound(from), self.bound(to)))
            }
            6 => Filter::exists(path),
            7 => Filter::All((0..self.below(4)).map(|_| self.filter(depth - 1)).collect()),
            8 => Filter::Any((0..self.below(4)).map(|_| self.filter(depth - 1)).collect()),
            _ => !self.filter(depth - 1),
        }
    }

    fn selection(&mut self, collection: &str) -> Selection {
        let selection = match self.below(2) {
            0 => Selection::of_everyone(collection),
            _ => Selection::of_user(self.user(), collection),
        };
        match self.below(3) {
            0 => selection,
            _ => selection.with_filter(self.filter(2)),
        }
    }

    fn user(&mut self) -> UserId {
        user(&format!("user-{}", self.below(4)))
    }
}

/// What is stored, as a list.
type List = BTreeMap<(UserId, MemoryId), Memory>;

pub(super) async fn any_search_is_answered_exactly(store: Arc<dyn Store>) {
    let (t, mut dice, mut list, mut turns) = (tenant("t"), Dice(1), List::new(), 0);
    for (name, metric, dimension) in COLLECTIONS {
        let collection = Collection::new(name, dimension).with_metric(metric);
        store.vectors().create_collection(&t, &collection).await.expect("made");
    }
    for round in 0..ROUNDS {
        change(&*store, &mut dice, &mut list, &mut turns).await;
        for _ in 0..SEARCHES {
            let (name, metric, dimension) = *dice.pick(&COLLECTIONS);
            let query =
                VectorQuery::new(dice.selection(name), dice.embedding(dimension), dice.below(12) as usize);
            let hits = store.vectors().search(&t, &query).await.expect("searched");
            let found: Vec<_> =
                hits.iter().map(|hit| (hit.score.to_bits(), &hit.user, &hit.memory)).collect();
            let expected = nearest(&list, metric, &query);
            let expected: Vec<_> =
                expected.iter().map(|(score, (user, memory))| (score.to_bits(), *user, *memory)).collect();
            assert_eq!(found, expected, "round {round}: {query:?}");
            let count = store.vectors().count(&t, &query.selection).await.expect("counted");
            assert_eq!(count, selected(&list, &query.selection).count() as u64, "round {round}: {query:?}");
        }
    }
}

/// Puts, commits or removes something.
async fn change(store: &dyn Store, dice: &mut Dice, list: &mut List, turns: &mut u64) {
    let (t, owner, vectors) = (tenant("t"), dice.user(), store.vectors());
    match dice.below(8) {
        0 => {
            let ids: Vec<_> = (0..10).map(|_| memory("", dice.below(90) as u32, vec![]).id).collect();
            let removed = vectors.delete(&t, &owner, &ids).await.expect("removed");
            let known = ids.iter().filter(|id| list.remove(&(owner.clone(), **id)).is_some()).count();
            assert_eq!(removed, known as u64);
        }
        1 => {
            let (name, ..) = *dice.pick(&COLLECTIONS);
            let selection = dice.selection(name);
            let removed = vectors.delete_where(&t, &selection).await.expect("removed");
            let keys: Vec<_> =
                selected(list, &selection).map(|(user, memory)| (user.clone(), memory.id)).collect();
            keys.iter().for_each(|key| drop(list.remove(key)));
            assert_eq!(removed, keys.len() as u64);
        }
        2 => {
            *turns += 1;
            let mut turn = turn(*turns * 8);
            turn.memories = memories(dice, decision_id(*turns * 8));
            keep(list, &turn.user, &turn.memories);
            store.commit_turn(turn, mean()).await.expect("committed");
        }
        _ => {
            let memories = memories(dice, decision_id(1));
            vectors.upsert(&t, &owner, &memories).await.expect("stored");
            keep(list, &owner, &memories);
        }
    }
}

fn memories(dice: &mut Dice, turn: helm_core::DecisionId) -> Vec<Memory> {
    let mut one = |_| {
        let (name, _, dimension) = *dice.pick(&COLLECTIONS);
        let mut memory = memory(name, dice.below(90) as u32, dice.embedding(dimension));
        (memory.metadata, memory.id.turn) = (dice.metadata(), turn);
        memory
    };
    (0..20).map(&mut one).collect()
}

fn keep(list: &mut List, owner: &UserId, memories: &[Memory]) {
    list.extend(memories.iter().map(|memory| ((owner.clone(), memory.id), memory.clone())));
}

fn selected<'l>(list: &'l List, selection: &'l Selection) -> impl Iterator<Item = (&'l UserId, &'l Memory)> {
    let all = list.iter().map(|((user, _), memory)| (user, memory));
    all.filter(|(user, memory)| {
        let own = match &selection.whose {
            Whose::User(owner) => owner == *user,
            Whose::Everyone => true,
        };
        let filter = selection.filter.as_ref();
        own && memory.collection == selection.collection
            && filter.is_none_or(|filter| filter.matches(&memory.metadata, memory.at))
    })
}

fn nearest<'l>(
    list: &'l List,
    metric: Metric,
    query: &'l VectorQuery,
) -> Vec<(f64, (&'l UserId, &'l Memory))> {
    let scored = selected(list, &query.selection);
    let scored = scored.map(|found| (metric.score(&query.embedding, &found.1.embedding), found));
    let mut scored: Vec<_> = scored.collect();
    scored.sort_by(|(a, (user_a, a_memory)), (b, (user_b, b_memory))| {
        b.total_cmp(a).then_with(|| (a_memory.id, user_a).cmp(&(b_memory.id, user_b)))
    });
    scored.truncate(query.k);
    scored
}
