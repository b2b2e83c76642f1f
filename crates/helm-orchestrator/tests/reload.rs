//! Another configuration takes the place of the present one while turns run.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use helm_core::{Feedback, TenantId};
use helm_orchestrator::llm::{Scripted, ScriptedModel};
use helm_orchestrator::{Error, Helm, HelmBuilder, Task, TurnRequest};

fn with(strategy: &str, script: Scripted) -> HelmBuilder {
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [script]));
    let task = Task::new("support").unwrap().strategy(strategy, "Be brief.").unwrap();
    Helm::builder().model(model).task(task)
}

fn request() -> TurnRequest {
    TurnRequest::new("ana", "support", "What is a prime?").unwrap()
}

#[tokio::test]
async fn a_turn_ends_under_the_configuration_with_which_it_began() {
    let slow = Scripted::Slow(Duration::from_millis(300), "The old answer is here.".to_owned());
    let helm = with("old", slow).build().await.unwrap();
    let tenant = helm.for_tenant(TenantId::single());
    let (running, reloaded) = tokio::join!(helm.turn(request()), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        helm.reload(with("new", Scripted::Answer("The new answer is here.".to_owned()))).await
    });
    reloaded.unwrap();
    let old = running.unwrap();
    assert_eq!(old.answer.as_deref(), Some("The old answer is here."));
    // Every handle sees the new one, and what was learnt under the old one is still there.
    let new = tenant.turn(request()).await.unwrap();
    assert_eq!(new.answer.as_deref(), Some("The new answer is here."));
    let strategies = [old.strategy, new.strategy].map(|strategy| strategy.unwrap().name().to_string());
    assert_eq!(strategies, ["old", "new"]);
    helm.feedback(Feedback::rating(old.decision_id, 5.0).unwrap()).await.unwrap();
    let reward = helm.explain(old.decision_id).await.unwrap().turn.reward.unwrap();
    assert!(reward.value.get() > 0.5, "it is settled");
    assert!(helm.audit(&"support".parse().unwrap()).await.unwrap().mismatches.is_empty());
    assert!(helm.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing() {
    let helm = with("old", Scripted::Answer("As before.".to_owned())).build().await.unwrap();
    let refused = helm.reload(Helm::builder()).await.unwrap_err();
    assert!(matches!(refused, Error::Config { .. }), "{refused}");
    assert_eq!(helm.turn(request()).await.unwrap().answer.as_deref(), Some("As before."));
}

#[tokio::test]
async fn tasks_come_and_go_and_work_goes_on() {
    let helm = with("old", Scripted::Answer("As before.".to_owned())).build().await.unwrap();
    for round in 0..3 {
        let task = Task::new("tutor").unwrap().strategy("plain", format!("Round {round}.")).unwrap();
        helm.reload(Helm::builder().task(task)).await.unwrap();
        let tasks: Vec<_> = helm.tasks().iter().map(ToString::to_string).collect();
        assert_eq!(tasks, ["tutor"]);
        assert!(matches!(helm.turn(request()).await, Err(Error::UnknownTask { .. })));
    }
    assert!(helm.is_accepting(), "the first configuration's end is not the installation's");
    assert!(helm.shutdown(Duration::from_secs(5)).await);
}
