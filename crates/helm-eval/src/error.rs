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
    /// An evaluator of your own failed.
    #[error("{0}")]
    Evaluator(#[source] Box<dyn std::error::Error + Send + Sync>),
}
