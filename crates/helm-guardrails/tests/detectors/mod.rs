//! Detectors that use everything a detector may: context, what is pending, what is open, sentences.

use helm_core::{Category, Severity, Span, UnitInterval};
use helm_guardrails::{Detector, Finding, Findings, Reach, TextView, sentences};

/// Six digits and more in groups behind single spaces, 24 bytes at most; surer where `card` stands up to 16 bytes before.
pub(crate) struct Numbers;

impl Numbers {
    const LONGEST: usize = 24;
    const CONTEXT: usize = 16;

    /// Where the groups that begin at `start` end.
    fn end(bytes: &[u8], start: usize) -> usize {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut end = start;
        while is_digit(end) || (bytes.get(end) == Some(&b' ') && is_digit(end + 1)) {
            end += 1;
        }
        end
    }
}

impl Detector for Numbers {
    fn id(&self) -> &'static str {
        "numbers"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Pii]
    }

    fn reach(&self) -> Reach {
        // Digits of other scripts have up to four bytes.
        Reach::Tracked(4 * Self::LONGEST)
    }

    fn lookbehind(&self) -> usize {
        // Enough to see that something is too long.
        4 * (Self::CONTEXT + Self::LONGEST)
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        words.text().bytes().any(|byte| byte.is_ascii_digit() || !byte.is_ascii())
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = view.digits();
        let text = folded.text();
        let mut from = 0;
        while let Some(found) =
            text.get(from..).and_then(|rest| rest.find(|char: char| char.is_ascii_digit()))
        {
            let start = from + found;
            let end = Self::end(text.as_bytes(), start);
            from = end;
            if end - start > Self::LONGEST {
                continue;
            }
            let span = folded.original(start..end);
            if text.len() <= end + 1 {
                findings.pending(span.start);
            }
            let digits = text.get(start..end).unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
            if digits >= 6 {
                let context = text.floor_char_boundary(start.saturating_sub(Self::CONTEXT));
                let sure = text.get(context..start).unwrap_or_default().contains("card");
                let score = UnitInterval::clamped(if sure { 0.9 } else { 0.4 }).unwrap();
                findings
                    .push(Finding::new(Category::Pii, "NUMBER", span, Severity::Medium).with_score(score));
            }
        }
    }
}

/// From `<key>` to `</key>`.
pub(crate) struct Keys;

impl Detector for Keys {
    fn id(&self) -> &'static str {
        "keys"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Secret]
    }

    fn reach(&self) -> Reach {
        Reach::Tracked(16)
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        words.text().contains('<')
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        let mut from = 0;
        while let Some(start) = text.get(from..).and_then(|rest| rest.find("<key>")).map(|at| from + at) {
            let end = text.get(start..).and_then(|rest| rest.find("</key>")).map(|at| start + at + 6);
            from = end.unwrap_or(text.len());
            let finding = Finding::new(Category::Secret, "KEY", Span { start, end: from }, Severity::High);
            findings.push(if end.is_some() { finding } else { finding.open() });
        }
    }

    fn close(&self, _: &str, rest: &TextView<'_>) -> Option<usize> {
        rest.text().find("</key>").map(|at| at + 6)
    }
}

/// The phrase `bad word`, and `bad` alone; says what is pending, which only counts where its reach is tracked.
pub(crate) struct Phrase(pub(crate) Reach);

impl Detector for Phrase {
    fn id(&self) -> &'static str {
        "phrase"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Topic]
    }

    fn reach(&self) -> Reach {
        self.0
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = view.words();
        let text = folded.text();
        let is_letter = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
        for (start, word) in text.match_indices("bad") {
            let mut end = start + word.len();
            if text.get(end..).is_some_and(|rest| rest.starts_with(" word")) {
                end += 5;
            }
            if text.len() <= end + 1 {
                findings.pending(folded.original(start..end).start);
            }
            let around =
                (text.get(..start).unwrap().chars().next_back(), text.get(end..).unwrap().chars().next());
            if !is_letter(around.0) && !is_letter(around.1) {
                let span = folded.original(start..end);
                findings.push(Finding::new(Category::Topic, "PHRASE", span, Severity::Low));
            }
        }
    }
}

/// Sentences that hold `hate`.
pub(crate) struct Hate(pub(crate) Reach);

impl Detector for Hate {
    fn id(&self) -> &'static str {
        "hate"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Toxicity]
    }

    fn entities(&self) -> Vec<&str> {
        vec!["HATE"]
    }

    fn reach(&self) -> Reach {
        self.0
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        words.text().contains("hate")
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        for place in sentences(text) {
            let sentence = text.get(place.clone()).unwrap_or_default();
            if sentence.contains("hate") {
                let span = Span { start: place.start, end: place.start + sentence.trim_end().len() };
                findings.push(Finding::new(Category::Toxicity, "HATE", span, Severity::High));
            }
        }
    }
}

/// More than so many bytes.
pub(crate) struct Longer(pub(crate) usize);

impl Detector for Longer {
    fn id(&self) -> &'static str {
        "longer"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Length]
    }

    fn reach(&self) -> Reach {
        Reach::Growing
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        if view.text().len() > self.0 {
            findings.push(Finding::new(Category::Length, "LONGER", None, Severity::Low));
        }
    }
}

/// Does not end in a full stop.
pub(crate) struct Unended;

impl Detector for Unended {
    fn id(&self) -> &'static str {
        "unended"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Schema]
    }

    fn reach(&self) -> Reach {
        Reach::WholeText
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        if !view.text().ends_with('.') {
            findings.push(Finding::new(Category::Schema, "UNENDED", None, Severity::Low));
        }
    }
}
