//! Answers that are kept, for strategies that say so: the same request of the same tenant is asked once.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use helm_core::{NanoUsd, TenantId};
use helm_llm::{
    AnswerParts, Call, ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, Error, ErrorKind,
    FinishReason, TimeoutKind,
};
use helm_store::{Cache, CacheKey, TwoLevel, TwoLevelOptions, Versioned};
use tokio::sync::mpsc;

/// The kind of what is kept.
const KIND: &str = "answer";
/// How many events of a streamed answer may wait for its reader.
const WAITING: usize = 64;

/// The kept answers of one strategy. Only those that came to their natural end are kept; all that ask the same at the
/// same time wait for one answer.
#[derive(Clone)]
pub(crate) struct AnswerCache {
    answers: TwoLevel<String>,
}

/// Why an answer is not to be kept.
enum Unkept {
    Failed(Error),
    Unfinished(Box<ChatResponse>),
}

/// An answer, and whether it was asked for just now.
struct Found {
    answer: ChatResponse,
    fresh: bool,
}

impl AnswerCache {
    /// Keeps answers for so long, in this process and in what replicas share.
    pub(crate) fn new(ttl: Duration, far: Option<Arc<dyn Cache>>) -> Self {
        let mut options = TwoLevelOptions::default().with_ttl(ttl);
        options.far = far;
        Self { answers: TwoLevel::new(KIND, options) }
    }

    /// The whole answer, kept or new.
    pub(crate) async fn generate(
        &self,
        model: &Arc<dyn ChatModel>,
        request: &ChatRequest,
        call: &Call,
    ) -> Result<ChatResponse, Error> {
        let found = self.find(model, request, call, || model.generate(request, call)).await?;
        Ok(found.answer)
    }

    /// The answer piece by piece: a new one as it comes, a kept one at once. Failures come as the last item.
    pub(crate) fn stream(
        &self,
        model: &Arc<dyn ChatModel>,
        request: &ChatRequest,
        call: &Call,
    ) -> ChatStream {
        let (sender, events) = mpsc::channel(WAITING);
        let (cache, model, request, call) = (self.clone(), Arc::clone(model), request.clone(), call.clone());
        let finding = async move {
            cache.find(&model, &request, &call, || tell(&model, &request, &call, &sender)).await
        };
        let telling = Telling { finding: Some(Box::pin(finding)), events, ready: VecDeque::new() };
        stream::unfold(telling, |mut telling| async { telling.next().await.map(|item| (item, telling)) })
            .boxed()
    }

    /// Forgets all answers of a tenant, and tells other processes so. Answers whether they could be told.
    pub(crate) async fn clear(&self, tenant: &TenantId) -> bool {
        self.answers.clear(tenant).await
    }

    /// Forgets what other processes say is to be forgotten.
    pub(crate) fn follow(&self) -> impl Future<Output = ()> + Send + 'static {
        self.answers.follow()
    }

    async fn find<F>(
        &self,
        model: &Arc<dyn ChatModel>,
        request: &ChatRequest,
        call: &Call,
        ask: impl Fn() -> F,
    ) -> Result<Found, Error>
    where
        F: Future<Output = Result<ChatResponse, Error>>,
    {
        let name = name_of(model, request, call)?;
        let fresh = AtomicBool::new(false);
        let load = || async {
            fresh.store(true, Ordering::Relaxed);
            let answer = ask().await.map_err(Unkept::Failed)?;
            match (is_worth_keeping(&answer), serde_json::to_string(&answer)) {
                (true, Ok(text)) => Ok(Versioned::present(text, 1)),
                _ => Err(Unkept::Unfinished(Box::new(answer))),
            }
        };
        let kept = self.answers.get(&call.tenant, &name, load).await;
        let fresh = fresh.into_inner();
        let result = if fresh { "miss" } else { "hit" };
        metrics::counter!("helm_answer_cache_total", "model" => model.name().to_string(), "result" => result)
            .increment(1);
        match kept {
            Ok(kept) => read(model, kept.value.as_deref()).map(|answer| Found { answer, fresh }.priced()),
            Err(unkept) => match &*unkept {
                // What ended the call of whoever asked first does not end this one.
                Unkept::Failed(error) if !fresh && was_theirs(error) => {
                    Ok(Found { answer: ask().await?, fresh: true })
                }
                Unkept::Failed(error) => Err(error.again()),
                Unkept::Unfinished(answer) => Ok(Found { answer: (**answer).clone(), fresh }),
            },
        }
    }
}

impl Found {
    /// What was kept costs nothing.
    fn priced(mut self) -> Self {
        if !self.fresh {
            self.answer.finish.cost = Some(NanoUsd::from_nanos(0));
        }
        self
    }
}

/// What is asked, of whom: what differs in anything is another question.
fn name_of(model: &Arc<dyn ChatModel>, request: &ChatRequest, call: &Call) -> Result<String, Error> {
    let asked = serde_json::to_string(request).map_err(|error| unusable(model, &error))?;
    let name = format!("{}\n{asked}", model.name());
    Ok(CacheKey::new(KIND, call.tenant.clone(), name).digest())
}

fn read(model: &Arc<dyn ChatModel>, kept: Option<&String>) -> Result<ChatResponse, Error> {
    let text = kept.map(String::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| unusable(model, &error))
}

fn unusable(model: &Arc<dyn ChatModel>, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Decode, model.name().clone()).with_detail(format!("it cannot be kept: {error}"))
}

/// Whether a call ended because its own caller's time was over or it went away.
fn was_theirs(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Timeout(TimeoutKind::Total))
}

fn is_worth_keeping(answer: &ChatResponse) -> bool {
    matches!(answer.finish.reason, FinishReason::Stop | FinishReason::ToolCalls)
}

/// Asks, and tells the events as they come.
async fn tell(
    model: &Arc<dyn ChatModel>,
    request: &ChatRequest,
    call: &Call,
    listener: &mpsc::Sender<ChatEvent>,
) -> Result<ChatResponse, Error> {
    let mut stream = model.stream(request, call).await?;
    let mut parts = AnswerParts::default();
    while let Some(event) = stream.next().await {
        let event = event?;
        // Nobody listens to an answer whose caller has gone away; then this is dropped, too.
        let _ = listener.send(event.clone()).await;
        match event {
            ChatEvent::Finished(finish) => return Ok(ChatResponse::of_parts(parts.into_vec(), finish)),
            event => parts.add(event),
        }
    }
    Err(Error::new(ErrorKind::Truncated, model.name().clone()))
}

type Finding = Pin<Box<dyn Future<Output = Result<Found, Error>> + Send>>;

/// An answer that is being told.
struct Telling {
    finding: Option<Finding>,
    events: mpsc::Receiver<ChatEvent>,
    ready: VecDeque<Result<ChatEvent, Error>>,
}

impl Telling {
    async fn next(&mut self) -> Option<Result<ChatEvent, Error>> {
        while self.ready.is_empty() {
            let finding = self.finding.as_mut()?;
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => return Some(Ok(event)),
                found = finding => {
                    self.finding = None;
                    self.conclude(found);
                }
            }
        }
        self.ready.pop_front()
    }

    fn conclude(&mut self, found: Result<Found, Error>) {
        while let Ok(event) = self.events.try_recv() {
            self.ready.push_back(Ok(event));
        }
        match found {
            // It has been told.
            Ok(found) if found.fresh => {}
            Ok(found) => self.ready.extend(found.answer.into_events().into_iter().map(Ok)),
            Err(error) => self.ready.push_back(Err(error)),
        }
    }
}
