//! Draws that are kept to, and strategies that come and go while the log has others.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use helm_core::{
    ConversationId, Decision, DecisionId, DecisionMode, Feedback, ModelName, Strategy, Timestamp,
};
use helm_orchestrator::store::{Retention, memory::MemoryStore};
use helm_orchestrator::{Explanation, Helm, HelmConfig, Sticky, Task, TurnRequest, TurnResponse};

fn strategy(id: &str) -> Strategy {
    let id: helm_core::StrategyId = id.parse().unwrap();
    Strategy::new(id, ModelName::new("main").unwrap()).with_system("Be brief.")
}

/// A task whose policy draws evenly, so that only stickiness can make turns agree.
fn task(strategies: &[&str]) -> Task {
    let policy: serde_json::Value = serde_json::json!({ "kind": "random" });
    let policy = helm_orchestrator::policy::Registry::standard().build(&policy).unwrap();
    let task = Task::new("support").unwrap().with_custom_policy(policy);
    strategies.iter().fold(task, |task, id| task.with_strategy(strategy(id)))
}

const FOUR: [&str; 4] = ["a@1", "b@1", "c@1", "d@1"];

async fn open(store: &MemoryStore, task: Task) -> Helm {
    Helm::builder().store(Arc::new(store.clone())).task(task).build().await.unwrap()
}

async fn ask(helm: &Helm, user: &str, conversation: Option<&str>) -> (TurnResponse, Decision) {
    let mut request = TurnRequest::new(user, "support", "How do I reset it?").unwrap();
    request.conversation = conversation.map(|name| ConversationId::new(name).unwrap());
    let turn = helm.turn(request).await.unwrap();
    let decision = explained(helm, turn.decision_id).await.turn.decision.unwrap();
    (turn, decision)
}

async fn explained(helm: &Helm, id: DecisionId) -> Explanation {
    helm.explain(id).await.unwrap()
}

async fn count(helm: &Helm) -> u64 {
    let report = helm.report(&"support".parse().unwrap()).await.unwrap();
    report.strategies.iter().map(|strategy| strategy.reward.count).sum()
}

#[tokio::test]
async fn a_conversation_keeps_its_strategy_and_every_turn_teaches() {
    let store = MemoryStore::new();
    let helm = open(&store, task(&FOUR).sticky(Sticky::Conversation)).await;
    let mut chosen = std::collections::BTreeSet::new();
    for conversation in 0..12 {
        let name = format!("c{conversation}");
        let (_, first) = ask(&helm, "ana", Some(&name)).await;
        assert_eq!((first.mode, first.drawn_by), (DecisionMode::Sampled, None));
        for _ in 0..3 {
            let (turn, kept) = ask(&helm, "ana", Some(&name)).await;
            assert_eq!((kept.mode, kept.drawn_by), (DecisionMode::Sticky, Some(first.id)));
            assert_eq!((&kept.strategy, kept.propensity), (&first.strategy, first.propensity));
            assert_eq!((&kept.candidates, &kept.policy_hash), (&first.candidates, &first.policy_hash));
            let why = explained(&helm, turn.decision_id).await.why;
            assert!(why.contains("earlier draw") && why.contains(&first.id.to_string()), "{why}");
        }
        chosen.insert(first.strategy);
    }
    assert!(chosen.len() > 1, "conversations draw for themselves");
    assert_eq!(count(&helm).await, 48, "what was kept teaches too");
    // Another user's conversation of that name, and a turn outside of any, are their own.
    assert_eq!(ask(&helm, "bob", Some("c0")).await.1.mode, DecisionMode::Sampled);
    assert_eq!(ask(&helm, "ana", None).await.1.mode, DecisionMode::Sampled);
}

#[tokio::test]
async fn a_user_keeps_a_strategy_while_it_is_there_and_then_the_next_one() {
    let store = MemoryStore::new();
    let helm = open(&store, task(&FOUR).sticky(Sticky::User)).await;
    let (_, first) = ask(&helm, "ana", Some("c1")).await;
    assert_eq!(ask(&helm, "ana", None).await.1.drawn_by, Some(first.id), "across conversations");
    let left: Vec<&str> = FOUR.into_iter().filter(|id| *id != first.strategy.to_string()).collect();
    let without = open(&store, task(&left).sticky(Sticky::User)).await;
    let (turn, second) = ask(&without, "ana", None).await;
    assert_eq!((second.mode, second.drawn_by), (DecisionMode::Sampled, Some(first.id)));
    let why = explained(&without, turn.decision_id).await.why;
    assert!(why.contains("it replaces"), "{why}");
    for helm in [&without, &helm] {
        let (_, kept) = ask(helm, "ana", None).await;
        assert_eq!((kept.mode, kept.drawn_by), (DecisionMode::Sticky, Some(second.id)), "for good");
    }
    // A wish of the caller is no draw, and changes none.
    let wish = TurnRequest::new("ana", "support", "Hello there").unwrap();
    let pinned = helm.turn(wish.with_strategy(first.strategy.name().clone())).await.unwrap();
    assert_eq!(pinned.strategy, Some(first.strategy));
    assert_eq!(ask(&helm, "ana", None).await.1.drawn_by, Some(second.id));
}

