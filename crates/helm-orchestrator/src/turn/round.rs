//! Asking the model, until it has answered: over the strategies that take each other's place, and over the rounds of
//! tool calls.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;
use helm_core::{Decision, Message, Part, Role, Stage, Strategy, ToolCallId, TurnStatus};
use helm_guardrails::{StreamGuard, StreamStep};
use helm_llm::{
    AnswerPart, AnswerParts, Call, ChatEvent, ChatModel, ChatRequest, ChatResponse, Finish, FinishReason,
    RequestedCall, ToolChoice,
};

use super::{
    execute::{Ending, Listener, candidates},
    progress::Progress,
    recall::Recalled,
    run::{Delivery, Turn},
};
use crate::inner::TaskRuntime;
use crate::request::TurnEvent;
use crate::semantic::{Place, Question, SimilarTurn};

/// A decision that is being carried out.
pub(super) struct Work<'a> {
    pub(super) turn: &'a Turn,
    pub(super) task: &'a TaskRuntime,
    pub(super) decision: &'a Decision,
    pub(super) recalled: &'a Recalled,
    pub(super) message: &'a str,
    pub(super) call: &'a Call,
    pub(super) listener: Listener<'a>,
}

/// What stands between the texts of two rounds.
const PARAGRAPH: &str = "\n\n";

/// One answer of a model, still to come or here.
enum Opened {
    Stream(helm_llm::ChatStream),
    Whole(ChatResponse),
    /// Another turn's.
    Similar(ChatResponse, SimilarTurn),
}

