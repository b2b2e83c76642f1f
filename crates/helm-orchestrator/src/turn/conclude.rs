use std::time::Duration;

use helm_core::{
    Category, Decision, GuardAction, Message, NotScored, Outcome, Role, ScoreEntry, Severity, Stage,
    TurnStatus, UnitInterval, Violation,
};
use helm_eval::Exchange;
use helm_guardrails::GuardrailResult;
use helm_llm::{FinishReason, Mismatch};
use helm_store::{Memory, MemoryId, NewJob, PreferenceChange, TurnReceipt, TurnRecord};

use super::{
    execute::{Ending, Execution},
    progress::Progress,
    recall::{Recalled, collection},
    run::{Stop, Turn},
};
use crate::background::{self, DEFAULT_REWARD};
use crate::error::{Error, Result};
use crate::gates;
use crate::inner::TaskRuntime;
use crate::judges;
use crate::observe;
use crate::request::TurnResponse;
use crate::semantic;
use crate::storable;

/// How long evaluators may judge within a turn.
const EVALUATION: Duration = Duration::from_secs(10);
const TIMED_OUT: &str = "the turn's deadline passed";
const CANCELLED: &str = "the caller went away or cancelled";
pub(super) const PANICKED: &str = "a component panicked";

const INTERACTION_COUNT: &str = "interaction_count";
const LAST_TASK: &str = "last_task";
const LAST_ACTIVE_AT: &str = "last_active_at";

/// The preferences that Helm keeps itself.
pub(crate) const OWN_PREFERENCES: [&str; 3] = [INTERACTION_COUNT, LAST_TASK, LAST_ACTIVE_AT];

/// How often a write is tried before the turn is given up as a storage error.
const WRITE_TRIES: u32 = 5;
/// How long after its strategy's deadline a turn may still be committed: evaluation and every try included. Then
/// it is taken for lost.
const COMMIT_GRACE: Duration = Duration::from_mins(10);

impl Turn {
    /// Ends a turn whose input was refused: no decision, no model call, but a record.
    pub(super) async fn conclude_blocked_input(&self, input: GuardrailResult) -> Result<TurnResponse> {
        let mut outcome = self.outcome(TurnStatus::Blocked);
        outcome.violations = input.violations;
        outcome.error = Some("the message was refused by the input guardrails".to_owned());
        // A refused text is not kept: it may be just what must not be stored.
        let record = self.record(String::new(), None, outcome);
        let receipt = self.commit(&record).await?;
        Ok(self.respond(None, record, &receipt))
    }

    /// Ends a turn that stopped half-way. What stopped it was not the strategy, so it teaches nothing.
    ///
    /// # Errors
    ///
    /// What stopped it, when that cannot be recorded either.
    pub(super) async fn conclude_stopped(&self, stop: Stop) -> Result<TurnResponse> {
        let (status, error) = stopped(&stop);
        let mut outcome = self.outcome(status);
        outcome.error = Some(error);
        let (message, violations) = match self.known.input.get() {
            Some(input) => (input.message.clone(), input.result.violations.clone()),
            // What no guard has passed is not kept.
            None => Default::default(),
        };
        outcome.violations = violations;
        let decision = self.known.decision.get();
        if let Some(decision) = decision
            && let Err(error) = self.log(decision).await
        {
            return Err(first_cause(stop, error));
        }
        let record = self.record(message, None, outcome);
        match self.commit(&record).await {
            Ok(receipt) => Ok(self.respond(decision.cloned(), record, &receipt)),
            Err(error) => Err(first_cause(stop, error)),
        }
    }

    /// Evaluates and stores an executed decision.
    pub(super) async fn conclude(
        &self,
        task: &TaskRuntime,
        decision: Decision,
        execution: Execution,
        input: GuardrailResult,
        message: String,
        recalled: Recalled,
    ) -> Result<TurnResponse, Stop> {
        let Execution { ending, progress } = execution;
        let failure = self.note_failure(&decision, &ending);
        let (status, error) = describe(ending)?;
        if !progress.logged {
            self.log(&decision).await?;
        }
        let mut outcome = self.outcome(status);
        outcome.error = error;
        let value = self.value(&progress, status);
        outcome.violations = violations(input, &recalled, &progress);
        outcome.violations.extend(value.as_ref().and_then(|value| value.as_ref().err()).map(|_| misformed()));
        outcome.served = progress.serving.clone().filter(|_| progress.is_committed() || status.is_answered());
        self.fill_usage(task, &progress, &mut outcome);
        outcome.scores = self.evaluate(task, &recalled, &progress, &message, &outcome).await;
        let kept = self.kept_answer(&progress, &outcome);
        let Progress { passed, calls, exchanged, finish, refused, similar, .. } = progress;
        let answer = (status.is_answered() || !passed.is_empty()).then_some(passed);
        let mut record = self.record(message, answer, outcome);
        // What goes on when the caller has called its tools is no exchange yet, and nobody's silence means anything.
        if calls.is_empty() {
            self.add_consequences(task, &recalled, exchanged, &mut record);
            judges::draw(&task.judges, &decision, &mut record);
            record.jobs.extend(gates::job(task, self.began));
        }
        if let Some(kept) = &kept {
            record.memories.push(kept.clone());
            semantic::sweep(&self.inner, &self.tenant, self.id, kept);
        }
        let receipt = self.commit_what_fits(&mut record).await?;
        self.after_commit(task);
        let finish = finish.map(|finish| if refused { FinishReason::Refusal } else { finish.reason });
        Ok(TurnResponse {
            failure,
            calls,
            finish,
            value,
            similar_to: similar,
            ..self.respond(Some(decision), record, &receipt)
        })
    }

