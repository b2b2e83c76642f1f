//! Laws of what the beginnings of conversations came to.

use std::sync::Arc;

use futures::future::join_all;
use helm_core::{ConversationId, Message, Role, TenantId, UserId};

use super::fixtures::{at, decision_id, mean, tenant, turn, user};
use crate::{Retention, Store, Summary};

fn conversation(name: &str) -> ConversationId {
    name.parse().expect("a conversation")
}

/// Turns of `user-0`, of numbers that eight divides, each with what was said in `c`.
async fn say(store: &Arc<dyn Store>, of: &TenantId, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        let mut turn = turn(number);
        turn.tenant = of.clone();
        turn.conversation = Some(conversation("c"));
        turn.messages = vec![Message::text(Role::User, format!("q{number}"))];
        store.commit_turn(turn, mean()).await.expect("committed");
    }
}

/// Up to a turn.
fn summary(number: u64) -> Summary {
    Summary { text: format!("until {number}"), covers: decision_id(number), at: at(number as i64) }
}

async fn read(store: &Arc<dyn Store>, of: &TenantId, whose: &UserId, name: &str) -> Option<Summary> {
    store.conversations().summary(of, whose, &conversation(name)).await.expect("read")
}

async fn set(store: &Arc<dyn Store>, summary: &Summary) -> bool {
    let (t, ana, c) = (tenant("t"), user("user-0"), conversation("c"));
    store.conversations().set_summary(&t, &ana, &c, summary).await.expect("answered")
}

pub(super) async fn a_summary_only_moves_forward(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("user-0"));
    say(&store, &t, [8, 16, 24]).await;
    assert_eq!(read(&store, &t, &ana, "c").await, None);
    assert!(set(&store, &summary(16)).await);
    let again = Summary { text: "other words".to_owned(), ..summary(16) };
    for older in [&again, &summary(8)] {
        assert!(!set(&store, older).await, "{older:?}");
    }
    assert_eq!(read(&store, &t, &ana, "c").await, Some(summary(16)));
    assert!(set(&store, &summary(24)).await);
    assert_eq!(read(&store, &t, &ana, "c").await, Some(summary(24)));
    let said = store.conversations().recent(&t, &ana, &conversation("c"), 9).await.expect("read");
    assert_eq!(said.len(), 3, "what was said stays");
}

pub(super) async fn a_summary_is_of_one_conversation(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("user-0"));
    say(&store, &t, [8]).await;
    say(&store, &tenant("u"), [16]).await;
    assert!(!set(&store, &summary(16)).await, "nobody said it here");
    assert!(set(&store, &summary(8)).await);
    for (of, whose, name) in [("u", "user-0", "c"), ("t", "user-1", "c"), ("t", "user-0", "d")] {
        assert_eq!(read(&store, &tenant(of), &user(whose), name).await, None, "{of} {whose} {name}");
        let (of, whose, name) = (tenant(of), user(whose), conversation(name));
        let set = store.conversations().set_summary(&of, &whose, &name, &summary(8)).await;
        assert!(!set.expect("answered"), "nobody said it there");
    }
    assert_eq!(read(&store, &t, &ana, "c").await, Some(summary(8)));
}

pub(super) async fn a_summary_leaves_with_what_it_covers(store: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("user-0"));
    say(&store, &t, [8, 16, 24]).await;
    assert!(set(&store, &summary(16)).await);
    for (before, left) in [(10, Some(summary(16))), (20, None)] {
        let retention = Retention::before(at(before));
        store.log().retain(&t, &retention, &mut |_| {}).await.expect("retained");
        assert_eq!(read(&store, &t, &ana, "c").await, left, "{before}");
    }
    assert!(!set(&store, &summary(16)).await, "what it covered is not there any more");
    assert!(set(&store, &summary(24)).await);
}

/// Through two handles on one state.
pub(super) async fn one_of_two_summaries_covers_most(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    let (t, ana) = (tenant("t"), user("user-0"));
    let numbers: Vec<u64> = (1..=10).map(|number| 8 * number).collect();
    say(&one, &t, numbers.clone()).await;
    let tries = numbers.iter().rev().map(|number| {
        let store = if number % 16 == 0 { &one } else { &two };
        async move { set(store, &summary(*number)).await }
    });
    assert!(join_all(tries).await.contains(&true));
    for store in [&one, &two] {
        assert_eq!(read(store, &t, &ana, "c").await, Some(summary(80)));
    }
}
