//! Checks that somebody else makes: a moderation endpoint, a classifier server, a model that judges.

mod classifier;
mod judge;
mod moderation;
mod plan;
mod run;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use helm_core::{Category, Stage, Violation};
use serde_json::Value;

pub use classifier::ClassifierCheck;
pub use judge::JudgeCheck;
pub use moderation::ModerationCheck;
pub(crate) use run::Remote;

use crate::finding::Finding;
use crate::policy::OnError;

/// A check that takes time and may fail. What it finds is subject to the rules as what detectors find is.
///
/// This crate opens no connection: [`ModerationCheck`], [`ClassifierCheck`] and [`JudgeCheck`] speak through a
/// [`Transport`], which an application implements over the client it has.
#[async_trait]
pub trait RemoteCheck: Send + Sync {
    /// What it is called in results.
    fn id(&self) -> &str;

    /// The kinds of things it finds. It is asked at stages where one of them has a rule.
    fn categories(&self) -> &[Category];

    /// The entities of its findings, which rules for single entities may name. Default: none are told, so any may be
    /// meant, and it is asked where any has a rule.
    fn entities(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it finds in a text. Spans are bytes of the text on character boundaries; others make the check fail.
    ///
    /// # Errors
    ///
    /// [`CheckError`] when it cannot tell.
    ///
    /// # Cancellation safety
    ///
    /// Dropped when it takes too long, so it must leave nothing half done.
    async fn check(&self, request: CheckRequest<'_>) -> Result<Vec<Finding>, CheckError>;

    /// What sets it apart from others of its id. Part of the engine's version. Default: nothing.
    fn settings(&self) -> String {
        String::new()
    }
}

/// What a remote check is asked.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CheckRequest<'r> {
    /// Where the text comes from.
    pub stage: Stage,
    /// The text as it came.
    pub text: &'r str,
    /// What the detectors here found.
    pub local: &'r [Violation],
}

/// Why a remote check could not tell. Says nothing of the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It could not be asked.
    #[error("the check could not be asked")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its answer is not one.
    #[error("the check's answer is not understood: {0}")]
    Answer(&'static str),
}

/// Sends JSON and returns the JSON that is answered. For an answer that says it failed, an error.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `body`.
    ///
    /// # Errors
    ///
    /// [`CheckError::Transport`] when there is no answer or one of failure.
    async fn send(&self, body: Value) -> Result<Value, CheckError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, body: Value) -> Result<Value, CheckError> {
        (**self).send(body).await
    }
}

#[async_trait]
impl<C: RemoteCheck + ?Sized> RemoteCheck for Arc<C> {
    fn id(&self) -> &str {
        (**self).id()
    }

    fn categories(&self) -> &[Category] {
        (**self).categories()
    }

    fn entities(&self) -> Vec<String> {
        (**self).entities()
    }

    async fn check(&self, request: CheckRequest<'_>) -> Result<Vec<Finding>, CheckError> {
        (**self).check(request).await
    }

    fn settings(&self) -> String {
        (**self).settings()
    }
}

/// Within what a remote check is made.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct RemoteLimits {
    /// How long it may take, waiting for its turn included. Default: 2 seconds.
    pub timeout: Duration,
    /// How many may be running at once; others wait for their turn. At least 1; default: 16.
    pub concurrency: usize,
    /// Longer texts, in bytes, are not sent, which counts as a failure. Default: 64 KiB.
    pub max_bytes: usize,
    /// What is done when it fails. Default: what the stage says, which is closed at the output.
    pub on_error: Option<OnError>,
    /// After so many failures in a row it is left alone for [`rest`](Self::rest), failing at once. Default: 5.
    pub failures: u32,
    /// For how long it is left alone then. Default: 10 seconds.
    pub rest: Duration,
    /// At which stages it is asked. Default: all.
    pub stages: Vec<Stage>,
}

impl Default for RemoteLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            concurrency: 16,
            max_bytes: 64 << 10,
            on_error: None,
            failures: 5,
            rest: Duration::from_secs(10),
            stages: Stage::ALL.to_vec(),
        }
    }
}

impl RemoteLimits {
    /// How long it may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many may be running at once.
    #[must_use]
    pub const fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// The longest text that is sent.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// What is done when it fails.
    #[must_use]
    pub const fn with_on_error(mut self, on_error: OnError) -> Self {
        self.on_error = Some(on_error);
        self
    }

    /// After how many failures in a row it is left alone, and for how long.
    #[must_use]
    pub const fn with_rest(mut self, failures: u32, rest: Duration) -> Self {
        (self.failures, self.rest) = (failures, rest);
        self
    }

    /// At which stages it is asked.
    #[must_use]
    pub fn with_stages(mut self, stages: impl Into<Vec<Stage>>) -> Self {
        self.stages = stages.into();
        self
    }
}
