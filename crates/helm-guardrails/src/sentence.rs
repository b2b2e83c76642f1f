//! Where sentences end: decided from the left alone, so a stream and a whole text agree.

use std::ops::Range;

use crate::view::visible_len;

/// A text without an end of a sentence is cut behind the next white space after this many visible characters,
const LONG: usize = 400;
/// and after this many in any case.
const LONGEST: usize = 512;

/// Finds where sentences end in a text that may grow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentenceEnds {
    at: usize,
    count: usize,
}

impl SentenceEnds {
    /// The next end of a sentence in `text`, which begins with what it was at the last call.
    pub(crate) fn next(&mut self, text: &str) -> Option<usize> {
        for char in text.get(self.at..)?.chars() {
            self.at += char.len_utf8();
            self.count += usize::from(char.is_ascii() || visible_len(char) > 0);
            let is_long = self.count > LONG && (char.is_whitespace() || self.count >= LONGEST);
            if is_long || is_end(char) {
                self.count = 0;
                return Some(self.at);
            }
        }
        None
    }
}

const fn is_end(char: char) -> bool {
    matches!(char, '.' | '!' | '?' | '\n' | ';' | '。' | '．' | '！' | '？' | '；' | '…')
}

/// The sentences of `text` as detectors of [`Reach::Sentence`](crate::Reach) and streams part them; the last may have
/// no end. Together they are the text.
///
/// ```
/// let parts: Vec<_> = helm_guardrails::sentences("One. Two").collect();
/// assert_eq!(parts, [0..4, 4..8]);
/// ```
pub fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let (mut ends, mut from) = (SentenceEnds::default(), 0);
    std::iter::from_fn(move || {
        let start = from;
        from = ends.next(text).unwrap_or(text.len());
        (start < from).then_some(start..from)
    })
}
