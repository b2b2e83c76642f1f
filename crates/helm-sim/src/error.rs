use std::path::PathBuf;

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a world could not be read or a simulation stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// Which one.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// The manifest has no such environment.
    #[error("the manifest has no environment {name:?}; it has: {known}")]
    UnknownWorld {
        /// What was asked for.
        name: String,
        /// The manifest's, separated by commas.
        known: String,
    },
    /// A reward lies outside its declared range.
    #[error(
        "the reward {reward} at step {step} lies outside the range {low} to {high}; declare one that holds it"
    )]
    OutsideRange {
        /// The reward.
        reward: f64,
        /// When.
        step: usize,
        /// The range's lower end.
        low: f64,
        /// The range's upper end.
        high: f64,
    },
    /// The policy failed.
    #[error("the policy failed at step {step}")]
    Policy {
        /// When.
        step: usize,
        /// Why.
        #[source]
        source: helm_policy::Error,
    },
    /// The policy chose what the world has not.
    #[error("the policy chose {strategy}, which the world has not")]
    UnknownStrategy {
        /// What it chose.
        strategy: String,
    },
    /// A value was refused at the boundary.
    #[error(transparent)]
    Invalid(#[from] helm_core::Error),
}
