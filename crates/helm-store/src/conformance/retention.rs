//! Laws of what leaves the log, and what does not.

use std::sync::Arc;
use std::time::Duration;

use helm_core::{Decision, DecisionMode, Message, Role, Timestamp};
use serde_json::json;

use super::fixtures::{at, deadline, decision, decision_id, feedback, mean, tenant, turn};
use crate::{
    Audit, DrawQuery, ErrorKind, Memory, MemoryId, NewJob, Retained, Retention, RowQuery, Selection,
    StateQuery, Store, StrategyTotal, TurnRecord, VectorQuery,
};

/// Decision `number`, which nobody keeps to.
fn assigned(number: u64) -> Decision {
    Decision { mode: DecisionMode::Assigned, ..decision(number) }
}

/// Its turn, with messages in a conversation and a memory.
pub(super) fn talkative(number: u64) -> TurnRecord {
    let mut turn = turn(number);
    turn.conversation = Some("c".parse().expect("a conversation"));
    turn.messages = vec![Message::text(Role::User, "q"), Message::text(Role::Assistant, "a")];
    turn.memories = vec![Memory {
        id: MemoryId { turn: turn.id, index: 0 },
        collection: "m".to_owned(),
        text: "likes tea".to_owned(),
        embedding: vec![1.0, 0.0],
        metadata: json!(null),
        at: turn.began,
    }];
    turn
}

/// Turns 0 to 19, each a second after the one before, judged once or twice.
pub(super) async fn twenty_turns(store: &Arc<dyn Store>) {
    for number in 0..20 {
        store.log_decision(&assigned(number), deadline()).await.expect("logged");
        store.commit_turn(talkative(number), mean()).await.expect("committed");
        let said = feedback(number, "user", (number % 5) as f64 / 4.0);
        store.record_feedback(&tenant("t"), &said, at(30), mean()).await.expect("recorded");
        if number % 3 == 0 {
            let said = feedback(number, "user", 1.0).with_key(format!("k{number}").parse().expect("a key"));
            store.record_feedback(&tenant("t"), &said, at(31), mean()).await.expect("recorded");
        }
    }
}

pub(super) async fn retain(store: &Arc<dyn Store>, before: Timestamp) -> Retained {
    let retention = Retention::before(before).with_batch(3);
    store.log().retain(&tenant("t"), &retention, &mut |_| {}).await.expect("retained")
}

/// All that was learnt and counted.
async fn learnt(store: &Arc<dyn Store>) -> (String, Vec<StrategyTotal>, Audit) {
    let (t, task) = (tenant("t"), decision(0).context.task);
    let bandits = store.bandits();
    let mut state = String::new();
    for number in 0..8 {
        let query = StateQuery::default().with_user(decision(number).context.user);
        state += &format!("{:?}", bandits.load(&t, &task, &query).await.expect("state").rows);
    }
    let audit = bandits.audit(&t, &task).await.expect("an audit");
    assert!(audit.mismatches.is_empty(), "{audit:?}");
    (state, bandits.strategy_totals(&t, &task).await.expect("totals"), audit)
}

/// All that was learnt and counted of the task, whoever it was of.
pub(super) async fn learnt_in_all(store: &Arc<dyn Store>) -> (String, Vec<StrategyTotal>) {
    let (t, task) = (tenant("t"), decision(0).context.task);
    let bandits = store.bandits();
    let audit = bandits.audit(&t, &task).await.expect("an audit");
    assert!(audit.mismatches.is_empty(), "{audit:?}");
    let rows = bandits.load(&t, &task, &StateQuery::default()).await.expect("state").rows;
    (format!("{rows:?}"), bandits.strategy_totals(&t, &task).await.expect("totals"))
}

