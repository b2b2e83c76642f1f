//! When the store has more to do than it gets done, what has not begun is refused, and nothing is left of it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common {
    pub(crate) mod faulty_store;
}

use std::sync::Arc;
use std::time::Duration;

use common::faulty_store::FaultyStore;
use futures::future::join_all;
use helm_core::{Feedback, TurnStatus};
use helm_orchestrator::llm::{Scripted, ScriptedModel};
use helm_orchestrator::store::{LogQuery, Store};
use helm_orchestrator::{Error, Helm, Task, TurnRequest};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How many work with the store at once.
const ROOM: usize = 3;

/// An installation whose store commits no turn before it is let.
async fn stalled() -> (Helm, Arc<FaultyStore>, Arc<ScriptedModel>) {
    let store = Arc::new(FaultyStore { commits: Semaphore::new(0), ..FaultyStore::new() });
    let answer = Scripted::Answer("It is plugged in.".to_owned());
    let model = Arc::new(ScriptedModel::new("main".parse().unwrap(), [answer]));
    let task = Task::new("support").unwrap().strategy("concise", "Be brief.").unwrap();
    let builder = Helm::builder().task(task).model(Arc::clone(&model) as Arc<_>).at_once(ROOM);
    let helm = builder.store(Arc::clone(&store) as Arc<dyn Store>).build().await.unwrap();
    (helm, store, model)
}

fn ask() -> TurnRequest {
    TurnRequest::new("ana", "support", "Is it plugged in?").unwrap()
}

async fn recorded(helm: &Helm) -> usize {
    helm.turns(&LogQuery::default(), None, 100).await.unwrap().items.len()
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_is_refused_and_what_has_comes_to_its_end() {
    let (helm, store, model) = stalled().await;
    let begun: Vec<_> = (0..ROOM)
        .map(|_| {
            let helm = helm.clone();
            tokio::spawn(async move { helm.turn(ask()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    let refused = join_all((0..100).map(|_| helm.turn(ask()))).await;
    assert!(refused.iter().all(|refused| matches!(refused, Err(Error::Overloaded))));
    assert_eq!(began.elapsed(), Duration::from_secs(1), "as long as a burst may take");
    let began = Instant::now();
    let refused = join_all((0..100).map(|_| helm.turn(ask()))).await;
    assert!(refused.iter().all(|refused| matches!(refused, Err(error) if error.is_retryable())));
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits where there is no room");
    assert_eq!(model.requests().len(), ROOM, "no model was asked for those who were refused");
    // What has begun ends as if nothing had been.
    store.commits.add_permits(1_000);
    let mut last = None;
    for turn in begun {
        let turn = turn.await.unwrap().unwrap();
        assert_eq!(turn.status, TurnStatus::Completed);
        last = Some(turn.decision_id);
    }
    assert_eq!(recorded(&helm).await, ROOM);
    let rated = helm.feedback(Feedback::rating(last.unwrap(), 5.0).unwrap()).await;
    assert!(rated.is_ok() && helm.turn(ask()).await.is_ok(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn judgements_wait_for_room_as_turns_do() {
    let (helm, store, _) = stalled().await;
    store.commits.add_permits(1);
    let rated = helm.turn(ask()).await.unwrap().decision_id;
    store.commits.forget_permits(1);
    let begun = (0..ROOM).map(|_| {
        let helm = helm.clone();
        tokio::spawn(async move { helm.turn(ask()).await })
    });
    let begun: Vec<_> = begun.collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let judged = Feedback::rating(rated, 5.0).unwrap();
    assert!(matches!(helm.feedback(judged.clone()).await, Err(Error::Overloaded)));
    let (later, ()) = tokio::join!(helm.feedback(judged), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.commits.add_permits(1_000);
    });
    assert!(later.is_ok(), "room that comes in time is taken");
    for turn in begun {
        assert!(turn.await.unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_who_hang_up_while_they_wait_nothing_is_left() {
    let (helm, store, model) = stalled().await;
    let turns = (0..ROOM).map(|_| {
        let helm = helm.clone();
        tokio::spawn(async move { helm.turn(ask()).await })
    });
    let begun: Vec<_> = turns.collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    for _ in 0..20 {
        let gone = tokio::time::timeout(Duration::from_millis(20), helm.turn(ask())).await;
        assert!(gone.is_err(), "it still waited");
    }
    store.commits.add_permits(1_000);
    for turn in begun {
        assert!(turn.await.unwrap().is_ok());
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((recorded(&helm).await, model.requests().len()), (ROOM, ROOM));
}
