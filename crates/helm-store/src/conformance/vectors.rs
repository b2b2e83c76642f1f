//! Laws of memories and their search.

use std::sync::Arc;

use futures::future::join_all;
use helm_core::{Message, Role, TenantId, UserId};
use serde_json::{Value, json};

use super::fixtures::{at, decision_id, mean, tenant, turn, user};
use crate::{
    Applied, Collection, CollectionInfo, ErrorKind, Filter, Hit, Memory, MemoryId, MemoryPage, Metric,
    Selection, Store, VectorQuery, VectorStore,
};

pub(super) fn memory(collection: &str, index: u32, embedding: Vec<f32>) -> Memory {
    Memory {
        id: MemoryId { turn: decision_id(1), index },
        collection: collection.to_owned(),
        text: format!("memory {index}"),
        embedding,
        metadata: json!({ "n": index }),
        at: at(index.into()),
    }
}

async fn put(vectors: &dyn VectorStore, t: &TenantId, owner: &UserId, memories: &[Memory]) {
    vectors.upsert(t, owner, memories).await.expect("stored");
}

async fn search(vectors: &dyn VectorStore, t: &TenantId, query: &VectorQuery) -> Vec<Hit> {
    vectors.search(t, query).await.expect("searched")
}

fn indexes(hits: &[Hit]) -> Vec<u32> {
    hits.iter().map(|hit| hit.memory.id.index).collect()
}

fn of(owner: &UserId, collection: &str) -> Selection {
    Selection::of_user(owner.clone(), collection)
}

pub(super) async fn memories_are_found_by_their_metric(store: Arc<dyn Store>) {
    let (t, ana, vectors) = (tenant("t"), user("ana"), store.vectors());
    // By angle, by product, and by distance from (1, 0), another one is the nearest.
    let points = [[0.5, 0.0], [4.0, 1.0], [1.0, 0.25]];
    for (metric, order, best) in [
        (Metric::Cosine, [0, 1, 2], 1.0),
        (Metric::InnerProduct, [1, 2, 0], 4.0),
        (Metric::L2, [2, 0, 1], -0.25),
    ] {
        let name = metric.as_str();
        let collection = Collection::new(name, 2).with_metric(metric);
        assert!(vectors.create_collection(&t, &collection).await.expect("made"), "{metric}: it is new");
        let offset = 10 * metric as u32;
        let memories: Vec<_> =
            (0..).zip(points).map(|(index, point)| memory(name, offset + index, point.into())).collect();
        put(vectors, &t, &ana, &memories).await;
        let query = VectorQuery::new(of(&ana, name), vec![1.0, 0.0], 3).with_metric(metric);
        let hits = search(vectors, &t, &query).await;
        assert_eq!(indexes(&hits), order.map(|index| offset + index), "{metric}");
        assert_eq!(hits[0].score, best, "{metric}");
        for hit in &hits {
            let expected = metric.score(&query.embedding, &hit.memory.embedding);
            assert_eq!((hit.score, &hit.user), (expected, &ana), "{metric}");
            let stored = memories.iter().find(|memory| memory.id == hit.memory.id);
            assert_eq!(Some(&hit.memory), stored, "{metric}: every part comes back");
        }
        let two = search(vectors, &t, &VectorQuery { k: 2, ..query.clone() }).await;
        assert_eq!(two, hits[..2], "{metric}");
        assert!(search(vectors, &t, &VectorQuery { k: 0, ..query }).await.is_empty(), "{metric}");
    }
}

pub(super) async fn ties_are_broken_by_id_and_then_by_user(store: Arc<dyn Store>) {
    let (t, vectors) = (tenant("t"), store.vectors());
    for name in ["bo", "ana"] {
        let same: Vec<_> = [3, 1, 2].into_iter().map(|index| memory("c", index, vec![1.0, 1.0])).collect();
        put(vectors, &t, &user(name), &same).await;
    }
    let query = VectorQuery::new(Selection::of_everyone("c"), vec![2.0, 0.0], 5);
    let hits = search(vectors, &t, &query).await;
    let order: Vec<_> = hits.iter().map(|hit| (hit.memory.id.index, hit.user.as_str())).collect();
    assert_eq!(order, [(1, "ana"), (1, "bo"), (2, "ana"), (2, "bo"), (3, "ana")]);
}

