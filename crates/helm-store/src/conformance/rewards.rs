use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use helm_core::{Layout, Scope, Stats, StatsRow, UnitInterval};

use super::fixtures::{at, deadline, decision, decision_id, feedback, mean, tenant, turn};
use crate::{Applied, BanditState, Case, ErrorKind, Settle, SettleError, Settlement, StateQuery, Store};

async fn say(store: &Arc<dyn Store>, number: u64, source: &str, value: f64) -> (Applied, f64) {
    let recorded = store.record_feedback(&tenant("t"), &feedback(number, source, value), at(9), mean()).await;
    let receipt = recorded.expect("recorded");
    (receipt.applied, receipt.reward.map_or(f64::NAN, |reward| reward.value.get()))
}

async fn state(store: &Arc<dyn Store>) -> BanditState {
    let task = decision(0).context.task;
    store.bandits().load(&tenant("t"), &task, &StateQuery::default()).await.expect("state")
}

/// Count and sum of rewards of the whole task.
async fn totals(store: &Arc<dyn Store>) -> (i64, f64) {
    let rows = state(store).await.rows;
    let sum = rows.iter().fold(Stats::default(), |sum, row| sum.checked_add(&row.stats).expect("small"));
    (sum.count, sum.reward.to_f64())
}

async fn audited(store: &Arc<dyn Store>) {
    let audit = store.bandits().audit(&tenant("t"), &decision(0).context.task).await.expect("audited");
    assert!(audit.mismatches.is_empty(), "{:?}", audit.mismatches);
}

pub(super) async fn feedback_is_fresh_duplicate_or_corrected(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    assert_eq!(say(&store, 1, "user", 0.25).await, (Applied::Fresh, 0.25));
    assert_eq!(say(&store, 1, "user", 0.25).await, (Applied::Duplicate, 0.25));
    assert_eq!(say(&store, 1, "user", 1.0).await, (Applied::Corrected, 1.0));
    assert_eq!(say(&store, 1, "user", 0.25).await, (Applied::Corrected, 0.25));
    assert_eq!(totals(&store).await, (1, 0.25));
    audited(&store).await;
}

pub(super) async fn a_key_is_used_once(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    let keyed = |value, key: &str| feedback(1, "user", value).with_key(key.parse().expect("a key"));
    let record = async |feedback| store.record_feedback(&tenant("t"), &feedback, at(1), mean()).await;
    assert_eq!(record(keyed(0.5, "a")).await.expect("recorded").applied, Applied::Fresh);
    assert_eq!(record(keyed(1.0, "b")).await.expect("recorded").applied, Applied::Corrected);
    assert_eq!(record(keyed(0.5, "a")).await.expect("recorded").applied, Applied::Duplicate);
    let error = record(keyed(0.0, "a")).await.expect_err("the key is taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(totals(&store).await, (1, 1.0));
}

pub(super) async fn racing_senders_of_one_key_apply_once(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    let senders = (0..8).map(|_| async {
        let feedback = feedback(1, "user", 0.75).with_key("k".parse().expect("a key"));
        store.record_feedback(&tenant("t"), &feedback, at(1), mean()).await.expect("recorded").applied
    });
    let applied = join_all(senders).await;
    assert_eq!(applied.iter().filter(|applied| **applied == Applied::Fresh).count(), 1);
    assert_eq!(totals(&store).await, (1, 0.75));
}

pub(super) async fn two_sources_are_one_reward(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    store.commit_turn(turn(1), mean()).await.expect("committed");
    assert_eq!(say(&store, 1, "user", 1.0).await, (Applied::Fresh, 1.0));
    assert_eq!(say(&store, 1, "reviewer", 0.5).await, (Applied::Fresh, 0.75));
    assert_eq!(totals(&store).await, (1, 0.75));
    audited(&store).await;
}

pub(super) async fn feedback_may_come_before_the_turn_ends(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    say(&store, 1, "user", 1.0).await;
    let receipt = store.commit_turn(turn(1), mean()).await.expect("committed");
    assert_eq!(receipt.reward.map(|reward| reward.value.get()), Some(1.0));
    assert_eq!(totals(&store).await, (1, 1.0));
}

pub(super) async fn silence_gets_the_default_and_feedback_revises_it(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    for _ in 0..2 {
        let reward = store.end_silence(&tenant("t"), decision_id(1), mean()).await.expect("ended");
        assert_eq!(reward.map(|reward| reward.value.get()), Some(0.25));
    }
    assert_eq!(totals(&store).await, (1, 0.25));
    assert_eq!(say(&store, 1, "user", 1.0).await, (Applied::Fresh, 1.0));
    assert_eq!(totals(&store).await, (1, 1.0));
    audited(&store).await;
}

pub(super) async fn an_unknown_decision_is_not_found(store: Arc<dyn Store>) {
    let recorded = store.record_feedback(&tenant("t"), &feedback(9, "user", 1.0), at(1), mean()).await;
    assert_eq!(recorded.expect_err("unknown").kind(), ErrorKind::NotFound);
    let ended = store.end_silence(&tenant("t"), decision_id(9), mean()).await;
    assert_eq!(ended.expect_err("unknown").kind(), ErrorKind::NotFound);
    assert!(state(&store).await.rows.is_empty());
    assert!(store.log().turn(&tenant("t"), decision_id(9)).await.expect("read").is_none());
}

pub(super) async fn an_overflow_is_refused_and_changes_nothing(store: Arc<dyn Store>) {
    /// Contributes almost all that fits.
    struct Huge;
    impl Settle for Huge {
        fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
            let stats = Stats { failures: i64::MAX - 1, ..Stats::of_reward(UnitInterval::ONE) };
            let decision = case.decision;
            let row = StatsRow {
                scope: Scope::Task,
                strategy: decision.strategy.clone(),
                epoch: decision.epoch,
                layout: Layout::NONE,
                stats,
            };
            Ok(Settlement { reward: None, contribution: vec![row] })
        }
    }
    for number in [0, 4] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    let huge: Arc<dyn Settle> = Arc::new(Huge);
    let record = async |number| {
        store.record_feedback(&tenant("t"), &feedback(number, "user", 1.0), at(1), Arc::clone(&huge)).await
    };
    record(0).await.expect("it fits");
    let before = state(&store).await;
    assert_eq!(record(4).await.expect_err("it does not").kind(), ErrorKind::Invalid);
    assert_eq!(state(&store).await, before);
    let view = store.log().turn(&tenant("t"), decision_id(4)).await.expect("read").expect("there");
    assert!(view.feedback.is_empty());
}

