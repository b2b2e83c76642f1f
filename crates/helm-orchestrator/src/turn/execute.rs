use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use helm_core::{Decision, Message, NanoUsd, Role, Stage, Strategy, TokenCount, TokenCounter, TurnStatus};
use helm_guardrails::{GuardrailResult, StreamStep};
use helm_llm::{Call, ChatEvent, ChatModel, ChatRequest, ChatStream, Finish, FinishReason};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{
    conclude::PANICKED,
    recall::Recalled,
    run::{Delivery, Stop, Turn},
};
use crate::error::{Error, Result};
use crate::inner::TaskRuntime;
use crate::prompt::PromptView;
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

/// What carrying a decision out has brought so far. It lives outside the work that fills it, so that it
/// survives a deadline or a cancellation.
#[derive(Default)]
pub(super) struct Progress {
    /// Whether the decision is durable.
    pub(super) logged: bool,
    /// What the model wrote.
    pub(super) raw: String,
    /// What the guards let pass.
    pub(super) passed: String,
    pub(super) output: Option<GuardrailResult>,
    pub(super) finish: Option<Finish>,
    pub(super) cost: Option<NanoUsd>,
    /// The tokens of the prompt, counted here.
    pub(super) asked: TokenCount,
    /// When the model was called.
    pub(super) called: Option<Instant>,
    /// From the call to the first content.
    pub(super) first_token: Option<Duration>,
    pub(super) attempts: u32,
}

impl Progress {
    fn calls(&mut self, request: &ChatRequest, counter: &dyn TokenCounter) {
        let tokens = request.messages.iter().map(|message| counter.count(&message.joined_text()).get());
        self.asked = TokenCount::new(tokens.sum());
        self.called = Some(Instant::now());
    }

    fn has_content(&mut self) {
        let waited = self.called.map(|called| called.elapsed());
        self.first_token = self.first_token.or(waited);
    }

    fn finished(&mut self, finish: Finish) {
        self.cost = finish.cost;
        self.finish = Some(finish);
    }
}

/// A decision carried out.
pub(super) struct Execution {
    pub(super) ending: Ending,
    pub(super) progress: Progress,
}

type Events = mpsc::Sender<Result<TurnEvent>>;

impl Turn {
    /// Carries the decision out under the strategy's deadline and the caller's cancellation.
    pub(super) async fn execute(
        &self,
        task: &TaskRuntime,
        decision: &Decision,
        recalled: &Recalled,
        message: &str,
        events: &Events,
    ) -> Execution {
        let mut progress = Progress::default();
        let Some(strategy) = task.strategy(&decision.strategy) else {
            return Execution { ending: Ending::Broken("the policy chose an unknown strategy"), progress };
        };
        let deadline = self.started + strategy.limits.deadline;
        let call = Call::new(self.tenant.clone()).with_deadline(deadline).with_cancel(self.cancel.clone());
        let prompt = self.chat_request(task, strategy, recalled, message);
        let work = self.carry_out(task, decision, strategy, prompt, &call, &mut progress, events);
        let ending = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Ending::Cancelled,
            () = tokio::time::sleep_until(deadline) => Ending::TimedOut,
            ending = AssertUnwindSafe(work).catch_unwind() => match ending {
                Ok(Ok(status)) => Ending::Answered(status),
                Ok(Err(ending)) => ending,
                Err(_) => Ending::Broken(PANICKED),
            },
        };
        progress.attempts = call.attempts();
        Execution { ending, progress }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a turn, each borrowed from another owner")]
    async fn carry_out(
        &self,
        task: &TaskRuntime,
        decision: &Decision,
        strategy: &Strategy,
        prompt: Result<ChatRequest>,
        call: &Call,
        progress: &mut Progress,
        events: &Events,
    ) -> Result<TurnStatus, Ending> {
        let request = prompt.map_err(stopped)?;
        let model = self.inner.model(strategy).map_err(stopped)?;
        progress.calls(&request, &*self.inner.tokens);
        let decided = TurnEvent::Decided {
            decision_id: decision.id,
            strategy: decision.strategy.clone(),
            propensity: decision.propensity,
        };
        if self.delivery == Delivery::Streamed && model.capabilities().streaming {
            let opened = model.stream(&request, call);
            let stream = self.while_logging(decision, opened, progress).await?;
            send(events, decided).await?;
            return self.forward(task, stream, progress, events).await;
        }
        let response = self.while_logging(decision, model.generate(&request, call), progress).await?;
        progress.has_content();
        progress.raw = response.shown();
        progress.finished(response.finish);
        let checked = self.check(&task.guardrails, Stage::Output, &progress.raw).await;
        let checked = checked.map_err(Ending::Stopped)?;
        let blocked = checked.is_blocked();
        if !blocked {
            progress.passed = checked.text(&progress.raw).to_owned();
        }
        progress.output = Some(checked);
        send(events, decided).await?;
        if blocked {
            return Err(Ending::Blocked);
        }
        if self.delivery == Delivery::Streamed {
            send(events, TurnEvent::Delta(progress.passed.clone())).await?;
        }
        status_of(progress)
    }

