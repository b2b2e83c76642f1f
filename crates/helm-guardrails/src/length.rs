//! How long a text may be.

use std::fmt;
use std::sync::Arc;

use helm_core::{Category, Severity, TokenCount, TokenCounter};

use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings};
use crate::view::TextView;

/// Finds texts that are too long: in bytes, in characters or in tokens of a counter.
///
/// ```
/// use helm_guardrails::{Detector, Findings, LengthLimit, TextView};
///
/// let mut findings = Findings::new();
/// LengthLimit::new().max_chars(3).scan(&TextView::new("äöüß"), &mut findings);
/// assert_eq!(findings.iter().next().unwrap().entity, "TOO_MANY_CHARACTERS");
/// ```
#[derive(Clone, Default)]
pub struct LengthLimit {
    bytes: Option<usize>,
    chars: Option<usize>,
    tokens: Option<(Arc<dyn TokenCounter>, TokenCount)>,
}

impl fmt::Debug for LengthLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.tokens.as_ref().map(|(_, most)| most);
        f.debug_struct("LengthLimit")
            .field("bytes", &self.bytes)
            .field("chars", &self.chars)
            .field("tokens", &tokens)
            .finish()
    }
}

impl LengthLimit {
    /// No limit yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most this many bytes of UTF-8.
    #[must_use]
    pub fn max_bytes(mut self, most: usize) -> Self {
        self.bytes = Some(most);
        self
    }

    /// At most this many Unicode code points.
    #[must_use]
    pub fn max_chars(mut self, most: usize) -> Self {
        self.chars = Some(most);
        self
    }

    /// At most this many tokens, counted by `counter`.
    #[must_use]
    pub fn max_tokens(mut self, counter: Arc<dyn TokenCounter>, most: TokenCount) -> Self {
        self.tokens = Some((counter, most));
        self
    }
}

impl Detector for LengthLimit {
    fn id(&self) -> &'static str {
        "length"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Length]
    }

    fn entities(&self) -> Vec<&str> {
        vec!["TOO_MANY_BYTES", "TOO_MANY_CHARACTERS", "TOO_MANY_TOKENS"]
    }

    fn reach(&self) -> Reach {
        Reach::Growing
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        // Characters are only counted where there are enough bytes for too many of them.
        let chars = |most: usize| text.len() > most && text.chars().nth(most).is_some();
        let too_long = [
            ("TOO_MANY_BYTES", self.bytes.is_some_and(|most| text.len() > most)),
            ("TOO_MANY_CHARACTERS", self.chars.is_some_and(chars)),
            (
                "TOO_MANY_TOKENS",
                self.tokens.as_ref().is_some_and(|(counter, most)| counter.count(text) > *most),
            ),
        ];
        for (entity, _) in too_long.iter().filter(|(_, is_long)| *is_long) {
            findings.push(Finding::new(Category::Length, *entity, None, Severity::Medium));
        }
    }

    fn settings(&self) -> String {
        format!("{self:?}")
    }
}
