//! When the store has more to do than it gets done, what has not begun is refused, and nothing is left of it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common {
    pub(crate) mod faulty_store;
}

use std::sync::Arc;
use std::time::Duration;

use common::faulty_store::FaultyStore;
use futures::future::join_all;
use helm_core::{Category, Feedback, GuardAction, Stage, Strategy, TurnStatus};
use helm_orchestrator::guardrails::{GuardrailEngine, PhraseFilter, Rule};
use helm_orchestrator::llm::{Scripted, ScriptedModel};
use helm_orchestrator::store::{Limit, Limits, LogQuery, Resource, Store};
use helm_orchestrator::{AdmissionLimits, Error, Helm, HelmBuilder, Result, Task, TurnRequest, TurnResponse};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many work with the store at once.
const ROOM: usize = 3;
/// How long a burst is waited out.
const BURST: Duration = Duration::from_secs(1);

/// An installation whose store commits nothing before it is let.
struct Stalled {
    helm: Helm,
    store: Arc<FaultyStore>,
    model: Arc<ScriptedModel>,
}

async fn stalled(change: impl FnOnce(HelmBuilder) -> HelmBuilder) -> Stalled {
    let limits = helm_core::Limits::default().with_deadline(BURST / 2);
    let hasty = Strategy::new("s@1".parse().unwrap(), "main".parse().unwrap()).with_limits(limits);
    let hasty = Task::new("hasty").unwrap().with_strategy(hasty);
    let store = Arc::new(FaultyStore { commits: Semaphore::new(0), ..FaultyStore::new() });
    let answer = Scripted::Answer("It is plugged in.".to_owned());
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [answer]));
    let phrases = Arc::new(PhraseFilter::new().list("SPELL", ["sesame"]).unwrap());
    let strict = GuardrailEngine::builder().detector(phrases);
    let strict = strict.rule(Stage::Input, Category::Topic, Rule::new(GuardAction::Block)).build().unwrap();
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let task = task.with_guardrails(strict);
    let builder = Helm::builder().task(task).task(hasty).model(Arc::clone(&model) as Arc<_>).at_once(ROOM);
    let builder = change(builder).store(Arc::clone(&store) as Arc<dyn Store>);
    Stalled { helm: builder.build().await.unwrap(), store, model }
}

impl Stalled {
    /// Turns that have begun, as many as there is room for.
    async fn begin(&self) -> Vec<JoinHandle<Result<TurnResponse>>> {
        let begun = (0..ROOM).map(|_| self.play(ask())).collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        begun
    }

    #[expect(clippy::disallowed_methods, reason = "the handle is awaited")]
    fn play(&self, request: TurnRequest) -> JoinHandle<Result<TurnResponse>> {
        let helm = self.helm.clone();
        tokio::spawn(async move { helm.turn(request).await })
    }

    /// The store goes on.
    async fn end(&self, begun: Vec<JoinHandle<Result<TurnResponse>>>) {
        self.store.commits.add_permits(1_000);
        for turn in begun {
            assert_eq!(turn.await.unwrap().unwrap().status, TurnStatus::Completed);
        }
    }

    async fn recorded(&self) -> usize {
        self.helm.turns(&LogQuery::default(), None, 1_000).await.unwrap().items.len()
    }

    /// How many models were asked, and how many turns are in the log.
    async fn left(&self) -> (usize, usize) {
        (self.model.requests().len(), self.recorded().await)
    }
}

fn ask() -> TurnRequest {
    TurnRequest::new("ana", "support", "Is it plugged in?").unwrap()
}

