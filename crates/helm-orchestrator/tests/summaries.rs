//! What of a conversation no longer fits is summed up beside the turns.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common {
    pub(crate) mod settled;
}

use std::sync::Arc;
use std::time::Duration;

use common::settled::settled;
use helm_core::{ConversationId, NanoUsd, Role, TenantId, TokenCount, UserId};
use helm_orchestrator::llm::{
    ChatRequest, ChatResponse, ErrorKind, Finish, FinishReason, Scripted, ScriptedModel,
};
use helm_orchestrator::store::{JobQueue, Limit, Limits, NewJob, Resource, Store, memory::MemoryStore};
use helm_orchestrator::{AdmissionLimits, Error, Helm, HelmBuilder, Task, TurnRequest};

const NOTES: &str = "Ana travels to Lisbon on 3 May.";

fn model(name: &str, script: Scripted) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new(name.parse().unwrap(), [script]))
}

fn answers(text: &str) -> Scripted {
    Scripted::Answer(text.to_owned())
}

async fn helm(store: &MemoryStore, main: &Arc<ScriptedModel>, notes: &Arc<ScriptedModel>) -> Helm {
    build(store, main, notes, |builder| builder).await
}

async fn build(
    store: &MemoryStore,
    main: &Arc<ScriptedModel>,
    notes: &Arc<ScriptedModel>,
    more: impl FnOnce(HelmBuilder) -> HelmBuilder,
) -> Helm {
    let task = Task::new("support").unwrap().strategy("plain", "Be brief.").unwrap();
    let task = task.with_history(TokenCount::new(200)).with_summaries("notes".parse().unwrap());
    let helm = Helm::builder().store(Arc::new(store.clone())).task(task);
    more(helm.model(Arc::clone(main) as _).model(Arc::clone(notes) as _)).build().await.unwrap()
}

fn ana() -> (UserId, ConversationId) {
    (UserId::new("ana").unwrap(), ConversationId::new("c").unwrap())
}

/// Turns of some fifty tokens each.
async fn talk(helm: &Helm, turns: u32) {
    for turn in 0..turns {
        let message = format!("{turn}: {}", "tell me more about trains ".repeat(4));
        let request = TurnRequest::new("ana", "support", message).unwrap().with_conversation(ana().1);
        assert!(helm.turn(request).await.unwrap().answer.is_some());
    }
}

fn system(request: &ChatRequest) -> String {
    let said = request.messages.iter().filter(|message| message.role == Role::System);
    said.map(helm_core::Message::joined_text).collect()
}

fn again() -> NewJob {
    NewJob {
        kind: "summarise".to_owned(),
        dedupe: "again".to_owned(),
        body: serde_json::json!({ "task": "support", "user": "ana", "conversation": "c" }),
        run_at: helm_core::Timestamp::from_micros(0),
        max_attempts: 3,
    }
}

#[tokio::test]
async fn what_no_longer_fits_is_summed_up_once() {
    let store = MemoryStore::new();
    let (main, notes) =
        (model("main", answers(&"They run often. ".repeat(6))), model("notes", answers(NOTES)));
    let helm = helm(&store, &main, &notes).await;
    let (user, c) = ana();
    talk(&helm, 3).await;
    settled(&store).await;
    assert!(notes.requests().is_empty(), "everything fits");
    talk(&helm, 1).await;
    settled(&store).await;
    let summary = helm.conversation_summary(&user, &c).await.unwrap().unwrap();
    assert_eq!(summary.text, NOTES);
    let asked = notes.requests();
    assert_eq!(asked.len(), 1);
    let told = asked[0].messages[1].joined_text();
    assert!(told.contains("(none)") && told.contains("0: tell me more"), "{told}");
    assert!(!told.contains("3: tell me"), "the newest turn stays: {told}");
    let before = helm.conversation(&user, &c, 99).await.unwrap();
    // The same job again finds nothing to do.
    store.enqueue(&TenantId::single(), &[again()]).await.unwrap();
    settled(&store).await;
    assert_eq!(notes.requests().len(), 1);
    assert_eq!(helm.conversation(&user, &c, 99).await.unwrap(), before, "what was said stays");
    assert_eq!(before.len(), 8);
    // The next turn is told of it, and the next summary of this one.
    talk(&helm, 1).await;
    let request = main.requests().pop().unwrap();
    assert!(system(&request).starts_with("Be brief."), "{}", system(&request));
    assert!(system(&request).ends_with(NOTES));
    assert_eq!(request.messages.iter().filter(|message| message.role == Role::System).count(), 1);
    talk(&helm, 4).await;
    settled(&store).await;
    let asked = notes.requests();
    assert!(asked.len() > 1 && asked[1].messages[1].joined_text().contains(NOTES));
    let later = helm.conversation_summary(&user, &c).await.unwrap().unwrap();
    assert!(later.covers > summary.covers);
}

