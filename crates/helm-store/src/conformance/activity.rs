//! Laws of what is counted over time.

use std::sync::Arc;
use std::time::Duration;

use helm_core::{
    Category, Decision, DecisionId, Feedback, GuardAction, NanoUsd, Severity, Stage, Timestamp, TurnStatus,
    UnitInterval, Violation,
};

use super::fixtures::{at, deadline, decision, decision_id, mean, tenant, turn};
use crate::activity::first_id;
use crate::{Activity, ActivityQuery, ErrorKind, FindingQuery, LogQuery, Store, TurnRecord};

/// The decision of this number, made at this second, and its turn.
fn at_second(number: u64, second: i64) -> (Decision, TurnRecord) {
    let (mut decision, mut turn) = (decision(number), turn(number));
    let mut id = *first_id(at(second)).as_bytes();
    id[15] = u8::try_from(number).expect("a small number");
    (decision.id, decision.at, decision.context.at) = (DecisionId::from_bytes(id), at(second), at(second));
    (turn.id, turn.began, turn.outcome.at) = (DecisionId::from_bytes(id), at(second), at(second));
    (decision, turn)
}

async fn commit(store: &Arc<dyn Store>, decision: &Decision, turn: TurnRecord) {
    store.log_decision(decision, deadline()).await.expect("logged");
    store.commit_turn(turn, mean()).await.expect("committed");
}

fn minutes(count: u32) -> ActivityQuery {
    ActivityQuery::new(at(600), Duration::from_secs(60), count).expect("slots")
}

fn violation(category: Category, entity: &str, severity: Severity, action: GuardAction) -> Violation {
    Violation {
        stage: Stage::Input,
        category,
        entity: entity.to_owned(),
        span: None,
        severity,
        score: UnitInterval::ONE,
        action,
        detector: "d".to_owned(),
    }
}

fn email() -> Violation {
    violation(Category::Pii, "EMAIL_ADDRESS", Severity::Low, GuardAction::Redact)
}

async fn activity(store: &Arc<dyn Store>, query: &ActivityQuery) -> Vec<Activity> {
    store.log().activity(&tenant("t"), query).await.expect("activity")
}

pub(super) async fn activity_is_what_the_log_says(store: Arc<dyn Store>) {
    assert!(activity(&store, &minutes(9)).await.is_empty(), "nothing has happened");
    // Before, first and last moment of the first slot, one in the third, and one behind the last.
    for (number, second) in [(1, 599), (2, 600), (3, 659), (4, 730), (5, 900)] {
        let (decision, mut turn) = at_second(number, second);
        turn.outcome.latency = Duration::from_millis(100 * number);
        turn.outcome.cost = (number == 3).then(|| NanoUsd::from_nanos(1_500));
        if number == 4 {
            turn.outcome.status = TurnStatus::Timeout;
        }
        commit(&store, &decision, turn).await;
    }
    let (decision, _) = at_second(6, 731);
    store.log_decision(&decision, deadline()).await.expect("its turn has not ended");
    let (_, mut refused) = at_second(7, 732);
    refused.outcome.status = TurnStatus::Blocked;
    refused.outcome.violations = vec![email(), email()];
    store.commit_turn(refused, mean()).await.expect("a turn without a decision");
    let said = Feedback::new(at_second(2, 600).0.id, UnitInterval::ONE);
    store.record_feedback(&tenant("t"), &said, at(1_000), mean()).await.expect("recorded");
    let found = activity(&store, &minutes(5)).await;
    let [first, third] = &found[..] else { unreachable!("two slots: {found:?}") };
    assert_eq!((first.from, third.from), (at(600), at(720)));
    assert_eq!((first.turns, first.blocked, first.failed, first.found), (2, 0, 0, 0));
    assert_eq!((first.latency, first.slowest), (Duration::from_millis(500), Duration::from_millis(300)));
    assert_eq!((first.priced, first.cost), (1, NanoUsd::from_nanos(1_500)));
    assert_eq!((first.rewarded, first.reward, first.reward_sq), (2, 1.5, 1.25), "1 by a person, and 0.5");
    assert_eq!((third.turns, third.blocked, third.failed, third.found), (2, 1, 1, 1));
    assert_eq!((third.priced, third.cost), (0, NanoUsd::ZERO), "what is not known costs nothing");
    assert_eq!((third.rewarded, third.reward), (1, 0.5));
    let all: u64 = activity(&store, &minutes(6)).await.iter().map(|slot| slot.turns).sum();
    assert_eq!(all, 5, "the last slot, too");
}

