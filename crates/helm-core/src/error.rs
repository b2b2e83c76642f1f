/// Why a value was refused at the boundary. Every message says what would have been accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text id was empty, too long, or held a character that ids may not hold.
    #[error("invalid {kind} {value:?}: {reason}")]
    InvalidId {
        /// What the id names, for example `task`.
        kind: &'static str,
        /// The text as it was given, cut to 64 characters.
        value: String,
        /// What is wrong and what is accepted.
        reason: &'static str,
    },
    /// A strategy id was not of the form `name@version`.
    #[error("invalid strategy id {value:?}: write it as name@version, for example concise@3")]
    InvalidStrategyId {
        /// The text as it was given, cut to 64 characters.
        value: String,
    },
    /// A decision id was not a UUID.
    #[error("invalid decision id {value:?}: it is a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
    InvalidDecisionId {
        /// The text as it was given, cut to 64 characters.
        value: String,
    },
    /// A number was outside its range, NaN or infinite.
    #[error("{what} must be {accepted}, got {value}")]
    OutOfRange {
        /// What the number means.
        what: &'static str,
        /// The range that is accepted.
        accepted: &'static str,
        /// The number as it was given.
        value: f64,
    },
    /// A time could not be read or does not fit.
    #[error("invalid time {value:?}: write it as RFC 3339, for example 2026-11-24T10:00:00Z")]
    InvalidTime {
        /// The text as it was given, cut to 64 characters.
        value: String,
    },
}

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// At most 64 characters of `text`, so that a hostile id does not fill a log.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}
