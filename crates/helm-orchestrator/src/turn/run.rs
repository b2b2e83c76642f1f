use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use helm_core::{Context, Decision, DecisionId, Part, Role, Stage, TenantId, Timestamp};
use helm_guardrails::{GuardrailEngine, GuardrailResult};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{input::Input, stream::TurnStream};
use crate::error::{Error, Result};
use crate::inner::{Inner, TaskRuntime};
use crate::intake::{self, Inside};
use crate::observe;
use crate::request::{TurnEvent, TurnRequest, TurnResponse};
use crate::users;

/// Whether the answer is wanted piece by piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Streamed,
}

/// A turn under way.
pub(super) struct Turn {
    pub(super) inner: Arc<Inner>,
    pub(super) tenant: TenantId,
    pub(super) request: TurnRequest,
    pub(super) id: DecisionId,
    pub(super) began: Timestamp,
    pub(super) started: Instant,
    pub(super) delivery: Delivery,
    pub(super) cancel: CancellationToken,
    /// What is known of the turn when it stops half-way.
    pub(super) known: Known,
}

/// What a turn has come to know, kept where a panic cannot take it along.
#[derive(Default)]
pub(super) struct Known {
    /// What the input guards let pass, and what they found.
    pub(super) input: OnceLock<Input>,
    pub(super) decision: OnceLock<Decision>,
}

/// Why a turn stopped before it came to an end of its own.
pub(super) enum Stop {
    /// Before anything of it had begun, so that there is nothing to record.
    Refused(Error),
    Failed(Error),
    TimedOut,
    Cancelled,
    Panicked,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Longer texts are checked beside the runtime's own threads, in bytes.
const LONG: usize = 64 << 10;

/// How long after the longest deadline of its task a turn's caller waits: for evaluation, and for what is durable. The turn
/// goes on after that.
const STORING: Duration = Duration::from_secs(30);

/// Checks the request and begins the turn in a task of its own, which outlives the caller.
pub(crate) fn start(
    inner: &Arc<Inner>,
    tenant: &TenantId,
    request: TurnRequest,
    delivery: Delivery,
) -> Result<TurnStream> {
    check(inner, &request)?;
    let patience = longest_deadline(inner.task(&request.task)?) + STORING;
    let began = inner.clock.now();
    let cancel = inner.abort.child_token();
    let turn = Turn {
        inner: Arc::clone(inner),
        tenant: tenant.clone(),
        id: DecisionId::generate(began),
        began,
        started: Instant::now(),
        request,
        delivery,
        cancel: cancel.clone(),
        known: Known::default(),
    };
    let span = observe::turn_span(&turn.request.task, turn.id);
    let (sender, receiver) = mpsc::channel(64);
    let played = async move {
        let playing = turn.admitted(&sender);
        tokio::pin!(playing);
        let ended = tokio::time::timeout_at(turn.started + patience, &mut playing).await;
        let Ok(end) = ended else {
            // Whoever does not listen needs no answer.
            let _ = sender.try_send(Err(Error::Unstored { id: turn.id }));
            tracing::warn!(decision = %turn.id, "a turn is still being stored long after its deadline; its caller was told");
            drop(playing.await);
            return;
        };
        // A caller that has gone away needs no answer, and one that reads nothing gets none once Helm must end;
        // the turn is stored all the same.
        tokio::select! {
            biased;
            place = sender.reserve() => {
                if let Ok(place) = place {
                    place.send(end);
                }
            }
            () = turn.inner.abort.cancelled() => {}
        }
    };
    // What the turn logs belongs to the request that began it.
    inner.tracker.spawn(played.instrument(span));
    Ok(TurnStream::new(receiver, cancel.drop_guard()))
}

fn check(inner: &Inner, request: &TurnRequest) -> Result<()> {
    if inner.stopping.is_cancelled() {
        return Err(Error::ShuttingDown);
    }
    users::check(&request.user)?;
    let task = inner.task(&request.task)?;
    let pinned = request.strategy.as_ref().map(|name| task.strategy_named(name)).transpose()?;
    if let Some(chat) = &request.chat {
        inner.check_wishes(task, pinned, chat)?;
    }
    let length = request.message.len();
    if request.message.trim().is_empty() && !has_picture(request) {
        return Err(Error::InvalidMessage("is empty; send what the user wrote".to_owned()));
    }
    if length > inner.max_message_bytes {
        let limit = inner.max_message_bytes;
        return Err(Error::InvalidMessage(format!(
            "has {length} bytes, more than the {limit} that are accepted; shorten it"
        )));
    }
    Ok(())
}

/// Whether a message without words shows something.
fn has_picture(request: &TurnRequest) -> bool {
    let mut messages = request.chat.iter().flat_map(|chat| &chat.messages);
    let last = messages.rfind(|message| message.role == Role::User);
    last.is_some_and(|message| message.parts.iter().any(|part| matches!(part, Part::Image(_))))
}

impl Turn {
    /// Plays the turn if the limits have room for it; else nothing is begun and nothing recorded.
    async fn admitted(&self, events: &mpsc::Sender<Result<TurnEvent>>) -> Result<TurnEvent> {
        self.inner.intake.look("turn")?;
        let (admission, counter) = (&self.inner.admission, &*self.inner.tokens);
        let admitted = admission.admit(&self.tenant, &self.request, counter).await?;
        let end = self.run(events).await;
        match &end {
            Ok(TurnEvent::Ended(turn)) => admitted.used(turn).await,
            // Only what has not begun ends so.
            Err(Error::Overloaded | Error::ShuttingDown) => admitted.unused().await,
            _ => {}
        }
        end
    }

