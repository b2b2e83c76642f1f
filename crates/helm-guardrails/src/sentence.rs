//! Where sentences end: decided from the left alone, so a stream and a whole text agree.

use std::ops::Range;

use crate::fold::letters;

/// A text without an end of a sentence is cut before the next white space after this many letters,
const LONG: usize = 400;
/// and after this many in any case.
const LONGEST: usize = 512;

/// Where the first sentence of `text` ends; `None` while it goes on.
pub(crate) fn first_end(text: &str) -> Option<usize> {
    for (count, letter) in letters(text).enumerate() {
        let ends = matches!(letter.char, '.' | '!' | '?' | '\n' | ';' | '。');
        let is_long = count >= LONG && letter.char.is_whitespace();
        if ends || is_long || count + 1 >= LONGEST {
            return Some(letter.end);
        }
    }
    None
}

/// The sentences of `text`, the last of which may have no end.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
        let start = from;
        from += first_end(rest).unwrap_or(rest.len());
        Some(start..from)
    })
}
