//! Laws of users who are forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures::future::{Either, poll_fn, select};
use helm_core::{Role, UserId};
use serde_json::json;

use super::fixtures::{at, deadline, decision, decision_id, feedback, mean, tenant, turn, user};
use super::retention::{learnt_in_all, retain, talkative, twenty_turns};
use crate::{
    DrawQuery, ErrorKind, Forgetting, Forgotten, LogQuery, NewJob, PreferenceChange, Selection, Store,
    Summary, TurnView, UserRecords,
};

/// Whom the laws forget: turns 1, 9 and 17 of twenty are theirs.
fn ana() -> UserId {
    decision(1).context.user
}

fn forgetting() -> Forgetting {
    Forgetting::new(ana(), decision_id(999)).with_batch(2).with_kept_jobs("kept")
}

async fn forget(store: &Arc<dyn Store>, forgetting: &Forgetting) -> Forgotten {
    store.users().forget(&tenant("t"), forgetting, &mut |_| {}).await.expect("forgotten")
}

/// Twenty turns, and for one user something in every place; the first turns have left the log.
async fn well_known(store: &Arc<dyn Store>) {
    let t = tenant("t");
    twenty_turns(store).await;
    retain(store, at(5)).await;
    let likes = PreferenceChange::Set { name: "tone".to_owned(), value: json!("secretly dry") };
    for user in [ana(), user("user-2")] {
        store.preferences().apply(&t, &user, std::slice::from_ref(&likes), None).await.expect("applied");
    }
    let conversation = "c".parse().expect("a conversation");
    let summary = Summary { text: "secret notes".to_owned(), covers: decision_id(9), at: at(20) };
    assert!(store.conversations().set_summary(&t, &ana(), &conversation, &summary).await.expect("summed up"));
    let job = |kind: &str, body| NewJob {
        kind: kind.to_owned(),
        dedupe: format!("{kind}:{body}"),
        body,
        run_at: at(900),
        max_attempts: 1,
    };
    let jobs = [
        job("kept", json!({ "decision": decision_id(9) })),
        job("judged", json!({ "decision": decision_id(17) })),
        job("judged", json!({ "decision": decision_id(18) })),
        job("summed", json!({ "user": ana(), "note": "a NUL \0 and none: \\u0000" })),
        job("summed", json!({ "user": "user-10", "note": "\0\0" })),
        // A conversation may be called as somebody is.
        job("summed", json!({ "user": "user-2", "conversation": ana() })),
    ];
    store.jobs().enqueue(&t, &jobs).await.expect("queued");
}

/// Under which names something is learnt of those who are forgotten: also of what has left the log.
async fn pseudonyms(store: &Arc<dyn Store>) -> Vec<String> {
    let totals = store.bandits().user_totals(&tenant("t"), &decision(0).context.task, None, 100).await;
    let users = totals.expect("totals").into_iter().map(|total| total.user.to_string());
    let names: BTreeSet<_> = users.filter(|user| user.starts_with("forgotten-")).collect();
    names.into_iter().collect()
}

async fn turns(store: &Arc<dyn Store>, query: &LogQuery) -> Vec<TurnView> {
    store.log().scan(&tenant("t"), query, None, 100).await.expect("read").items
}

