use std::sync::Arc;

use helm_core::{Message, Role};

use super::fixtures::{at, deadline, decision, decision_id, feedback, mean, panics, refuse, tenant, turn};
use crate::{
    Applied, ErrorKind, LogQuery, Memory, MemoryId, NewJob, PreferenceChange, Selection, StateQuery, Store,
    TurnRecord, VectorQuery,
};

/// A turn with a part of every kind.
fn full(number: u64) -> TurnRecord {
    let mut turn = turn(number);
    turn.conversation = Some("c".parse().expect("a conversation"));
    turn.messages = vec![Message::text(Role::User, "q"), Message::text(Role::Assistant, "a")];
    turn.preferences = vec![PreferenceChange::Increment { name: "n".to_owned(), by: 1 }];
    turn.memories = vec![Memory {
        id: MemoryId { turn: turn.id, index: 0 },
        collection: "m".to_owned(),
        text: "likes tea".to_owned(),
        embedding: vec![1.0, 0.0],
        metadata: serde_json::json!({"k": 1}),
        at: turn.began,
    }];
    turn.jobs = vec![NewJob {
        kind: "k".to_owned(),
        dedupe: format!("d{number}"),
        body: serde_json::json!({"n": number}),
        run_at: at(0),
        max_attempts: 3,
    }];
    turn
}

/// How much of `full(number)` is visible: messages, preferences, memories, jobs.
async fn visible(store: &Arc<dyn Store>, number: u64) -> (usize, u64, usize, u64) {
    let (turn, t) = (full(number), tenant("t"));
    let conversation = turn.conversation.clone().expect("set above");
    let messages = store.conversations().recent(&t, &turn.user, &conversation, 10).await.expect("messages");
    let preferences = store.preferences().get(&t, &turn.user).await.expect("preferences");
    let own = Selection::of_user(turn.user.clone(), "m");
    let memories =
        store.vectors().search(&t, &VectorQuery::new(own, vec![1.0, 0.0], 10)).await.expect("memories");
    let jobs = store.jobs().counts().await.expect("jobs");
    // A decision whose turn has not ended leaves a job of its own, which is not meant here.
    let view = store.log().turn(&t, turn.id).await.expect("read");
    let open = view.is_some_and(|view| view.outcome.is_none());
    (messages.len(), preferences.revision, memories.len(), jobs.waiting - u64::from(open))
}

pub(super) async fn a_decision_is_logged_once(store: Arc<dyn Store>) {
    assert_eq!(store.log_decision(&decision(1), deadline()).await.expect("logged"), Applied::Fresh);
    assert_eq!(store.log_decision(&decision(1), deadline()).await.expect("logged"), Applied::Duplicate);
    let mut other = decision(2);
    other.id = decision(1).id;
    let error = store.log_decision(&other, deadline()).await.expect_err("another decision of the same id");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let view = store.log().turn(&tenant("t"), decision_id(1)).await.expect("read").expect("there");
    assert_eq!((view.decision, view.outcome), (Some(decision(1)), None));
}

pub(super) async fn a_turn_is_committed_once_and_whole(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    let receipt = store.commit_turn(full(1), mean()).await.expect("committed");
    assert_eq!(receipt.applied, Applied::Fresh);
    assert_eq!(receipt.reward.as_ref().map(|reward| reward.value.get()), Some(0.5));
    let again = store.commit_turn(full(1), mean()).await.expect("committed");
    assert_eq!((again.applied, again.reward), (Applied::Duplicate, receipt.reward.clone()));
    assert_eq!(visible(&store, 1).await, (2, 1, 1, 1));
    let view = store.log().turn(&tenant("t"), decision_id(1)).await.expect("read").expect("there");
    assert_eq!((view.outcome, view.reward), (Some(full(1).outcome), receipt.reward));
    // A turn without a decision is kept too, and earns nothing.
    let blocked = store.commit_turn(turn(7), mean()).await.expect("committed");
    assert_eq!((blocked.applied, blocked.reward), (Applied::Fresh, None));
}

pub(super) async fn a_refused_settlement_leaves_no_trace(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    let error = store.commit_turn(full(1), refuse()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unsettled);
    assert_eq!(visible(&store, 1).await, (0, 0, 0, 0));
    let refused = store.record_feedback(&tenant("t"), &feedback(1, "user", 1.0), at(1), refuse()).await;
    assert!(refused.is_err());
    let view = store.log().turn(&tenant("t"), decision_id(1)).await.expect("read").expect("there");
    assert_eq!((view.outcome, view.reward, view.feedback.len()), (None, None, 0));
    // Nothing stands in the way of the same turn afterwards.
    let receipt = store.commit_turn(full(1), mean()).await.expect("committed");
    assert_eq!(receipt.applied, Applied::Fresh);
}

pub(super) async fn a_settlement_that_panics_is_refused_alone(store: Arc<dyn Store>) {
    for number in [1, 2] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    // Sent at once, so that a store that shares transactions has both in one.
    let (broken, sound) =
        futures::join!(store.commit_turn(full(1), panics()), store.commit_turn(turn(2), mean()));
    let error = broken.expect_err("it panicked");
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("panicked: on purpose"), "{error}");
    assert_eq!(sound.expect("committed").applied, Applied::Fresh);
    assert_eq!(visible(&store, 1).await, (0, 0, 0, 0));
    let receipt = store.commit_turn(full(1), mean()).await.expect("the store goes on");
    assert_eq!(receipt.applied, Applied::Fresh);
}

