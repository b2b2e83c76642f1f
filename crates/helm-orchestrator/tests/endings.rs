//! Every way a turn can end leaves exactly one record, whole and streamed, and lets nothing out too early.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{FaultyStore, OddEmbedder, OddModel, SlowIndexes};
use helm_core::{Limits, Strategy, TenantId, TokenCount, TurnStatus, UserId};
use helm_orchestrator::eval::from_fn;
use helm_orchestrator::llm::{ChatModel, ErrorKind as ModelErrorKind, Scripted, ScriptedModel, TimeoutKind};
use helm_orchestrator::store::{ErrorKind, LogQuery, PreferenceChange, Store, TurnView, memory::MemoryStore};
use helm_orchestrator::{Error, Helm, HelmBuilder, Task, TurnEvent, TurnRequest, TurnResponse};
use tokio::sync::Semaphore;

fn ask(message: &str) -> TurnRequest {
    TurnRequest::new("ana", "support", message).unwrap()
}

fn strategy(system: &str) -> Strategy {
    Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap())
        .with_system(system)
        .with_limits(Limits::default().with_deadline(Duration::from_secs(20)))
}

fn task() -> Task {
    Task::new("support").unwrap().with_strategy(strategy("Be brief."))
}

fn scripted(script: Scripted) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new("main".parse().unwrap(), [script]))
}

fn answers(text: &str) -> Arc<ScriptedModel> {
    scripted(Scripted::Answer(text.to_owned()))
}

fn helm_of(task: Task, model: Arc<dyn ChatModel>) -> HelmBuilder {
    Helm::builder().task(task).model(model)
}

async fn records(store: &Arc<dyn Store>, tenant: &TenantId) -> Vec<TurnView> {
    store.log().scan(tenant, &LogQuery::default(), None, 10).await.unwrap().items
}

/// Plays a turn; what was streamed, and how it ended.
async fn play(helm: &Helm, request: TurnRequest, streamed: bool) -> (String, TurnResponse) {
    if !streamed {
        return (String::new(), helm.turn(request).await.unwrap());
    }
    let mut stream = helm.turn_stream(request).unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next_event().await {
        match event.unwrap() {
            TurnEvent::Delta(more) => text.push_str(&more),
            TurnEvent::Ended(response) => return (text, *response),
            _ => {}
        }
    }
    panic!("a stream without an end");
}