pub(super) async fn what_leaves_the_log_stays_learnt(store: Arc<dyn Store>) {
    let (t, task) = (tenant("t"), decision(0).context.task);
    twenty_turns(&store).await;
    let before = learnt(&store).await;
    let dry = Retention::before(at(12)).dry_run().with_batch(3);
    let counted = store.log().retain(&t, &dry, &mut |_| {}).await.expect("counted");
    assert_eq!(
        (counted.turns, counted.decisions, counted.messages, counted.judgements, counted.kept),
        (12, 12, 24, 16, 0)
    );
    assert_eq!(learnt(&store).await, before, "nothing was changed");
    let mut told = Vec::new();
    let retention = Retention::before(at(12)).with_batch(3);
    let retained = store.log().retain(&t, &retention, &mut |so_far| told.push(so_far)).await;
    assert_eq!(retained.expect("retained"), counted);
    assert_eq!(told.last(), Some(&counted), "progress is told");
    assert_eq!(learnt(&store).await, before, "nothing was forgotten");
    assert!(!store.bandits().checkpoint(&t, &task).await.expect("a checkpoint").is_empty());
    for number in 0..12 {
        assert!(store.log().turn(&t, decision_id(number)).await.expect("read").is_none(), "{number}");
    }
    let rows = store.log().rows(&t, &RowQuery::default(), None, 100).await.expect("rows");
    assert_eq!(rows.items.len(), 8);
    let (user, conversation) = (decision(1).context.user, "c".parse().expect("a conversation"));
    let said = store.conversations().recent(&t, &user, &conversation, 99).await.expect("messages");
    assert_eq!(said.len(), 2, "of the user's turns 1, 9 and 17 the last is left");
    let query = VectorQuery::new(Selection::of_user(user.clone(), "m"), vec![1.0, 0.0], 9);
    assert_eq!(store.vectors().search(&t, &query).await.expect("memories").len(), 3, "memories stay");
    // Again, and further.
    assert_eq!(retain(&store, at(12)).await, Retained::default());
    assert_eq!(retain(&store, at(15)).await.turns, 3);
    assert_eq!(learnt(&store).await, before);
    assert_eq!(retain(&store, at(1_000)).await.turns, 5);
    assert_eq!(learnt(&store).await, before, "nothing is in the log any more");
}

pub(super) async fn a_state_is_its_log_and_its_checkpoint(store: Arc<dyn Store>) {
    let (t, task) = (tenant("t"), decision(0).context.task);
    twenty_turns(&store).await;
    let before = learnt(&store).await;
    retain(&store, at(12)).await;
    let rows = store.restate(&t, &task).await.expect("restated");
    assert_eq!(learnt(&store).await, before, "restated from both");
    assert_eq!(rows, before.2.rows);
    // What is still in the log can be corrected and settled again.
    let said = feedback(15, "user", 0.1);
    store.record_feedback(&t, &said, at(40), mean()).await.expect("recorded");
    store.resettle(&t, decision_id(16), mean()).await.expect("settled");
    let corrected = learnt(&store).await;
    assert_eq!(corrected.2.decisions, 20);
    // And then leave the log as it is then.
    retain(&store, at(1_000)).await;
    assert_eq!(learnt(&store).await, corrected);
    assert_eq!(store.restate(&t, &task).await.expect("restated"), rows);
    assert_eq!(learnt(&store).await, corrected);
}

pub(super) async fn what_has_left_the_log_is_not_found(store: Arc<dyn Store>) {
    let t = tenant("t");
    twenty_turns(&store).await;
    retain(&store, at(12)).await;
    let late = store.record_feedback(&t, &feedback(3, "user", 0.0), at(50), mean()).await;
    let error = late.expect_err("it has left");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no longer has it"), "{error}");
    for answer in [
        store.end_silence(&t, decision_id(3), mean()).await,
        store.resettle(&t, decision_id(3), mean()).await,
    ] {
        assert_eq!(answer.expect_err("it has left").kind(), ErrorKind::NotFound);
    }
    // A key that was used for what has left is free.
    let said = feedback(13, "user", 0.5).with_key("k3".parse().expect("a key"));
    store.record_feedback(&t, &said, at(50), mean()).await.expect("recorded");
}