/// Many senders with duplicates and corrections; the state is what the last judgements add up to.
pub(super) async fn any_interleaving_equals_sequential_replay(store: Arc<dyn Store>) {
    const DECISIONS: u64 = 24;
    for number in 0..DECISIONS {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    // Each decision belongs to one sender, so its last judgement is known.
    let senders = (0..8_u64).map(|sender| {
        let store = &store;
        async move {
            let mut last = BTreeMap::new();
            for step in 0..30_u64 {
                let number = sender + 8 * (step % 3);
                let value = ((sender * 31 + step * 17) % 11) as f64 / 10.0;
                say(store, number, "user", value).await;
                if step % 4 == 0 {
                    say(store, number, "user", value).await;
                }
                last.insert(number, value);
            }
            last
        }
    });
    let last: BTreeMap<u64, f64> = join_all(senders).await.into_iter().flatten().collect();
    let mut expected: BTreeMap<_, Stats> = BTreeMap::new();
    for (number, value) in last {
        let stats = Stats::of_reward(UnitInterval::new(value).expect("a value"));
        let sum = expected.entry(decision(number).strategy).or_default();
        *sum = sum.checked_add(&stats).expect("small");
    }
    let found: BTreeMap<_, _> =
        state(&store).await.rows.into_iter().map(|row| (row.strategy, row.stats)).collect();
    assert_eq!(found, expected, "bit for bit");
    audited(&store).await;
}

pub(super) async fn totals_count_each_source_once(store: Arc<dyn Store>) {
    for number in [0, 1, 4, 5] {
        store.log_decision(&decision(number), deadline()).await.expect("logged");
    }
    say(&store, 0, "user", 0.25).await;
    say(&store, 0, "user", 1.0).await;
    say(&store, 0, "reviewer", 0.5).await;
    say(&store, 4, "user", 0.5).await;
    let task = decision(0).context.task;
    let totals = store.bandits().strategy_totals(&tenant("t"), &task).await.expect("totals");
    let brief: Vec<_> =
        totals.iter().map(|t| (t.decisions, t.feedback_count, t.feedback_sum.to_f64())).collect();
    assert_eq!(brief, [(2, 3, 2.0), (2, 0, 0.0)]);
    let first = store.bandits().user_totals(&tenant("t"), &task, None, 1).await.expect("a page");
    let second =
        store.bandits().user_totals(&tenant("t"), &task, Some(&first[0].user), 5).await.expect("a page");
    assert_eq!((first.len(), second.len()), (1, 1), "users 0 and 4 have rewards");
    assert!(first[0].user < second[0].user);
    // Most of these users have no rows.
    let user = decision(5).context.user;
    let rows = store
        .bandits()
        .load(&tenant("t"), &task, &StateQuery::default().with_user(user.clone()))
        .await
        .expect("state")
        .rows;
    assert!(rows.iter().all(|row| row.scope == Scope::Task));
}

/// Sources of model judges begin with `judge:`, to the letter.
pub(super) async fn totals_count_no_judges(store: Arc<dyn Store>) {
    store.log_decision(&decision(0), deadline()).await.expect("logged");
    for source in ["judge:helpful", "judge:Helpful"] {
        say(&store, 0, source, 0.0).await;
    }
    for (source, value) in
        [("Judge:helpful", 0.5), ("JUDGE:helpful", 0.25), ("judges", 1.0), ("a/judge:b", 0.75)]
    {
        say(&store, 0, source, value).await;
    }
    let task = decision(0).context.task;
    let totals = store.bandits().strategy_totals(&tenant("t"), &task).await.expect("totals");
    let brief: Vec<_> = totals.iter().map(|t| (t.feedback_count, t.feedback_sum.to_f64())).collect();
    assert_eq!(brief, [(4, 2.5)]);
}

pub(super) async fn silence_after_a_turn_is_revised_by_late_feedback(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    store.commit_turn(turn(1), mean()).await.expect("committed");
    assert_eq!(totals(&store).await, (1, 0.5));
    let end = async || {
        let reward = store.end_silence(&tenant("t"), decision_id(1), mean()).await.expect("ended");
        reward.expect("settled").value.get()
    };
    assert_eq!(end().await, 0.25);
    assert_eq!(totals(&store).await, (1, 0.25));
    assert_eq!(say(&store, 1, "user", 0.75).await, (Applied::Fresh, 0.75));
    assert_eq!(end().await, 0.75, "a judgement outweighs silence, in any order");
    let again = store.commit_turn(turn(1), mean()).await.expect("committed");
    assert_eq!(again.reward.map(|reward| reward.value.get()), Some(0.75));
    assert_eq!(totals(&store).await, (1, 0.75));
    audited(&store).await;
}

pub(super) async fn one_of_two_sources_corrects_itself(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    say(&store, 1, "user", 1.0).await;
    say(&store, 1, "reviewer", 0.5).await;
    assert_eq!(say(&store, 1, "user", 0.0).await, (Applied::Corrected, 0.25));
    assert_eq!(say(&store, 1, "reviewer", 0.5).await, (Applied::Duplicate, 0.25));
    assert_eq!(totals(&store).await, (1, 0.25));
    let view = store.log().turn(&tenant("t"), decision_id(1)).await.expect("read").expect("there");
    let said: Vec<_> = view.feedback.iter().map(|entry| (entry.source.as_str(), entry.value.get())).collect();
    assert_eq!(said, [("reviewer", 0.5), ("user", 0.0)]);
    audited(&store).await;
}

pub(super) async fn a_key_is_free_in_another_tenant(store: Arc<dyn Store>) {
    let keyed = |value| feedback(1, "user", value).with_key("k".parse().expect("a key"));
    for (name, value) in [("t", 1.0), ("other", 0.5)] {
        let mut decision = decision(1);
        decision.context.tenant = tenant(name);
        store.log_decision(&decision, deadline()).await.expect("logged");
        let recorded = store.record_feedback(&tenant(name), &keyed(value), at(1), mean()).await;
        assert_eq!(recorded.expect("recorded").applied, Applied::Fresh, "{name}");
    }
    assert_eq!(totals(&store).await, (1, 1.0));
}

pub(super) async fn a_repetition_keeps_its_moment(store: Arc<dyn Store>) {
    store.log_decision(&decision(1), deadline()).await.expect("logged");
    let record = async |value, key: &str, second| {
        let said = feedback(1, "user", value).with_key(key.parse().expect("a key"));
        store.record_feedback(&tenant("t"), &said, at(second), mean()).await.expect("recorded");
        let view = store.log().turn(&tenant("t"), decision_id(1)).await.expect("read").expect("there");
        (view.feedback[0].value.get(), view.feedback[0].at)
    };
    assert_eq!(record(0.5, "a", 10).await, (0.5, at(10)));
    assert_eq!(record(0.5, "a", 20).await, (0.5, at(10)));
    assert_eq!(record(0.5, "b", 30).await, (0.5, at(10)), "said again under another key");
    assert_eq!(record(1.0, "c", 40).await, (1.0, at(40)));
    assert_eq!(record(0.5, "a", 50).await, (1.0, at(40)), "an old message that arrives late");
}
