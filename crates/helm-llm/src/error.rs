use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use helm_core::ModelName;

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model did not answer. Never holds a key, and of an upstream answer at most its own message.
#[derive(Debug, thiserror::Error)]
#[error("model {model}: {kind}{}", detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
pub struct Error {
    kind: ErrorKind,
    model: ModelName,
    detail: Option<String>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    should_retry: Option<bool>,
    request_id: Option<String>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What callers branch on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key was refused.
    Auth,
    /// The key may not use this model.
    Permission,
    /// The account has no money left.
    Billing,
    /// Too many requests.
    RateLimited,
    /// The provider is overloaded.
    Overloaded,
    /// Something took too long.
    Timeout(TimeoutKind),
    /// The conversation is longer than the model can read.
    ContextLength,
    /// The provider's filter refused the request.
    ContentFilter,
    /// The request is wrong.
    BadRequest,
    /// There is no such model or path.
    NotFound,
    /// The request conflicts with another.
    Conflict,
    /// The provider failed.
    Server,
    /// The connection failed.
    Transport,
    /// The answer cannot be read.
    Decode,
    /// The answer stopped before its end.
    Truncated,
    /// The caller asked to stop.
    Cancelled,
    /// The client cannot be set up.
    Setup,
    /// A [cassette](crate::cassette) holds no such exchange.
    Unrecorded,
}

/// What took too long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// Reaching the provider.
    Connect,
    /// The first content.
    FirstToken,
    /// The next content.
    Idle,
    /// All of it.
    Total,
}

impl Error {
    /// An error of `kind`.
    #[must_use]
    pub fn new(kind: ErrorKind, model: ModelName) -> Self {
        Self {
            kind,
            model,
            detail: None,
            status: None,
            retry_after: None,
            should_retry: None,
            request_id: None,
            source: None,
        }
    }

    /// Adds what the provider or the client said about it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds when the provider wants to be asked again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// Adds whether the provider wants to be asked again at all.
    #[must_use]
    pub fn with_should_retry(mut self, should: Option<bool>) -> Self {
        self.should_retry = should;
        self
    }

    /// Adds what the provider calls the request.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// Adds what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error for somebody else who waited for the same call. Its causes, which cannot be copied, become part
    /// of its text.
    #[must_use]
    pub fn again(&self) -> Self {
        let mut told: Vec<_> = self.detail.iter().cloned().collect();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            told.push(error.to_string());
            cause = error.source();
        }
        let mut again = Self::new(self.kind, self.model.clone())
            .with_retry_after(self.retry_after)
            .with_should_retry(self.should_retry)
            .with_request_id(self.request_id.clone());
        again.status = self.status;
        again.detail = (!told.is_empty()).then(|| told.join(": "));
        again
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Which model.
    #[must_use]
    pub fn model(&self) -> &ModelName {
        &self.model
    }

    /// The HTTP status, when there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the provider calls the request, to ask it about.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// When the provider wants to be asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What kept failing, when the model was not asked because a [`Breaker`](crate::Breaker) rests it.
    #[must_use]
    pub fn rested_after(&self) -> Option<ErrorKind> {
        let cause = self.source.as_deref()?.downcast_ref::<Self>()?;
        Some(cause.kind)
    }

    /// The message and those of its causes, joined by colons: what a person should read.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let why = error.to_string();
            // Some libraries repeat their causes' texts.
            if !text.contains(&why) {
                text.push_str(": ");
                text.push_str(&why);
            }
            cause = error.source();
        }
        text
    }

    /// Whether the same call may succeed later. The provider's own word on it counts first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.should_retry.unwrap_or(match self.kind {
            ErrorKind::RateLimited
            | ErrorKind::Overloaded
            | ErrorKind::Server
            | ErrorKind::Transport
            | ErrorKind::Conflict
            | ErrorKind::Truncated => true,
            ErrorKind::Timeout(kind) => kind != TimeoutKind::Total,
            _ => false,
        })
    }
}

impl ErrorKind {
    /// A short name, the same in every version.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::Billing => "billing",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Timeout(TimeoutKind::Connect) => "timeout_connect",
            Self::Timeout(TimeoutKind::FirstToken) => "timeout_first_token",
            Self::Timeout(TimeoutKind::Idle) => "timeout_idle",
            Self::Timeout(TimeoutKind::Total) => "timeout_total",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Server => "server",
            Self::Transport => "transport",
            Self::Decode => "decode",
            Self::Truncated => "truncated",
            Self::Cancelled => "cancelled",
            Self::Setup => "setup",
            Self::Unrecorded => "unrecorded",
        }
    }

    /// Whether every further call will fail in the same way until somebody changes the key, the account or the
    /// configuration.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::Auth | Self::Permission | Self::Billing | Self::NotFound | Self::Setup)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => {
                "the provider refused the key; check the environment variable or file that holds it"
            }
            Self::Permission => "the key may not use this model",
            Self::Billing => "the account's quota is used up",
            Self::RateLimited => "too many requests; try again later",
            Self::Overloaded => "the provider is overloaded, or rests after it has failed; try again later",
            Self::Timeout(TimeoutKind::Connect) => "the provider could not be reached in time",
            Self::Timeout(TimeoutKind::FirstToken) => "the answer did not begin in time",
            Self::Timeout(TimeoutKind::Idle) => "the answer stalled",
            Self::Timeout(TimeoutKind::Total) => "the deadline passed",
            Self::ContextLength => "the conversation is longer than the model can read",
            Self::ContentFilter => "the provider's filter refused the request",
            Self::BadRequest => "the provider refused the request",
            Self::NotFound => "there is no such model or path; check model and base_url",
            Self::Conflict => "the request conflicts with another",
            Self::Server => "the provider failed",
            Self::Transport => "the connection to the provider failed; check base_url",
            Self::Decode => "the provider's answer cannot be read",
            Self::Truncated => "the answer stopped before its end",
            Self::Cancelled => "the call was cancelled",
            Self::Setup => "the client cannot be set up",
            Self::Unrecorded => "no recorded exchange matches the request; record it anew",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_told_again_says_the_same() {
        let error = Error::new(ErrorKind::Transport, "main".parse().unwrap())
            .with_detail("while asking")
            .with_status(502)
            .with_source(std::io::Error::other("the cable is out"));
        let again = error.again();
        assert_eq!(
            (again.kind(), again.status(), again.report()),
            (error.kind(), error.status(), error.report())
        );
        assert!(again.to_string().contains("the cable is out"));
    }
}