    /// Logs why the provider failed; the kind of it.
    fn note_failure(&self, decision: &Decision, ending: &Ending) -> Option<helm_llm::ErrorKind> {
        let Ending::Failed(error) = ending else { return None };
        tracing::warn!(decision = %self.id, strategy = %decision.strategy, model = %error.model(),
            error = %error.report(), "the model did not answer");
        // What a person must mend is no less so while its model rests.
        let rested = error.rested_after().filter(|last| last.needs_a_person());
        Some(rested.unwrap_or(error.kind()))
    }

    fn outcome(&self, status: TurnStatus) -> Outcome {
        let mut outcome = Outcome::new(status, self.inner.clock.now());
        outcome.latency = self.started.elapsed();
        outcome
    }

    fn fill_usage(&self, task: &TaskRuntime, progress: &Progress, outcome: &mut Outcome) {
        outcome.attempts = progress.attempts;
        outcome.first_token = progress.first_token;
        outcome.usage = progress.usage(&*self.inner.tokens);
        outcome.cost = progress.cost();
        outcome.model = progress.finish.as_ref().and_then(|finish| finish.model.clone());
        let serving = progress.serving.as_ref().and_then(|id| task.strategy(id));
        if let Some(model) = serving.and_then(|strategy| self.inner.model(strategy).ok()) {
            outcome.simulated = model.capabilities().simulated;
        }
    }

    /// What the model wrote is judged, not what the guards made of it. An answer that did not come to its end
    /// through no fault of the strategy is not judged at all.
    async fn evaluate(
        &self,
        task: &TaskRuntime,
        recalled: &Recalled,
        progress: &Progress,
        message: &str,
        outcome: &Outcome,
    ) -> Vec<ScoreEntry> {
        let blocked = outcome.status == TurnStatus::Blocked;
        // An answer that goes on when the caller has called its tools cannot be judged yet.
        if !(outcome.status.is_answered() || blocked) || !progress.calls.is_empty() {
            return Vec::new();
        }
        let found = progress.output.as_ref().map(|output| output.violations.as_slice());
        // A refused answer is judged as none, so that how well it was written cannot pay.
        let answer = if blocked { "" } else { &progress.raw };
        let mut exchange = Exchange::new(message, answer)
            .with_history(&recalled.past.messages)
            .with_finished(outcome.status != TurnStatus::Length);
        if let Some(found) = found {
            exchange = exchange.with_violations(found);
        }
        if blocked {
            exchange = exchange.withheld();
        }
        let scores = task.evaluators.evaluate_until(&exchange, self.evaluation_ends());
        observe::timed("evaluate", scores).await
    }

    /// When evaluators must have judged, and why one that has not has no score.
    async fn evaluation_ends(&self) -> NotScored {
        tokio::select! {
            () = self.cancel.cancelled() => NotScored::Incomplete,
            () = tokio::time::sleep(EVALUATION) => {
                NotScored::Failed(format!("no score within {} s", EVALUATION.as_secs()))
            }
        }
    }

    /// The answer as a value, when one of a form was asked for and came to its end.
    fn value(&self, progress: &Progress, status: TurnStatus) -> Option<Result<serde_json::Value, Mismatch>> {
        let form = self.request.chat.as_ref()?.output.as_ref()?;
        let ended = status == TurnStatus::Completed && !progress.refused && progress.calls.is_empty();
        ended.then(|| form.parse(&progress.passed))
    }

    fn record(&self, input: String, output: Option<String>, outcome: Outcome) -> TurnRecord {
        TurnRecord {
            id: self.id,
            tenant: self.tenant.clone(),
            user: self.request.user.clone(),
            task: self.request.task.clone(),
            conversation: self.request.conversation.clone(),
            input,
            output,
            outcome,
            began: self.began,
            messages: Vec::new(),
            preferences: self.preference_changes(),
            memories: Vec::new(),
            jobs: Vec::new(),
        }
    }

