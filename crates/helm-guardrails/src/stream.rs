use helm_core::{GuardAction, Span, Stage, Violation};

use crate::detector::Reach;
use crate::engine::GuardrailEngine;
use crate::redact::redact;
use crate::result::GuardrailResult;

/// Checks a text that arrives in pieces, and lets through what is certain.
///
/// For detectors of bounded reach, what is let through is exactly what checking the whole text would let
/// through, however it was cut, and no byte of a redacted span ever leaves. Detectors that need the whole text
/// look at what has arrived whenever another half kilobyte has, and at the end; when one of them blocks after
/// text has left, the stream stops, and what has left is a prefix.
pub struct StreamGuard {
    engine: GuardrailEngine,
    stage: Stage,
    /// Everything that has arrived.
    text: String,
    /// How much of it has been judged and let through.
    cut: usize,
    /// Up to where there is no place for the next cut.
    searched: usize,
    /// How much of it the detectors of the whole text have seen.
    seen: usize,
    /// What was found before the cut.
    violations: Vec<Violation>,
    blocked: bool,
}

/// What to do after a piece.
#[derive(Clone, PartialEq, Debug)]
pub enum StreamStep {
    /// Pass this on; it may be empty.
    Emit(String),
    /// Stop: the text is refused.
    Blocked(GuardrailResult),
}

/// Detectors of the whole text look again after this many more bytes.
const LOOK_AGAIN: usize = 512;

impl StreamGuard {
    pub(crate) fn new(engine: GuardrailEngine, stage: Stage) -> Self {
        Self {
            engine,
            stage,
            text: String::new(),
            cut: 0,
            searched: 0,
            seen: 0,
            violations: Vec::new(),
            blocked: false,
        }
    }

    /// Takes the next piece. After a block nothing more is let through.
    pub fn push(&mut self, chunk: &str) -> StreamStep {
        self.text.push_str(chunk);
        if self.blocked || self.text.len() > self.engine.max_bytes() {
            self.blocked = true;
            return StreamStep::Blocked(GuardrailResult::too_long(self.stage, self.engine.version()));
        }
        if self.text.len() - self.seen >= LOOK_AGAIN {
            self.seen = self.text.len();
            let whole = self.whole_text();
            if is_blocking(&whole) {
                return self.block(whole);
            }
        }
        // Only a safe place for a cut makes a scan worth its while.
        let hold = self.engine.hold_back();
        let Some(limit) = self.text.len().checked_sub(hold).filter(|limit| *limit > self.cut) else {
            return StreamStep::Emit(String::new());
        };
        let from = self.searched.max(self.cut);
        if last_boundary(&self.text, from, limit).is_none() {
            // The character before `limit` is looked at again: what follows it may not have arrived.
            self.searched = self.text.floor_char_boundary(limit.saturating_sub(4)).max(from);
            return StreamStep::Emit(String::new());
        }
        let found = self.bounded();
        if is_blocking(&found) {
            return self.block(found);
        }
        StreamStep::Emit(self.advance(found, limit))
    }

    /// Ends the text: the rest that may pass, and the verdict on the whole.
    #[must_use]
    pub fn finish(mut self) -> (String, GuardrailResult) {
        if self.blocked || self.text.len() > self.engine.max_bytes() {
            return (String::new(), GuardrailResult::too_long(self.stage, self.engine.version()));
        }
        let found = self.bounded();
        let whole = self.whole_text();
        if is_blocking(&found) || is_blocking(&whole) {
            let violations = [std::mem::take(&mut self.violations), found, whole].concat();
            return (String::new(), self.engine.verdict(&self.text, violations));
        }
        let rest = self.release(&found, self.text.len());
        let violations = [std::mem::take(&mut self.violations), found, whole].concat();
        (rest, self.engine.verdict(&self.text, violations))
    }

    /// What the detectors of bounded reach find after the cut, in positions of the whole text.
    fn bounded(&self) -> Vec<Violation> {
        let tail = self.text.get(self.cut..).unwrap_or_default();
        let mut found = self.engine.violations(self.stage, tail, |reach| reach != Reach::WholeText);
        for span in found.iter_mut().filter_map(|violation| violation.span.as_mut()) {
            *span = Span { start: span.start + self.cut, end: span.end + self.cut };
        }
        found.sort_by_key(|violation| violation.span.map_or((usize::MAX, 0), |span| (span.start, span.end)));
        found
    }

    fn whole_text(&self) -> Vec<Violation> {
        self.engine.violations(self.stage, &self.text, |reach| reach == Reach::WholeText)
    }

    /// Moves the cut to the last safe place and lets through what lies before it.
    fn advance(&mut self, found: Vec<Violation>, limit: usize) -> String {
        let mut limit = limit;
        let cut = loop {
            let Some(cut) = last_boundary(&self.text, self.cut, limit) else {
                return String::new();
            };
            let inside = found.iter().filter_map(|violation| violation.span);
            match inside.filter(|span| span.start < cut && cut < span.end).map(|span| span.start).min() {
                Some(start) => limit = start,
                None => break cut,
            }
        };
        let before: Vec<_> =
            found.into_iter().filter(|violation| violation.span.is_some_and(|s| s.end <= cut)).collect();
        let released = self.release(&before, cut);
        self.violations.extend(before);
        released
    }

    /// The text up to `cut` with `found` redacted; moves the cut.
    fn release(&mut self, found: &[Violation], cut: usize) -> String {
        let part = self.text.get(self.cut..cut).unwrap_or_default();
        let shifted: Vec<_> = found
            .iter()
            .cloned()
            .map(|mut violation| {
                let moved = violation.span.map(|s| Span { start: s.start - self.cut, end: s.end - self.cut });
                violation.span = moved;
                violation
            })
            .collect();
        let released = redact(part, &shifted).unwrap_or_else(|| part.to_owned());
        self.cut = cut;
        released
    }

    fn block(&mut self, found: Vec<Violation>) -> StreamStep {
        self.blocked = true;
        let violations = [std::mem::take(&mut self.violations), found].concat();
        StreamStep::Blocked(self.engine.verdict(&self.text, violations))
    }
}

fn is_blocking(violations: &[Violation]) -> bool {
    violations.iter().any(|violation| violation.action == GuardAction::Block)
}

/// The last place at or before `limit` and after `from` that stands behind a letter that is no capital and
/// before white space or full-width punctuation: no bounded detector's candidate crosses such a place without
/// being a finding.
fn last_boundary(text: &str, from: usize, limit: usize) -> Option<usize> {
    let end = text.floor_char_boundary(limit);
    let mut next = text.get(end..).and_then(|rest| rest.chars().next());
    for (at, char) in text.get(from..end)?.char_indices().rev() {
        if is_boundary(Some(char), next) {
            return Some(from + at + char.len_utf8());
        }
        next = Some(char);
    }
    None
}

/// Whether a text may be cut between these two characters.
pub(crate) fn is_boundary(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(|char| char.is_alphabetic() && !char.is_uppercase())
        && after.is_some_and(|char| char.is_whitespace() || "。，、！？；：".contains(char))
}
