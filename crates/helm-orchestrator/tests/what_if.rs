//! What another policy would have earned on the log, and when a candidate may be raised.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use helm_core::{Feedback, ManualClock, ModelName, Strategy, TaskId, TenantId};
use helm_orchestrator::policy::{Policy, Registry};
use helm_orchestrator::store::PreferenceChange;
use helm_orchestrator::{
    Candidate, GateOptions, GateVerdict, Helm, PastTurn, Target, Task, TurnRequest, WhatIf,
};
use serde_json::{Value, json};

fn policy(table: &Value) -> Arc<dyn Policy> {
    Registry::standard().build(table).unwrap()
}

/// A turn of an even draw of two strategies, of which the second earns more.
fn turn(number: u64, user: u64, more: &Value) -> PastTurn {
    let strategy =
        ["plain@1", "warm@1"][usize::try_from((number.wrapping_mul(2_654_435_761) >> 16) % 2).unwrap()];
    let moment = |second: u64| {
        format!("2026-11-{:02}T{:02}:{:02}:{:02}Z", 1 + number / 1_440, number / 60 % 24, number % 60, second)
    };
    let mut row = json!({
        "id": format!("t{number:06}"), "user": format!("u{user}"), "task": "support", "strategy": strategy,
        "propensity": 0.5, "mode": "sampled", "status": "completed",
        "reward": if strategy == "warm@1" { 0.8 } else { 0.2 },
        "candidates": [{ "strategy": "plain@1", "probability": 0.5 }, { "strategy": "warm@1", "probability": 0.5 }],
        "began": moment(0), "ended": moment(5),
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(row).unwrap()
}

fn turns(count: u64) -> Vec<PastTurn> {
    (0..count).map(|number| turn(number, number % 50, &json!({}))).collect()
}

#[test]
fn a_policy_is_credited_with_what_it_would_have_learnt() {
    let thompson = Target::Policy(policy(&json!({ "kind": "thompson", "floor": 0.02 })));
    let found = WhatIf::new(turns(600), &thompson, None).unwrap();
    let value = found.log.value().unwrap().value;
    assert!(value > 0.75, "{value}: within some turns it knows which earns 0.8");
    assert!((found.earned - 0.5).abs() < 0.05, "{}", found.earned);
    let even = WhatIf::new(turns(600), &Target::Policy(policy(&json!({ "kind": "random" }))), None).unwrap();
    assert!((even.log.value().unwrap().value - even.earned).abs() < 0.05);
    assert_eq!(even.log.diagnostics().unwrap().effective, 600.0, "it is the policy of the log");
    // What it learnt before counts, the turns themselves do not.
    let since = Some("2026-11-01T05:00:00Z".parse().unwrap());
    let late = WhatIf::new(turns(600), &thompson, since).unwrap();
    assert_eq!(late.log.diagnostics().unwrap().count, 300);
    assert!(late.log.value().unwrap().value > value, "it does not begin anew");
}

#[test]
fn the_order_of_the_rows_says_nothing_and_each_counts_once() {
    let target = Target::Policy(policy(&json!({ "kind": "auto" })));
    let read = |turns: Vec<PastTurn>| WhatIf::new(turns, &target, None).unwrap();
    let mut shuffled = [turns(200), turns(200)].concat();
    shuffled.reverse();
    let (own, other) = (read(turns(200)), read(shuffled));
    assert_eq!(own.log.value().unwrap(), other.log.value().unwrap());
    assert_eq!(other.left_out, [("turns that stand more than once", 200)]);
    assert!(own.log.is_clustered());
}

#[test]
fn draws_that_are_kept_stand_and_fall_together() {
    // Each user's first turn is a draw, the others keep to it.
    let rows: Vec<_> = (0..300)
        .map(|number| {
            let (user, first) = (number / 3, number % 3 == 0);
            let mode = if first { "sampled" } else { "sticky" };
            let strategy = ["plain@1", "warm@1"][usize::try_from(user % 2).unwrap()];
            turn(number, user, &json!({ "mode": mode, "strategy": strategy, "reward": 0.5 }))
        })
        .collect();
    let target = Target::Policy(policy(&json!({ "kind": "thompson" })));
    let found = WhatIf::new(rows.clone(), &target, None).unwrap();
    assert_eq!(found.log.diagnostics().unwrap().count, 300);
    let since = Some("2026-11-01T00:01:00Z".parse().unwrap());
    let cut = WhatIf::new(rows, &target, since).unwrap();
    assert_eq!(
        cut.left_out,
        [("turns in which the target could not have been chosen", 2)],
        "their draw is not there"
    );
}

fn task() -> Task {
    let strategy = |id: &str| {
        Strategy::new(id.parse().unwrap(), ModelName::new("main").unwrap()).with_system("Be brief.")
    };
    let task = Task::new("support").unwrap().with_custom_policy(policy(&json!({ "kind": "random" })));
    ["plain@1", "warm@1"].into_iter().fold(task, |task, id| task.with_strategy(strategy(id)))
}

/// People like the warm answers, or do not.
async fn talk(helm: &Helm, users: usize, warm: f64) {
    for user in 0..users {
        let turn = helm.turn(TurnRequest::new(format!("u{user}"), "support", "How do I reset it?").unwrap());
        let turn = turn.await.unwrap();
        let is_warm = turn.strategy.as_ref().unwrap().name().as_str() == "warm";
        let rating = if is_warm { warm } else { 3.0 };
        helm.feedback(Feedback::rating(turn.decision_id, rating).unwrap()).await.unwrap();
    }
}

fn always_warm() -> Candidate {
    let weights = json!({ "kind": "fixed", "weights": { "plain": 0.02, "warm": 0.98 } });
    Candidate::new(policy(&weights)).with_options(GateOptions::default().with_least(20.0, 60))
}

#[tokio::test]
async fn a_candidate_is_raised_when_the_live_log_shows_that_it_earns_more_and_not_before() {
    let support = TaskId::new("support").unwrap();
    let open = async || Helm::builder().task(task().with_candidate(always_warm())).build().await.unwrap();
    let verdict = async |helm: &Helm| helm.gate(&support, None).await.unwrap().unwrap();
    let better = open().await;
    assert_eq!(verdict(&better).await.verdict, GateVerdict::TooLittle, "nobody has talked yet");
    talk(&better, 200, 5.0).await;
    let gate = verdict(&better).await;
    assert_eq!(gate.verdict, GateVerdict::Raise, "{gate:?}");
    assert!(
        gate.low.unwrap() > 0.0 && gate.gain.unwrap() > gate.low.unwrap() && gate.users == 200,
        "{gate:?}"
    );
    let worse = open().await;
    talk(&worse, 200, 1.0).await;
    let gate = verdict(&worse).await;
    assert_eq!(gate.verdict, GateVerdict::RollBack, "{gate:?}");
    let same = open().await;
    talk(&same, 40, 5.0).await;
    assert_eq!(verdict(&same).await.verdict, GateVerdict::TooLittle, "60 users are asked for");
    talk(&same, 80, 3.0).await;
    assert_eq!(
        verdict(&same.for_tenant(TenantId::new("other").unwrap())).await.verdict,
        GateVerdict::TooLittle
    );
    let plain = Helm::builder().task(task()).build().await.unwrap();
    assert!(plain.gate(&support, None).await.unwrap().is_none(), "there is no candidate");
}

#[tokio::test]
async fn what_another_policy_decided_is_no_evidence_against_the_present_one() {
    let support = TaskId::new("support").unwrap();
    let helm = Helm::builder().task(task().with_candidate(always_warm())).build().await.unwrap();
    talk(&helm, 120, 5.0).await;
    let raised = task().with_custom_policy(policy(&json!({ "kind": "random", "floor": 0.5 })));
    helm.reload(Helm::builder().task(raised.with_candidate(always_warm()))).await.unwrap();
    let gate = helm.gate(&support, None).await.unwrap().unwrap();
    assert_eq!(gate.verdict, GateVerdict::TooLittle, "{gate:?}");
    assert_eq!(gate.left_out, [("turns that another policy decided than the present one", 120)]);
    let since = Some(helm.now());
    let all = helm.what_if(&support, &Target::Strategy("warm".to_owned()), None, None).await.unwrap();
    assert_eq!(all.log.diagnostics().unwrap().count, 120);
    let none = helm.what_if(&support, &Target::Uniform, since, None).await.unwrap();
    assert!(none.log.diagnostics().is_err(), "nothing since");
}

#[tokio::test]
async fn a_candidate_is_looked_at_each_hour_and_what_is_found_is_kept() {
    let support = TaskId::new("support").unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-01T08:00:00Z".parse().unwrap()));
    let own: Arc<dyn helm_core::Clock> = clock.clone();
    let builder = Helm::builder().clock(own).task(task().with_candidate(always_warm()));
    let helm = builder.build().await.unwrap();
    let looked = async |looks: usize| {
        for _ in 0..200 {
            let records = helm.gate_records(&support).await.unwrap();
            if records.len() >= looks {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it was not looked at {looks} times")
    };
    talk(&helm, 30, 5.0).await;
    assert!(helm.gate_records(&support).await.unwrap().is_empty(), "the hour has not passed");
    clock.advance(Duration::from_secs(3_601));
    let early = looked(1).await;
    assert_eq!((early.len(), early[0].verdict), (1, GateVerdict::TooLittle));
    assert!(helm.health().await.unwrap().warnings.iter().all(|told| !told.contains("candidate")));
    talk(&helm, 200, 5.0).await;
    clock.advance(Duration::from_secs(3_601));
    let later = looked(2).await;
    assert_eq!(later[1].verdict, GateVerdict::Raise, "{later:?}");
    assert!(later[1].gain.unwrap()[1] > 0.0 && later[1].at > later[0].at);
    let told = helm.health().await.unwrap().warnings.join(" ");
    assert!(told.contains("the candidate of task support earns more than its policy"), "{told}");
    assert!(helm.report(&support).await.unwrap().warnings.iter().any(|told| told.contains("candidate")));
    let taken = helm.change_preferences(&"helm/gates".parse().unwrap(), &[]).await;
    assert!(taken.is_err(), "nobody else may change them");
    helm.reload(Helm::builder().task(task())).await.unwrap();
    assert!(helm.health().await.unwrap().warnings.iter().all(|told| !told.contains("candidate")));
    assert_eq!(helm.gate_records(&support).await.unwrap().len(), 2, "the record stays");
}

#[tokio::test]
async fn what_another_version_found_of_a_candidate_is_not_taken_for_nothing() {
    let support = TaskId::new("support").unwrap();
    let helm = Helm::builder().task(task().with_candidate(always_warm())).build().await.unwrap();
    let change = PreferenceChange::Set { name: "support".to_owned(), value: json!({ "format": 7 }) };
    let (tenant, gates) = (TenantId::single(), "helm/gates".parse().unwrap());
    helm.store().preferences().apply(&tenant, &gates, &[change], None).await.unwrap();
    let refused = helm.gate_records(&support).await.unwrap_err();
    assert!(refused.report().contains("candidates of task support"), "{}", refused.report());
}