pub(super) async fn a_collection_is_fixed_by_its_first_memory_or_before(store: Arc<dyn Store>) {
    let (t, ana, vectors) = (tenant("t"), user("ana"), store.vectors());
    let made = Collection::new("made", 3).with_metric(Metric::L2);
    assert!(vectors.create_collection(&t, &made).await.expect("made"));
    assert!(!vectors.create_collection(&t, &made).await.expect("the same again"));
    for other in [Collection::new("made", 4).with_metric(Metric::L2), Collection::new("made", 3)] {
        let error = vectors.create_collection(&t, &other).await.expect_err("another");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("\"made\""), "{error}");
    }
    for impossible in [Collection::new("", 1), Collection::new("a\nb", 1), Collection::new("c", 0)] {
        let error = vectors.create_collection(&t, &impossible).await.expect_err("impossible");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    put(vectors, &t, &ana, &[memory("first", 0, vec![1.0, 0.0])]).await;
    let first = Collection::new("first", 2);
    let infos = [CollectionInfo::new(first.clone(), 1), CollectionInfo::new(made.clone(), 0)];
    assert_eq!(vectors.collections(&t).await.expect("listed"), infos);
    // Another user's memories are of the same collection.
    let error =
        vectors.upsert(&t, &user("bo"), &[memory("first", 0, vec![1.0])]).await.expect_err("too short");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    // An empty collection keeps what it is.
    vectors.delete(&t, &ana, &[memory("first", 0, vec![]).id]).await.expect("deleted");
    let error = vectors.upsert(&t, &ana, &[memory("first", 0, vec![1.0])]).await.expect_err("too short");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(vectors.drop_collection(&t, "first").await.expect("dropped"), Some(0));
    assert_eq!(vectors.drop_collection(&t, "first").await.expect("dropped"), None);
    put(vectors, &t, &ana, &[memory("first", 0, vec![1.0])]).await;
    assert_eq!(vectors.drop_collection(&t, "first").await.expect("dropped"), Some(1));
    assert_eq!(vectors.collections(&t).await.expect("listed"), [CollectionInfo::new(made, 0)]);
}