    fn preference_changes(&self) -> Vec<PreferenceChange> {
        let set =
            |name: &str, value: &str| PreferenceChange::Set { name: name.to_owned(), value: value.into() };
        vec![
            PreferenceChange::Increment { name: INTERACTION_COUNT.to_owned(), by: 1 },
            set(LAST_TASK, self.request.task.as_str()),
            set(LAST_ACTIVE_AT, &self.began.to_string()),
        ]
    }

    /// What becomes visible with the turn: messages, a memory, and the end of the wait for feedback.
    fn add_consequences(
        &self,
        task: &TaskRuntime,
        recalled: &Recalled,
        exchanged: Vec<Message>,
        record: &mut TurnRecord,
    ) {
        if let (true, Some(answer)) = (record.outcome.status.is_answered(), &record.output) {
            record.messages = vec![Message::text(Role::User, &*record.input)];
            record.messages.extend(exchanged);
            record.messages.push(Message::text(Role::Assistant, &**answer));
            record.jobs.extend(self.summary_job(task, &recalled.past, &record.messages));
            if let (true, Some(embedding), Some(embedder)) =
                (task.remember, &recalled.embedding, &self.inner.embedder)
            {
                record.memories.push(self.memory(&record.input, embedding, collection(&**embedder)));
            }
        }
        // Silence about an answer says something; silence about a failure says nothing.
        if let (true, Some(silence)) = (record.outcome.status.is_answered(), task.silence) {
            record.jobs.push(NewJob {
                kind: DEFAULT_REWARD.to_owned(),
                dedupe: format!("{DEFAULT_REWARD}:{}", self.id),
                body: serde_json::json!({ "decision": self.id }),
                run_at: self.began.after(silence),
                max_attempts: 10,
            });
        }
    }

    /// The answer, when it may be used again: one that came to its natural end and in which the guards found nothing.
    fn kept_answer(&self, progress: &Progress, outcome: &Outcome) -> Option<Memory> {
        let question = progress.question.as_ref().filter(|_| progress.similar.is_none())?;
        let finish = progress.finish.as_ref().filter(|finish| finish.reason == FinishReason::Stop)?;
        let whole = outcome.status == TurnStatus::Completed && !progress.refused && progress.calls.is_empty();
        let clean = outcome.violations.is_empty() && progress.exchanged.is_empty();
        let answered =
            (whole && clean).then(|| question.answered(self.id, self.began, &progress.raw, finish));
        answered.flatten()
    }

    fn memory(&self, text: &str, embedding: &[f32], collection: String) -> Memory {
        Memory {
            id: MemoryId { turn: self.id, index: 0 },
            collection,
            text: text.to_owned(),
            embedding: embedding.to_vec(),
            metadata: serde_json::json!({ "task": self.request.task }),
            at: self.began,
        }
    }

    /// Makes the decision durable, again after a failure that may pass: its id makes that harmless.
    pub(super) async fn log(&self, decision: &Decision) -> helm_store::Result<()> {
        let task = self.inner.tasks.get(&decision.context.task);
        let strategy = task.and_then(|task| task.strategy(&decision.strategy));
        let limit = strategy.map_or(Duration::ZERO, |strategy| strategy.limits.deadline);
        let _inside = self.inner.intake.enter_again();
        let deadline = self.began.after(limit).after(COMMIT_GRACE);
        persist(|| self.inner.store.log_decision(decision, deadline)).await.map(drop)
    }

    /// Commits the turn; when a consequence that is not needed is refused, without all of those.
    async fn commit_what_fits(&self, record: &mut TurnRecord) -> Result<TurnReceipt> {
        let committed = self.commit(record).await;
        let Err(Error::Store(error)) = &committed else {
            return committed;
        };
        let optional = !(record.preferences.is_empty() && record.memories.is_empty());
        if error.kind() != helm_store::ErrorKind::Invalid || !optional {
            return committed;
        }
        tracing::warn!(decision = %self.id, %error, "a turn is stored without preferences and memories");
        metrics::counter!("helm_consequences_dropped_total").increment(1);
        record.preferences.clear();
        record.memories.clear();
        self.commit(record).await
    }

    /// Commits, again after a failure that may pass: the record's id makes that harmless.
    async fn commit(&self, record: &TurnRecord) -> Result<TurnReceipt> {
        let settler = || std::sync::Arc::clone(&self.inner.settler);
        let record = storable::turn(record.clone());
        let _inside = self.inner.intake.enter_again();
        let committing = persist(|| async {
            self.inner.weigh(&self.tenant).await?;
            self.inner.store.commit_turn(record.clone(), settler()).await
        });
        Ok(observe::step("commit", committing).await?)
    }

