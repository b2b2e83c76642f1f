//! Answers that are used again for questions that mean the same.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use helm_core::{
    Clock, ConversationId, NanoUsd, StrategyName, TenantId, Timestamp, TurnStatus, UnitInterval,
};
use helm_orchestrator::llm::{ChatResponse, Finish, FinishReason, Scripted, ScriptedModel};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{
    Helm, HelmBuilder, HelmConfig, SemanticCache, Task, TurnEvent, TurnRequest, TurnResponse,
};

const OPEN: &str = "We are open from nine to five.";
const ASKED: &str = "What are your opening hours?";
const ALIKE: &str = "what are your opening hours";

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

fn answer(text: &str) -> Scripted {
    let finish = Finish::new(FinishReason::Stop).with_cost(Some(NanoUsd::from_nanos(70)));
    Scripted::Respond(Box::new(ChatResponse::new(text.to_owned(), finish)))
}

fn scripted(text: &str) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new("main".parse().unwrap(), [answer(text)]))
}

fn task(system: &str) -> Task {
    let cache = SemanticCache::new(UnitInterval::new(0.97).unwrap(), Duration::from_secs(3_600));
    let task = Task::new("support").unwrap().strategy("plain", system).unwrap();
    task.with_semantic_cache(StrategyName::new("plain").unwrap(), cache)
}

fn builder(model: &Arc<ScriptedModel>, system: &str) -> HelmBuilder {
    Helm::builder().model(Arc::clone(model) as _).task(task(system))
}

async fn ask(helm: &Helm, user: &str, message: &str) -> TurnResponse {
    helm.turn(TurnRequest::new(user, "support", message).unwrap()).await.unwrap()
}

#[tokio::test]
async fn an_answer_is_used_again_marked_and_for_nothing() {
    let model = scripted(OPEN);
    let helm = builder(&model, "Be brief.").build().await.unwrap();
    let first = ask(&helm, "ana", ASKED).await;
    assert_eq!((first.similar_to, first.cost), (None, Some(NanoUsd::from_nanos(70))));
    let second = ask(&helm, "bob", ALIKE).await;
    let similar = second.similar_to.unwrap();
    assert_eq!(similar.decision, first.decision_id);
    assert!(similar.similarity > 0.97);
    assert_eq!((second.answer.as_deref(), second.cost), (Some(OPEN), Some(NanoUsd::from_nanos(0))));
    assert_eq!(second.status, TurnStatus::Completed);
    assert!(!second.scores.is_empty() && second.reward.is_some(), "it is evaluated like any other");
    assert_eq!(model.requests().len(), 1);
    // Streamed, too.
    let mut stream = helm.turn_stream(TurnRequest::new("eve", "support", ALIKE).unwrap()).unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next_event().await {
        if let TurnEvent::Delta(more) = event.unwrap() {
            text.push_str(&more);
        }
    }
    assert_eq!((text.as_str(), model.requests().len()), (OPEN, 1));
    for other in ["What are your closing hours?", "What are not your opening hours?", "Who are you?"] {
        assert_eq!(ask(&helm, "ana", other).await.similar_to, None, "{other}");
    }
}

#[tokio::test]
async fn tenants_prompts_versions_and_named_users_are_kept_apart() {
    let (model, store) = (scripted(OPEN), MemoryStore::new());
    let with =
        async |system: &str| builder(&model, system).store(Arc::new(store.clone())).build().await.unwrap();
    let helm = with("Be brief.").await;
    ask(&helm, "ana", ASKED).await;
    assert_eq!(ask(&helm.for_tenant(TenantId::new("other").unwrap()), "ana", ALIKE).await.similar_to, None);
    assert!(ask(&helm, "bob", ALIKE).await.similar_to.is_some());
    assert_eq!(ask(&with("Be long.").await, "ana", ALIKE).await.similar_to, None, "another prompt");
    let named = with("You talk to {{ user_id }}.").await;
    ask(&named, "ana", ASKED).await;
    assert_eq!(ask(&named, "bob", ALIKE).await.similar_to, None, "the prompt names the user");
    assert!(ask(&named, "ana", ALIKE).await.similar_to.is_some());
}

/// Two strategies that differ in nothing but their names, and use answers again.
fn twins(task: &str) -> Task {
    let cache = SemanticCache::new(UnitInterval::new(0.97).unwrap(), Duration::from_secs(3_600));
    let task = Task::new(task).unwrap().strategy("plain", "Be brief.").unwrap();
    let task = task.strategy("other", "Be brief.").unwrap();
    let task = task.with_semantic_cache(StrategyName::new("plain").unwrap(), cache);
    task.with_semantic_cache(StrategyName::new("other").unwrap(), cache)
}

