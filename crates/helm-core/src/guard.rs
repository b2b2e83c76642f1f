use serde::{Deserialize, Serialize};

use crate::UnitInterval;

/// Which text a guard looks at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// What the user wrote.
    Input,
    /// What the model wrote.
    Output,
    /// What was found for the model to read: documents, memories, pages.
    Retrieved,
    /// The arguments of a call that the model makes.
    ToolCall,
    /// What a tool answered.
    ToolResult,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 5] = [Self::Input, Self::Output, Self::Retrieved, Self::ToolCall, Self::ToolResult];

    /// The snake-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Retrieved => "retrieved",
            Self::ToolCall => "tool_call",
            Self::ToolResult => "tool_result",
        }
    }
}

/// The kind of thing a guard found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Category {
    /// Personal data.
    Pii,
    /// Keys, tokens, passwords.
    Secret,
    /// Swear words.
    Profanity,
    /// Insults, threats, hate.
    Toxicity,
    /// An attempt to override the instructions.
    Injection,
    /// Invisible or misleading characters.
    Unicode,
    /// A link that is not allowed.
    Url,
    /// A banned subject or phrase.
    Topic,
    /// Too long.
    Length,
    /// A language that is not allowed.
    Language,
    /// Output that does not fit its schema.
    Schema,
    /// A remote check's finding.
    Remote,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 12] = [
        Self::Pii,
        Self::Secret,
        Self::Profanity,
        Self::Toxicity,
        Self::Injection,
        Self::Unicode,
        Self::Url,
        Self::Topic,
        Self::Length,
        Self::Language,
        Self::Schema,
        Self::Remote,
    ];

    /// The snake-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pii => "pii",
            Self::Secret => "secret",
            Self::Profanity => "profanity",
            Self::Toxicity => "toxicity",
            Self::Injection => "injection",
            Self::Unicode => "unicode",
            Self::Url => "url",
            Self::Topic => "topic",
            Self::Length => "length",
            Self::Language => "language",
            Self::Schema => "schema",
            Self::Remote => "remote",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Unwelcome.
    Low,
    /// Harmful in most settings.
    Medium,
    /// Harmful.
    High,
    /// Must never pass.
    Critical,
}

impl Severity {
    /// The snake-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a guard does about a finding, from mild to strict.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GuardAction {
    /// Pass it on unrecorded.
    #[default]
    Allow,
    /// Pass it on and record it.
    Flag,
    /// Replace the found span and pass the rest on.
    Redact,
    /// Have the whole text written anew; it does not pass as it is.
    Rewrite,
    /// Ask a person; until one has approved, nothing passes.
    Ask,
    /// Refuse the whole text.
    Block,
}

impl GuardAction {
    /// The snake-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Rewrite => "rewrite",
            Self::Ask => "ask",
            Self::Block => "block",
        }
    }
}

/// A half-open range of bytes of the original text, on character boundaries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The same range counted in Unicode code points of `text`, as the command line and HTTP report it.
    /// `None` when the range does not lie in `text` on character boundaries.
    #[must_use]
    pub fn in_code_points(self, text: &str) -> Option<Self> {
        let start = text.get(..self.start)?.chars().count();
        let length = text.get(self.start..self.end)?.chars().count();
        Some(Self { start, end: start + length })
    }
}

/// Something a guard found. Never holds the text that was found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// Where.
    pub stage: Stage,
    /// The kind of thing.
    pub category: Category,
    /// The exact kind in capitals, for example `EMAIL_ADDRESS`.
    pub entity: String,
    /// Where in the original text, in bytes; `None` when it is a property of the whole text.
    pub span: Option<Span>,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the detector is.
    pub score: UnitInterval,
    /// What was done about it.
    pub action: GuardAction,
    /// Which detector found it.
    pub detector: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_convert_to_code_points() {
        let text = "é: a@b.c";
        let span = Span { start: 4, end: 9 };
        assert_eq!(span.in_code_points(text), Some(Span { start: 3, end: 8 }));
        assert_eq!(Span { start: 1, end: 3 }.in_code_points(text), None);
        assert_eq!(Span { start: 0, end: 99 }.in_code_points(text), None);
    }
}