pub(super) async fn a_user_is_forgotten_and_what_was_learnt_stays(store: Arc<dyn Store>) {
    let (t, of_ana) = (tenant("t"), LogQuery::default().with_user(ana()));
    well_known(&store).await;
    let before = learnt_in_all(&store).await;
    let known = store.users().records(&t, &ana()).await.expect("records");
    let said = known.conversations.iter().flat_map(|one| &one.messages);
    assert_eq!(said.filter(|said| said.message.role == Role::User).count(), 2);
    assert!(known.conversations[0].summary.is_some());
    assert_eq!((known.memories.len(), known.jobs.len()), (3, 1));
    assert_eq!(known.memories[0].embedding.len(), 2);
    assert!(!known.statistics.is_empty());
    let counted = forget(&store, &forgetting().dry_run(true)).await;
    assert_eq!(turns(&store, &of_ana).await.len(), 2, "nothing was changed");
    let (preferences, summaries) = (counted.preferences, counted.summaries);
    assert_eq!((preferences, summaries, counted.messages, counted.memories), (1, 1, 4, 3));
    assert_eq!((counted.jobs, counted.turns, counted.decisions, counted.judgements), (2, 2, 2, 3));
    let mut told = Vec::new();
    let forgotten = store.users().forget(&t, &forgetting(), &mut |so_far| told.push(so_far)).await;
    assert_eq!(forgotten.expect("forgotten"), counted);
    assert_eq!(told.last(), Some(&counted), "progress is told");
    assert_eq!(store.users().records(&t, &ana()).await.expect("records"), UserRecords::default());
    assert!(turns(&store, &of_ana).await.is_empty());
    assert!(store.preferences().get(&t, &ana()).await.expect("read").values.is_empty());
    let mine = Selection::of_user(ana(), "m");
    assert_eq!(store.vectors().count(&t, &mine).await.expect("counted"), 0);
    assert_eq!(learnt_in_all(&store).await, before, "nothing that was learnt is lost");
    assert_eq!(pseudonyms(&store).await, [format!("forgotten-{}", decision_id(9))]);
    store.restate(&t, &decision(0).context.task).await.expect("restated");
    assert_eq!(learnt_in_all(&store).await, before);
    assert_eq!(store.jobs().counts().await.expect("counted").waiting, 4);
    assert_eq!(forget(&store, &forgetting()).await, Forgotten::default(), "again changes nothing");
}

pub(super) async fn what_is_left_of_a_user_says_nothing_of_them(store: Arc<dyn Store>) {
    let t = tenant("t");
    well_known(&store).await;
    let others = turns(&store, &LogQuery::default().with_user(user("user-2"))).await;
    forget(&store, &forgetting()).await;
    for number in [9, 17] {
        let left = store.log().turn(&t, decision_id(number)).await.expect("read").expect("it stays");
        assert_eq!(left.user.as_str(), format!("forgotten-{}", decision_id(9)));
        assert_eq!(left.decision.as_ref().expect("decided").context.user, left.user);
        assert_eq!((left.input.as_deref(), left.output.as_deref()), (Some(""), Some("")));
        assert!(left.conversation.is_none() && left.reward.is_some() && !left.feedback.is_empty());
        assert!(!format!("{left:?}").contains("user-1"), "{left:?}");
        let again =
            store.commit_turn(talkative(number), mean()).await.expect_err("it is not theirs any more");
        assert_eq!(again.kind(), ErrorKind::Conflict);
    }
    let draw = DrawQuery::of_user(decision(0).context.task, ana());
    assert_eq!(store.log().last_draw(&t, &draw).await.expect("read"), None);
    assert_eq!(turns(&store, &LogQuery::default().with_user(user("user-2"))).await, others);
    let kept = store.users().records(&t, &user("user-2")).await.expect("records");
    assert_eq!((kept.memories.len(), kept.conversations.len()), (3, 1));
    assert!(!store.preferences().get(&t, &user("user-2")).await.expect("read").values.is_empty());
}

pub(super) async fn forgetting_goes_on_where_it_was_cut_off(store: Arc<dyn Store>) {
    let t = tenant("t");
    well_known(&store).await;
    let before = learnt_in_all(&store).await;
    for steps in 1..4 {
        let (cut, mut left) = (AtomicBool::new(false), steps);
        let mut progress = |_| {
            left -= 1;
            cut.store(left == 0, Ordering::SeqCst);
        };
        let forgetting = forgetting().with_batch(1);
        let working = store.users().forget(&t, &forgetting, &mut progress);
        let cutting = poll_fn(|_| match cut.load(Ordering::SeqCst) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        match select(working, cutting).await {
            Either::Left((forgotten, _)) => drop(forgotten.expect("forgotten")),
            Either::Right(((), working)) => drop(working),
        }
        assert_eq!(learnt_in_all(&store).await, before, "whole at every step");
    }
    forget(&store, &forgetting()).await;
    let all = turns(&store, &LogQuery::default()).await;
    let names: BTreeSet<_> = all.iter().map(|turn| turn.user.as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("forgotten-")).count(), 1, "{names:?}");
    assert!(!names.contains(ana().as_str()));
    assert_eq!(pseudonyms(&store).await.len(), 1);
    assert_eq!(store.users().records(&t, &ana()).await.expect("records"), UserRecords::default());
}

