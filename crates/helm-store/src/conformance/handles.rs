//! Laws of calls that are cut off, come too late, or come through two handles.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use super::fixtures::{at, deadline, decision, decision_id, feedback, mean, tenant, turn};
use crate::{
    Applied, ErrorKind, Job, JobId, LogQuery, Memory, MemoryId, PreferenceChange, PriorDocument, Retention,
    RowQuery, Selection, StateQuery, Store, Summary, VectorQuery,
};

/// Count and sum of rewards of the whole task.
async fn totals(store: &Arc<dyn Store>) -> (i64, f64) {
    let task = decision(0).context.task;
    let state = store.bandits().load(&tenant("t"), &task, &StateQuery::default()).await.expect("state");
    let count = state.rows.iter().map(|row| row.stats.count).sum();
    (count, state.rows.iter().map(|row| row.stats.reward.to_f64()).sum())
}

pub(super) async fn a_write_that_was_cut_off_can_be_sent_again(store: Arc<dyn Store>) {
    for number in 0..16 {
        // Polled once and dropped: it may have happened or not.
        drop(futures::poll!(store.log_decision(&decision(number), deadline())));
        store.log_decision(&decision(number), deadline()).await.expect("sent again");
        drop(futures::poll!(store.commit_turn(turn(number), mean())));
        let receipt = store.commit_turn(turn(number), mean()).await.expect("sent again");
        assert_eq!(receipt.reward.map(|reward| reward.value.get()), Some(0.5));
        let said = feedback(number, "user", 1.0).with_key(format!("k{number}").parse().expect("a key"));
        drop(futures::poll!(store.record_feedback(&tenant("t"), &said, at(1), mean())));
        let receipt = store.record_feedback(&tenant("t"), &said, at(2), mean()).await.expect("sent again");
        assert_eq!(receipt.reward.map(|reward| reward.value.get()), Some(1.0));
    }
    assert_eq!(totals(&store).await, (16, 16.0));
    let task = decision(0).context.task;
    let audit = store.bandits().audit(&tenant("t"), &task).await.expect("audited");
    assert_eq!((audit.decisions, audit.mismatches.len()), (16, 0));
}

pub(super) async fn a_closed_store_is_unavailable(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    store.close().await;
    store.close().await;
    let (t, turn, id) = (tenant("t"), turn(1), decision_id(1));
    let (user, task, now) = (&turn.user, &turn.task, at(0));
    let said = feedback(1, "user", 1.0);
    let all = Selection::of_user(user.clone(), "m");
    let query = VectorQuery::new(all.clone(), vec![1.0], 1);
    let set = [PreferenceChange::Remove { name: "n".to_owned() }];
    let (log, bandits, jobs) = (store.log(), store.bandits(), store.jobs());
    let conversation = "c".parse().expect("a conversation");
    let summary = Summary { text: "said".to_owned(), covers: id, at: now };
    let answers = [
        ("log_decision", store.log_decision(&decision(2), deadline()).await.map(drop)),
        ("commit_turn", store.commit_turn(turn.clone(), mean()).await.map(drop)),
        ("record_feedback", store.record_feedback(&t, &said, now, mean()).await.map(drop)),
        ("end_silence", store.end_silence(&t, id, mean()).await.map(drop)),
        ("health", store.health().await.map(drop)),
        ("turn", log.turn(&t, id).await.map(drop)),
        ("scan", log.scan(&t, &LogQuery::default(), None, 1).await.map(drop)),
        ("rows", log.rows(&t, &RowQuery::default(), None, 1).await.map(drop)),
        ("retain", log.retain(&t, &Retention::before(now), &mut |_| {}).await.map(drop)),
        ("checkpoint", bandits.checkpoint(&t, task).await.map(drop)),
        ("load", bandits.load(&t, task, &StateQuery::default()).await.map(drop)),
        ("user_totals", bandits.user_totals(&t, task, None, 1).await.map(drop)),
        ("strategy_totals", bandits.strategy_totals(&t, task).await.map(drop)),
        ("audit", bandits.audit(&t, task).await.map(drop)),
        ("put_prior", bandits.put_prior(&t, task, &prior()).await.map(drop)),
        ("preferences", store.preferences().get(&t, user).await.map(drop)),
        ("apply", store.preferences().apply(&t, user, &set, None).await.map(drop)),
        ("recent", store.conversations().recent(&t, user, &conversation, 1).await.map(drop)),
        ("summary", store.conversations().summary(&t, user, &conversation).await.map(drop)),
        ("set_summary", store.conversations().set_summary(&t, user, &conversation, &summary).await.map(drop)),
        ("search", store.vectors().search(&t, &query).await.map(drop)),
        ("count", store.vectors().count(&t, &all).await.map(drop)),
        ("collections", store.vectors().collections(&t).await.map(drop)),
        ("delete_where", store.vectors().delete_where(&t, &all).await.map(drop)),
        ("delete", store.vectors().delete(&t, user, &[]).await.map(drop)),
        ("enqueue", jobs.enqueue(&t, &[]).await.map(drop)),
        ("complete_all", jobs.complete_all(&[some_job()]).await.map(drop)),
        ("claim", jobs.claim(now, std::time::Duration::ZERO, 1, &["k"]).await.map(drop)),
        ("dead", jobs.dead(&t, 1).await.map(drop)),
        ("counts", jobs.counts().await.map(drop)),
    ];
    for (call, answer) in answers {
        assert_eq!(answer.err().map(|error| error.kind()), Some(ErrorKind::Unavailable), "{call}");
    }
}

