use helm_core::EvaluatorName;

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an evaluation or a reward could not be set up or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value was refused at the boundary.
    #[error(transparent)]
    Invalid(#[from] helm_core::Error),
    /// Two evaluators share a name.
    #[error("two evaluators are called {name}; give one another name")]
    DuplicateEvaluator {
        /// The name.
        name: EvaluatorName,
    },
    /// A reward specification contradicts itself.
    #[error("{message}")]
    InvalidSpec {
        /// What is wrong and what to do.
        message: String,
    },
    /// A number is none, or infinite, or out of its range.
    #[error("{what} is not a number in its range")]
    NotFinite {
        /// Which number, and its range.
        what: &'static str,
    },
    /// There is too little data for a statistic.
    #[error("{what} needs at least {least} values, got {found}")]
    TooFew {
        /// The statistic.
        what: &'static str,
        /// How many values it needs.
        least: usize,
        /// How many there were.
        found: usize,
    },
    /// Two lists that go together are not equally long.
    #[error("{left} and {right} values do not go together; give one for each")]
    LengthMismatch {
        /// How many values the first list has.
        left: usize,
        /// How many values the second list has.
        right: usize,
    },
    /// An evaluator of your own failed.
    #[error("{0}")]
    Evaluator(#[source] Box<dyn std::error::Error + Send + Sync>),
}