fn is_refused<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(error @ Error::Overloaded) if error.is_retryable())
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_is_refused_and_what_has_comes_to_its_end() {
    let stalled = stalled(|builder| builder).await;
    let begun = stalled.begin().await;
    for (waited, why) in [(BURST, "as long as a burst may take"), (Duration::ZERO, "no burst any more")] {
        let began = Instant::now();
        let refused = join_all((0..100).map(|_| stalled.helm.turn(ask()))).await;
        assert!(refused.iter().all(is_refused));
        assert_eq!(began.elapsed().as_secs(), waited.as_secs(), "{why}");
    }
    stalled.end(begun).await;
    assert_eq!(stalled.left().await, (ROOM, ROOM));
    assert!(stalled.helm.turn(ask()).await.is_ok(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_uses_up_no_limit() {
    const A_DAY: u64 = 50;
    let limit = Limit::new(Resource::Requests, A_DAY, Duration::from_secs(86_400)).unwrap();
    let limits = AdmissionLimits::default().with_user(Limits::new([limit]).unwrap());
    let stalled = stalled(|builder| builder.limits(limits)).await;
    let begun = stalled.begin().await;
    let left = A_DAY as usize - ROOM;
    assert!(join_all((0..left).map(|_| stalled.helm.turn(ask()))).await.iter().all(is_refused));
    stalled.end(begun).await;
    for _ in 0..left {
        assert!(stalled.helm.turn(ask()).await.is_ok());
    }
    assert!(matches!(stalled.helm.turn(ask()).await, Err(Error::RateLimited { .. })), "the day's are used");
}

#[tokio::test(start_paused = true)]
async fn judgements_wait_for_room_as_turns_do_and_end_once_they_have_begun() {
    let stalled = stalled(|builder| builder).await;
    stalled.store.commits.add_permits(1);
    let rated = stalled.helm.turn(ask()).await.unwrap().decision_id;
    stalled.store.commits.forget_permits(1);
    let (good, bad) = (Feedback::rating(rated, 5.0).unwrap(), Feedback::rating(rated, 1.0).unwrap());
    let begun = stalled.begin().await;
    assert!(is_refused(&stalled.helm.feedback(good.clone()).await));
    stalled.end(begun).await;
    stalled.store.commits.forget_permits(1_000);
    // Its caller leaves when it has begun.
    assert!(tokio::time::timeout(BURST / 4, stalled.helm.feedback(good)).await.is_err(), "it is written");
    let begun = (1..ROOM).map(|_| stalled.play(ask())).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(is_refused(&stalled.helm.feedback(bad).await), "the first one is at work still");
    stalled.end(begun).await;
    tokio::time::sleep(BURST).await;
    let explained = stalled.helm.explain(rated).await.unwrap();
    let judged: Vec<_> = explained.turn.feedback.iter().map(|entry| entry.value.get()).collect();
    assert_eq!(judged, [1.0]);
}

#[tokio::test(start_paused = true)]
async fn of_those_who_hang_up_while_they_wait_nothing_is_left() {
    let stalled = stalled(|builder| builder).await;
    let begun = stalled.begin().await;
    for _ in 0..20 {
        let gone = tokio::time::timeout(BURST / 50, stalled.helm.turn(ask())).await;
        assert!(gone.is_err(), "it still waited");
    }
    stalled.end(begun).await;
    tokio::time::sleep(BURST * 10).await;
    assert_eq!(stalled.left().await, (ROOM, ROOM));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_finds_room_is_recorded_whenever_its_caller_leaves() {
    let stalled = stalled(|builder| builder).await;
    stalled.store.commits.add_permits(1_000);
    drop(stalled.helm.turn_stream(ask()).unwrap());
    tokio::time::sleep(BURST).await;
    let turns = stalled.helm.turns(&LogQuery::default(), None, 10).await.unwrap().items;
    let ends: Vec<_> = turns.iter().filter_map(|turn| turn.outcome.as_ref()).map(|end| end.status).collect();
    assert_eq!(ends, [TurnStatus::Cancelled]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_guards_refuse_waits_as_all_others_do() {
    let stalled = stalled(|builder| builder).await;
    let begun = stalled.begin().await;
    let harmful = || TurnRequest::new("ana", "support", "Open, sesame.").unwrap();
    let refused = join_all((0..10).map(|_| stalled.helm.turn(harmful()))).await;
    assert!(refused.iter().all(is_refused));
    stalled.end(begun).await;
    assert_eq!(stalled.helm.turn(harmful()).await.unwrap().status, TurnStatus::Blocked);
    assert_eq!(stalled.recorded().await, ROOM + 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_turn_may_take() {
    let stalled = stalled(|builder| builder).await;
    let begun = stalled.begin().await;
    let began = Instant::now();
    let hasty = TurnRequest::new("ana", "hasty", "Is it plugged in?").unwrap();
    assert!(is_refused(&stalled.helm.turn(hasty).await));
    assert_eq!(began.elapsed(), BURST / 2);
    stalled.end(begun).await;
    assert_eq!(stalled.left().await, (ROOM, ROOM));
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_helm_ends_is_told_so() {
    let stalled = stalled(|builder| builder).await;
    let begun = stalled.begin().await;
    let waiting = stalled.play(ask());
    tokio::time::sleep(BURST / 10).await;
    let (_, told) = tokio::join!(stalled.helm.shutdown(Duration::ZERO), async {
        let told = waiting.await.unwrap();
        stalled.store.commits.add_permits(1_000);
        told
    });
    assert!(matches!(told, Err(Error::ShuttingDown)), "{told:?}");
    for turn in begun {
        drop(turn.await.unwrap());
    }
    assert_eq!(stalled.model.requests().len(), ROOM);
}