pub(super) async fn impossible_embeddings_are_refused(store: Arc<dyn Store>) {
    let (t, ana, vectors) = (tenant("t"), user("ana"), store.vectors());
    put(vectors, &t, &ana, &[memory("cosine", 0, vec![1.0, 0.0])]).await;
    let l2 = Collection::new("l2", 2).with_metric(Metric::L2);
    vectors.create_collection(&t, &l2).await.expect("made");
    for name in ["cosine", "l2"] {
        for (bad, words) in [
            (vec![], "expected embeddings of 2 components, found 0"),
            (vec![1.0], "expected embeddings of 2 components, found 1"),
            (vec![1.0, 0.0, 0.0], "expected embeddings of 2 components, found 3"),
            (vec![1.0, f32::NAN], "expected finite components, found NaN at position 1"),
            (vec![f32::INFINITY, 1.0], "expected finite components, found inf at position 0"),
        ] {
            let good = memory(name, 1, vec![1.0, 1.0]);
            let stored = vectors.upsert(&t, &ana, &[good, memory(name, 2, bad.clone())]).await;
            let found = vectors.search(&t, &VectorQuery::new(of(&ana, name), bad.clone(), 1)).await;
            for error in [stored.expect_err("refused"), found.expect_err("refused")] {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{bad:?}");
                assert!(error.to_string().contains(words), "{error}");
                assert!(error.to_string().contains(&format!("collection {name:?}")), "{error}");
            }
        }
        assert_eq!(vectors.count(&t, &of(&ana, name)).await.expect("counted"), u64::from(name == "cosine"));
    }
    let zeros = vec![0.0, 0.0];
    let error = vectors.upsert(&t, &ana, &[memory("cosine", 1, zeros.clone())]).await.expect_err("refused");
    assert!(error.to_string().contains("embedding of zeros"), "{error}");
    put(vectors, &t, &ana, &[memory("l2", 1, zeros.clone())]).await;
    let hits = search(vectors, &t, &VectorQuery::new(of(&ana, "l2"), zeros.clone(), 1)).await;
    assert_eq!((hits[0].memory.id.index, hits[0].score), (1, 0.0));
    for (name, metric) in [("cosine", Metric::InnerProduct), ("l2", Metric::Cosine)] {
        let query = VectorQuery::new(of(&ana, name), vec![1.0, 0.0], 1).with_metric(metric);
        let error = vectors.search(&t, &query).await.expect_err("another metric");
        assert!(error.to_string().contains(&format!("found {metric}")), "{error}");
    }
    for query in [vec![], zeros, vec![f32::NAN]] {
        let query = VectorQuery::new(of(&ana, "nowhere"), query, 1);
        let error = vectors.search(&t, &query).await.expect_err("impossible anywhere");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    let nowhere = VectorQuery::new(of(&ana, "nowhere"), vec![1.0], 1);
    assert!(search(vectors, &t, &nowhere).await.is_empty());
}

pub(super) async fn collections_of_several_dimensions_lie_side_by_side(store: Arc<dyn Store>) {
    let (t, ana, vectors) = (tenant("t"), user("ana"), store.vectors());
    let memories: Vec<_> =
        (1..6).map(|size| memory(&format!("c{size}"), size, vec![1.0; size as usize])).collect();
    put(vectors, &t, &ana, &memories).await;
    for size in 1..6_u32 {
        let query = VectorQuery::new(of(&ana, &format!("c{size}")), vec![0.5; size as usize], 9);
        assert_eq!(indexes(&search(vectors, &t, &query).await), [size]);
    }
    let infos = vectors.collections(&t).await.expect("listed");
    let sizes: Vec<_> = infos.iter().map(|info| (info.collection.dimension, info.memories)).collect();
    assert_eq!(sizes, [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
}

pub(super) async fn nobody_sees_what_is_not_theirs(store: Arc<dyn Store>) {
    let vectors = store.vectors();
    let owners = [("t", "ana", 0), ("t", "bo", 1), ("u", "ana", 2)];
    for (t, name, index) in owners {
        let owner = user(name);
        put(vectors, &tenant(t), &owner, &[memory("c", index, vec![1.0, 0.0])]).await;
        put(vectors, &tenant(t), &owner, &[memory("d", index + 10, vec![1.0, 0.0])]).await;
    }
    for (t, selection, own) in [
        ("t", of(&user("ana"), "c"), vec![0]),
        ("t", of(&user("bo"), "c"), vec![1]),
        ("t", Selection::of_everyone("c"), vec![0, 1]),
        ("u", of(&user("ana"), "c"), vec![2]),
        ("u", of(&user("bo"), "c"), vec![]),
        ("u", Selection::of_everyone("c"), vec![2]),
        ("v", Selection::of_everyone("c"), vec![]),
    ] {
        let t = tenant(t);
        let query = VectorQuery::new(selection.clone(), vec![1.0, 0.0], 9);
        assert_eq!(indexes(&search(vectors, &t, &query).await), own, "{t} {selection:?}");
        // No filter reaches further.
        let any = Filter::Any(vec![Filter::exists("n"), !Filter::exists("n")]);
        assert_eq!(indexes(&search(vectors, &t, &query.with_filter(any.clone())).await), own);
        let count = vectors.count(&t, &selection.with_filter(any)).await.expect("counted");
        assert_eq!(count, own.len() as u64);
    }
    // Nor does a removal.
    let foreign: Vec<_> = [0, 1, 2].map(|index| memory("c", index, vec![]).id).into();
    assert_eq!(vectors.delete(&tenant("t"), &user("cy"), &foreign).await.expect("deleted"), 0);
    assert_eq!(vectors.delete_where(&tenant("t"), &of(&user("ana"), "c")).await.expect("deleted"), 1);
    assert_eq!(vectors.delete_where(&tenant("v"), &Selection::of_everyone("c")).await.expect("deleted"), 0);
    assert_eq!(vectors.drop_collection(&tenant("t"), "c").await.expect("dropped"), Some(1));
    let left = VectorQuery::new(Selection::of_everyone("c"), vec![1.0, 0.0], 9);
    assert_eq!(indexes(&search(vectors, &tenant("u"), &left).await), [2], "another tenant's");
    let beside = VectorQuery::new(Selection::of_everyone("d"), vec![1.0, 0.0], 9);
    assert_eq!(indexes(&search(vectors, &tenant("t"), &beside).await), [10, 11], "another collection");
}

pub(super) async fn a_memory_is_seen_at_once_and_gone_at_once(store: Arc<dyn Store>) {
    let (t, vectors) = (tenant("t"), store.vectors());
    let everyone = VectorQuery::new(Selection::of_everyone("c"), vec![1.0, 0.0], 1_000);
    // Many at once, so that searches and commits meet.
    let lives = (0..40_u32).map(|index| {
        let (t, everyone, owner) = (&t, &everyone, user(&format!("user-{}", index % 4)));
        async move {
            let own = VectorQuery::new(of(&owner, "c"), vec![1.0, 0.0], 1_000);
            put(vectors, t, &owner, &[memory("c", index, vec![1.0, index as f32])]).await;
            for query in [&own, everyone] {
                assert!(indexes(&search(vectors, t, query).await).contains(&index), "{index} is stored");
            }
            if index % 3 == 0 {
                let id = memory("c", index, vec![]).id;
                assert_eq!(vectors.delete(t, &owner, &[id]).await.expect("deleted"), 1);
                for query in [&own, everyone] {
                    assert!(!indexes(&search(vectors, t, query).await).contains(&index), "{index} is gone");
                }
            }
        }
    });
    join_all(lives).await;
    let left: Vec<_> = (0..40).filter(|index| index % 3 != 0).collect();
    assert_eq!(indexes(&search(vectors, &t, &everyone).await), left);
}

pub(super) async fn a_memory_comes_with_its_turn_and_does_not_return_with_it(store: Arc<dyn Store>) {
    let mut turn = turn(1);
    turn.conversation = Some("c".parse().expect("a conversation"));
    turn.messages = vec![Message::text(Role::User, "q")];
    turn.memories = vec![memory("m", 0, vec![1.0])];
    let (t, id, vectors) = (tenant("t"), turn.memories[0].id, store.vectors());
    let mut refused = turn.clone();
    refused.memories.push(memory("m", 1, vec![1.0, 2.0]));
    let error = store.commit_turn(refused, mean()).await.expect_err("one memory does not fit");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let queries = [of(&turn.user, "m"), Selection::of_everyone("m")];
    let queries = queries.map(|selection| VectorQuery::new(selection, vec![1.0], 9));
    for query in &queries {
        assert!(search(vectors, &t, query).await.is_empty(), "nothing of a refused turn");
    }
    assert!(vectors.collections(&t).await.expect("listed").is_empty(), "nor its collection");
    store.commit_turn(turn.clone(), mean()).await.expect("committed");
    for query in &queries {
        assert_eq!(indexes(&search(vectors, &t, query).await), [0], "visible with its turn");
    }
    assert_eq!(vectors.delete(&t, &turn.user, &[id]).await.expect("deleted"), 1);
    assert_eq!(vectors.delete(&t, &turn.user, &[id]).await.expect("deleted"), 0);
    let again = store.commit_turn(turn, mean()).await.expect("committed");
    assert_eq!(again.applied, Applied::Duplicate);
    for query in &queries {
        assert!(search(vectors, &t, query).await.is_empty(), "a repetition brings nothing back");
    }
}

pub(super) async fn turns_that_begin_a_collection_at_once_agree_on_it(store: Arc<dyn Store>) {
    let (t, vectors) = (tenant("t"), store.vectors());
    // Of one dimension and the other; whichever is first is the collection's, and only the others are refused.
    let commits = (1..=40_u64).map(|number| {
        let mut turn = turn(number);
        let embedding = vec![1.0; 2 + number as usize % 2];
        turn.memories =
            vec![Memory { id: MemoryId { turn: turn.id, index: 0 }, ..memory("m", 0, embedding) }];
        let store = &store;
        async move { (number, store.commit_turn(turn, mean()).await) }
    });
    let committed = join_all(commits).await;
    let infos = vectors.collections(&t).await.expect("listed");
    let dimension = infos.first().map(|info| info.collection.dimension).expect("one was begun");
    for (number, committed) in committed {
        let fits = 2 + number as usize % 2 == dimension;
        let kept = store.log().turn(&t, decision_id(number)).await.expect("read").is_some();
        assert_eq!(kept, fits, "turn {number} of a collection of {dimension} dimensions");
        match committed {
            Ok(receipt) => assert!(fits && receipt.applied == Applied::Fresh),
            Err(error) => assert!(!fits && error.kind() == ErrorKind::Invalid, "{error}"),
        }
    }
    assert_eq!(infos, [CollectionInfo::new(Collection::new("m", dimension), 20)]);
    let query = VectorQuery::new(Selection::of_everyone("m"), vec![1.0; dimension], 99);
    assert_eq!(search(vectors, &t, &query).await.len(), 20);
}

pub(super) async fn a_replaced_memory_is_only_what_it_is_now(store: Arc<dyn Store>) {
    let (t, ana, vectors) = (tenant("t"), user("ana"), store.vectors());
    let everyone = |name: &str| VectorQuery::new(Selection::of_everyone(name), vec![1.0, 0.0], 9);
    put(vectors, &t, &ana, &[memory("c", 0, vec![1.0, 0.0]), memory("c", 1, vec![1.0, 0.1])]).await;
    assert_eq!(indexes(&search(vectors, &t, &everyone("c")).await), [0, 1]);
    let mut changed = memory("c", 0, vec![0.0, 1.0]);
    (changed.text, changed.metadata) = ("new".to_owned(), json!({ "n": "new" }));
    put(vectors, &t, &ana, &[changed.clone()]).await;
    let hits = search(vectors, &t, &everyone("c")).await;
    assert_eq!(indexes(&hits), [1, 0]);
    assert_eq!(hits[1].memory, changed);
    let new = everyone("c").with_filter(Filter::equals("n", "new"));
    assert_eq!(indexes(&search(vectors, &t, &new).await), [0]);
    // Into another collection, also of other dimensions.
    let moved = [memory("d", 0, vec![1.0, 0.0]), memory("c", 2, vec![1.0, 0.2])];
    put(vectors, &t, &ana, &moved).await;
    assert_eq!(indexes(&search(vectors, &t, &everyone("c")).await), [1, 2]);
    assert_eq!(indexes(&search(vectors, &t, &everyone("d")).await), [0]);
    // The last of two of one id in one call counts.
    let twice = [memory("c", 3, vec![1.0, 0.0]), memory("c", 3, vec![-1.0, 0.0])];
    put(vectors, &t, &ana, &twice).await;
    assert_eq!(indexes(&search(vectors, &t, &everyone("c")).await), [1, 2, 3]);
}

pub(super) async fn what_is_selected_is_counted_and_removed(store: Arc<dyn Store>) {
    let (t, vectors) = (tenant("t"), store.vectors());
    for name in ["ana", "bo"] {
        let memories = (0..10).map(|index| {
            let metadata = if index == 9 { Value::Null } else { json!({ "n": index, "tags": ["x"] }) };
            Memory { metadata, ..memory("c", index, vec![1.0]) }
        });
        put(vectors, &t, &user(name), &memories.collect::<Vec<_>>()).await;
    }
    let (ana, everyone) = (of(&user("ana"), "c"), Selection::of_everyone("c"));
    let small = Filter::number("n", ..3.0);
    for (selection, count) in [
        (ana.clone(), 10),
        (everyone.clone(), 20),
        (everyone.clone().with_filter(small.clone()), 6),
        (ana.clone().with_filter(!small.clone()), 7),
        (ana.clone().with_filter(Filter::contains("tags", "x") & Filter::made(at(8)..)), 1),
        (ana.clone().with_filter(!Filter::exists("n")), 1),
        (Selection::of_everyone("nowhere"), 0),
    ] {
        assert_eq!(vectors.count(&t, &selection).await.expect("counted"), count, "{selection:?}");
    }
    assert_eq!(vectors.delete_where(&t, &ana.clone().with_filter(small)).await.expect("deleted"), 3);
    let query = VectorQuery::new(everyone.clone(), vec![1.0], 99);
    assert_eq!(search(vectors, &t, &query).await.len(), 17);
    assert_eq!(vectors.delete_where(&t, &ana).await.expect("deleted"), 7);
    let left = search(vectors, &t, &query).await;
    assert!(left.len() == 10 && left.iter().all(|hit| hit.user == user("bo")));
    assert_eq!(vectors.delete_where(&t, &everyone).await.expect("deleted"), 10);
    assert!(search(vectors, &t, &query).await.is_empty());
}

pub(super) async fn impossible_filters_are_refused(store: Arc<dyn Store>) {
    let (t, ana, vectors) = (tenant("t"), user("ana"), store.vectors());
    put(vectors, &t, &ana, &[memory("c", 0, vec![1.0])]).await;
    let deep = (0..100).fold(Filter::exists("x"), |filter, _| !filter);
    for filter in [Filter::equals("x", f64::NAN), Filter::number("x", f64::NAN..), deep] {
        let selection = of(&ana, "c").with_filter(filter);
        let query = VectorQuery::new(selection.clone(), vec![1.0], 1);
        let answers = [
            vectors.search(&t, &query).await.map(drop),
            vectors.count(&t, &selection).await.map(drop),
            vectors.delete_where(&t, &selection).await.map(drop),
        ];
        let kinds = answers.map(|answer| answer.expect_err("refused").kind());
        assert_eq!(kinds, [ErrorKind::Invalid; 3], "{selection:?}");
    }
}

/// Through two handles on one state.
pub(super) async fn a_memory_is_seen_through_another_handle_at_once(
    one: Arc<dyn Store>,
    two: Arc<dyn Store>,
) {
    let (t, ana) = (tenant("t"), user("ana"));
    let queries = [of(&ana, "c"), Selection::of_everyone("c")];
    let queries = queries.map(|selection| VectorQuery::new(selection, vec![1.0, 0.0], 99));
    for index in 0..20 {
        let (writer, reader) = if index % 2 == 0 { (&one, &two) } else { (&two, &one) };
        put(writer.vectors(), &t, &ana, &[memory("c", index, vec![1.0, index as f32])]).await;
        for store in [reader, writer] {
            for query in &queries {
                let hits = search(store.vectors(), &t, query).await;
                assert_eq!(
                    indexes(&hits),
                    (index / 4 * 2..=index).collect::<Vec<_>>(),
                    "without those removed"
                );
            }
        }
        if index % 4 == 3 {
            let oldest = [memory("c", index / 4 * 2, vec![]).id, memory("c", index / 4 * 2 + 1, vec![]).id];
            assert_eq!(reader.vectors().delete(&t, &ana, &oldest).await.expect("deleted"), 2);
        }
    }
}

pub(super) async fn a_users_memories_are_read_page_by_page(store: Arc<dyn Store>) {
    let (t, ana, bob, vectors) = (tenant("t"), user("ana"), user("bob"), store.vectors());
    let of_turn = |number: u64, index: u32| Memory {
        id: MemoryId { turn: decision_id(number), index },
        ..memory("c", index, vec![1.0, 0.5])
    };
    let stored: Vec<_> = (1..=3).flat_map(|turn| [of_turn(turn, 0), of_turn(turn, 1)]).collect();
    put(vectors, &t, &ana, &stored).await;
    put(vectors, &t, &bob, &[of_turn(9, 0)]).await;
    put(vectors, &tenant("u"), &ana, &[of_turn(9, 0)]).await;
    put(vectors, &t, &ana, &[Memory { collection: "d".to_owned(), ..of_turn(8, 0) }]).await;
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = MemoryPage::new(ana.clone(), "c", 4).after(after);
        let page = store.users().memories(&t, &page).await.expect("read");
        after = page.last().map(|memory| memory.id);
        let is_last = page.len() < 4;
        read.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(read, stored.into_iter().rev().collect::<Vec<_>>());
    let past = MemoryPage::new(ana, "c", 4).after(Some(MemoryId { turn: decision_id(1), index: 0 }));
    assert!(store.users().memories(&t, &past).await.expect("read").is_empty());
}
