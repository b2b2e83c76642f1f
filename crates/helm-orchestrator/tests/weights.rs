//! Weights that are learned from people as their ratings come in: they count once they are better, for every process, and the whole
//! log is settled under them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common {
    pub(crate) mod settled;
}

use std::sync::Arc;
use std::time::Duration;

use common::settled::settled;
use helm_core::{DecisionId, Feedback, RewardSpecId, TaskId};
use helm_orchestrator::eval::{RewardSpecConfig, from_fn};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::store::{LogQuery, Store};
use helm_orchestrator::{Helm, Task, TurnRequest};

/// A task whose reward hardly minds that half of the answers shout, which people do.
fn task(weights: &str) -> Task {
    let calm = from_fn("calm", |exchange| if exchange.user.contains('!') { 0.0 } else { 1.0 }).unwrap();
    let odd = from_fn("odd", |exchange| (exchange.user.len() % 7) as f64 / 7.0).unwrap();
    let reward: RewardSpecConfig = toml::from_str(&format!(
        "weights = \"{weights}\"\nterms = [{{ evaluator = \"odd\", weight = 9 }}, {{ evaluator = \"calm\", weight = 1 }}]"
    ))
    .unwrap();
    let task = Task::new("t").unwrap().strategy("s", "Be brief.").unwrap();
    let task = task.with_evaluator(Arc::new(calm)).with_evaluator(Arc::new(odd));
    task.with_reward(reward.build(&"own".parse().unwrap()).unwrap())
}

async fn helm(store: &MemoryStore, weights: &str) -> Helm {
    let builder = Helm::builder().store(Arc::new(store.clone())).learn_after(Duration::ZERO);
    builder.task(task(weights)).build().await.unwrap()
}

async fn turn(helm: &Helm, number: u32) -> (DecisionId, RewardSpecId) {
    let shouts = if number.is_multiple_of(2) { "!" } else { "." };
    let asked = format!("{number} {}{shouts}", "How? ".repeat(1 + number as usize % 6));
    let turn = helm.turn(TurnRequest::new("ana", "t", asked).unwrap()).await.unwrap();
    (turn.decision_id, turn.reward.unwrap().spec)
}

async fn rate(helm: &Helm, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let (id, _) = turn(helm, number).await;
        let rating = if number.is_multiple_of(2) { 1.0 } else { 5.0 };
        helm.feedback(Feedback::rating(id, rating).unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_that_people_like_better_count_for_every_process_and_the_whole_log() {
    let store = MemoryStore::new();
    let (one, other, t) =
        (helm(&store, "learned").await, helm(&store, "learned").await, TaskId::new("t").unwrap());
    assert_eq!(turn(&one, 1).await.1.to_string(), "own@1");
    rate(&one, 0..60).await;
    settled(&store).await;
    assert_eq!(store.jobs().counts().await.unwrap().dead, 0, "no job has died");
    let adoptions = one.adoptions(&t).await.unwrap();
    let newest = adoptions.last().unwrap();
    assert!(newest.better_low > 0.0, "{newest:?}");
    let weight =
        |name: &str| newest.weights.terms.iter().find(|term| term.evaluator.as_str() == name).unwrap().weight;
    assert!(weight("calm") > weight("odd") / 9.0, "{newest:?}");
    // Another process settles under the same.
    let now = format!("own@1+{}", newest.number);
    assert_eq!(turn(&other, 1_001).await.1.to_string(), now);
    assert_eq!(other.report(&t).await.unwrap().reward.to_string(), now);
    // Every logged turn says under which weights it was scored, and it is those.
    let tenant = one.tenant();
    let turns =
        store.log().scan(tenant, &LogQuery::default().with_task(t.clone()), None, 1_000).await.unwrap();
    for turn in &turns.items {
        assert_eq!(turn.reward.as_ref().unwrap().spec.to_string(), now);
    }
    assert!(one.check_state(&t, |_| ()).await.unwrap().is_equal());
    assert!(one.audit(&t).await.unwrap().mismatches.is_empty());
    assert_eq!(one.health().await.unwrap().warnings, [""; 0]);
    one.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_for_nothing_is_adopted() {
    let (store, t) = (MemoryStore::new(), TaskId::new("t").unwrap());
    let helm = helm(&store, "configured").await;
    rate(&helm, 0..60).await;
    settled(&store).await;
    assert_eq!(store.jobs().counts().await.unwrap().dead, 0, "no job has died");
    assert!(helm.adoptions(&t).await.unwrap().is_empty());
    assert_eq!(helm.reward(&t).await.unwrap().id().to_string(), "own@1");
    helm.shutdown(Duration::from_secs(5)).await;
}
