use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};

use futures::FutureExt;
use helm_core::{Decision, DecisionMode, Strategy, StrategyId, TurnStatus};
use helm_llm::Call;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    conclude::PANICKED,
    progress::Progress,
    recall::Recalled,
    round::Work,
    run::{Stop, Turn},
};
use crate::error::{Error, Result};
use crate::inner::TaskRuntime;
use crate::request::TurnEvent;

/// How carrying a decision out ended.
pub(super) enum Ending {
    /// The model finished, in this way.
    Answered(TurnStatus),
    /// The output guards refused the answer.
    Blocked,
    /// The provider failed.
    Failed(helm_llm::Error),
    /// The turn's deadline passed.
    TimedOut,
    /// The caller went away or asked to stop.
    Cancelled,
    /// The decision could not be made durable, so nothing may be shown; or the prompt could not be made.
    Stopped(Stop),
    /// A component broke its contract; the text says which.
    Broken(&'static str),
}

impl Ending {
    pub(super) fn stopped(error: impl Into<Error>) -> Self {
        Self::Stopped(Stop::Failed(error.into()))
    }
}

/// A decision carried out.
pub(super) struct Execution {
    pub(super) ending: Ending,
    pub(super) progress: Progress,
}

/// Whoever hears what happens.
pub(super) struct Listener<'a> {
    events: &'a mpsc::Sender<Result<TurnEvent>>,
    /// Whether the turn goes on when nobody listens.
    drains: bool,
}

impl Listener<'_> {
    /// A caller that no longer listens has cancelled the turn, unless it is drained.
    pub(super) async fn send(&self, event: TurnEvent) -> Result<(), Ending> {
        match self.events.send(Ok(event)).await {
            Err(_) if !self.drains => Err(Ending::Cancelled),
            _ => Ok(()),
        }
    }
}

impl Turn {
    /// Carries the decision out under the strategy's deadline and the caller's cancellation.
    pub(super) async fn execute(
        &self,
        task: &TaskRuntime,
        decision: &Decision,
        recalled: &Recalled,
        message: &str,
        events: &mpsc::Sender<Result<TurnEvent>>,
    ) -> Execution {
        let mut progress = Progress::default();
        let Some(strategy) = task.strategy(&decision.strategy) else {
            return Execution { ending: Ending::Broken("the policy chose an unknown strategy"), progress };
        };
        let deadline = self.started + strategy.limits.deadline;
        let stop = CancellationToken::new();
        let call = Call::new(self.tenant.clone()).with_deadline(deadline).with_cancel(stop.clone());
        // However this ends, nobody goes on for it.
        let _stopping = stop.drop_guard();
        let listener = Listener { events, drains: !strategy.limits.drain.is_zero() };
        let work = Work { turn: self, task, decision, recalled, message, call: &call, listener };
        let ending = {
            let work = AssertUnwindSafe(work.carry_out(strategy, &mut progress)).catch_unwind();
            let work = pin!(work.map(|ended| match ended {
                Ok(Ok(status)) => Ending::Answered(status),
                Ok(Err(ending)) => ending,
                Err(_) => Ending::Broken(PANICKED),
            }));
            self.until(strategy, deadline, work).await
        };
        progress.attempts = call.attempts();
        Execution { ending, progress }
    }

    /// Waits for the work until the deadline, or until the caller goes away and the strategy's drain is over.
    async fn until(
        &self,
        strategy: &Strategy,
        deadline: Instant,
        mut work: Pin<&mut impl Future<Output = Ending>>,
    ) -> Ending {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            () = tokio::time::sleep_until(deadline) => return Ending::TimedOut,
            ending = &mut work => return ending,
        }
        let drained = deadline.min(Instant::now() + strategy.limits.drain);
        tokio::select! {
            biased;
            () = self.inner.abort.cancelled() => {}
            () = tokio::time::sleep_until(drained) => {}
            _ = work => {}
        }
        Ending::Cancelled
    }
}

/// Who may answer a decision: the chosen strategy, then those that take its place. A choice of the caller's own is
/// nobody else's to answer.
pub(super) fn candidates<'a>(
    task: &'a TaskRuntime,
    decision: &Decision,
    chosen: &'a Strategy,
) -> impl Iterator<Item = &'a Strategy> {
    let pinned = decision.mode == DecisionMode::Pinned;
    let others = task.fallbacks.iter().filter(move |_| !pinned);
    let other = move |id: &StrategyId| task.strategy(id).filter(|other| other.model != chosen.model);
    std::iter::once(chosen).chain(others.filter_map(other))
}