pub(super) async fn activity_is_of_its_task_and_tenant(store: Arc<dyn Store>) {
    for (number, name, task) in [(1, "t", "a"), (2, "t", "b"), (3, "t", "b"), (4, "other", "a")] {
        let (mut decision, mut turn) = at_second(number, 610);
        (decision.context.tenant, turn.tenant) = (tenant(name), tenant(name));
        (decision.context.task, turn.task) = (task.parse().expect("a task"), task.parse().expect("a task"));
        commit(&store, &decision, turn).await;
    }
    let of = |found: &[Activity]| -> Vec<(String, u64, u64)> {
        found.iter().map(|slot| (slot.task.to_string(), slot.turns, slot.rewarded)).collect()
    };
    let all = activity(&store, &minutes(3)).await;
    assert_eq!(of(&all), [("a".to_owned(), 1, 1), ("b".to_owned(), 2, 2)]);
    let of_task = minutes(3).with_task("b".parse().expect("a task"));
    assert_eq!(of(&activity(&store, &of_task).await), [("b".to_owned(), 2, 2)]);
    let others = store.log().activity(&tenant("other"), &minutes(3)).await.expect("activity");
    assert_eq!(of(&others), [("a".to_owned(), 1, 1)]);
    let wrong = [
        ActivityQuery::new(at(0), Duration::from_secs(1), 0),
        ActivityQuery::new(at(0), Duration::from_secs(1), 1_001),
        ActivityQuery::new(at(0), Duration::ZERO, 1),
        ActivityQuery::new(at(0), Duration::from_micros(1_500), 1),
        ActivityQuery::new(at(-1), Duration::from_secs(1), 1),
        ActivityQuery::new(Timestamp::from_micros(1), Duration::from_secs(1), 1),
        ActivityQuery::new(at(0), Duration::from_secs(u64::MAX), 2),
    ];
    for wrong in wrong {
        assert_eq!(wrong.expect_err("refused").kind(), ErrorKind::Invalid);
    }
}

pub(super) async fn findings_are_counted_by_kind(store: Arc<dyn Store>) {
    let key = |severity| violation(Category::Secret, "API_KEY", severity, GuardAction::Block);
    let findings =
        [vec![email(), key(Severity::Medium)], vec![], vec![email(), email()], vec![key(Severity::High)]];
    for (number, violations) in (0..).zip(findings) {
        let mut turn = turn(number);
        turn.outcome.violations = violations;
        store.commit_turn(turn, mean()).await.expect("committed");
    }
    let mut others = turn(9);
    (others.tenant, others.outcome.violations) = (tenant("other"), vec![email()]);
    store.commit_turn(others, mean()).await.expect("committed");
    let count = async |query: FindingQuery| -> Vec<(String, Severity, u64)> {
        let found = store.log().findings(&tenant("t"), &query).await.expect("findings");
        found.into_iter().map(|of| (of.entity, of.severity, of.count)).collect()
    };
    let (mail, keys) = ("EMAIL_ADDRESS".to_owned(), "API_KEY".to_owned());
    let all = count(FindingQuery::default()).await;
    assert_eq!(all, [(mail.clone(), Severity::Low, 3), (keys.clone(), Severity::High, 2)]);
    let some = FindingQuery::default().with_since(at(1)).with_until(at(3)).with_task(turn(0).task);
    assert_eq!(count(some).await, [(mail, Severity::Low, 2)]);
    let none = FindingQuery::default().with_task("other".parse().expect("a task"));
    assert!(count(none).await.is_empty());
}

pub(super) async fn a_scan_finds_what_is_asked_for(store: Arc<dyn Store>) {
    for number in 0..12 {
        let mut turn = turn(number);
        if number % 3 == 0 {
            turn.outcome.status = TurnStatus::Timeout;
        }
        if number % 4 == 0 {
            turn.outcome.violations = vec![email()];
        }
        if number % 2 == 0 {
            store.log_decision(&decision(number), deadline()).await.expect("logged");
        }
        store.commit_turn(turn, mean()).await.expect("committed");
    }
    let all = LogQuery::default;
    let (user, task) = (turn(0).user, turn(0).task);
    let cases: [(LogQuery, Vec<u64>); 8] = [
        (all().with_since(at(3)).with_until(at(6)), vec![5, 4, 3]),
        (all().with_status(TurnStatus::Timeout), vec![9, 6, 3, 0]),
        (all().with_status(TurnStatus::Timeout).with_task(task.clone()).with_until(at(9)), vec![6, 3, 0]),
        (all().with_status(TurnStatus::Completed).with_until(at(5)), vec![4, 2, 1]),
        (all().with_strategy(decision(2).strategy), vec![10, 6, 2]),
        (all().with_findings(), vec![8, 4, 0]),
        (all().with_findings().with_status(TurnStatus::Timeout), vec![0]),
        (all().with_findings().with_user(user).with_task(task), vec![8, 0]),
    ];
    for (query, expected) in cases {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.log().scan(&tenant("t"), &query, after.as_ref(), 2).await.expect("a page");
            seen.extend(page.items.iter().map(|view| view.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<_> = expected.into_iter().map(decision_id).collect();
        assert_eq!(seen, expected, "{query:?}");
    }
}