pub(super) async fn a_turn_that_runs_while_its_user_is_forgotten_is_not_stored(store: Arc<dyn Store>) {
    let t = tenant("t");
    for number in [1, 9] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    store.commit_turn(turn(1), mean()).await.expect("committed");
    forget(&store, &forgetting()).await;
    let refused = store.commit_turn(talkative(9), mean()).await.expect_err("its user is gone");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(!refused.to_string().contains("forgotten-"), "nobody is told the pseudonym: {refused}");
    let left = forget(&store, &forgetting().dry_run(true)).await;
    assert_eq!(left, Forgotten::default(), "nothing of them has come back");
    let said = feedback(1, "user", 1.0);
    let receipt = store.record_feedback(&t, &said, at(30), mean()).await.expect("still taken");
    assert!(receipt.reward.is_some());
    // Whoever comes back is somebody new.
    store.log_decision(&decision(17), deadline()).await.expect("logged");
    store.commit_turn(turn(17), mean()).await.expect("committed");
    assert_eq!(turns(&store, &LogQuery::default().with_user(ana())).await.len(), 1);
    let audit = store.bandits().audit(&t, &decision(0).context.task).await.expect("an audit");
    assert!(audit.mismatches.is_empty(), "{audit:?}");
    assert_eq!(forget(&store, &forgetting()).await.turns, 1);
}

pub(super) async fn what_ends_while_its_user_is_forgotten_is_forgotten(store: Arc<dyn Store>) {
    let t = tenant("t");
    for number in [1, 9, 17] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    for number in [9, 17] {
        store.commit_turn(talkative(number), mean()).await.expect("committed");
    }
    let begun = AtomicBool::new(false);
    let mut progress = |_| begun.store(true, Ordering::SeqCst);
    let forgetting = forgetting().with_batch(1);
    let working = store.users().forget(&t, &forgetting, &mut progress);
    let waiting = poll_fn(|_| match begun.load(Ordering::SeqCst) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    let done = match select(working, waiting).await {
        Either::Left((forgotten, _)) => forgotten,
        Either::Right(((), working)) => {
            // Their first decision goes last, so this may still be theirs.
            drop(store.commit_turn(talkative(1), mean()).await);
            working.await
        }
    };
    done.expect("forgotten");
    assert_eq!(store.users().records(&t, &ana()).await.expect("records"), UserRecords::default());
    assert!(turns(&store, &LogQuery::default().with_user(ana())).await.is_empty());
    let audit = store.bandits().audit(&t, &decision(0).context.task).await.expect("an audit");
    assert!(audit.mismatches.is_empty(), "{audit:?}");
}

pub(super) async fn a_user_of_another_tenant_is_not_forgotten(store: Arc<dyn Store>) {
    well_known(&store).await;
    let (other, foreign) = (tenant("u"), forgetting());
    let forgotten = store.users().forget(&other, &foreign, &mut |_| {}).await.expect("nothing");
    assert!(forgotten.is_nothing());
    assert_eq!(store.users().records(&other, &ana()).await.expect("records"), UserRecords::default());
    assert_eq!(turns(&store, &LogQuery::default().with_user(ana())).await.len(), 2);
}

pub(super) async fn a_decision_without_a_turn_is_its_users(store: Arc<dyn Store>) {
    let t = tenant("t");
    for number in [1, 9, 17, 2] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    store.commit_turn(turn(9), mean()).await.expect("committed");
    let of = async |user: &UserId| store.users().records(&t, user).await.expect("records").decisions;
    assert_eq!(of(&ana()).await, [decision_id(1), decision_id(17)]);
    forget(&store, &forgetting()).await;
    assert_eq!(of(&ana()).await, []);
    assert_eq!(of(&user("user-2")).await, [decision_id(2)]);
}
