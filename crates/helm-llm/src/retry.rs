use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{Clock, ModelName, NanoUsd, SystemClock, Usage};
use rand_core::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::answer::ChatResponse;
use crate::capabilities::Capabilities;
use crate::embedding::EmbeddingModel;
use crate::error::{Error, ErrorKind, Result, TimeoutKind};
use crate::model::{Call, ChatModel, ChatStream};
use crate::request::ChatRequest;

/// When a failed call is made again.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts in all. Default: 3.
    pub attempts: u32,
    /// The first pause is random up to this, each next one up to twice as much. Default: 0.5 s.
    pub base: Duration,
    /// No random pause is longer. Default: 8 s.
    pub cap: Duration,
    /// A provider that wants a longer pause than this is not asked again. Default: 60 s.
    pub longest_hint: Duration,
    /// Retries allowed for each call made, on average, with ten in reserve: so that an outage is not doubled.
    /// Default: 0.2.
    pub budget: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            longest_hint: Duration::from_secs(60),
            budget: 0.2,
        }
    }
}

/// Makes failed calls again: the only retry loop there is, around a chat or an embedding model.
///
/// Only failures that may pass, only before the first content, within the deadline, with full jitter and the
/// provider's own hint as the least pause.
#[derive(Debug)]
pub struct Retry<M> {
    model: M,
    policy: RetryPolicy,
    /// Thousandths of a retry that are left.
    budget: AtomicI64,
    draws: AtomicU64,
}

/// Ten retries in reserve.
const RESERVE: i64 = 10_000;

impl<M> Retry<M> {
    /// Wraps a model.
    pub fn new(model: M, policy: RetryPolicy) -> Self {
        let seed = u64::try_from(SystemClock.now().as_micros()).unwrap_or(0);
        Self { model, policy, budget: AtomicI64::new(RESERVE), draws: AtomicU64::new(seed) }
    }

    /// Waits before attempt `made + 1`, or answers the error when there shall be none.
    async fn wait(&self, error: Error, made: &mut u32, deadline: Option<Instant>) -> Result<()> {
        *made += 1;
        let Some(pause) = self.pause(&error, *made, deadline) else {
            return Err(error);
        };
        let model = error.model();
        tracing::debug!(%model, attempt = *made, ?pause, %error, "retrying");
        metrics::counter!("helm_llm_retries_total", "model" => model.to_string()).increment(1);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Waits before the next attempt of a call, which may be cancelled meanwhile.
    async fn wait_for(&self, error: Error, made: &mut u32, call: &Call) -> Result<()> {
        let cancelled = Error::new(ErrorKind::Cancelled, error.model().clone());
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => Err(cancelled),
            waited = self.wait(error, made, call.deadline) => waited,
        }
    }

    /// How long to wait before the next attempt; `None` when there shall be none.
    fn pause(&self, error: &Error, made: u32, deadline: Option<Instant>) -> Option<Duration> {
        // The total deadline is over for good.
        let over = error.kind() == ErrorKind::Timeout(TimeoutKind::Total);
        if over || made >= self.policy.attempts || !error.is_retryable() {
            return None;
        }
        let hint = error.retry_after().unwrap_or(Duration::ZERO);
        if hint > self.policy.longest_hint {
            return None;
        }
        let most = self.policy.base.saturating_mul(1 << (made - 1).min(16)).min(self.policy.cap);
        let pause = most.mul_f64(self.draw()).max(hint);
        let in_time = deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
        (in_time && self.withdraw()).then_some(pause)
    }

    /// A number in \[0, 1). Pauses need to differ between processes, not to be unpredictable.
    fn draw(&self) -> f64 {
        let seed = self.draws.fetch_add(1, Ordering::Relaxed);
        let word = rand_chacha::ChaCha8Rng::seed_from_u64(seed).next_u64();
        (word >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn deposit(&self) {
        let earned = (self.policy.budget * 1_000.0) as i64;
        let add = |left: i64| Some(left.saturating_add(earned).min(RESERVE));
        // The update always gives a value, so it cannot fail.
        let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn withdraw(&self) -> bool {
        let take = |left: i64| (left >= 1_000).then_some(left - 1_000);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

impl<M: ChatModel> Retry<M> {
    /// A stream whose first event is there.
    async fn begin(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        let fails = |kind| Error::new(kind, self.model.name().clone());
        let mut stream = self.model.stream(request, call).await?;
        let first = tokio::select! {
            biased;
            () = call.cancel.cancelled() => return Err(fails(ErrorKind::Cancelled)),
            first = stream.next() => first.ok_or_else(|| fails(ErrorKind::Truncated))??,
        };
        Ok(stream::once(std::future::ready(Ok(first))).chain(stream).boxed())
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for Retry<M> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.model.capabilities()
    }

    fn is_available(&self) -> bool {
        self.model.is_available()
    }

    fn price(&self, usage: Usage) -> Option<NanoUsd> {
        self.model.price(usage)
    }

    async fn generate(&self, request: &ChatRequest, call: &Call) -> Result<ChatResponse> {
        self.deposit();
        let mut made = 0;
        loop {
            match self.model.generate(request, call).await {
                Ok(response) => return Ok(response),
                Err(error) => self.wait_for(error, &mut made, call).await?,
            }
        }
    }

    /// Retries until the first event is there: before it nothing has been seen, so a failure is as harmless as
    /// that of a whole answer. What fails after it is the caller's to see.
    async fn stream(&self, request: &ChatRequest, call: &Call) -> Result<ChatStream> {
        self.deposit();
        let mut made = 0;
        loop {
            match self.begin(request, call).await {
                Ok(stream) => return Ok(stream),
                Err(error) => self.wait_for(error, &mut made, call).await?,
            }
        }
    }
}

#[async_trait]
impl<M: EmbeddingModel> EmbeddingModel for Retry<M> {
    fn name(&self) -> &ModelName {
        self.model.name()
    }

    fn dimensions(&self) -> usize {
        self.model.dimensions()
    }

    async fn embed(&self, texts: &[String], call: &Call) -> Result<Vec<Vec<f32>>> {
        self.deposit();
        let mut made = 0;
        loop {
            match self.model.embed(texts, call).await {
                Ok(vectors) => return Ok(vectors),
                Err(error) => self.wait_for(error, &mut made, call).await?,
            }
        }
    }
}
