//! Text in JSON: looked at as it is meant, replaced so that it stays JSON.

use std::ops::Range;

use helm_core::{GuardAction, Span};

use crate::hit::Hit;
use crate::key::PseudonymKey;
use crate::redact::redact;
use crate::view::{Folded, Folding};

/// JSON with the escapes of its strings undone, in place. What is not JSON is taken as it is.
pub(crate) struct Unescaped<'t> {
    folded: Folded<'t>,
    literals: Vec<Literal>,
}

/// A string, or a number or name.
struct Literal {
    /// In the unescaped text, without quotes.
    text: Range<usize>,
    /// In the original, without quotes.
    raw: Range<usize>,
    is_string: bool,
}

impl<'t> Unescaped<'t> {
    pub(crate) fn new(raw: &'t str) -> Self {
        let mut reader = Reader { raw, folding: Folding::new(raw), literals: Vec::new() };
        let mut at = 0;
        while let Some(byte) = raw.as_bytes().get(at) {
            at = match byte {
                b'"' => reader.string(at + 1),
                byte if parts_literals(char::from(*byte)) => at + 1,
                _ => reader.bare(at),
            };
        }
        Self { folded: reader.folding.finish(), literals: reader.literals }
    }

    pub(crate) fn text(&self) -> &str {
        self.folded.text()
    }

    /// The same hit, in places of the original.
    pub(crate) fn in_original(&self, mut hit: Hit) -> Hit {
        hit.finding.span = hit.span().map(|span| self.folded.original(span.start..span.end));
        hit
    }

    /// The original with what redacting hits found replaced inside its literals; a number becomes a string.
    pub(crate) fn redact(&self, raw: &str, hits: &[Hit], key: Option<&PseudonymKey>) -> Option<String> {
        let mut hits: Vec<&Hit> = hits.iter().filter(|hit| hit.action == GuardAction::Redact).collect();
        if hits.is_empty() {
            return None;
        }
        hits.sort_by_key(|hit| hit.span());
        let mut hits = hits.as_slice();
        let (mut redacted, mut from) = (String::with_capacity(raw.len()), 0);
        for literal in &self.literals {
            // What ends before this literal matters to none that follows.
            while let Some((first, later)) = hits.split_first()
                && first.span().is_none_or(|span| span.end <= literal.text.start)
            {
                hits = later;
            }
            let until =
                hits.partition_point(|hit| hit.span().is_some_and(|span| span.start < literal.text.end));
            let near = hits.get(..until).unwrap_or_default();
            let Some(text) = self.redact_literal(literal, near, key) else { continue };
            redacted.push_str(raw.get(from..literal.raw.start).unwrap_or_default());
            let quote = if literal.is_string { "" } else { "\"" };
            redacted.push_str(quote);
            escape(&text, &mut redacted);
            redacted.push_str(quote);
            from = literal.raw.end;
        }
        redacted.push_str(raw.get(from..).unwrap_or_default());
        Some(redacted)
    }

    fn redact_literal(&self, literal: &Literal, hits: &[&Hit], key: Option<&PseudonymKey>) -> Option<String> {
        let Range { start, end } = literal.text;
        let inside: Vec<Hit> = hits
            .iter()
            .filter_map(|hit| {
                let span = hit.span().filter(|span| span.start < end && span.end > start)?;
                let mut hit = (*hit).clone();
                hit.finding.span = Some(match literal.is_string {
                    true => Span { start: span.start.max(start) - start, end: span.end.min(end) - start },
                    false => Span { start: 0, end: end - start },
                });
                Some(hit)
            })
            .collect();
        redact(self.text().get(start..end)?, 0, &inside, key)
    }
}

/// Whether a character stands between literals.
const fn parts_literals(char: char) -> bool {
    matches!(char, '{' | '}' | '[' | ']' | ':' | ',') || char.is_ascii_whitespace()
}

struct Reader<'t> {
    raw: &'t str,
    folding: Folding<'t>,
    literals: Vec<Literal>,
}

impl Reader<'_> {
    /// Reads a string whose first character is at `start`; where to go on.
    fn string(&mut self, start: usize) -> usize {
        let text = self.folding.place_of(start);
        let mut at = start;
        loop {
            match self.raw.as_bytes().get(at) {
                Some(b'\\') => at = self.escape(at),
                Some(b'"') | None => break,
                Some(_) => at += 1,
            }
        }
        // A backslash at the end of what was cut off has nothing behind it.
        let end = at.min(self.raw.len());
        let text = text..self.folding.place_of(end);
        self.literals.push(Literal { text, raw: start..end, is_string: true });
        end + 1
    }

    fn escape(&mut self, at: usize) -> usize {
        let (decoded, length) = match self.raw.as_bytes().get(at + 1) {
            Some(b'n') => (Some('\n'), 2),
            Some(b't') => (Some('\t'), 2),
            Some(b'r') => (Some('\r'), 2),
            Some(b'b') => (Some('\u{8}'), 2),
            Some(b'f') => (Some('\u{c}'), 2),
            Some(b'"') => (Some('"'), 2),
            Some(b'\\') => (Some('\\'), 2),
            Some(b'/') => (Some('/'), 2),
            Some(b'u') => self.unicode(at),
            // Not an escape of JSON.
            _ => (None, 1),
        };
        if let Some(char) = decoded {
            self.folding.replace(at..at + length, char.encode_utf8(&mut [0; 4]));
        }
        at + length
    }

    /// `\u0040`, or two of them that are one character.
    fn unicode(&self, at: usize) -> (Option<char>, usize) {
        let unit = |at: usize| {
            let digits = self.raw.get(at..at + 6)?.strip_prefix("\\u")?;
            digits
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
                .then(|| u16::from_str_radix(digits, 16).ok())?
        };
        let Some(first) = unit(at) else {
            return (None, 1);
        };
        if let Some(second) = unit(at + 6)
            && let Some(Ok(char)) = char::decode_utf16([first, second]).next()
            && u32::from(char) > 0xffff
        {
            return (Some(char), 12);
        }
        (Some(char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER)), 6)
    }

    /// Reads a number or a name that begins at `start`; where to go on.
    fn bare(&mut self, start: usize) -> usize {
        let rest = self.raw.get(start..).unwrap_or_default();
        let end = start + rest.find(|char| char == '"' || parts_literals(char)).unwrap_or(rest.len());
        let text = self.folding.place_of(start)..self.folding.place_of(end);
        self.literals.push(Literal { text, raw: start..end, is_string: false });
        end
    }
}

/// Writes `text` as it is written in a string of JSON.
pub(crate) fn escape(text: &str, escaped: &mut String) {
    for char in text.chars() {
        match char {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => escaped.push(other),
        }
    }
}
