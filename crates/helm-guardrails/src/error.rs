/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why guardrails could not be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A threshold is not one.
    #[error("{setting} must be a number from 0 to 1, got {value}")]
    InvalidThreshold {
        /// Which setting.
        setting: &'static str,
        /// What was given.
        value: f64,
    },
    /// The longest text is not one.
    #[error("max_bytes must be at least 1")]
    InvalidLength,
    /// A word for the lexicon is empty or not a word.
    #[error("{word:?} cannot be a word of the lexicon: give one word of 2 to 64 letters or digits")]
    InvalidWord {
        /// What was given.
        word: String,
    },
    /// Two detectors share an id.
    #[error("two detectors have the id {id:?}")]
    DuplicateDetector {
        /// The id.
        id: String,
    },
}
