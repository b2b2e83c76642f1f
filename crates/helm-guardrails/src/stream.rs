use helm_core::{GuardAction, Span, Stage, Violation};

use crate::detector::Reach;
use crate::engine::GuardrailEngine;
use crate::fold::visible_len;
use crate::redact::redact;
use crate::result::GuardrailResult;
use crate::sentence::first_end;

/// Checks a text that arrives in pieces, and lets through what is certain.
///
/// For detectors of bounded reach and of sentences, what is let through is exactly what checking the whole text
/// would let through, however it was cut, and no byte of a redacted span or a blocked sentence ever leaves. The
/// one exception is a run of more than a kilobyte without white space, in which something at a cut may be
/// redacted that would not be in the whole.
///
/// Detectors that need the whole text look at what has arrived every 128 bytes, less often when it has become
/// long, and at the end; nothing leaves that they have not seen. When something blocks after text has left, the
/// stream stops, and what has left is a prefix.
pub struct StreamGuard {
    engine: GuardrailEngine,
    stage: Stage,
    /// Everything that has arrived.
    text: String,
    /// How much of it has been let through.
    cut: usize,
    /// Behind `cleared` is all that detectors of bounded reach must see before text may leave.
    cleared: usize,
    /// The visible bytes before `cleared`, and behind it.
    before: usize,
    behind: usize,
    /// When so many visible bytes are before `cleared`, it is looked at again.
    look_at: usize,
    /// How much has been judged a sentence at a time, and what was found.
    judged: usize,
    sentences: Vec<Violation>,
    /// How much the detectors of the whole text have seen, and what they found.
    seen: usize,
    whole: Vec<Violation>,
    /// What detectors of bounded reach found before the cut.
    violations: Vec<Violation>,
    refused: Option<GuardrailResult>,
}

/// What to do after a piece.
#[derive(Clone, PartialEq, Debug)]
pub enum StreamStep {
    /// Pass this on; it may be empty.
    Emit(String),
    /// Stop: the text is refused.
    Blocked(GuardrailResult),
}

/// Detectors of bounded reach look again after this many more visible bytes.
const STEP: usize = 32;
/// Detectors of the whole text look again after this many more bytes, and at least a sixteenth of the text, so
/// that all the looks together cost no more than some looks at the end.
const WHOLE_STEP: usize = 128;
/// What holds no white space for so long is cut anywhere.
const FORCED: usize = 1_024;
/// A detector must see what follows its longest finding: two characters.
const LOOK_AHEAD: usize = 8;

impl StreamGuard {
    pub(crate) fn new(engine: GuardrailEngine, stage: Stage) -> Self {
        Self {
            engine,
            stage,
            text: String::new(),
            cut: 0,
            cleared: 0,
            before: 0,
            behind: 0,
            look_at: 0,
            judged: 0,
            sentences: Vec::new(),
            seen: 0,
            whole: Vec::new(),
            violations: Vec::new(),
            refused: None,
        }
    }

    /// Takes the next piece. After a block nothing more is let through.
    pub fn push(&mut self, chunk: &str) -> StreamStep {
        if let Some(refused) = &self.refused {
            return StreamStep::Blocked(refused.clone());
        }
        if self.text.len() + chunk.len() > self.engine.max_bytes() {
            return self.refuse(GuardrailResult::too_long(self.stage, self.engine.version()));
        }
        self.text.push_str(chunk);
        self.judge_sentences(chunk);
        if self.text.len() - self.seen >= WHOLE_STEP.max(self.text.len() / 16) {
            self.look_at_whole();
        }
        if is_blocking(&self.sentences) || is_blocking(&self.whole) {
            return self.block(Vec::new());
        }
        self.clear(chunk);
        self.advance()
    }

    /// Ends the text: the rest that may pass, and the verdict on the whole.
    #[must_use]
    pub fn finish(mut self) -> (String, GuardrailResult) {
        if let Some(refused) = self.refused {
            return (String::new(), refused);
        }
        self.judge_rest(self.text.len());
        self.look_at_whole();
        let found = self.bounded();
        let blocks = is_blocking(&found) || is_blocking(&self.sentences) || is_blocking(&self.whole);
        let rest = if blocks { String::new() } else { self.release(&found, self.text.len()) };
        let violations = [self.violations, found, self.sentences, self.whole].concat();
        (rest, self.engine.verdict(&self.text, violations))
    }

    /// Judges the sentences that have come to an end.
    fn judge_sentences(&mut self, chunk: &str) {
        // A sentence ends at a mark or when it is long, which counts letters, so at most so many bytes.
        let marks = |byte| matches!(byte, b'.' | b'!' | b'?' | b'\n' | b';') || byte >= 0x80;
        if !chunk.bytes().any(marks) && self.text.len() - self.judged < 400 {
            return;
        }
        let mut end = self.judged;
        while let Some(length) = first_end(self.text.get(end..).unwrap_or_default()) {
            end += length;
        }
        self.judge_rest(end);
    }

    fn judge_rest(&mut self, end: usize) {
        let part = self.text.get(self.judged..end).filter(|part| !part.is_empty());
        let found =
            part.map(|part| self.engine.violations(self.stage, part, |reach| reach == Reach::Sentence));
        self.sentences.extend(moved(found.unwrap_or_default(), self.judged));
        self.judged = end;
    }

    fn look_at_whole(&mut self) {
        self.seen = self.text.len();
        self.whole = self.engine.violations(self.stage, &self.text, |reach| reach == Reach::WholeText);
    }

