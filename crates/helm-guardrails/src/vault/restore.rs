use helm_core::Span;

use super::Vault;
use super::placeholder::{Head, head};
use crate::json::escape;

/// A text with its placeholders replaced by what they stand for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The text. It holds the values: keep it as they are kept.
    pub text: String,
    /// Where the text that was restored holds what is written as a placeholder and stands for nothing here. It is left
    /// as it is: a model made it up, or somebody tried to have another's value written.
    pub unknown: Vec<Span>,
}

impl std::fmt::Debug for Restored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restored").field("unknown", &self.unknown).finish_non_exhaustive()
    }
}

impl Vault {
    /// Replaces the placeholders of a text by what they stand for.
    #[must_use]
    pub fn restore(&self, text: &str) -> Restored {
        self.restored(text, false)
    }

    /// Replaces the placeholders of JSON, such as the arguments of a tool call, so that it stays JSON where they stand
    /// in strings.
    #[must_use]
    pub fn restore_json(&self, raw: &str) -> Restored {
        self.restored(raw, true)
    }

    /// Begins restoring a text that arrives in pieces.
    #[must_use]
    pub fn restorer(&self) -> Restorer<'_> {
        Restorer { vault: self, as_json: false, held: String::new(), arrived: 0, unknown: Vec::new() }
    }

    fn restored(&self, text: &str, as_json: bool) -> Restored {
        let mut restorer = Restorer { as_json, ..self.restorer() };
        let mut restored = restorer.push(text);
        let rest = restorer.finish();
        restored.push_str(&rest.text);
        Restored { text: restored, unknown: rest.unknown }
    }
}

/// Restores a text that arrives in pieces. Holds back only what may become a placeholder.
pub struct Restorer<'v> {
    vault: &'v Vault,
    as_json: bool,
    /// Begins with `<` and may become a placeholder.
    held: String,
    /// How much has arrived.
    arrived: usize,
    unknown: Vec<Span>,
}

impl Restorer<'_> {
    /// Takes the next piece; what may be passed on.
    pub fn push(&mut self, piece: &str) -> String {
        self.arrived += piece.len();
        let mut text = std::mem::take(&mut self.held);
        text.push_str(piece);
        let begins = self.arrived - text.len();
        let (mut restored, mut from) = (String::with_capacity(text.len()), 0);
        while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
            let at = from + rest.find('<').unwrap_or(rest.len());
            restored.push_str(text.get(from..at).unwrap_or_default());
            let candidate = text.get(at..).unwrap_or_default();
            match head(candidate) {
                _ if candidate.is_empty() => break,
                Head::Unfinished => {
                    candidate.clone_into(&mut self.held);
                    break;
                }
                Head::Placeholder(length) => {
                    let placeholder = candidate.get(..length).unwrap_or_default();
                    self.replace(placeholder, begins + at, &mut restored);
                    from = at + length;
                }
                Head::Other => {
                    restored.push('<');
                    from = at + 1;
                }
            }
        }
        restored
    }

    /// Ends the text: what is left of it, and what was unknown in all of it.
    #[must_use]
    pub fn finish(self) -> Restored {
        Restored { text: self.held, unknown: self.unknown }
    }

    fn replace(&mut self, placeholder: &str, at: usize, restored: &mut String) {
        match self.vault.value(placeholder) {
            Some(value) if self.as_json => escape(value, restored),
            Some(value) => restored.push_str(value),
            None => {
                self.unknown.push(Span { start: at, end: at + placeholder.len() });
                restored.push_str(placeholder);
            }
        }
    }
}
