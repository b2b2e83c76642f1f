use std::sync::Arc;

use futures::future::join_all;
use helm_core::{Message, PolicyHash, Role, UserId};
use serde_json::json;

use super::fixtures::{mean, tenant, turn, user};
use crate::{ErrorKind, PreferenceChange, PriorDocument, StateQuery, Store};

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