    /// Moves `cleared` as far as what is behind it allows.
    fn clear(&mut self, chunk: &str) {
        self.behind += chunk.chars().map(visible_len).sum::<usize>();
        let hold = match self.engine.hold_back(self.stage) {
            0 => 0,
            reach => reach + LOOK_AHEAD,
        };
        let rest = self.text.get(self.cleared..).unwrap_or_default();
        for char in rest.chars() {
            let visible = visible_len(char);
            if self.behind < hold + visible {
                break;
            }
            (self.before, self.behind) = (self.before + visible, self.behind - visible);
            self.cleared += char.len_utf8();
        }
    }

    /// Lets through what every kind of detector has cleared.
    fn advance(&mut self) -> StreamStep {
        let limit = self.limit();
        // Only a place for a cut makes a look worth its while.
        let possible = self.before >= self.look_at && place_to_cut(&self.text, self.cut, limit).is_some();
        if !possible {
            return StreamStep::Emit(String::new());
        }
        self.look_at = self.before + STEP;
        let found = self.bounded();
        if is_blocking(&found) {
            return self.block(found);
        }
        let Some(cut) = self.cut_outside(&found, limit) else {
            return StreamStep::Emit(String::new());
        };
        let before: Vec<_> = found.into_iter().filter(|violation| ends_by(violation, cut)).collect();
        let released = self.release(&before, cut);
        self.violations.extend(before);
        StreamStep::Emit(released)
    }

    fn limit(&self) -> usize {
        let mut limit = self.cleared;
        if self.engine.may_change(self.stage, Reach::Sentence) {
            limit = limit.min(self.judged);
        }
        if self.engine.may_change(self.stage, Reach::WholeText) {
            limit = limit.min(self.seen);
        }
        limit
    }

    /// What the detectors of bounded reach find after the cut, in positions of the whole text.
    fn bounded(&self) -> Vec<Violation> {
        let tail = self.text.get(self.cut..).unwrap_or_default();
        let found = self
            .engine
            .violations(self.stage, tail, |reach| matches!(reach, Reach::Bounded(_) | Reach::Tracked(_)));
        moved(found, self.cut)
    }

    /// The last place for a cut that lies inside nothing of `found` and nothing to be redacted.
    fn cut_outside(&self, found: &[Violation], mut limit: usize) -> Option<usize> {
        loop {
            let cut = place_to_cut(&self.text, self.cut, limit)?;
            let spans = found.iter().chain(self.redactions()).filter_map(|violation| violation.span);
            match spans.filter(|span| span.start < cut && cut < span.end).map(|span| span.start).min() {
                Some(start) => limit = start,
                None => return Some(cut),
            }
        }
    }

    /// What detectors of sentences and of the whole text want redacted behind the cut.
    fn redactions(&self) -> impl Iterator<Item = &Violation> {
        // Sentences come in order, so those behind the cut are the last.
        let behind = |violation: &&Violation| !ends_by(violation, self.cut);
        let found = self.sentences.iter().rev().take_while(behind).chain(self.whole.iter().filter(behind));
        found.filter(|violation| violation.action == GuardAction::Redact)
    }

    /// The text up to `cut` with `found` redacted; moves the cut.
    fn release(&mut self, found: &[Violation], cut: usize) -> String {
        let part = self.text.get(self.cut..cut).unwrap_or_default();
        let wanted = found.iter().chain(self.redactions()).filter(|violation| ends_by(violation, cut));
        let from_here = wanted.cloned().map(|mut violation| {
            let span = violation.span.map(|span| Span {
                start: span.start.saturating_sub(self.cut),
                end: span.end.saturating_sub(self.cut),
            });
            violation.span = span;
            violation
        });
        let from_here: Vec<_> = from_here.collect();
        let released = redact(part, &from_here).unwrap_or_else(|| part.to_owned());
        self.cut = cut;
        released
    }

    fn block(&mut self, found: Vec<Violation>) -> StreamStep {
        let earlier = [&mut self.violations, &mut self.sentences, &mut self.whole].map(std::mem::take);
        let violations = [earlier.concat(), found].concat();
        let verdict = self.engine.verdict(&self.text, violations);
        self.refuse(verdict)
    }

    fn refuse(&mut self, result: GuardrailResult) -> StreamStep {
        self.refused = Some(result.clone());
        StreamStep::Blocked(result)
    }
}

fn is_blocking(violations: &[Violation]) -> bool {
    violations.iter().any(|violation| violation.action == GuardAction::Block)
}

fn ends_by(violation: &Violation, cut: usize) -> bool {
    violation.span.is_some_and(|span| span.end <= cut)
}

/// Violations of a part as violations of the whole, of which the part begins at `by`.
fn moved(mut violations: Vec<Violation>, by: usize) -> Vec<Violation> {
    for span in violations.iter_mut().filter_map(|violation| violation.span.as_mut()) {
        *span = Span { start: span.start + by, end: span.end + by };
    }
    violations
}

/// The last place up to `limit` and after `from` where a text may be cut; in a long run without white space,
/// the last at all.
fn place_to_cut(text: &str, from: usize, limit: usize) -> Option<usize> {
    let end = text.floor_char_boundary(limit);
    let part = text.get(from..end)?;
    let found = part.char_indices().rev().find(|(_, char)| is_separator(*char));
    let found = found.map(|(at, char)| from + at + char.len_utf8());
    found.or_else(|| (part.len() >= FORCED).then_some(end))
}

/// Behind these characters a text may be cut: no candidate of a detector begins before and ends after one
/// without being a finding.
pub(crate) fn is_separator(char: char) -> bool {
    char.is_whitespace() || "。，、！？；：".contains(char)
}
