use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// A number of model tokens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenCount(u64);

impl TokenCount {
    /// This many tokens.
    #[must_use]
    pub const fn new(tokens: u64) -> Self {
        Self(tokens)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Add for TokenCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for TokenCount {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for TokenCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts a text's tokens before a provider does, to keep a history within its budget.
pub trait TokenCounter: Send + Sync {
    /// About how many tokens `text` has.
    fn count(&self, text: &str) -> TokenCount;
}

impl<T: TokenCounter + ?Sized> TokenCounter for std::sync::Arc<T> {
    fn count(&self, text: &str) -> TokenCount {
        (**self).count(text)
    }
}

/// A quarter of the bytes, rounded up: close for English under byte-pair encodings, high for other scripts,
/// which is the safe side of a budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeuristicTokenCounter;

impl TokenCounter for HeuristicTokenCounter {
    fn count(&self, text: &str) -> TokenCount {
        TokenCount(u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX))
    }
}