fn some_job() -> Job {
    let (id, kind) = (JobId(1), "k".to_owned());
    Job { id, tenant: tenant("t"), kind, body: json!(null), attempt: 1, max_attempts: 2, lease: 1 }
}

fn prior() -> PriorDocument {
    PriorDocument { policy: decision(0).policy_hash, revision: 1, body: json!({}) }
}

/// Through two handles on one state.
pub(super) async fn a_commit_is_seen_through_another_handle_at_once(
    one: Arc<dyn Store>,
    two: Arc<dyn Store>,
) {
    for number in 0..10 {
        let (writer, reader) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        writer.log_decision(&decision(number), deadline()).await.expect("logged");
        let view = reader.log().turn(&tenant("t"), decision_id(number)).await.expect("read");
        assert!(view.is_some_and(|view| view.outcome.is_none()));
        writer.commit_turn(turn(number), mean()).await.expect("committed");
        let view = reader.log().turn(&tenant("t"), decision_id(number)).await.expect("read");
        assert!(view.is_some_and(|view| view.outcome.is_some() && view.reward.is_some()));
        let count = i64::try_from(number).expect("small") + 1;
        assert_eq!(totals(reader).await, (count, 0.5 * count as f64));
    }
}

/// Through two handles on one state.
pub(super) async fn two_handles_write_at_once(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    const DECISIONS: u64 = 40;
    let applied = join_all((0..2 * DECISIONS).map(|n| {
        // Both handles log, end and judge every decision.
        let (store, number) = (if n % 2 == 0 { &one } else { &two }, n / 2);
        async move {
            store.log_decision(&decision(number), deadline()).await.expect("logged");
            store.commit_turn(turn(number), mean()).await.expect("committed");
            let said = feedback(number, "user", 1.0).with_key(format!("k{number}").parse().expect("a key"));
            store.record_feedback(&tenant("t"), &said, at(1), mean()).await.expect("recorded").applied
        }
    }));
    let fresh = applied.await.into_iter().filter(|applied| *applied == Applied::Fresh).count();
    assert_eq!(fresh as u64, DECISIONS, "each judgement is new once");
    for store in [&one, &two] {
        assert_eq!(totals(store).await, (DECISIONS as i64, DECISIONS as f64));
        let audit = store.bandits().audit(&tenant("t"), &decision(0).context.task).await.expect("audited");
        assert!(audit.mismatches.is_empty());
    }
}

/// Through two handles on one state: nothing that either adds is lost, turns and calls alike.
pub(super) async fn preferences_change_through_two_handles(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    const ROUNDS: u64 = 20;
    let (t, user) = (tenant("t"), turn(0).user);
    let more = [PreferenceChange::Increment { name: "n".to_owned(), by: 1 }];
    let changes = (0..2 * ROUNDS).map(|n| {
        let (store, t, user, more) = (if n % 2 == 0 { &one } else { &two }, &t, &user, &more);
        async move {
            store.preferences().apply(t, user, more, None).await.expect("applied");
            // All of one user.
            let mut turn = turn(8 * n);
            turn.preferences = more.to_vec();
            store.commit_turn(turn, mean()).await.expect("committed");
        }
    });
    join_all(changes).await;
    for store in [&one, &two] {
        let preferences = store.preferences().get(&t, &user).await.expect("read");
        assert_eq!((preferences.revision, &preferences.values["n"]), (4 * ROUNDS, &json!(4 * ROUNDS)));
    }
    // Of two who expect the same revision one is first.
    let set = [PreferenceChange::Set { name: "x".to_owned(), value: json!(1) }];
    let expect = Some(4 * ROUNDS);
    let tries = [&one, &two].map(|store| store.preferences().apply(&t, &user, &set, expect));
    let mut tries = join_all(tries).await;
    tries.sort_by_key(Result::is_err);
    assert!(tries[0].is_ok());
    assert_eq!(tries.remove(1).expect_err("too late").kind(), ErrorKind::Conflict);
}