    fn after_commit(&self, task: &TaskRuntime) {
        background::note_settled(&self.inner, &self.tenant, &task.id);
    }

    fn respond(&self, decision: Option<Decision>, record: TurnRecord, receipt: &TurnReceipt) -> TurnResponse {
        observe::turn(&record, decision.as_ref(), receipt.reward.as_ref());
        if let Some(reward) = &receipt.reward {
            self.inner.user_rewards.note(&record.tenant, &record.task, &record.user, reward);
        }
        let outcome = record.outcome;
        TurnResponse {
            decision_id: self.id,
            conversation_id: record.conversation,
            task: record.task,
            propensity: decision.as_ref().map(|decision| decision.propensity),
            strategy: decision.map(|decision| decision.strategy),
            status: outcome.status,
            answer: record.output,
            calls: Vec::new(),
            value: None,
            finish: None,
            reward: receipt.reward.clone(),
            scores: outcome.scores,
            violations: outcome.violations,
            usage: outcome.usage,
            cost: outcome.cost,
            model: outcome.model,
            simulated: outcome.simulated,
            error: outcome.error,
            failure: None,
            similar_to: None,
            latency: outcome.latency,
        }
    }
}

/// Tries a write until it succeeds, fails for good, or has failed too often.
async fn persist<T, W>(mut write: impl FnMut() -> W) -> helm_store::Result<T>
where
    W: Future<Output = helm_store::Result<T>>,
{
    let mut pause = Duration::from_millis(20);
    for _ in 1..WRITE_TRIES {
        match write().await {
            Err(error) if error.is_retryable() => tokio::time::sleep(pause).await,
            written => return written,
        }
        pause *= 2;
    }
    write().await
}

/// The terminal status of an ending and its explanation for people.
fn describe(ending: Ending) -> Result<(TurnStatus, Option<String>), Stop> {
    Ok(match ending {
        Ending::Answered(TurnStatus::Blocked) => {
            (TurnStatus::Blocked, Some("the provider's content filter stopped the answer".to_owned()))
        }
        Ending::Answered(status) => (status, None),
        Ending::Blocked => {
            (TurnStatus::Blocked, Some("the answer was refused by the output guardrails".to_owned()))
        }
        Ending::TimedOut => (TurnStatus::Timeout, Some(TIMED_OUT.to_owned())),
        Ending::Cancelled => (TurnStatus::Cancelled, Some(CANCELLED.to_owned())),
        Ending::Failed(error) => (failed_status(&error), Some(error.report())),
        Ending::Broken(what) => (TurnStatus::UpstreamError, Some(what.to_owned())),
        Ending::Stopped(stop) => return Err(stop),
    })
}

/// The same for a turn that stopped half-way. There is no status for a defect of Helm or of a part that was
/// given to it; like a failed provider, it says nothing about the strategy.
fn stopped(stop: &Stop) -> (TurnStatus, String) {
    match stop {
        Stop::Failed(error @ Error::Store(_)) => (TurnStatus::StorageError, error.report()),
        Stop::Failed(error) | Stop::Refused(error) => (TurnStatus::UpstreamError, error.report()),
        Stop::TimedOut => (TurnStatus::Timeout, TIMED_OUT.to_owned()),
        Stop::Cancelled => (TurnStatus::Cancelled, CANCELLED.to_owned()),
        Stop::Panicked => (TurnStatus::UpstreamError, PANICKED.to_owned()),
    }
}

/// The error that a caller should see of a turn that stopped and then could not be recorded.
fn first_cause(stop: Stop, unrecorded: impl Into<Error>) -> Error {
    match stop {
        Stop::Failed(error) => error,
        _ => unrecorded.into(),
    }
}

fn failed_status(error: &helm_llm::Error) -> TurnStatus {
    match error.kind() {
        helm_llm::ErrorKind::Timeout(_) => TurnStatus::Timeout,
        helm_llm::ErrorKind::Cancelled => TurnStatus::Cancelled,
        _ => TurnStatus::UpstreamError,
    }
}

/// That an answer has not the form that was asked for.
fn misformed() -> Violation {
    Violation {
        stage: Stage::Output,
        category: Category::Schema,
        entity: "OUTPUT_SCHEMA".to_owned(),
        span: None,
        severity: Severity::Medium,
        score: UnitInterval::ONE,
        action: GuardAction::Flag,
        detector: "output_schema".to_owned(),
    }
}

fn violations(input: GuardrailResult, recalled: &Recalled, progress: &Progress) -> Vec<Violation> {
    let output = progress.output.as_ref().map(|output| output.violations.clone()).unwrap_or_default();
    let between = recalled.violations.iter().chain(&progress.violations).cloned();
    input.violations.into_iter().chain(between).chain(output).collect()
}