/// A way to end: what leads to it, and the status.
fn endings() -> Vec<(&'static str, HelmBuilder, TurnStatus)> {
    let mut short = strategy("");
    short.max_output_tokens = Some(TokenCount::new(4));
    let panicking = || Arc::new(from_fn("panics", |_| panic!("on purpose")).unwrap());
    let embedder = |hangs| {
        Arc::new(OddEmbedder {
            name: "odd".parse().unwrap(),
            dimensions: if hangs { 3 } else { 0 },
            hangs,
            heard: Arc::default(),
        })
    };
    let mut faulty = FaultyStore::new();
    faulty.refuse_decisions = AtomicU32::new(1);
    let mut unwilling = FaultyStore::new();
    unwilling.refuse_consequences = true;
    let fine = || answers("You reset your password in the settings.");
    let builtin = Helm::builder().task(Task::new("support").unwrap().with_strategy(short));
    vec![
        ("completed", helm_of(task(), fine()), TurnStatus::Completed),
        ("length", builtin, TurnStatus::Length),
        (
            "failed",
            helm_of(task(), scripted(Scripted::Fail(ModelErrorKind::Server))),
            TurnStatus::UpstreamError,
        ),
        (
            "cut",
            helm_of(task(), scripted(Scripted::Cut("Well. ".repeat(200), ModelErrorKind::Server))),
            TurnStatus::UpstreamError,
        ),
        (
            "idle",
            helm_of(task(), scripted(Scripted::Fail(ModelErrorKind::Timeout(TimeoutKind::Idle)))),
            TurnStatus::Timeout,
        ),
        ("deadline", helm_of(task(), scripted(Scripted::Hang("Well. ".to_owned()))), TurnStatus::Timeout),
        ("blocked", helm_of(task(), answers("You should kill yourself.")), TurnStatus::Blocked),
        ("filtered", helm_of(task(), Arc::new(OddModel::filtering())), TurnStatus::Blocked),
        ("model panics", helm_of(task(), Arc::new(OddModel::panicking())), TurnStatus::UpstreamError),
        ("evaluator panics", helm_of(task().with_evaluator(panicking()), fine()), TurnStatus::Completed),
        (
            "embedder hangs",
            helm_of(task().remembering(), fine()).embeddings(embedder(true)),
            TurnStatus::Completed,
        ),
        (
            "embedder without a vector",
            helm_of(task().remembering(), fine()).embeddings(embedder(false)),
            TurnStatus::Completed,
        ),
        ("decision refused", helm_of(task(), fine()).store(Arc::new(faulty)), TurnStatus::StorageError),
        ("consequences refused", helm_of(task(), fine()).store(Arc::new(unwilling)), TurnStatus::Completed),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_ending_leaves_one_record() {
    for streamed in [false, true] {
        for (name, builder, status) in endings() {
            let helm = builder.build().await.unwrap();
            let (_, turn) = play(&helm, ask("How do I reset my password?"), streamed).await;
            assert_eq!(turn.status, status, "{name}: {:?}", turn.error);
            assert_eq!(turn.error.is_some(), !status.is_answered(), "{name}");
            let stored = records(helm.store(), &TenantId::single()).await;
            let ends: Vec<_> =
                stored.iter().map(|view| view.outcome.as_ref().map(|end| end.status)).collect();
            assert_eq!(ends, [Some(status)], "{name}, streamed: {streamed}");
            assert!(turn.decision_id == stored.first().unwrap().id && turn.strategy.is_some(), "{name}");
            if status == TurnStatus::Blocked {
                assert_eq!(turn.reward.unwrap().value.get(), 0.0, "{name}: refused answers earn nothing");
            } else if !status.is_answered() {
                assert!(turn.reward.is_none(), "{name} teaches nothing");
            }
            assert!(helm.shutdown(Duration::from_secs(5)).await, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_shown_of_a_turn_whose_decision_is_not_durable() {
    for refusals in [1, u32::MAX] {
        let mut store = FaultyStore::new();
        store.refuse_decisions = AtomicU32::new(refusals);
        let store: Arc<dyn Store> = Arc::new(store);
        let helm = helm_of(task(), answers(&"It is in the settings. ".repeat(100)));
        let helm = helm.store(Arc::clone(&store)).build().await.unwrap();
        let mut stream = helm.turn_stream(ask("Where is it?")).unwrap();
        let mut last = None;
        while let Some(event) = stream.next_event().await {
            assert!(last.is_none(), "the end is last");
            last = Some(event);
        }
        match last.unwrap() {
            Ok(TurnEvent::Ended(turn)) => {
                assert_eq!((refusals, turn.status, turn.answer), (1, TurnStatus::StorageError, None));
            }
            Err(Error::Store(error)) => assert_eq!((refusals, error.kind()), (u32::MAX, ErrorKind::Internal)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_that_fails_for_one_user_is_recorded() {
    let odd =
        Task::new("support").unwrap().with_strategy(strategy("{{ preferences.n and 1 / preferences.n }}"));
    let helm = helm_of(odd, answers("Fine.")).build().await.unwrap();
    let change = PreferenceChange::Set { name: "n".to_owned(), value: "lots".into() };
    helm.change_preferences(&UserId::new("ana").unwrap(), &[change]).await.unwrap();
    let (_, turn) = play(&helm, ask("Hello there"), true).await;
    assert_eq!(turn.status, TurnStatus::UpstreamError);
    assert!(turn.error.unwrap().contains("tasks.support.strategies.s.system"));
    assert_eq!(records(helm.store(), &TenantId::single()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_cancelled_before_its_decision_is_recorded() {
    let embedder =
        OddEmbedder { name: "odd".parse().unwrap(), dimensions: 3, hangs: true, heard: Arc::default() };
    let store = MemoryStore::new();
    let helm = helm_of(task().remembering(), answers("Fine.")).embeddings(Arc::new(embedder));
    let helm = helm.store(Arc::new(store.clone())).build().await.unwrap();
    let stream = helm.turn_stream(ask("mail ana@example.com")).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(stream);
    assert!(helm.shutdown(Duration::from_secs(1)).await);
    let store: Arc<dyn Store> = Arc::new(store);
    let stored = records(&store, &TenantId::single()).await;
    let [view] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!(view.outcome.as_ref().unwrap().status, TurnStatus::Cancelled);
    assert_eq!((&view.decision, view.input.as_deref()), (&None, Some("mail [EMAIL]")));
}

#[tokio::test(start_paused = true)]
async fn an_embedding_has_its_share_of_the_deadline_and_ends_with_its_turn() {
    let heard = Arc::default();
    let name = "odd".parse().unwrap();
    let embedder = OddEmbedder { name, dimensions: 3, hangs: true, heard: Arc::clone(&heard) };
    let helm = helm_of(task().remembering(), answers("Fine.")).embeddings(Arc::new(embedder));
    let helm = helm.build().await.unwrap();
    let call = || heard.lock().unwrap().clone().unwrap();
    let (began, stream) = (tokio::time::Instant::now(), helm.turn_stream(ask("Hello there")).unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(call().deadline.unwrap() - began, Duration::from_secs(5), "a quarter of the strategy's 20 s");
    assert!(!call().cancel.is_cancelled());
    drop(stream);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(call().cancel.is_cancelled(), "the caller has gone away");
    let turn = helm.turn(ask("Hello there")).await.unwrap();
    assert_eq!(turn.status, TurnStatus::Completed, "memories help, but are not needed");
    assert!(call().cancel.is_cancelled(), "its time is over");
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_though_nobody_reads_a_stream_and_the_store_never_closes() {
    for never_closes in [false, true] {
        let mut store = FaultyStore::new();
        store.never_closes = never_closes;
        // Open still when the installation has closed its own.
        let kept: Arc<dyn Store> = Arc::new(store.inner.clone());
        let store: Arc<dyn Store> = Arc::new(store);
        let helm = helm_of(task(), answers(&"It is in the settings. ".repeat(2_000)));
        let helm = helm.store(Arc::clone(&store)).build().await.unwrap();
        let unread = helm.turn_stream(ask("Where is it?")).unwrap();
        let drained = tokio::time::timeout(Duration::from_secs(60), helm.shutdown(Duration::from_secs(1)));
        assert!(!drained.await.unwrap());
        let stored = records(&kept, &TenantId::single()).await;
        let [view] = stored.as_slice() else { panic!("{stored:?}") };
        assert_eq!(view.outcome.as_ref().unwrap().status, TurnStatus::Cancelled);
        drop(unread);
    }
}

#[tokio::test(start_paused = true)]
async fn indexing_ends_at_once_with_the_installation() {
    for dropped in [false, true] {
        let slow = Arc::new(SlowIndexes::default());
        let mut store = FaultyStore::new();
        store.vectors = Some(slow.clone());
        let helm = helm_of(task(), answers("Fine.")).store(Arc::new(store)).build().await.unwrap();
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(slow.building.load(Ordering::SeqCst), 1);
        if dropped {
            drop(helm);
        } else {
            assert!(helm.shutdown(Duration::from_millis(1)).await);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(slow.building.load(Ordering::SeqCst), 0, "dropped: {dropped}");
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(slow.begun.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_though_the_end_itself_finds_no_room() {
    // Content for exactly the queue's places but the first, which the decision takes.
    let text = "It is in the settings of your account, under a name. ".repeat(63);
    for length in (0..text.len()).step_by(97) {
        let text: String = text.chars().take(length).collect();
        let helm = helm_of(task(), answers(&text)).build().await.unwrap();
        let unread = helm.turn_stream(ask("Where is it?")).unwrap();
        let shutdown = tokio::time::timeout(Duration::from_secs(60), helm.shutdown(Duration::from_secs(1)));
        shutdown.await.unwrap();
        drop(unread);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_blocked_half_way_has_shown_only_what_is_harmless() {
    let text = format!("{} You should kill yourself. And so on.", "All is well here. ".repeat(60));
    let helm = helm_of(task(), answers(&text)).build().await.unwrap();
    let (shown, turn) = play(&helm, ask("How are you?"), true).await;
    assert_eq!(turn.status, TurnStatus::Blocked);
    assert!(!shown.is_empty() && text.starts_with(&shown) && !shown.contains("kill"), "{shown}");
    assert_eq!(turn.answer, Some(shown), "the record holds what was shown");
}

#[tokio::test(start_paused = true)]
async fn tenants_share_nothing() {
    let helm = helm_of(task().remembering(), answers("Fine.")).build().await.unwrap();
    let (one, two) = (TenantId::new("one").unwrap(), TenantId::new("two").unwrap());
    let turn = helm.for_tenant(one.clone()).turn(ask("I drink green tea")).await.unwrap();
    let other = helm.for_tenant(two.clone());
    assert!(matches!(other.explain(turn.decision_id).await, Err(Error::UnknownDecision { .. })));
    assert!(other.preferences(&UserId::new("ana").unwrap()).await.unwrap().values.is_empty());
    let report = other.report(&"support".parse().unwrap()).await.unwrap();
    assert!(report.strategies.iter().all(|strategy| strategy.pulls == 0));
    assert_eq!(records(helm.store(), &one).await.len(), 1);
    assert!(records(helm.store(), &two).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn helms_own_preferences_are_reserved_and_a_spoilt_one_breaks_no_turn() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let helm = helm_of(task(), answers("Fine.")).store(Arc::clone(&store)).build().await.unwrap();
    let ana = UserId::new("ana").unwrap();
    let spoil = [PreferenceChange::Set { name: "interaction_count".to_owned(), value: "lots".into() }];
    let error = helm.change_preferences(&ana, &spoil).await.unwrap_err();
    assert!(error.to_string().contains("interaction_count is kept by helm"), "{error}");
    // As a version before this one allowed.
    store.preferences().apply(&TenantId::single(), &ana, &spoil, None).await.unwrap();
    assert_eq!(helm.turn(ask("Hello there")).await.unwrap().status, TurnStatus::Completed);
    assert_eq!(records(&store, &TenantId::single()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_embedding_model_starts_memories_anew() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut retrieving = strategy("");
    retrieving.retrieval = helm_core::Retrieval { memories: 2 };
    let task = Task::new("support").unwrap().with_strategy(retrieving).remembering();
    for (name, dimensions, recalled) in [("a", 3, false), ("a", 3, true), ("b", 3, false), ("a", 5, false)] {
        let embedder =
            OddEmbedder { name: name.parse().unwrap(), dimensions, hangs: false, heard: Arc::default() };
        let model = answers("Fine.");
        let helm = helm_of(task.clone(), model.clone()).store(Arc::clone(&store));
        let helm = helm.embeddings(Arc::new(embedder)).build().await.unwrap();
        helm.turn(ask("I drink green tea")).await.unwrap();
        let asked = model.requests().first().unwrap().messages.len();
        assert_eq!(asked > 1, recalled, "{name}@{dimensions}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_request_says_of_the_user_reaches_the_decision() {
    let helm = helm_of(task(), answers("Fine.")).build().await.unwrap();
    let turn = helm.turn(ask("Hello there").with_segment("beta".parse().unwrap())).await.unwrap();
    let decision = helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap();
    assert_eq!(decision.context.segment.unwrap().as_str(), "beta");
    assert_eq!(turn.conversation_id, None, "a turn without a conversation stands alone");
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_cut_stream_are_those_of_the_whole_prompt() {
    let long = Task::new("support").unwrap().with_strategy(strategy(&"Be brief. ".repeat(100)));
    let model = scripted(Scripted::Cut("Well. ".repeat(200), ModelErrorKind::Server));
    let helm = helm_of(long, model).build().await.unwrap();
    let (_, turn) = play(&helm, ask("Hi"), true).await;
    assert!(turn.usage.estimated && turn.usage.input.get() > 100, "{:?}", turn.usage);
}

#[tokio::test]
async fn deadlines_that_are_none_are_refused_when_built() {
    for deadline in [Duration::ZERO, Duration::from_secs(10_000_000_000_000_000_000)] {
        let odd = strategy("").with_limits(Limits::default().with_deadline(deadline));
        let error =
            Helm::builder().task(Task::new("support").unwrap().with_strategy(odd)).check().unwrap_err();
        assert!(error.to_string().contains("at most 24 hours"), "{error}");
    }
}

/// Whoever asks what is kept of them is shown it while it is all that there is.
#[tokio::test]
async fn a_turn_that_runs_is_its_users_data_already() {
    let slow = scripted(Scripted::Slow(Duration::from_millis(400), "The answer is here.".to_owned()));
    let helm = helm_of(task(), slow).build().await.unwrap();
    let ana: UserId = "ana".parse().unwrap();
    let (ended, running) = tokio::join!(helm.turn(ask("What is a prime?")), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        helm.export_user(&ana).await.unwrap()
    });
    let [turn] = running.turns.as_slice() else { panic!("{running:?}") };
    assert_eq!((turn.id, turn.outcome.is_none()), (ended.unwrap().decision_id, true));
    assert!(turn.decision.is_some() && !running.is_nothing());
    let after = helm.export_user(&ana).await.unwrap();
    assert_eq!((after.turns.len(), after.turns[0].outcome.is_some()), (1, true));
}

/// A database that does not answer keeps nobody waiting for ever, and what it takes in the end is there.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_to_be_stored_is_told_in_time() {
    let store = Arc::new(FaultyStore { commits: Semaphore::new(0), ..FaultyStore::new() });
    let helm = helm_of(task(), answers("The answer is here."));
    let helm = helm.store(Arc::clone(&store) as Arc<dyn Store>).build().await.unwrap();
    let place = Arc::new(());
    let began = tokio::time::Instant::now();
    let told = helm.turn(ask("What is a prime?").holding(place.clone())).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 50, "its deadline and half a minute");
    let Error::Unstored { id } = told else { panic!("{told:?}") };
    assert!(!told.is_retryable(), "it may be stored yet");
    assert_eq!(Arc::strong_count(&place), 2, "it runs and holds its place");
    store.commits.add_permits(1);
    while Arc::strong_count(&place) > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stored = store.inner.log().turn(&TenantId::single(), id).await.unwrap().unwrap();
    assert_eq!(stored.outcome.unwrap().status, TurnStatus::Completed);
}
