use serde_json::Value;

/// What the scripted model says.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The text; streamed, word by word.
    pub text: String,
    /// A refusal, which takes the text's place.
    pub refusal: Option<String>,
    /// Tools to be called, with their arguments.
    pub calls: Vec<(String, Value)>,
    /// Whether it reached its limit of tokens.
    pub is_cut: bool,
}

impl Answer {
    /// An answer of this text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A refusal with these words.
    #[must_use]
    pub fn refusing(words: impl Into<String>) -> Self {
        Self { refusal: Some(words.into()), ..Self::default() }
    }

    /// The answer with one more tool to be called.
    #[must_use]
    pub fn calling(mut self, name: impl Into<String>, arguments: Value) -> Self {
        self.calls.push((name.into(), arguments));
        self
    }

    /// The answer as if it had reached its limit of tokens.
    #[must_use]
    pub fn cut_short(mut self) -> Self {
        self.is_cut = true;
        self
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(' ')
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