#[tokio::test]
async fn a_summary_is_paid_from_the_limits_of_its_tenant() {
    let store = MemoryStore::new();
    let main = model("main", answers(&"They run often. ".repeat(6)));
    let finish = Finish::new(FinishReason::Stop).with_cost(Some(NanoUsd::from_nanos(1_000)));
    let notes = model("notes", Scripted::Respond(Box::new(ChatResponse::new(NOTES.to_owned(), finish))));
    let limit = Limit::new(Resource::NanoUsd, 600, Duration::from_secs(86_400)).unwrap();
    let limits = AdmissionLimits::default().with_tenant(Limits::new([limit]).unwrap());
    let helm = build(&store, &main, &notes, |builder| builder.limits(limits)).await;
    talk(&helm, 4).await;
    settled(&store).await;
    let (user, c) = ana();
    assert!(helm.conversation_summary(&user, &c).await.unwrap().is_some(), "what is begun is not refused");
    let refused = helm.turn(TurnRequest::new("bob", "support", "Hello?").unwrap()).await;
    let Err(Error::RateLimited { retry_after: Some(wait), .. }) = refused else { panic!("{refused:?}") };
    // 400 of 600 are owed, which come back within 16 hours.
    assert!(wait > Duration::from_secs(15 * 3_600) && wait <= Duration::from_secs(16 * 3_600), "{wait:?}");
}

#[tokio::test]
async fn what_cannot_be_summed_up_changes_nothing() {
    let refused = Finish::new(FinishReason::ContentFilter);
    for script in [
        Scripted::Fail(ErrorKind::Server),
        Scripted::Respond(Box::new(ChatResponse::new("half a".to_owned(), refused))),
        answers("I will kill you, you worthless piece of garbage, I hope you die."),
        answers("  "),
    ] {
        let store = MemoryStore::new();
        let (main, notes) = (model("main", answers(&"They run often. ".repeat(6))), model("notes", script));
        let helm = helm(&store, &main, &notes).await;
        talk(&helm, 4).await;
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if !notes.requests().is_empty() && store.counts().await.unwrap().leased == 0 {
                break;
            }
        }
        assert_eq!(store.counts().await.unwrap().waiting, 1, "it is tried again later");
        let (user, c) = ana();
        assert_eq!(helm.conversation_summary(&user, &c).await.unwrap(), None);
        talk(&helm, 1).await;
        let request = main.requests().pop().unwrap();
        assert_eq!(system(&request), "Be brief.");
        assert!(request.messages.len() > 2, "the newest messages are sent along");
        let started = std::time::Instant::now();
        helm.shutdown(Duration::from_secs(5)).await;
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn two_processes_make_one_summary() {
    let store = MemoryStore::new();
    let (main, notes) =
        (model("main", answers(&"They run often. ".repeat(6))), model("notes", answers(NOTES)));
    let (one, two) = (helm(&store, &main, &notes).await, helm(&store, &main, &notes).await);
    for _ in 0..2 {
        talk(&one, 1).await;
        talk(&two, 1).await;
    }
    store.enqueue(&TenantId::single(), &[again()]).await.unwrap();
    settled(&store).await;
    let (user, c) = ana();
    let summary = one.conversation_summary(&user, &c).await.unwrap();
    assert_eq!(summary, two.conversation_summary(&user, &c).await.unwrap());
    assert!(summary.is_some());
}

#[tokio::test]
async fn a_stopping_process_leaves_the_work_to_others() {
    let store = MemoryStore::new();
    let main = model("main", answers(&"They run often. ".repeat(6)));
    let slow = model("notes", Scripted::Hang(String::new()));
    let first = helm(&store, &main, &slow).await;
    talk(&first, 4).await;
    while slow.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let started = std::time::Instant::now();
    first.shutdown(Duration::from_secs(10)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn tenants_and_users_never_meet() {
    let store = MemoryStore::new();
    let (main, notes) =
        (model("main", answers(&"They run often. ".repeat(6))), model("notes", answers(NOTES)));
    let helm = helm(&store, &main, &notes).await;
    talk(&helm, 4).await;
    settled(&store).await;
    let (user, c) = ana();
    assert!(helm.conversation_summary(&user, &c).await.unwrap().is_some());
    let bob = TurnRequest::new("bob", "support", "Hello?").unwrap().with_conversation(c.clone());
    helm.turn(bob).await.unwrap();
    assert_eq!(system(&main.requests().pop().unwrap()), "Be brief.", "another user's");
    let other = TenantId::new("other").unwrap();
    assert_eq!(store.conversations().summary(&other, &user, &c).await.unwrap(), None);
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let task = || Task::new("support").unwrap().strategy("plain", "Be brief.").unwrap();
    let nobody = task().with_summaries("absent".parse().unwrap());
    let small = task().with_summaries("main".parse().unwrap()).with_history(TokenCount::new(50));
    for (task, why) in [(nobody, "there is no model absent"), (small, "history_tokens")] {
        let error = Helm::builder().task(task).check().unwrap_err().to_string();
        assert!(error.starts_with("tasks.support.summary_model") && error.contains(why), "{error}");
    }
}
