//! State made again from its log, after another policy or reward was configured.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use helm_core::{Features, Feedback, TaskId};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmConfig, TurnRequest};

async fn open(store: &MemoryStore, kind: &str, human_weight: f64) -> Helm {
    let text = format!(
        "[tasks.t]\npolicy = {{ kind = \"{kind}\" }}\nreward = \"r\"\n[tasks.t.strategies.a]\n\
         [tasks.t.strategies.b]\n[rewards.r]\nhuman_weight = {human_weight}\n\
         terms = [{{ evaluator = \"relevance\", weight = 1.0 }}]\n"
    );
    let config = HelmConfig::from_toml(&text, Path::new("helm.toml")).unwrap();
    let builder = config.builder(&|_| None).unwrap();
    builder.store(Arc::new(store.clone())).build().await.unwrap()
}

async fn play(helm: &Helm) {
    for number in 0..12 {
        let request = TurnRequest::new(format!("u{}", number % 3), "t", "How do I reset it?").unwrap();
        let features = Features::new(7, vec![1.0, f64::from(number) / 12.0]).unwrap();
        let turn = helm.turn(request.with_features(features)).await.unwrap();
        let rating = f64::from(1 + number % 5);
        helm.feedback(Feedback::rating(turn.decision_id, rating).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_state_follows_another_policy_and_another_reward() {
    let (store, task) = (MemoryStore::new(), TaskId::new("t").unwrap());
    let helm = open(&store, "thompson", 0.8).await;
    play(&helm).await;
    let mut seen = 0;
    let checked = helm.check_state(&task, |decisions| seen = decisions).await.unwrap();
    assert!(checked.is_equal() && checked.decisions == 12 && checked.rows > 0, "{checked:?}");
    assert_eq!(seen, 12);
    for (kind, human_weight) in [("lin_ucb", 0.8), ("lin_ucb", 0.5), ("thompson", 0.8)] {
        let helm = open(&store, kind, human_weight).await;
        let checked = helm.check_state(&task, |_| {}).await.unwrap();
        assert!(!checked.is_equal() && checked.changed > 0 && !checked.differences.is_empty());
        assert_eq!(helm.check_state(&task, |_| {}).await.unwrap(), checked, "checking changes nothing");
        assert_eq!(helm.rebuild_state(&task, |_| {}).await.unwrap(), checked);
        let again = helm.check_state(&task, |_| {}).await.unwrap();
        assert!(again.is_equal() && again.decisions == 12, "{again:?}");
        assert!(helm.audit(&task).await.unwrap().mismatches.is_empty());
        let report = helm.report(&task).await.unwrap();
        assert_eq!(report.strategies.iter().map(|strategy| strategy.reward.count).sum::<u64>(), 12);
    }
}
