use std::{error::Error as StdError, fmt};

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store could not do what was asked. Nothing was changed, unless the kind is
/// [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`]: then the write may have been made, and since every
/// write carries its own key, sending it again is safe.
#[derive(Debug, thiserror::Error)]
#[error("{backend}: {operation}: {message}")]
pub struct Error {
    kind: ErrorKind,
    backend: &'static str,
    operation: &'static str,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What callers branch on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was named does not exist.
    NotFound,
    /// The key is taken by other content, or the expected revision is not the current one.
    Conflict,
    /// The input cannot be stored; sending it again cannot help.
    Invalid,
    /// A settlement refused a decision under the configuration at hand. No fault of whoever sent the evidence:
    /// put the configuration right and send it again.
    Unsettled,
    /// The database cannot be reached or opened.
    Unavailable,
    /// The database can be read but not written to until somebody acts: the disk is full, or it is read-only.
    Unwritable,
    /// The database did not answer in time.
    Timeout,
    /// Too many writes are queued; try again later.
    Overloaded,
    /// What is stored cannot be read: the file is not a database or is damaged.
    Corrupt,
    /// The schema is newer or older than this build expects.
    SchemaMismatch,
    /// Anything else.
    Internal,
}

impl Error {
    /// An error of `kind`, met by `backend` during `operation`. The message says what to do.
    pub fn new(
        kind: ErrorKind,
        backend: &'static str,
        operation: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, backend, operation, message: message.into(), source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What callers branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Who met it.
    pub(crate) fn backend(&self) -> &'static str {
        self.backend
    }

    /// What went wrong and what to do, without who met it: for whoever asked for something.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The method that failed.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Overloaded)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Unsettled => "unsettled",
            Self::Unavailable => "unavailable",
            Self::Unwritable => "unwritable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Corrupt => "corrupt",
            Self::SchemaMismatch => "schema_mismatch",
            Self::Internal => "internal",
        })
    }
}

/// An error and its causes, joined by colons.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