#[tokio::test]
async fn without_stickiness_each_turn_draws() {
    let store = MemoryStore::new();
    let helm = open(&store, task(&FOUR)).await;
    for _ in 0..3 {
        let (_, decision) = ask(&helm, "ana", Some("c")).await;
        assert_eq!((decision.mode, decision.drawn_by), (DecisionMode::Sampled, None));
    }
}

#[tokio::test]
async fn late_feedback_on_a_removed_strategy_is_settled() {
    let store = MemoryStore::new();
    let helm = open(&store, task(&["a@1"])).await;
    let (turn, decision) = ask(&helm, "ana", None).await;
    let later = open(&store, task(&["b@1"])).await;
    let receipt = later.feedback(Feedback::rating(turn.decision_id, 5.0).unwrap()).await.unwrap();
    assert!(receipt.reward.unwrap().value.get() > turn.reward.unwrap().value.get());
    let report = later.report(&"support".parse().unwrap()).await.unwrap();
    let removed = report.strategies.iter().find(|s| s.strategy == decision.strategy).unwrap();
    assert_eq!((removed.reward.count, removed.feedback.count, removed.probability), (1, 1, None));
    assert!(later.audit(&"support".parse().unwrap()).await.unwrap().mismatches.is_empty());
}

const VERSIONS: &str = r#"
[tasks.support]
sticky = "user"
policy = { kind = "thompson" }
[tasks.support.strategies.concise]
version = 3
parent = "concise@2"
system = "Be brief."
[tasks.support.strategies.other]
system = "Be long."
"#;

#[tokio::test]
async fn only_draws_that_somebody_keeps_to_stay_in_the_log() {
    for (sticky, kept) in [(Sticky::Decision, 0), (Sticky::Conversation, 4), (Sticky::User, 4)] {
        let helm = open(&MemoryStore::new(), task(&FOUR).sticky(sticky)).await;
        for turn in 0..12 {
            ask(&helm, &format!("user-{}", turn % 4), Some("c")).await;
        }
        let all = Retention::before(Timestamp::from_micros(i64::MAX / 2));
        let retained = helm.retain(all, |_| {}).await.unwrap();
        assert_eq!((retained.turns, retained.kept), (12 - kept, kept), "{sticky:?}");
        let (_, next) = ask(&helm, "user-1", Some("c")).await;
        assert_eq!(next.mode == DecisionMode::Sticky, kept > 0, "{sticky:?}");
    }
}

#[tokio::test]
async fn a_configured_version_inherits_from_its_parent() {
    let store = MemoryStore::new();
    let old = Task::new("support").unwrap().with_strategy(strategy("concise@2"));
    let helm = open(&store, old).await;
    for number in 0..20 {
        let (turn, _) = ask(&helm, &format!("user-{number}"), None).await;
        helm.feedback(Feedback::rating(turn.decision_id, 5.0).unwrap()).await.unwrap();
    }
    let config = HelmConfig::from_toml(VERSIONS, Path::new("helm.toml")).unwrap();
    let builder = config.builder(&|_| None).unwrap();
    let helm = builder.store(Arc::new(store.clone())).build().await.unwrap();
    let (_, decision) = ask(&helm, "newcomer", None).await;
    let mean = |id: &str| {
        let found = decision.candidates.iter().find(|candidate| candidate.strategy.to_string() == id);
        let candidate = found.unwrap();
        (candidate.mean, candidate.pulls)
    };
    assert!(mean("concise@3").0 > mean("other@1").0 + 0.1, "{:?}", decision.candidates);
    assert_eq!(mean("concise@3").1, 0, "what is inherited is no reward of its own");
    assert_eq!(ask(&helm, "newcomer", None).await.1.drawn_by, Some(decision.id), "sticky is read");
    let own = VERSIONS.replace("concise@2", "concise@3");
    let refused = HelmConfig::from_toml(&own, Path::new("helm.toml")).unwrap().builder(&|_| None).unwrap();
    assert!(refused.check().unwrap_err().to_string().contains("own parent"));
}