/// Through two handles on one state.
pub(super) async fn a_state_is_restated_while_another_handle_adds_to_it(
    one: Arc<dyn Store>,
    two: Arc<dyn Store>,
) {
    const DECISIONS: u64 = 40;
    let (t, task) = (tenant("t"), decision(0).context.task);
    let adding = async {
        for number in 0..DECISIONS {
            one.log_decision(&decision(number), deadline()).await.expect("logged");
            one.commit_turn(turn(number), mean()).await.expect("committed");
        }
    };
    let restating = async {
        for _ in 0..10 {
            two.restate(&t, &task).await.expect("restated");
        }
    };
    futures::join!(adding, restating);
    for store in [&one, &two] {
        assert_eq!(totals(store).await, (DECISIONS as i64, 0.5 * DECISIONS as f64));
        let audit = store.bandits().audit(&t, &task).await.expect("audited");
        assert_eq!((audit.decisions, audit.mismatches.len()), (DECISIONS, 0));
    }
    let rows = two.restate(&t, &task).await.expect("restated");
    assert_eq!(one.restate(&t, &task).await.expect("restated"), rows, "there is nothing to put right");
}

/// Through two handles on one state: a memory is in a collection that is there, or gone with one that is not.
pub(super) async fn a_collection_is_dropped_while_another_handle_fills_it(
    one: Arc<dyn Store>,
    two: Arc<dyn Store>,
) {
    let (t, ana) = (tenant("t"), turn(0).user);
    let memory = |index: u32, dimension: usize| Memory {
        id: MemoryId { turn: decision_id(1), index },
        collection: "c".to_owned(),
        text: format!("memory {index}"),
        embedding: vec![1.0; dimension],
        metadata: json!(null),
        at: at(1),
    };
    let filling = async {
        for index in 0..40 {
            one.vectors().upsert(&t, &ana, &[memory(index, 2)]).await.expect("put");
        }
    };
    let dropping = async {
        let mut gone = 0;
        for _ in 0..10 {
            gone += two.vectors().drop_collection(&t, "c").await.expect("dropped").unwrap_or(0);
        }
        gone
    };
    let ((), gone) = futures::join!(filling, dropping);
    let everyone = Selection::of_everyone("c");
    for store in [&one, &two] {
        let left = store.vectors().count(&t, &everyone).await.expect("counted");
        let found = VectorQuery::new(everyone.clone(), vec![1.0, 1.0], 99);
        let found = store.vectors().search(&t, &found).await.expect("found").len() as u64;
        assert_eq!((left + gone, found), (40, left), "each is there, or was dropped");
    }
    // What comes next is of another dimension, and the other handle knows.
    one.vectors().drop_collection(&t, "c").await.expect("dropped");
    two.vectors().upsert(&t, &ana, &[memory(1, 3)]).await.expect("put");
    let query = VectorQuery::new(everyone, vec![1.0; 3], 9);
    assert_eq!(one.vectors().search(&t, &query).await.expect("found").len(), 1);
    let refused = one.vectors().upsert(&t, &ana, &[memory(2, 2)]).await.expect_err("two are no three");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

/// Through two handles on one state: a collection is dropped and begun in another way, and no turn puts a memory into it
/// that does not fit.
pub(super) async fn a_collection_begins_anew_through_another_handle(
    one: Arc<dyn Store>,
    two: Arc<dyn Store>,
) {
    let t = tenant("t");
    let with_memory = |number: u64, dimension: usize| {
        let mut turn = turn(number);
        let (turn_id, embedding) = (turn.id, vec![1.0; dimension]);
        let id = MemoryId { turn: turn_id, index: 0 };
        let (collection, text, metadata, at) = ("c".to_owned(), "m".to_owned(), json!(null), at(1));
        turn.memories = vec![Memory { id, collection, text, embedding, metadata, at }];
        turn
    };
    for round in 0..4_u64 {
        let (first, dimension) = (10 * round, 2 + round as usize);
        for number in first..first + 3 {
            one.log_decision(&decision(number), deadline()).await.expect("logged");
        }
        one.commit_turn(with_memory(first, dimension), mean()).await.expect("it begins the collection");
        one.commit_turn(with_memory(first + 1, dimension), mean()).await.expect("it fits");
        two.vectors().drop_collection(&t, "c").await.expect("dropped");
        two.commit_turn(with_memory(first + 3, dimension + 1), mean()).await.expect("it begins it anew");
        let refused = one.commit_turn(with_memory(first + 2, dimension), mean()).await.expect_err("too few");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        one.commit_turn(with_memory(first + 2, dimension + 1), mean()).await.expect("it fits");
        let found = VectorQuery::new(Selection::of_everyone("c"), vec![1.0; dimension + 1], 9);
        assert_eq!(two.vectors().search(&t, &found).await.expect("found").len(), 2);
        one.vectors().drop_collection(&t, "c").await.expect("dropped");
    }
}

/// Through two handles on one state: a turn that is there before its decision is settled with it, whichever settles it.
pub(super) async fn what_one_handle_has_not_seen_counts(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    let t = tenant("t");
    two.commit_turn(turn(1), mean()).await.expect("committed before its decision");
    one.log_decision(&decision(1), deadline()).await.expect("logged");
    let reward = one.end_silence(&t, decision_id(1), mean()).await.expect("settled");
    assert_eq!(reward.map(|reward| reward.value.get()), Some(0.25), "silence ended");
    two.commit_turn(turn(2), mean()).await.expect("committed before its decision");
    one.log_decision(&decision(2), deadline()).await.expect("logged");
    // Without a turn there would be no reward; with it there is.
    let reward = one.resettle(&t, decision_id(2), mean()).await.expect("settled");
    assert_eq!(reward.map(|reward| reward.value.get()), Some(0.5));
}

/// What a call answered, as far as it does not depend on the backend.
type Told = std::result::Result<(Option<Applied>, Option<u64>), ErrorKind>;

/// Call number `n` of a made-up history of six decisions: begun, ended, judged, given up, several times over.
async fn call(store: &Arc<dyn Store>, n: u64) -> Told {
    let draw = |part: u64| (n.wrapping_add(part << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize;
    let number = (draw(1) % 6) as u64;
    let bits = |reward: Option<helm_core::Reward>| reward.map(|reward| reward.value.get().to_bits());
    match draw(2) % 8 {
        0 | 1 => store.log_decision(&decision(number), deadline()).await.map(|applied| (Some(applied), None)),
        2 => store
            .commit_turn(turn(number), mean())
            .await
            .map(|receipt| (Some(receipt.applied), bits(receipt.reward))),
        3 => store
            .end_silence(&tenant("t"), decision_id(number), mean())
            .await
            .map(|reward| (None, bits(reward))),
        _ => {
            let source = ["user", "reviewer", "judge:a"][draw(3) % 3];
            let mut said = feedback(number, source, (draw(4) % 5) as f64 / 4.0);
            if draw(5).is_multiple_of(2) {
                said = said.with_key(format!("k{}", draw(6) % 40).parse().expect("a key"));
            }
            let recorded = store.record_feedback(&tenant("t"), &said, at(n as i64), mean()).await;
            recorded.map(|receipt| (Some(receipt.applied), bits(receipt.reward)))
        }
    }
    .map_err(|error| error.kind())
}

/// Through two handles on one state that take turns: each knows at once what came through the other one.
pub(super) async fn two_handles_are_as_one(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    let model: Arc<dyn Store> = Arc::new(crate::memory::MemoryStore::new());
    for n in 0..400 {
        // Now and then one of them is alone for a while.
        let store = if (n ^ (n >> 3)) % 2 == 0 { &one } else { &two };
        assert_eq!(call(store, n).await, call(&model, n).await, "call {n}");
    }
    for store in [&one, &two] {
        assert_eq!(totals(store).await, totals(&model).await);
        let audit = store.bandits().audit(&tenant("t"), &decision(0).context.task).await.expect("audited");
        assert!(audit.mismatches.is_empty());
    }
}

/// Through two handles on one state at once: of few decisions, each judged by several sources that correct themselves,
/// the last word of each counts.
pub(super) async fn sources_correct_themselves_through_two_handles(one: Arc<dyn Store>, two: Arc<dyn Store>) {
    const DECISIONS: u64 = 3;
    const SOURCES: u64 = 6;
    for number in 0..DECISIONS {
        one.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    let (first, second) = (&one, &two);
    let value = |number: u64, source: u64, step: u64| ((number + 3 * source + 5 * step) % 9) as f64 / 8.0;
    let senders = (0..DECISIONS * SOURCES).map(|sender| async move {
        let (number, source) = (sender % DECISIONS, sender / DECISIONS);
        for step in 0..8 {
            let store = if (sender + step) % 2 == 0 { first } else { second };
            let said = feedback(number, &format!("s{source}"), value(number, source, step));
            store.record_feedback(&tenant("t"), &said, at(step as i64), mean()).await.expect("recorded");
            if step == 3 && source == 0 {
                store.commit_turn(turn(number), mean()).await.expect("committed");
            }
        }
    });
    join_all(senders).await;
    let mean_of = |number| (0..SOURCES).map(|source| value(number, source, 7)).sum::<f64>() / SOURCES as f64;
    let sum: f64 = (0..DECISIONS).map(mean_of).sum();
    for store in [&one, &two] {
        let (count, found) = totals(store).await;
        assert_eq!(count, DECISIONS as i64);
        assert!((found - sum).abs() < 1e-6, "{found} is not {sum}");
        let audit = store.bandits().audit(&tenant("t"), &decision(0).context.task).await.expect("audited");
        assert!(audit.mismatches.is_empty());
    }
}