#[tokio::test]
async fn an_answer_stays_with_its_task_and_its_strategy() {
    let model = scripted(OPEN);
    let helm = Helm::builder().model(Arc::clone(&model) as _).task(twins("support")).task(twins("sales"));
    let helm = helm.build().await.unwrap();
    let ask = async |task: &str, strategy: &str, message: &str| {
        let request = TurnRequest::new("ana", task, message).unwrap();
        let request = request.with_strategy(StrategyName::new(strategy).unwrap());
        helm.turn(request).await.unwrap()
    };
    let first = ask("support", "plain", ASKED).await;
    assert_eq!(first.similar_to, None);
    assert_eq!(ask("support", "other", ALIKE).await.similar_to, None, "another strategy");
    assert_eq!(ask("sales", "plain", ALIKE).await.similar_to, None, "another task");
    let again = ask("support", "plain", ALIKE).await;
    assert_eq!(again.similar_to.unwrap().decision, first.decision_id);
    assert_eq!(model.requests().len(), 3);
    let of_other = ask("support", "other", ASKED).await.similar_to.unwrap();
    assert_ne!(of_other.decision, first.decision_id, "each has its own answer");
}

#[tokio::test]
async fn only_whole_questions_count() {
    let model = scripted(OPEN);
    let helm = builder(&model, "Be brief.").build().await.unwrap();
    ask(&helm, "ana", ASKED).await;
    let c = ConversationId::new("c").unwrap();
    let within =
        |message: &str| TurnRequest::new("ana", "support", message).unwrap().with_conversation(c.clone());
    helm.turn(within("I am in Lisbon.")).await.unwrap();
    assert_eq!(helm.turn(within(ALIKE)).await.unwrap().similar_to, None, "it has a history");
    // What the guards changed is of its user alone.
    ask(&helm, "ana", "What do you know of ana@example.com?").await;
    assert_eq!(ask(&helm, "bob", "what do you know of bob@example.com").await.similar_to, None);
}

#[tokio::test]
async fn what_did_not_end_well_is_not_used_again_and_what_is_old_neither() {
    let cut =
        Scripted::Respond(Box::new(ChatResponse::new(OPEN.to_owned(), Finish::new(FinishReason::Length))));
    for bad in
        [cut, answer("You worthless piece of garbage, I will kill you."), answer("Write to ana@example.com.")]
    {
        let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [bad, answer(OPEN)]));
        let helm = builder(&model, "Be brief.").build().await.unwrap();
        ask(&helm, "ana", ASKED).await;
        assert_eq!(ask(&helm, "bob", ALIKE).await.similar_to, None);
    }
    let (model, hands) = (scripted(OPEN), Arc::new(Hands(AtomicI64::new(1_800_000_000_000_000))));
    let helm = builder(&model, "Be brief.").clock(Arc::clone(&hands) as _).build().await.unwrap();
    ask(&helm, "ana", ASKED).await;
    hands.0.fetch_add(3_599_000_000, Ordering::SeqCst);
    assert!(ask(&helm, "ana", ALIKE).await.similar_to.is_some());
    hands.0.fetch_add(2_000_000, Ordering::SeqCst);
    assert_eq!(ask(&helm, "ana", ALIKE).await.similar_to, None, "an hour is over");
}

#[test]
fn strategies_that_know_their_users_are_refused() {
    for (system, more, why) in [
        ("Be {{ preferences.tone }}.", "", "preferences"),
        ("{{ memories }}", "", "memories"),
        ("Be brief.", "retrieve = { memories = 2 }", "memories"),
        ("Be brief.", "semantic_cache.similarity = 1.5", "from 0 to 1"),
    ] {
        let cache = if more.starts_with("semantic") { "" } else { "semantic_cache = {}" };
        let text = format!("[tasks.t.strategies.s]\nsystem = \"{system}\"\n{cache}\n{more}\n");
        let config: HelmConfig = toml::from_str(&text).unwrap();
        let checked = config.builder(&|_| None).and_then(HelmBuilder::check);
        let error = checked.unwrap_err().to_string();
        assert!(error.contains("tasks.t.strategies.s.semantic_cache") && error.contains(why), "{error}");
    }
}