pub(super) async fn what_is_needed_stays_in_the_log(store: Arc<dyn Store>) {
    let t = tenant("t");
    let job = |number: u64| NewJob {
        kind: "k".to_owned(),
        dedupe: format!("d{number}"),
        body: json!({ "decision": decision_id(number) }),
        run_at: at(0),
        max_attempts: 1,
    };
    // 1 waits for a job; 2, 3 and 4 are draws: of a user, of their conversation, and neither.
    store.log_decision(&assigned(1), deadline()).await.expect("logged");
    store.commit_turn(TurnRecord { jobs: vec![job(1)], ..turn(1) }, mean()).await.expect("committed");
    for (number, conversation) in [(2, None), (3, Some("c")), (4, Some("c"))] {
        let mut draw = decision(number);
        draw.context.user = "ana".parse().expect("a user");
        draw.context.conversation = conversation.map(|name| name.parse().expect("a conversation"));
        let turn = TurnRecord { user: draw.context.user.clone(), ..turn(number) };
        store.log_decision(&draw, deadline()).await.expect("logged");
        store.commit_turn(turn, mean()).await.expect("committed");
    }
    // 5 has not ended; 6 had no decision; 7 is another tenant's.
    store.log_decision(&assigned(5), deadline()).await.expect("logged");
    store.commit_turn(turn(6), mean()).await.expect("committed");
    let mut foreign = (assigned(7), turn(7));
    (foreign.0.context.tenant, foreign.1.tenant) = (tenant("other"), tenant("other"));
    store.log_decision(&foreign.0, deadline()).await.expect("logged");
    store.commit_turn(foreign.1, mean()).await.expect("committed");
    let retained = retain(&store, at(1_000)).await;
    assert_eq!((retained.turns, retained.decisions, retained.kept), (2, 1, 3));
    let there =
        async |tenant, number| store.log().turn(&tenant, decision_id(number)).await.expect("read").is_some();
    for (number, stays) in [(1, true), (2, true), (3, true), (4, false), (5, true), (6, false)] {
        assert_eq!(there(t.clone(), number).await, stays, "{number}");
    }
    assert!(there(tenant("other"), 7).await);
    let of_ana = DrawQuery::of_user(decision(0).context.task, "ana".parse().expect("a user"));
    let in_c = of_ana.clone().in_conversation("c".parse().expect("a conversation"));
    for (query, held) in [(of_ana, 2), (in_c, 3)] {
        let draw = store.log().last_draw(&t, &query).await.expect("read").expect("a draw");
        assert_eq!(draw.id, decision_id(held));
    }
    // When the job is done, its decision goes; so it does when the job is dead.
    let jobs = store.jobs().claim(at(1), Duration::from_secs(9), 9, &["k"]).await.expect("claimed");
    assert!(store.jobs().complete(&jobs[0]).await.expect("completed"));
    assert_eq!(retain(&store, at(1_000)).await.turns, 1);
    assert!(!there(t.clone(), 1).await);
    let audit = store.bandits().audit(&t, &decision(0).context.task).await.expect("an audit");
    assert_eq!((audit.decisions, audit.mismatches.len()), (4, 0));
}

pub(super) async fn a_log_without_kept_draws_is_bounded(store: Arc<dyn Store>) {
    let (t, task) = (tenant("t"), decision(0).context.task);
    let kept_to: helm_core::TaskId = "kept".parse().expect("a task");
    for number in 0..40 {
        let mut draw = decision(number);
        draw.context.conversation = Some(format!("c{number}").parse().expect("a conversation"));
        if number % 2 == 1 {
            draw.context.task = kept_to.clone();
        }
        let turn = TurnRecord { task: draw.context.task.clone(), ..turn(number) };
        store.log_decision(&draw, deadline()).await.expect("logged");
        store.commit_turn(turn, mean()).await.expect("committed");
    }
    let everything = Retention::before(at(1_000)).with_batch(7);
    let retain =
        async |retention: &Retention| store.log().retain(&t, retention, &mut |_| {}).await.expect("retained");
    assert_eq!(
        (retain(&everything).await.turns, retain(&everything).await.kept),
        (0, 40),
        "each is the first"
    );
    let fleeting = everything.clone().with_fleeting(task.clone());
    let counted = retain(&fleeting.clone().dry_run()).await;
    let retained = retain(&fleeting).await;
    assert_eq!((retained.turns, retained.kept, retained), (20, 20, counted));
    let rows = store.log().rows(&t, &RowQuery::default(), None, 100).await.expect("rows");
    assert!(rows.items.iter().all(|row| row.task == kept_to), "what is kept to stays");
    let draw = |user: u64, task| {
        let query = DrawQuery::of_user(task, decision(user).context.user);
        let store = &store;
        async move { store.log().last_draw(&tenant("t"), &query).await.expect("read") }
    };
    assert!(draw(0, task.clone()).await.is_none());
    assert_eq!(draw(1, kept_to.clone()).await.map(|draw| draw.id), Some(decision_id(1)));
    for task in [task, kept_to] {
        let audit = store.bandits().audit(&t, &task).await.expect("an audit");
        assert_eq!((audit.decisions, audit.mismatches.len()), (20, 0));
    }
}

pub(super) async fn turns_leave_while_others_are_written(store: Arc<dyn Store>) {
    let t = tenant("t");
    twenty_turns(&store).await;
    let write = async {
        for number in 100..140 {
            store.log_decision(&assigned(number), deadline()).await.expect("logged");
            store.commit_turn(turn(number), mean()).await.expect("committed");
            // Of turns that are leaving: found or not found, but never half.
            let said = feedback(number % 20, "editor", 0.5);
            match store.record_feedback(&t, &said, at(60), mean()).await {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
            }
        }
    };
    let (retained, ()) = futures::join!(retain(&store, at(20)), write);
    assert_eq!(retained.turns, 20);
    let (_, totals, audit) = learnt(&store).await;
    assert_eq!(audit.decisions, 60);
    assert_eq!(totals.iter().map(|total| total.decisions).sum::<u64>(), 60);
}