    /// Makes the decision durable while the model is being called. Content is looked at only once it is; if it
    /// cannot be, the call is dropped.
    async fn while_logging<T>(
        &self,
        decision: &Decision,
        call: impl Future<Output = helm_llm::Result<T>>,
        progress: &mut Progress,
    ) -> Result<T, Ending> {
        let log = self.log(decision);
        tokio::pin!(log, call);
        let answer = tokio::select! {
            written = &mut log => {
                written.map_err(stopped)?;
                progress.logged = true;
                call.await
            }
            answer = &mut call => {
                log.await.map_err(stopped)?;
                progress.logged = true;
                answer
            }
        };
        answer.map_err(Ending::Failed)
    }

    /// Passes the stream on through the guards.
    async fn forward(
        &self,
        task: &TaskRuntime,
        mut stream: ChatStream,
        progress: &mut Progress,
        events: &Events,
    ) -> Result<TurnStatus, Ending> {
        let mut guard = task.guardrails.stream(Stage::Output);
        while let Some(event) = stream.next().await {
            match event.map_err(Ending::Failed)? {
                // A refusal takes the text's place.
                ChatEvent::Delta(text) | ChatEvent::Refusal(text) => {
                    progress.has_content();
                    progress.raw.push_str(&text);
                    match guard.push(&text) {
                        StreamStep::Emit(text) => pass(progress, events, text).await?,
                        StreamStep::Blocked(result) => {
                            progress.output = Some(result);
                            return Err(Ending::Blocked);
                        }
                    }
                }
                ChatEvent::Finished(finish) => {
                    progress.finished(finish);
                    break;
                }
                _ => {}
            }
        }
        let (rest, result) = guard.finish();
        let blocked = result.is_blocked();
        progress.output = Some(result);
        if blocked {
            return Err(Ending::Blocked);
        }
        pass(progress, events, rest).await?;
        status_of(progress)
    }

    fn chat_request(
        &self,
        task: &TaskRuntime,
        strategy: &Strategy,
        recalled: &Recalled,
        message: &str,
    ) -> Result<ChatRequest> {
        let wanted = usize::try_from(strategy.retrieval.memories).unwrap_or(usize::MAX);
        let memories = recalled.memories.get(..wanted.min(recalled.memories.len())).unwrap_or_default();
        let view = PromptView {
            user: &self.request.user,
            task: &task.id,
            preferences: &recalled.preferences.values,
            memories,
        };
        let name = strategy.id.name().as_str();
        let mut system = task.prompts.render(name, &view)?;
        if !memories.is_empty() && !task.prompts.places_memories(name) {
            system.push_str("\n\nEarlier messages of this user that may help:\n- ");
            system.push_str(&memories.join("\n- "));
        }
        let mut messages = Vec::with_capacity(recalled.history.len() + 2);
        if !system.trim().is_empty() {
            messages.push(Message::text(Role::System, system));
        }
        messages.extend(recalled.history.iter().cloned());
        messages.push(Message::text(Role::User, message));
        let mut request = ChatRequest::new(messages).with_sampling(strategy.sampling.clone());
        if let Some(tokens) = strategy.max_output_tokens {
            request = request.with_max_output_tokens(tokens);
        }
        Ok(request)
    }
}

async fn pass(progress: &mut Progress, events: &Events, text: String) -> Result<(), Ending> {
    if text.is_empty() {
        return Ok(());
    }
    progress.passed.push_str(&text);
    send(events, TurnEvent::Delta(text)).await
}

fn stopped(error: impl Into<Error>) -> Ending {
    Ending::Stopped(Stop::Failed(error.into()))
}

/// A caller that no longer listens has cancelled the turn.
async fn send(events: &Events, event: TurnEvent) -> Result<(), Ending> {
    events.send(Ok(event)).await.map_err(|_| Ending::Cancelled)
}

fn status_of(progress: &Progress) -> Result<TurnStatus, Ending> {
    let finish = progress.finish.as_ref().ok_or(Ending::Broken("the model's stream ended without an end"))?;
    Ok(match finish.reason {
        FinishReason::Length => TurnStatus::Length,
        FinishReason::ContentFilter => TurnStatus::Blocked,
        _ => TurnStatus::Completed,
    })
}