impl Work<'_> {
    /// Has the strategy answer, or those that take its place as long as nothing of an answer has been seen.
    pub(super) async fn carry_out(
        self,
        chosen: &Strategy,
        progress: &mut Progress,
    ) -> Result<TurnStatus, Ending> {
        let mut failed: Option<helm_llm::Error> = None;
        let mut tried = Vec::new();
        for strategy in candidates(self.task, self.decision, chosen) {
            let model = self.turn.inner.model(strategy).map_err(Ending::stopped)?;
            if tried.contains(&&strategy.model) || (failed.is_some() && !self.may_serve(strategy, model)) {
                continue;
            }
            tried.push(&strategy.model);
            progress.serving = Some(strategy.id.clone());
            let guard = self.task.guardrails.stream(Stage::Output);
            match self.converse(strategy, model, guard, progress).await {
                Err(Ending::Failed(error)) if !progress.is_committed() && passes_on(&error) => {
                    self.note_fallback(strategy, &error);
                    progress.abandoned();
                    // What went wrong first is what matters.
                    failed.get_or_insert(error);
                }
                ended => return ended,
            }
        }
        progress.serving = Some(chosen.id.clone());
        Err(failed.map_or(Ending::Broken("no model was asked"), Ending::Failed))
    }

    fn may_serve(&self, strategy: &Strategy, model: &Arc<dyn ChatModel>) -> bool {
        let chat = self.turn.request.chat.as_ref();
        let able = chat.is_none_or(|chat| {
            let wishes = super::wishes(self.task, strategy, model.capabilities(), chat);
            model.capabilities().check_request(&wishes).is_ok()
        });
        able && model.is_available()
    }

    fn note_fallback(&self, strategy: &Strategy, error: &helm_llm::Error) {
        let task = self.task.id.to_string();
        tracing::warn!(decision = %self.decision.id, strategy = %strategy.id, error = %error.report(),
            "the model failed before its first word");
        metrics::counter!("helm_model_failures_total", "task" => task, "kind" => error.kind().as_str())
            .increment(1);
    }

    /// Asks one strategy's model, calls the tools that it wants, and asks again, until it has answered.
    async fn converse(
        &self,
        strategy: &Strategy,
        model: &Arc<dyn ChatModel>,
        mut guard: StreamGuard,
        progress: &mut Progress,
    ) -> Result<TurnStatus, Ending> {
        let request = self.turn.chat_request(self.task, strategy, self.recalled, self.message);
        let mut request = request.map_err(Ending::stopped)?;
        for round in 0.. {
            progress.calls(&request, &*self.turn.inner.tokens);
            let opened = self.open(strategy, model, &request, progress).await?;
            let answer = self.hear(opened, &mut guard, progress).await?;
            let answer = with_ids_of_their_own(answer, &request, round);
            if answer.finish.reason == FinishReason::Paused && round < strategy.limits.tool_turns {
                // Sent back as it is, it goes on.
                request.messages.push(answer.to_message());
                continue;
            }
            let calls: Vec<_> = answer.calls().cloned().collect();
            if calls.is_empty() {
                break;
            }
            if let Some(own) = self.of_the_caller(&calls) {
                self.conclude_text(guard, progress).await?;
                return self.hand_over(own, progress).await;
            }
            if round >= strategy.limits.tool_turns || is_spent(strategy, progress) {
                self.conclude_text(guard, progress).await?;
                return Ok(TurnStatus::ToolLimit);
            }
            let results = self.call_tools(&calls, progress).await?;
            let answered = [answer.to_message(), Message::tool_results(results)];
            progress.exchanged.extend(answered.iter().map(without_text));
            request.messages.extend(answered);
            // What had to be called has been.
            request.tool_choice = request.tool_choice.take().filter(|choice| *choice == ToolChoice::None);
        }
        self.conclude_text(guard, progress).await?;
        status_of(progress)
    }

    /// Calls the model; the first time while the decision is made durable. Content is looked at only once it is; if
    /// it cannot be, the call is dropped.
    async fn open(
        &self,
        strategy: &Strategy,
        model: &Arc<dyn ChatModel>,
        request: &ChatRequest,
        progress: &mut Progress,
    ) -> Result<Opened, Ending> {
        let streamed = self.turn.delivery == Delivery::Streamed && model.capabilities().streaming;
        progress.question = self.question(strategy, request);
        let question = progress.question.clone();
        let asking = async {
            if let Some(question) = &question
                && let Some((answer, turn)) = self.similar(strategy, question).await
            {
                return Ok(Opened::Similar(answer, turn));
            }
            Ok(match (self.task.answers.get(&strategy.id), streamed) {
                (Some(kept), true) => Opened::Stream(kept.stream(model, request, self.call)),
                (Some(kept), false) => {
                    Opened::Whole(Box::pin(kept.generate(model, request, self.call)).await?)
                }
                (None, true) => Opened::Stream(model.stream(request, self.call).await?),
                (None, false) => Opened::Whole(model.generate(request, self.call).await?),
            })
        };
        let asking = pin!(asking);
        let opened = match progress.logged {
            true => asking.await.map_err(Ending::Failed),
            false => self.while_logging(asking, progress).await,
        };
        if let Ok(Opened::Similar(_, turn)) = &opened {
            progress.similar = Some(*turn);
        }
        if opened.is_ok() && !progress.announced {
            progress.announced = true;
            self.listener.send(self.decided()).await?;
        }
        opened
    }

    /// What is asked, where its answer may be another turn's. What the guards have changed is of its user alone.
    fn question(&self, strategy: &Strategy, request: &ChatRequest) -> Option<Question> {
        let cache = *self.task.similar.get(&strategy.id)?;
        let embedder = self.turn.inner.embedder.as_deref()?;
        let embedding = self.recalled.embedding.as_ref()?;
        let clean = self.turn.known.input.get().is_some_and(|input| input.result.violations.is_empty());
        let (tenant, task) = (&self.turn.tenant, &self.task.id);
        let place = Place { tenant, task, strategy: &strategy.id, embedder };
        let question = Question::of(request, self.message, embedding, place, cache);
        question.filter(|_| clean && self.recalled.past.is_empty())
    }

    async fn similar(&self, strategy: &Strategy, question: &Question) -> Option<(ChatResponse, SimilarTurn)> {
        let found = question.find(&self.turn.inner, &self.turn.tenant).await;
        let result = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!("helm_semantic_cache_total", "task" => self.task.id.to_string(),
            "strategy" => strategy.id.to_string(), "result" => result)
        .increment(1);
        found
    }

    fn decided(&self) -> TurnEvent {
        let Decision { id, strategy, propensity, .. } = self.decision;
        TurnEvent::Decided { decision_id: *id, strategy: strategy.clone(), propensity: *propensity }
    }

    async fn while_logging<T>(
        &self,
        mut call: Pin<&mut impl Future<Output = helm_llm::Result<T>>>,
        progress: &mut Progress,
    ) -> Result<T, Ending> {
        let mut log = pin!(self.turn.log(self.decision));
        let answer = tokio::select! {
            written = &mut log => {
                written.map_err(Ending::stopped)?;
                progress.logged = true;
                call.await
            }
            answer = &mut call => {
                log.await.map_err(Ending::stopped)?;
                progress.logged = true;
                answer
            }
        };
        answer.map_err(Ending::Failed)
    }

    /// Takes the whole of an answer, and passes on what the guards clear of it.
    async fn hear(
        &self,
        opened: Opened,
        guard: &mut StreamGuard,
        progress: &mut Progress,
    ) -> Result<ChatResponse, Ending> {
        let mut stream = match opened {
            Opened::Stream(stream) => stream,
            Opened::Whole(answer) | Opened::Similar(answer, _) => {
                futures::stream::iter(answer.into_events().into_iter().map(Ok)).boxed()
            }
        };
        let mut parts = AnswerParts::default();
        while let Some(event) = stream.next().await {
            match event.map_err(Ending::Failed)? {
                ChatEvent::Finished(finish) => {
                    progress.finished(finish.clone(), &*self.turn.inner.tokens);
                    return Ok(ChatResponse::of_parts(parts.into_vec(), finish));
                }
                event => {
                    if let ChatEvent::Delta(text) | ChatEvent::Refusal(text) = &event {
                        let refused = matches!(event, ChatEvent::Refusal(_));
                        self.take(text, refused, guard, progress).await?;
                    }
                    parts.add(event);
                }
            }
        }
        Err(Ending::Broken("the model's stream ended without an end"))
    }

    /// Takes more of the text.
    async fn take(
        &self,
        text: &str,
        refused: bool,
        guard: &mut StreamGuard,
        progress: &mut Progress,
    ) -> Result<(), Ending> {
        if text.is_empty() {
            return Ok(());
        }
        progress.has_content();
        progress.refused = refused && (progress.refused || progress.raw.is_empty());
        let spaced;
        let text = match progress.begins_paragraph() {
            true => {
                spaced = format!("{PARAGRAPH}{text}");
                &spaced
            }
            false => text,
        };
        progress.raw.push_str(text);
        if self.turn.delivery == Delivery::Whole {
            return Ok(());
        }
        match guard.push(text) {
            StreamStep::Emit(text) => self.pass(text, progress).await,
            StreamStep::Blocked(result) => {
                progress.output = Some(result);
                Err(Ending::Blocked)
            }
        }
    }

    /// Passes cleared text on.
    async fn pass(&self, text: String, progress: &mut Progress) -> Result<(), Ending> {
        if text.is_empty() {
            return Ok(());
        }
        progress.passed.push_str(&text);
        let event = if progress.refused { TurnEvent::Refusal(text) } else { TurnEvent::Delta(text) };
        self.listener.send(event).await
    }

    /// The last word of the guards.
    async fn conclude_text(&self, guard: StreamGuard, progress: &mut Progress) -> Result<(), Ending> {
        let (rest, result) = match self.turn.delivery {
            Delivery::Streamed => guard.finish_async().await,
            Delivery::Whole => {
                let checked = self.turn.check(&self.task.guardrails, Stage::Output, &progress.raw).await;
                let checked = checked.map_err(Ending::Stopped)?;
                (checked.text(&progress.raw).to_owned(), checked)
            }
        };
        let blocked = result.is_blocked();
        progress.output = Some(result);
        match blocked {
            true => Err(Ending::Blocked),
            false if self.turn.delivery == Delivery::Whole => {
                progress.passed = rest;
                Ok(())
            }
            false => self.pass(rest, progress).await,
        }
    }

    /// The calls that are the caller's to make, if there are any. Those of the task's own tools beside them are left
    /// out: the model makes them again when it knows the others' results.
    fn of_the_caller(&self, calls: &[RequestedCall]) -> Option<Vec<RequestedCall>> {
        let chat = self.turn.request.chat.as_ref()?;
        let is_own = |call: &&RequestedCall| chat.tool(&call.call.name).is_some();
        // With tools of the caller alone, a call of none of them is for the caller to refuse, too.
        let alone = self.task.tools.is_empty();
        let own: Vec<_> = calls.iter().filter(|call| alone || is_own(call)).cloned().collect();
        (!own.is_empty()).then_some(own)
    }

    /// Ends the turn with calls for the caller to make, unless the guards refuse one.
    async fn hand_over(
        &self,
        calls: Vec<RequestedCall>,
        progress: &mut Progress,
    ) -> Result<TurnStatus, Ending> {
        let checked = join_all(calls.iter().map(|requested| self.checked(&requested.call))).await;
        let refused = checked.iter().any(|checked| checked.call.is_none());
        let (mut passed, mut found) = (Vec::new(), Vec::new());
        for checked in checked {
            passed.extend(checked.call);
            found.extend(checked.violations);
        }
        progress.violations.extend(found);
        if refused {
            return Err(Ending::Blocked);
        }
        for call in passed {
            progress.calls.push(call.clone());
            self.listener.send(TurnEvent::Call(call)).await?;
        }
        Ok(TurnStatus::Completed)
    }
}