    /// Plays the turn, and records it also when that stops half-way.
    async fn run(&self, events: &mpsc::Sender<Result<TurnEvent>>) -> Result<TurnEvent> {
        let played = AssertUnwindSafe(self.play(events)).catch_unwind().await;
        let response = match played.unwrap_or(Err(Stop::Panicked)) {
            Ok(response) => response,
            Err(Stop::Refused(why)) => return Err(why),
            Err(stop) => {
                if let Stop::Failed(error @ Error::Store(_)) = &stop {
                    tracing::warn!(decision = %self.id, error = %error.report(), "a turn failed with its state");
                }
                self.conclude_stopped(stop).await.inspect_err(|error| {
                    tracing::warn!(decision = %self.id, error = %error.report(), "a turn could not be recorded");
                })?
            }
        };
        Ok(TurnEvent::Ended(Box::new(response)))
    }

    /// The turn from its input to its stored end.
    async fn play(&self, events: &mpsc::Sender<Result<TurnEvent>>) -> Result<TurnResponse, Stop> {
        let task = self.task()?;
        let checked = self.check_input(task).await;
        let inside = self.enter(task).await?;
        let input = match checked? {
            Ok(input) => input,
            Err(refused) => {
                // It goes in again to be recorded.
                drop(inside);
                return Ok(self.conclude_blocked_input(refused).await?);
            }
        };
        let (message, found) = (input.message.clone(), input.result.clone());
        // Set once: nothing else sets it.
        let _ = self.known.input.set(input);
        // The large parts of a turn have places of their own, which are there as long as they are under way: the whole is
        // moved when it is begun, and each combinator that takes a part moves it again.
        let recall = observe::timed("recall", Box::pin(self.recall(task, &message, inside)));
        let recalled = self.bounded(longest_deadline(task), recall).await??;
        let decision = self.decide(task, &recalled)?;
        let _ = self.known.decision.set(decision.clone());
        let execution = Box::pin(self.execute(task, &decision, &recalled, &message, events)).await;
        Box::pin(self.conclude(task, decision, execution, found, message, recalled)).await
    }

    /// Waits for the store to have room for this turn, which has not begun until then. One that has to wait, and whose caller goes
    /// away or whose time is over, never begins.
    async fn enter(&self, task: &TaskRuntime) -> Result<Inside, Stop> {
        let why = tokio::select! {
            biased;
            inside = self.inner.intake.enter("turn") => return inside.map_err(Stop::Refused),
            () = self.inner.abort.cancelled() => Error::ShuttingDown,
            () = self.cancel.cancelled() => Error::Overloaded,
            () = tokio::time::sleep_until(self.started + longest_deadline(task)) => intake::refused("turn"),
        };
        Err(Stop::Refused(why))
    }

    /// `work` until `deadline` after the turn's start, or until it is cancelled.
    pub(super) async fn bounded<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Stop::Cancelled),
            () = tokio::time::sleep_until(self.started + deadline) => Err(Stop::TimedOut),
            done = work => Ok(done),
        }
    }

    pub(super) async fn check(
        &self,
        guardrails: &GuardrailEngine,
        stage: Stage,
        text: &str,
    ) -> Result<GuardrailResult, Stop> {
        if text.len() < LONG {
            return Ok(guardrails.check_async(stage, text).await);
        }
        let (guardrails, text, runtime) = (guardrails.clone(), text.to_owned(), Handle::current());
        let checking = move || runtime.block_on(guardrails.check_async(stage, &text));
        let checking = self.inner.tracker.spawn_blocking(checking);
        checking.await.map_err(|_| Stop::Panicked)
    }

    pub(super) fn task(&self) -> Result<&TaskRuntime> {
        self.inner.task(&self.request.task)
    }

    pub(super) fn context(&self) -> Context {
        let request = &self.request;
        let mut context =
            Context::new(self.tenant.clone(), request.user.clone(), request.task.clone(), self.began);
        context.segment.clone_from(&request.segment);
        context.conversation.clone_from(&request.conversation);
        context.features = request.features.clone();
        context
    }
}

/// How long a turn may take before its strategy, and so its deadline, is known.
fn longest_deadline(task: &TaskRuntime) -> Duration {
    task.strategies.iter().map(|strategy| strategy.limits.deadline).max().unwrap_or_default()
}
