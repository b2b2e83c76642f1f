//! People who begin to say something else than the reward are noticed as their feedback comes in.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use helm_core::{Feedback, SourceName};
use helm_orchestrator::eval::{EvaluationEngine, RewardSpecConfig, from_fn};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, Task, TurnRequest};

/// Answers so many messages and gives feedback on each.
async fn rate(helm: &Helm, ratings: impl Iterator<Item = f64>) {
    for (number, rating) in ratings.enumerate() {
        let asked = format!("How do I reset router {number}?");
        let turn = helm.turn(TurnRequest::new("ana", "t", asked).unwrap()).await.unwrap();
        let said = Feedback::rating(turn.decision_id, rating).unwrap();
        helm.feedback(said.clone()).await.unwrap();
        // Saying it again tells nothing new.
        helm.feedback(said).await.unwrap();
    }
}

/// The warnings, once there are some: feedback is compared beside its caller's path.
async fn warned(helm: &Helm) -> Vec<String> {
    for _ in 0..100 {
        let warnings = helm.health().await.unwrap().warnings;
        if !warnings.is_empty() {
            return warnings;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Vec::new()
}

#[tokio::test]
async fn people_who_change_their_minds_are_told_of_in_the_health() {
    let task = Task::new("t").unwrap().strategy("s", "Be brief.").unwrap();
    let helm = Helm::builder().store(Arc::new(MemoryStore::new())).task(task).build().await.unwrap();
    let mixed = |number: u32| if number.is_multiple_of(2) { 5.0 } else { 4.0 };
    rate(&helm, (0..60).map(mixed)).await;
    assert_eq!(helm.health().await.unwrap().warnings, [""; 0], "nothing has changed");
    rate(&helm, (0..60).map(|number| mixed(number) - 3.0)).await;
    let warnings = warned(&helm).await;
    assert!(
        warnings.len() == 1 && warnings[0].contains("answers of task t worse than its reward"),
        "{warnings:?}"
    );
    helm.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn weights_that_people_would_like_better_are_told_of_in_the_health() {
    // Half of the answers shout, which the reward does not mind and people do.
    let shouts = from_fn("calm", |exchange| if exchange.user.contains('!') { 0.0 } else { 1.0 }).unwrap();
    let long = from_fn("odd", |exchange| (exchange.user.len() % 7) as f64 / 7.0).unwrap();
    let reward: RewardSpecConfig =
        toml::from_str("terms = [{ evaluator = \"odd\", weight = 9 }, { evaluator = \"calm\", weight = 1 }]")
            .unwrap();
    let task = Task::new("t").unwrap().strategy("s", "Be brief.").unwrap();
    let task = task.with_evaluator(Arc::new(shouts)).with_evaluator(Arc::new(long));
    let task = task.with_reward(reward.build(&"own".parse().unwrap()).unwrap());
    let helm = Helm::builder().task(task).build().await.unwrap();
    for number in 0..100_u32 {
        let shouts = number.is_multiple_of(2);
        let asked = format!("{}{}", "How? ".repeat(1 + number as usize % 6), if shouts { "!" } else { "." });
        let turn =
            helm.turn(TurnRequest::new("ana", "t", format!("{number} {asked}")).unwrap()).await.unwrap();
        let rating = if shouts { 1.0 } else { 5.0 };
        helm.feedback(Feedback::rating(turn.decision_id, rating).unwrap()).await.unwrap();
    }
    let warnings = warned(&helm).await;
    assert!(warnings.iter().any(|one| one.contains("learned weights would order")), "{warnings:?}");
    helm.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn feedback_that_has_nothing_to_be_compared_with_is_no_reason_for_an_alarm() {
    let task = Task::new("t").unwrap().strategy("s", "Be brief.").unwrap();
    let task = task.with_evaluators(EvaluationEngine::new());
    let reward: RewardSpecConfig = toml::from_str("terms = []").unwrap();
    let task = task.with_reward(reward.build(&"people".parse().unwrap()).unwrap());
    let helm = Helm::builder().task(task).build().await.unwrap();
    rate(&helm, (0..100).map(|number| if number < 50 { 5.0 } else { 1.0 })).await;
    let turn = helm.turn(TurnRequest::new("ana", "t", "Who?").unwrap()).await.unwrap();
    let other = Feedback::thumbs(turn.decision_id, true).from_source(SourceName::new("reviewer").unwrap());
    helm.feedback(other).await.unwrap();
    assert_eq!(helm.health().await.unwrap().warnings, [""; 0]);
    helm.shutdown(Duration::from_secs(5)).await;
}
