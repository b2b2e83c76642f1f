//! Words written a letter at a time: `s h i t`, `f.u.c.k`.

use std::ops::Range;

use super::lexicon::{Entry, Lexicon};
use super::reading::read_whole;

/// The longest word, in letters, that is looked for; a row of more single letters is none.
const LONGEST: usize = 24;
/// The shortest.
pub(super) const SHORTEST: usize = 3;
/// The most bytes between two letters of a word.
pub(super) const LONGEST_GAP: usize = 3;

/// A row of single letters.
pub(super) struct Spaced<'t> {
    lexicon: &'t Lexicon,
    text: &'t [u8],
    letters: [u8; LONGEST],
    starts: [usize; LONGEST],
    /// How many there are, which may be more than are kept.
    length: usize,
    end: usize,
}

impl<'t> Spaced<'t> {
    pub(super) fn new(lexicon: &'t Lexicon, text: &'t [u8]) -> Self {
        Self { lexicon, text, letters: [0; LONGEST], starts: [0; LONGEST], length: 0, end: 0 }
    }

    /// Takes the next single letter.
    pub(super) fn push(&mut self, place: Range<usize>, found: &mut impl FnMut(Range<usize>, &Entry)) {
        if self.length > 0 && !self.goes_on(place.start) {
            self.end(found);
        }
        if let (Some(letter), Some(start)) =
            (self.letters.get_mut(self.length), self.starts.get_mut(self.length))
        {
            *letter = self.text.get(place.start).copied().unwrap_or_default();
            *start = place.start;
        }
        self.length += 1;
        self.end = place.end;
    }

    /// Whether a letter at `start` belongs to the row: little lies between, and the same as between the others.
    fn goes_on(&self, start: usize) -> bool {
        joins(self.text, self.end..start)
    }

    /// Where a row begins that reaches the end of the text.
    pub(super) fn pending(&self) -> Option<usize> {
        let goes_on = self.length > 0 && self.goes_on(self.text.len());
        self.starts.first().filter(|_| goes_on).copied()
    }

    /// Ends the row: it is a word, or one after or before an `a` or an `i`.
    #[inline]
    pub(super) fn end(&mut self, found: &mut impl FnMut(Range<usize>, &Entry)) {
        if self.length > 0 {
            self.end_row(found);
        }
    }

    fn end_row(&mut self, found: &mut impl FnMut(Range<usize>, &Entry)) {
        let length = std::mem::take(&mut self.length);
        if !(SHORTEST..=LONGEST).contains(&length) {
            return;
        }
        let alone = |at: usize| matches!(self.letters.get(at), Some(b'a' | b'i' | b'u'));
        let ways = [(0, length), (1, length), (0, length - 1), (1, length - 1)];
        for (from, to) in ways {
            if to - from < SHORTEST || (from == 1 && !alone(0)) || (to < length && !alone(to)) {
                continue;
            }
            let entry = self.letters.get(from..to).and_then(|word| read_whole(self.lexicon, word));
            if let (Some(entry), Some(start)) = (entry, self.starts.get(from)) {
                let last = self.starts.get(to - 1).copied().unwrap_or(*start);
                let end = last + 1;
                return found(*start..end, entry);
            }
        }
    }
}

/// Whether two letters of a row may stand before and behind a gap.
pub(super) fn joins(text: &[u8], gap: Range<usize>) -> bool {
    let gap = text.get(gap).unwrap_or_default();
    let sign = |byte: &u8| matches!(byte, b' ' | b'.' | b'-' | b'_' | b'*' | b'\n' | b',' | b'/' | b'~');
    gap.len() <= LONGEST_GAP && gap.iter().all(sign)
}
