//! State made again from its log, after another policy or reward was configured.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use helm_core::{EvaluatorName, Features, Feedback, TaskId};
use helm_orchestrator::eval::{EvaluationEngine, RewardSpec, RewardSpecConfig};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmConfig, Task, TurnRequest};

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

/// The standard reward as its first version was, over the evaluators that it counted.
async fn first_standard(store: &MemoryStore) -> Helm {
    let terms =
        "terms = [{ evaluator = \"relevance\", weight = 3 }, { evaluator = \"coherence\", weight = 1 },
        { evaluator = \"length\", weight = 1 }, { evaluator = \"safety\", weight = 1 }]
        gates = [{ evaluator = \"safety\", at_least = 0.3 }]";
    let config: RewardSpecConfig = toml::from_str(terms).unwrap();
    let reward = config.build(&"default".parse().unwrap()).unwrap();
    let counted: Vec<EvaluatorName> = reward.evaluators().cloned().collect();
    let engine = EvaluationEngine::standard().unwrap().only(|name| counted.contains(name));
    let task = Task::new("t").unwrap().strategy("a", "Be brief.").unwrap();
    let task = task.with_reward(reward).with_evaluators(engine);
    Helm::builder().store(Arc::new(store.clone())).task(task).build().await.unwrap()
}

#[tokio::test]
async fn a_log_of_the_first_standard_reward_is_settled_under_the_present_one() {
    let (store, task) = (MemoryStore::new(), TaskId::new("t").unwrap());
    let helm = first_standard(&store).await;
    let turn =
        |number: u32| TurnRequest::new("ana", "t", format!("How do I reset router {number}?")).unwrap();
    let unrated = helm.turn(turn(1)).await.unwrap();
    assert_eq!((unrated.scores.len(), unrated.reward.unwrap().spec.version), (4, 1));
    let rated = helm.turn(turn(2)).await.unwrap();
    helm.feedback(Feedback::rating(rated.decision_id, 5.0).unwrap()).await.unwrap();

    let now = Task::new("t").unwrap().strategy("a", "Be brief.").unwrap();
    let helm = Helm::builder().store(Arc::new(store.clone())).task(now).build().await.unwrap();
    let rebuilt = helm.rebuild_state(&task, |_| {}).await.unwrap();
    assert_eq!((rebuilt.decisions, rebuilt.changed), (2, 2));
    assert!(helm.check_state(&task, |_| {}).await.unwrap().is_equal());
    let standard = RewardSpec::standard().unwrap();
    for id in [unrated.decision_id, rated.decision_id] {
        let reward = helm.explain(id).await.unwrap().turn.reward.expect("what was scored is just enough");
        assert_eq!(reward.spec, *standard.id());
        assert_eq!(reward.coverage.get(), standard.config().min_coverage);
    }
}

#[tokio::test]
async fn evaluators_of_the_first_standard_reward_need_a_reward_of_their_own() {
    let engine = EvaluationEngine::standard().unwrap().only(|name| name.as_str() == "relevance");
    let task = Task::new("t").unwrap().strategy("a", "Be brief.").unwrap().with_evaluators(engine);
    let error = Helm::builder().task(task).build().await.err().unwrap().report();
    assert!(error.contains("default@2 names the evaluator coherence"), "{error}");
    assert!(error.contains("or name a reward that counts only these: relevance"), "{error}");
}
