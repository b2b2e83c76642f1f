//! Where sentences end: decided from the left alone, so a stream and a whole text agree.

use std::ops::Range;

use crate::view::visible_len;

/// A text without an end of a sentence is cut behind the next white space after this many visible characters,
const LONG: usize = 400;
/// and after this many in any case.
const LONGEST: usize = 512;
/// What was cut goes on from as many visible characters at most: a phrase may stand across the cut.
const BEFORE: usize = 96;

/// A part of a text that is judged alone: a sentence, or a piece of a long one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// Of a piece, the words before it that it goes on from.
    pub(crate) before: Range<usize>,
    pub(crate) range: Range<usize>,
}

impl Part {
    /// Whether it is a piece that goes on from something.
    pub(crate) fn goes_on(&self) -> bool {
        !self.before.is_empty() || self.range.start == 0
    }
}

/// Parts a text that may grow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    at: usize,
    count: usize,
    /// Where the part begins,
    start: usize,
    /// and what it goes on from.
    before: usize,
}

impl Parts {
    /// The next part that has an end in `text`, which begins with what it was at the last call.
    pub(crate) fn next(&mut self, text: &str) -> Option<Part> {
        self.skip(text.as_bytes());
        for char in text.get(self.at..)?.chars() {
            self.at += char.len_utf8();
            self.count += usize::from(char.is_ascii() || visible_len(char) > 0);
            let is_long = self.count > LONG && (char.is_whitespace() || self.count >= LONGEST);
            if is_end(char) {
                return Some(self.part(self.at, self.at));
            }
            if is_long {
                return Some(self.part(self.at, goes_on_from(text, self.start, self.at)));
            }
        }
        None
    }

    /// Goes over ASCII that ends no sentence, up to where a long one may be cut.
    fn skip(&mut self, text: &[u8]) {
        let room = LONG.saturating_sub(self.count);
        let rest = text.get(self.at..).unwrap_or_default();
        let rest = rest.get(..room).unwrap_or(rest);
        // Without a branch a byte, so many are looked at in one step.
        let all_go_on = |part: &&[u8]| part.iter().fold(true, |all, byte| all & goes_on_in_step(*byte));
        let steps = rest.chunks_exact(STEP).take_while(all_go_on).count() * STEP;
        let rest = rest.get(steps..).unwrap_or_default();
        let skipped = steps + rest.iter().take_while(|byte| goes_on(**byte)).count();
        self.at += skipped;
        self.count += skipped;
    }

    /// What is left of `text`.
    pub(crate) fn rest(&mut self, text: &str) -> Option<Part> {
        (self.start < text.len()).then(|| self.part(text.len(), text.len()))
    }

    fn part(&mut self, end: usize, next_before: usize) -> Part {
        let part = Part { before: self.before..self.start, range: self.start..end };
        *self = Self { at: end, count: 0, start: end, before: next_before };
        part
    }
}

/// The first word of the last [`BEFORE`] characters of a piece, or its end where they are one word.
fn goes_on_from(text: &str, start: usize, end: usize) -> usize {
    let (mut count, mut from) = (0, end);
    for (at, char) in text.get(start..end).unwrap_or_default().char_indices().rev() {
        count += usize::from(visible_len(char) > 0);
        if count > BEFORE {
            break;
        }
        if char.is_whitespace() {
            from = start + at + char.len_utf8();
        }
    }
    from
}

/// Whether a sentence ends with `char`.
pub(crate) const fn is_end(char: char) -> bool {
    matches!(char, '.' | '!' | '?' | '\n' | ';' | '。' | '．' | '！' | '？' | '；' | '…')
}

/// So many bytes are looked at in one step.
const STEP: usize = 32;

/// As [`goes_on`], without a table.
fn goes_on_in_step(byte: u8) -> bool {
    (byte < 0x80) & (byte != b'.') & (byte != b'!') & (byte != b'?') & (byte != b'\n') & (byte != b';')
}

/// Whether a byte is of ASCII and ends no sentence.
fn goes_on(byte: u8) -> bool {
    GOES_ON.get(usize::from(byte)).copied().unwrap_or(false)
}

#[expect(clippy::indexing_slicing, reason = "of 128 bytes, when it is compiled")]
static GOES_ON: [bool; 256] = {
    let mut goes_on = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        goes_on[byte as usize] = !is_end(byte as char);
        byte += 1_u8;
    }
    goes_on
};

/// The parts of a whole text; together they are the text.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = Part> + '_ {
    let mut parts = Parts::default();
    std::iter::from_fn(move || parts.next(text).or_else(|| parts.rest(text)))
}

/// The sentences of `text` as detectors of [`Reach::Sentence`](crate::Reach) and streams part them; the last may have
/// no end. Together they are the text.
///
/// ```
/// let parts: Vec<_> = helm_guardrails::sentences("One. Two").collect();
/// assert_eq!(parts, [0..4, 4..8]);
/// ```
pub fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    parts(text).map(|part| part.range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_goes_on_with_and_without_the_table() {
        for byte in 0..=u8::MAX {
            assert_eq!(goes_on(byte), goes_on_in_step(byte), "{byte}");
        }
    }
}
