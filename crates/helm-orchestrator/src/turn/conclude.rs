use std::time::Duration;

use helm_core::{Decision, Message, Outcome, Role, ScoreEntry, TokenCounter, TurnStatus, Usage, Violation};
use helm_eval::Exchange;
use helm_guardrails::GuardrailResult;
use helm_store::{Memory, MemoryId, NewJob, PreferenceChange, TurnReceipt, TurnRecord};

use super::{
    execute::{Ending, Execution, Progress},
    recall::{COLLECTION, Recalled},
    run::Turn,
};
use crate::background::{self, DEFAULT_REWARD};
use crate::error::Result;
use crate::inner::TaskRuntime;
use crate::observe;
use crate::request::TurnResponse;

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

    /// Evaluates and stores an executed decision.
    pub(super) async fn conclude(
        &self,
        task: &TaskRuntime,
        decision: Decision,
        execution: Execution,
        input: GuardrailResult,
        message: String,
        recalled: Recalled,
    ) -> Result<TurnResponse> {
        let Execution { ending, progress } = execution;
        let failure = self.note_failure(&decision, &ending);
        let (status, error) = match ending {
            Ending::Unlogged(error) => return Err(error.into()),
            Ending::Unprompted(error) => return Err(error),
            other => describe(&other),
        };
        if !progress.logged {
            self.log(&decision).await?;
        }
        let mut outcome = self.outcome(status);
        outcome.error = error;
        outcome.violations = violations(input, &progress);
        outcome.served =
            (!progress.raw.is_empty() || status.is_answered()).then(|| decision.strategy.clone());
        self.fill_usage(task, &decision, &progress, &message, &mut outcome);
        outcome.scores = self.evaluate(task, &recalled, &progress, &message, &outcome).await;
        let answer = (status.is_answered() || !progress.passed.is_empty()).then_some(progress.passed);
        let mut record = self.record(message, answer, outcome);
        self.add_consequences(task, &recalled, &mut record);
        let receipt = self.commit(&record).await?;
        self.after_commit(task);
        Ok(TurnResponse { failure, ..self.respond(Some(decision), record, &receipt) })
    }

    /// Logs why the provider failed; the kind of it.
    fn note_failure(&self, decision: &Decision, ending: &Ending) -> Option<helm_llm::ErrorKind> {
        let Ending::Failed(error) = ending else { return None };
        tracing::warn!(decision = %self.id, strategy = %decision.strategy, model = %error.model(),
            error = %error.report(), "the model did not answer");
        Some(error.kind())
    }

    fn outcome(&self, status: TurnStatus) -> Outcome {
        let mut outcome = Outcome::new(status, self.inner.clock.now());
        outcome.latency = self.started.elapsed();
        outcome
    }

    fn fill_usage(
        &self,
        task: &TaskRuntime,
        decision: &Decision,
        progress: &Progress,
        message: &str,
        outcome: &mut Outcome,
    ) {
        outcome.attempts = progress.attempts;
        outcome.first_token = progress.first_token;
        let finish = progress.finish.as_ref();
        outcome.usage = finish.and_then(|finish| finish.usage).unwrap_or_else(|| Usage {
            input: self.inner.tokens.count(message),
            output: self.inner.tokens.count(&progress.raw),
            estimated: true,
        });
        outcome.cost = progress.cost;
        outcome.model = finish.and_then(|finish| finish.model.clone());
        if let Some(model) = task.strategy(&decision.strategy).and_then(|s| self.inner.model(s).ok()) {
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
        if !(outcome.status.is_answered() || outcome.status == TurnStatus::Blocked) {
            return Vec::new();
        }
        let found = progress.output.as_ref().map(|output| output.violations.as_slice());
        let mut exchange = Exchange::new(message, &progress.raw)
            .with_history(&recalled.history)
            .with_finished(outcome.status != TurnStatus::Length);
        if let Some(found) = found {
            exchange = exchange.with_violations(found);
        }
        task.evaluators.evaluate(&exchange).await
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
            PreferenceChange::Increment { name: "interaction_count".to_owned(), by: 1 },
            set("last_task", self.request.task.as_str()),
            set("last_active_at", &self.began.to_string()),
        ]
    }

    /// What becomes visible with the turn: messages, a memory, and the end of the wait for feedback.
    fn add_consequences(&self, task: &TaskRuntime, recalled: &Recalled, record: &mut TurnRecord) {
        if let (true, Some(answer)) = (record.outcome.status.is_answered(), &record.output) {
            record.messages =
                vec![Message::text(Role::User, &*record.input), Message::text(Role::Assistant, &**answer)];
            if let (true, Some(embedding)) = (task.remember, &recalled.embedding) {
                record.memories.push(self.memory(&record.input, embedding));
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

    fn memory(&self, text: &str, embedding: &[f32]) -> Memory {
        Memory {
            id: MemoryId { turn: self.id, index: 0 },
            collection: COLLECTION.to_owned(),
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
        let deadline = self.began.after(limit).after(COMMIT_GRACE);
        persist(|| self.inner.store.log_decision(decision, deadline)).await.map(drop)
    }

    /// Commits, again after a failure that may pass: the record's id makes that harmless.
    async fn commit(&self, record: &TurnRecord) -> Result<TurnReceipt> {
        let settler = || std::sync::Arc::clone(&self.inner.settler);
        Ok(persist(|| self.inner.store.commit_turn(record.clone(), settler())).await?)
    }

    fn after_commit(&self, task: &TaskRuntime) {
        background::note_settled(&self.inner, &self.tenant, &task.id);
    }

    fn respond(&self, decision: Option<Decision>, record: TurnRecord, receipt: &TurnReceipt) -> TurnResponse {
        observe::turn(&record, decision.as_ref(), receipt.reward.as_ref());
        let outcome = record.outcome;
        TurnResponse {
            decision_id: self.id,
            conversation_id: record.conversation,
            task: record.task,
            propensity: decision.as_ref().map(|decision| decision.propensity),
            strategy: decision.map(|decision| decision.strategy),
            status: outcome.status,
            answer: record.output,
            reward: receipt.reward.clone(),
            scores: outcome.scores,
            violations: outcome.violations,
            usage: outcome.usage,
            cost: outcome.cost,
            model: outcome.model,
            simulated: outcome.simulated,
            error: outcome.error,
            failure: None,
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
fn describe(ending: &Ending) -> (TurnStatus, Option<String>) {
    match ending {
        Ending::Answered(TurnStatus::Blocked) => {
            (TurnStatus::Blocked, Some("the provider's content filter withheld the answer".to_owned()))
        }
        Ending::Answered(status) => (*status, None),
        Ending::Blocked => {
            (TurnStatus::Blocked, Some("the answer was refused by the output guardrails".to_owned()))
        }
        Ending::TimedOut => (TurnStatus::Timeout, Some("the turn's deadline passed".to_owned())),
        Ending::Cancelled => (TurnStatus::Cancelled, Some("the caller went away or cancelled".to_owned())),
        Ending::Failed(error) => (failed_status(error), Some(error.report())),
        Ending::Broken(what) => (TurnStatus::UpstreamError, Some((*what).to_owned())),
        Ending::Unlogged(_) | Ending::Unprompted(_) => (TurnStatus::StorageError, None),
    }
}

fn failed_status(error: &helm_llm::Error) -> TurnStatus {
    match error.kind() {
        helm_llm::ErrorKind::Timeout(_) => TurnStatus::Timeout,
        helm_llm::ErrorKind::Cancelled => TurnStatus::Cancelled,
        _ => TurnStatus::UpstreamError,
    }
}

fn violations(input: GuardrailResult, progress: &Progress) -> Vec<Violation> {
    let output = progress.output.as_ref().map(|output| output.violations.clone()).unwrap_or_default();
    input.violations.into_iter().chain(output).collect()
}
