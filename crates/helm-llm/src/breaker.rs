use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::{Stream, StreamExt};
use helm_core::{ModelName, NanoUsd, Usage};
use tokio::time::Instant;

use crate::answer::{ChatEvent, ChatResponse};
use crate::capabilities::Capabilities;
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::{Call, ChatModel, ChatStream};
use crate::request::ChatRequest;

/// When a failing model is rested.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct BreakerPolicy {
    /// How many of the last calls are looked at. Default: 20.
    pub window: usize,
    /// Fewer calls than these tell nothing. Default: 5.
    pub least: usize,
    /// The share of failures, of calls that took longer than [`BreakerPolicy::slow`] included, at which the model is
    /// rested. Default: 0.5.
    pub failures: f64,
    /// A call that has no first content after this long counts as failed. Default: 60 s.
    pub slow: Duration,
    /// How long it is rested, twice as long after each probe that failed, up to ten minutes. Default: 10 s.
    pub rest: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            window: 20,
            least: 5,
            failures: 0.5,
            slow: Duration::from_secs(60),
            rest: Duration::from_secs(10),
        }
    }
}

/// No model is rested longer, whatever the provider says.
const LONGEST_REST: Duration = Duration::from_mins(10);

/// Rests a model that keeps failing: [`ChatModel::is_available`] says so, and calls fail at once. After its rest one
/// call probes it.
///
/// What is the caller's fault, as a refused request or a conversation that is too long, and what the caller cancelled
/// counts for nothing.
#[derive(Debug)]
pub struct Breaker<M> {
    model: M,
    circuit: Arc<Circuit>,
}

impl<M> Breaker<M> {
    /// Wraps a model.
    pub fn new(model: M, policy: BreakerPolicy) -> Self {
        Self { model, circuit: Arc::new(Circuit::new(policy)) }
    }
}

/// What is known of a model's health.
#[derive(Debug)]
struct Circuit {
    policy: BreakerPolicy,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether each of the last calls failed.
    calls: VecDeque<bool>,
    /// Until when it is rested; kept until a probe has succeeded.
    rests_until: Option<Instant>,
    /// How many probes have failed in a row.
    failed_probes: u32,
    /// Whether a probe is under way.
    probing: bool,
    /// What the last failure was.
    last: Option<ErrorKind>,
}

/// Permission for one call. Dropped without a verdict, the call counts for nothing.
struct Pass {
    circuit: Arc<Circuit>,
    began: Instant,
    probe: bool,
}

impl Circuit {
    fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: Mutex::new(State::default()) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_available(&self) -> bool {
        self.with(|state| state.rests_until.is_none_or(|until| until <= Instant::now() && !state.probing))
    }

    /// Permission for a call, unless the model is rested.
    fn enter(self: &Arc<Self>) -> Option<Pass> {
        let probe = self.with(|state| match state.rests_until {
            None => Some(false),
            Some(until) if until <= Instant::now() && !state.probing => {
                state.probing = true;
                Some(true)
            }
            Some(_) => None,
        })?;
        Some(Pass { circuit: Arc::clone(self), began: Instant::now(), probe })
    }

    /// Takes in how a call ended.
    fn note(&self, failure: Option<ErrorKind>, probe: bool, hint: Option<Duration>) {
        let failed = failure.is_some();
        self.with(|state| {
            if probe && !failed {
                *state = State::default();
                return;
            }
            state.last = failure.or(state.last);
            state.calls.push_back(failed);
            while state.calls.len() > self.policy.window {
                state.calls.pop_front();
            }
            let failures = state.calls.iter().filter(|failed| **failed).count();
            let seen = state.calls.len();
            let too_many = seen >= self.policy.least && failures as f64 >= self.policy.failures * seen as f64;
            if failed && (probe || too_many || hint.is_some()) {
                self.rest(state, probe, hint);
            }
        });
    }

    fn rest(&self, state: &mut State, probe: bool, hint: Option<Duration>) {
        state.failed_probes += u32::from(probe);
        let usual = self.policy.rest.saturating_mul(1 << state.failed_probes.min(16));
        let rest = usual.max(hint.unwrap_or_default()).min(LONGEST_REST);
        state.rests_until = Some(Instant::now() + rest);
        state.calls.clear();
    }
}

impl Pass {
    /// Whether waiting took too long so far.
    fn is_slow(&self) -> bool {
        self.began.elapsed() > self.circuit.policy.slow
    }

    fn answered(self, slow: bool) {
        let late = ErrorKind::Timeout(TimeoutKind::FirstToken);
        self.circuit.note(slow.then_some(late), self.probe, None);
    }

    fn failed(self, error: &Error) {
        if counts(error.kind()) {
            // A provider that is not to be asked for longer than the shortest rest has said how long to rest.
            let hint = error.retry_after().filter(|hint| *hint > self.circuit.policy.rest);
            self.circuit.note(Some(error.kind()), self.probe, hint);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe {
            self.circuit.with(|state| state.probing = false);
        }
    }
}

/// Whether a failure says something about the model, and not about the request.
fn counts(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::BadRequest
            | ErrorKind::ContextLength
            | ErrorKind::ContentFilter
            | ErrorKind::Conflict
            | ErrorKind::Cancelled
            | ErrorKind::Unrecorded
    )
}

impl<M: ChatModel> Breaker<M> {
    fn enter(&self) -> Result<Pass> {
        self.circuit.enter().ok_or_else(|| {
            let rested = Error::new(ErrorKind::Overloaded, self.model.name().clone())
                .with_detail("it kept failing and is being rested")
                .with_should_retry(Some(false));
            match self.circuit.with(|state| state.last) {
                Some(last) => rested.with_source(Error::new(last, self.model.name().clone())),
                None => rested,
            }
        })
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for Breaker<M> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.model.capabilities()
    }

