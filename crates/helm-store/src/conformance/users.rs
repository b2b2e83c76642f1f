use std::sync::Arc;

use futures::future::join_all;
use helm_core::{Message, PolicyHash, Role, UserId};
use serde_json::json;

use super::fixtures::{at, decision_id, mean, tenant, turn};
use crate::{ErrorKind, Memory, MemoryId, PreferenceChange, PriorDocument, StateQuery, Store, VectorQuery};

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user")
}

pub(super) async fn preferences_are_changed_atomically(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("ana"));
    let more = [PreferenceChange::Increment { name: "n".to_owned(), by: 2 }];
    let raises =
        (0..8).map(|_| async { store.preferences().apply(&t, &ana, &more, None).await.expect("applied") });
    join_all(raises).await;
    let preferences = store.preferences().get(&t, &ana).await.expect("read");
    assert_eq!((preferences.revision, &preferences.values["n"]), (8, &json!(16)));
    let set = PreferenceChange::Set { name: "tone".to_owned(), value: json!("dry") };
    let wrong = PreferenceChange::Increment { name: "tone".to_owned(), by: 1 };
    let error = store.preferences().apply(&t, &ana, &[set.clone(), wrong], None).await.expect_err("a text");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let unchanged = store.preferences().get(&t, &ana).await.expect("read");
    assert_eq!(unchanged, preferences);
    let remove = PreferenceChange::Remove { name: "n".to_owned() };
    let after = store.preferences().apply(&t, &ana, &[set, remove], Some(8)).await.expect("applied");
    assert_eq!(after.values.into_iter().collect::<Vec<_>>(), [("tone".to_owned(), json!("dry"))]);
}

pub(super) async fn one_of_two_expectations_wins(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("ana"));
    let changes = (0..8).map(|n| [PreferenceChange::Set { name: "x".to_owned(), value: json!(n) }]);
    let changes: Vec<_> = changes.collect();
    let tries = changes.iter().map(|change| store.preferences().apply(&t, &ana, change, Some(0)));
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.into_iter().filter_map(Result::err).all(|error| error.kind() == ErrorKind::Conflict));
}

pub(super) async fn conversations_keep_their_order_and_their_owner(store: Arc<dyn Store>) {
    for number in [8, 16, 24] {
        let mut turn = turn(number);
        turn.conversation = Some("c".parse().expect("a conversation"));
        turn.messages = vec![
            Message::text(Role::User, format!("q{number}")),
            Message::text(Role::Assistant, format!("a{number}")),
        ];
        store.commit_turn(turn, mean()).await.expect("committed");
    }
    let (t, conversation) = (tenant("t"), "c".parse().expect("a conversation"));
    let texts = async |user: &str, limit| {
        let recent =
            store.conversations().recent(&t, &UserId::new(user).expect("a user"), &conversation, limit).await;
        recent.expect("read").iter().map(|stored| stored.message.joined_text()).collect::<Vec<_>>()
    };
    assert_eq!(texts("user-0", 3).await, ["a16", "q24", "a24"]);
    assert_eq!(texts("user-0", 99).await.len(), 6);
    assert!(texts("user-1", 99).await.is_empty(), "another user's conversation of the same id");
}

fn memory(index: u32, embedding: Vec<f32>) -> Memory {
    Memory {
        id: MemoryId { turn: decision_id(1), index },
        collection: "c".to_owned(),
        text: format!("memory {index}"),
        embedding,
        metadata: json!(null),
        at: at(0),
    }
}

pub(super) async fn memories_are_found_by_angle(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("ana"));
    let vectors = store.vectors();
    let all: Vec<_> = (0..40_u32).map(|n| memory(n, vec![(n as f32).cos(), (n as f32).sin(), 0.1])).collect();
    vectors.upsert(&t, &ana, &all).await.expect("stored");
    let query = VectorQuery { collection: "c".to_owned(), embedding: vec![1.0, 0.2, 0.0], k: 5 };
    let hits = vectors.search(&t, &ana, &query).await.expect("found");
    let cosine = |memory: &Memory| {
        let norm = memory.embedding.iter().map(|x| x * x).sum::<f32>().sqrt() * (1.0_f32 + 0.04).sqrt();
        (memory.embedding[0] + 0.2 * memory.embedding[1]) / norm
    };
    let mut oracle: Vec<_> = all.iter().map(|memory| (cosine(memory), memory.id)).collect();
    oracle.sort_by(|a, b| b.0.total_cmp(&a.0));
    let expected: Vec<_> = oracle.iter().take(5).map(|(_, id)| *id).collect();
    assert_eq!(hits.iter().map(|hit| hit.memory.id).collect::<Vec<_>>(), expected);
    assert!((hits[0].similarity - oracle[0].0).abs() < 1e-5);
    assert_eq!(vectors.delete(&t, &ana, &expected[..2]).await.expect("deleted"), 2);
    let left = vectors.search(&t, &ana, &query).await.expect("found");
    assert!(left.iter().all(|hit| !expected[..2].contains(&hit.memory.id)), "deleted ones never return");
    let none = vectors.search(&t, &user("bo"), &query).await.expect("found");
    assert!(none.is_empty(), "another user's");
    let mut replaced = memory(3, vec![0.0, 0.0, 1.0]);
    replaced.text = "new".to_owned();
    vectors.upsert(&t, &ana, &[replaced]).await.expect("stored");
    let query = VectorQuery { embedding: vec![0.0, 0.0, 1.0], k: 1, ..query };
    assert_eq!(vectors.search(&t, &ana, &query).await.expect("found")[0].memory.text, "new");
}

pub(super) async fn impossible_embeddings_are_refused(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("ana"));
    let vectors = store.vectors();
    vectors.upsert(&t, &ana, &[memory(0, vec![1.0, 0.0])]).await.expect("stored");
    for bad in [vec![], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0], vec![1.0, 0.0, 0.0]] {
        let stored = vectors.upsert(&t, &ana, &[memory(1, bad.clone())]).await;
        assert_eq!(stored.expect_err("refused").kind(), ErrorKind::Invalid, "{bad:?}");
        let query = VectorQuery { collection: "c".to_owned(), embedding: bad.clone(), k: 1 };
        let found = vectors.search(&t, &ana, &query).await;
        assert_eq!(found.expect_err("refused").kind(), ErrorKind::Invalid, "{bad:?}");
    }
}

pub(super) async fn a_prior_is_replaced_in_order(store: Arc<dyn Store>) {
    let (t, task) = (tenant("t"), "task".parse().expect("a task"));
    let (policy, other) = (PolicyHash::of("one"), PolicyHash::of("two"));
    let prior = |revision| PriorDocument { policy: policy.clone(), revision, body: json!({ "r": revision }) };
    let put =
        async |revision| store.bandits().put_prior(&t, &task, &prior(revision)).await.expect("answered");
    assert!(!put(2).await, "there is no first");
    assert!(put(1).await);
    assert!(!put(1).await, "somebody was first");
    assert!(put(2).await);
    let read = async |query| store.bandits().load(&t, &task, &query).await.expect("state").prior;
    assert_eq!(read(StateQuery::default().with_policy(policy.clone())).await, Some(prior(2)));
    assert_eq!(read(StateQuery::default().with_policy(other.clone())).await, None, "another policy's");
    assert_eq!(read(StateQuery::default()).await, None, "nobody asked for it");
    let first = PriorDocument { policy: other, ..prior(1) };
    assert!(store.bandits().put_prior(&t, &task, &first).await.expect("answered"));
}