/// An answer whose calls have ids that no earlier call has: some providers have none, and number them anew in each
/// answer.
fn with_ids_of_their_own(mut answer: ChatResponse, request: &ChatRequest, round: u32) -> ChatResponse {
    let known: Vec<_> = request.messages.iter().flat_map(Message::tool_calls).map(|call| &call.id).collect();
    for part in &mut answer.parts {
        if let AnswerPart::Call(requested) = part
            && known.contains(&&requested.call.id)
        {
            requested.call.id = ToolCallId::new(format!("{}_{round}", requested.call.id));
        }
    }
    answer
}

/// A message without what people have read of it already.
fn without_text(message: &Message) -> Message {
    match message.role {
        Role::Assistant => {
            let kept =
                message.parts.iter().filter(|part| !matches!(part, Part::Text { .. } | Part::Refusal { .. }));
            Message::new(message.role, kept.cloned().collect())
        }
        _ => message.clone(),
    }
}

fn is_spent(strategy: &Strategy, progress: &Progress) -> bool {
    strategy.limits.cost.zip(progress.cost()).is_some_and(|(most, spent)| spent >= most)
}

/// Whether another model may answer what this one did not.
fn passes_on(error: &helm_llm::Error) -> bool {
    let kind = error.kind();
    let over = kind == helm_llm::ErrorKind::Timeout(helm_llm::TimeoutKind::Total);
    let rested = kind == helm_llm::ErrorKind::Overloaded;
    !over && (error.is_retryable() || rested || kind.needs_a_person())
}

fn status_of(progress: &Progress) -> Result<TurnStatus, Ending> {
    let finish: &Finish =
        progress.finish.as_ref().ok_or(Ending::Broken("the model's stream ended without an end"))?;
    Ok(match finish.reason {
        FinishReason::Length => TurnStatus::Length,
        FinishReason::ContentFilter => TurnStatus::Blocked,
        _ => TurnStatus::Completed,
    })
}