    fn is_available(&self) -> bool {
        self.circuit.is_available() && self.model.is_available()
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        self.model.price(usage)
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        let pass = self.enter()?;
        let answer = self.model.generate(request, call).await;
        match &answer {
            // A whole answer has no first content that could be late: its deadline is the caller's.
            Ok(_) => pass.answered(false),
            Err(error) => pass.failed(error),
        }
        answer
    }

    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let pass = self.enter()?;
        match self.model.stream(request, call).await {
            Ok(stream) => Ok(Watched { stream, pass: Some(pass), slow: None }.boxed()),
            Err(error) => {
                pass.failed(&error);
                Err(error)
            }
        }
    }
}

/// A stream whose end is the verdict on its call.
struct Watched {
    stream: ChatStream,
    pass: Option<Pass>,
    /// Whether the first event came too late.
    slow: Option<bool>,
}

impl Stream for Watched {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.stream.poll_next_unpin(context);
        let Poll::Ready(Some(item)) = &polled else { return polled };
        let late = self.pass.as_ref().is_some_and(Pass::is_slow);
        let slow = *self.slow.get_or_insert(late);
        match item {
            Ok(ChatEvent::Finished(_)) => self.pass.take().into_iter().for_each(|pass| pass.answered(slow)),
            Ok(_) => {}
            Err(error) => self.pass.take().into_iter().for_each(|pass| pass.failed(error)),
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use helm_core::TenantId;

    use super::*;
    use crate::scripted::{Scripted, ScriptedModel};

    fn breaker(script: impl IntoIterator<Item = Scripted>) -> Breaker<ScriptedModel> {
        let model = ScriptedModel::new("main".parse().unwrap(), script);
        let policy = BreakerPolicy { least: 2, ..BreakerPolicy::default() };
        Breaker::new(model, policy)
    }

    async fn ask(model: &impl ChatModel) -> Result<(), ErrorKind> {
        let call = Call::new(TenantId::single());
        model.generate(&ChatRequest::default(), &call).await.map(drop).map_err(|error| error.kind())
    }

    async fn listen(model: &impl ChatModel) -> Result<usize, ErrorKind> {
        let call = Call::new(TenantId::single());
        let stream = model.stream(&ChatRequest::default(), &call).await.map_err(|error| error.kind())?;
        let items: Vec<_> = stream.collect().await;
        items
            .into_iter()
            .map(|item| item.map(drop).map_err(|error| error.kind()))
            .collect::<Result<Vec<_>, _>>()
            .map(|items| items.len())
    }

    fn failing() -> Scripted {
        Scripted::Fail(ErrorKind::Server)
    }

    fn words() -> Scripted {
        Scripted::Answer("Hello there".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_failing_is_rested_and_then_probed_once() {
        let model =
            breaker([failing(), failing(), Scripted::Slow(Duration::from_secs(5), "Hi".to_owned()), words()]);
        for _ in 0..2 {
            assert!(model.is_available());
            assert_eq!(ask(&model).await, Err(ErrorKind::Server));
        }
        assert!(!model.is_available());
        assert_eq!(ask(&model).await, Err(ErrorKind::Overloaded), "nobody was asked");
        assert_eq!(model.model.requests().len(), 2);
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert!(model.is_available());
        let (probe, other) = tokio::join!(ask(&model), ask(&model));
        assert_eq!((probe, other), (Ok(()), Err(ErrorKind::Overloaded)), "one call probes it");
        assert!(model.is_available());
        assert_eq!(listen(&model).await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_doubles_the_rest_and_a_dropped_one_does_not() {
        let hang = Scripted::Hang(String::new());
        let model = breaker([failing(), failing(), hang, failing(), words()]);
        for _ in 0..2 {
            let _ = ask(&model).await;
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        let gave_up = tokio::time::timeout(Duration::from_secs(1), ask(&model)).await;
        assert!(gave_up.is_err() && model.is_available(), "what was given up says nothing");
        assert_eq!(ask(&model).await, Err(ErrorKind::Server));
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert!(!model.is_available());
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(ask(&model).await, Ok(()));
    }

    #[tokio::test]
    async fn who_is_not_asked_is_told_what_the_failures_were() {
        let model = breaker([Scripted::Fail(ErrorKind::Transport)]);
        for _ in 0..2 {
            let _ = ask(&model).await;
        }
        let call = Call::new(TenantId::single());
        let rested = model.generate(&ChatRequest::default(), &call).await.unwrap_err();
        assert_eq!(rested.rested_after(), Some(ErrorKind::Transport));
        assert!(rested.report().ends_with(&ErrorKind::Transport.to_string()), "{}", rested.report());
        assert_eq!(Error::new(ErrorKind::Overloaded, "main".parse().unwrap()).rested_after(), None);
    }

    #[tokio::test]
    async fn what_the_caller_did_wrong_counts_for_nothing() {
        for kind in [ErrorKind::BadRequest, ErrorKind::ContextLength, ErrorKind::Cancelled] {
            let model = breaker([Scripted::Fail(kind)]);
            for _ in 0..50 {
                let _ = ask(&model).await;
            }
            assert!(model.is_available(), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_a_failure() {
        let model = breaker([Scripted::Cut("Once upon".to_owned(), ErrorKind::Truncated)]);
        for _ in 0..2 {
            assert_eq!(listen(&model).await, Err(ErrorKind::Truncated));
        }
        assert!(!model.is_available());
    }
}