pub(super) async fn a_scan_covers_every_turn_once(store: Arc<dyn Store>) {
    for number in 0..23 {
        store.commit_turn(turn(number), mean()).await.expect("committed");
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page =
            store.log().scan(&tenant("t"), &LogQuery::default(), after.as_ref(), 5).await.expect("a page");
        seen.extend(page.items.iter().map(|view| view.id));
        // Turns that come in between are newer, so they do not disturb.
        store.commit_turn(turn(500 + seen.len() as u64), mean()).await.expect("committed");
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..23).rev().map(decision_id).collect();
    assert_eq!(seen, expected, "newest first, each once");
    let user = decision(3).context.user;
    let query = LogQuery::default().with_user(user.clone()).with_since(at(3));
    let page = store.log().scan(&tenant("t"), &query, None, 100).await.expect("a page");
    assert!(page.items.iter().all(|view| view.user == user && view.at >= at(3)));
    assert!(page.items.len() >= 3);
}

pub(super) async fn a_turn_is_its_decisions_and_its_own(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    let kind = async |turn| store.commit_turn(turn, mean()).await.map_err(|error| error.kind()).err();
    let stranger = TurnRecord { user: decision(2).context.user, ..full(1) };
    assert_eq!(kind(stranger).await, Some(ErrorKind::Conflict), "another user's");
    let elsewhere = TurnRecord { task: "other".parse().expect("a task"), ..full(1) };
    assert_eq!(kind(elsewhere).await, Some(ErrorKind::Conflict), "another task's");
    assert_eq!(visible(&store, 1).await, (0, 0, 0, 0));
    assert_eq!(kind(full(1)).await, None);
    let mut worse = full(1);
    worse.outcome.status = helm_core::TurnStatus::Timeout;
    let other = TurnRecord { output: Some("another answer".to_owned()), ..full(1) };
    for changed in [worse, other, turn(1)] {
        assert_eq!(kind(changed).await, Some(ErrorKind::Conflict));
    }
    assert_eq!(visible(&store, 1).await, (2, 1, 1, 1));
}

pub(super) async fn an_empty_page_is_empty(store: Arc<dyn Store>) {
    let t = tenant("t");
    let scan = async |limit| store.log().scan(&t, &LogQuery::default(), None, limit).await.expect("a page");
    for number in 0..3 {
        store.commit_turn(turn(number), mean()).await.expect("committed");
    }
    let page = scan(0).await;
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(scan(usize::MAX).await.items.len(), 3);
    let page = scan(3).await;
    assert!(page.next.is_none(), "exactly all");
}

pub(super) async fn tenants_never_meet(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    store.commit_turn(full(1), mean()).await.expect("committed");
    let (stranger, own) = (tenant("other"), full(1));
    assert!(store.log().turn(&stranger, own.id).await.expect("read").is_none());
    let page = store.log().scan(&stranger, &LogQuery::default(), None, 10).await.expect("a page");
    assert!(page.items.is_empty());
    let state = store
        .bandits()
        .load(&stranger, &own.task, &StateQuery::default().with_user(own.user.clone()))
        .await
        .expect("state");
    assert!(state.rows.is_empty() && state.prior.is_none());
    assert!(store.bandits().strategy_totals(&stranger, &own.task).await.expect("totals").is_empty());
    assert!(store.bandits().user_totals(&stranger, &own.task, None, 10).await.expect("totals").is_empty());
    assert_eq!(store.preferences().get(&stranger, &own.user).await.expect("preferences").revision, 0);
    let conversation = own.conversation.clone().expect("set above");
    let messages =
        store.conversations().recent(&stranger, &own.user, &conversation, 10).await.expect("messages");
    assert!(messages.is_empty());
    let selection = Selection::of_user(own.user.clone(), "m");
    let query = VectorQuery::new(selection, vec![1.0, 0.0], 10);
    assert!(store.vectors().search(&stranger, &query).await.expect("memories").is_empty());
    assert_eq!(
        store.vectors().delete(&stranger, &own.user, &[own.memories[0].id]).await.expect("deleted"),
        0
    );
    let error = store.record_feedback(&stranger, &feedback(1, "user", 1.0), at(1), mean()).await;
    assert_eq!(error.expect_err("not theirs").kind(), ErrorKind::NotFound);
    // The same keys are free in another tenant.
    assert_eq!(store.jobs().enqueue(&stranger, &own.jobs).await.expect("queued"), 1);
    let mut jobs =
        store.jobs().claim(at(10), std::time::Duration::from_secs(9), 10, &["k"]).await.expect("claimed");
    let mut foreign = jobs.remove(0);
    foreign.tenant = if foreign.tenant == stranger { tenant("t") } else { stranger.clone() };
    assert!(
        !store.jobs().complete(&foreign).await.expect("answered"),
        "a job is not another tenant's to end"
    );
}
