//! A text a sentence at a time, in the words view.

use std::ops::Range;
use std::sync::OnceLock;

use helm_core::Span;
use smallvec::SmallVec;

use super::pair::Both;
use crate::sentence::{Part, parts};
use crate::view::{Folded, Heard, Signs, TextView, parts_words};

/// The sentences of a text, parted once for all detectors.
#[derive(Debug)]
pub(crate) struct Pieces<'t> {
    pieces: SmallVec<[Piece; 6]>,
    /// Those that are folded alone.
    alone: Vec<Folded<'t>>,
}

#[derive(Debug)]
struct Piece {
    part: Part,
    folded: Place,
    both: OnceLock<Both>,
}

/// Where a folded sentence stands.
#[derive(Debug)]
enum Place {
    /// In the folded text.
    Text(Range<usize>),
    /// Among those that are folded alone: as a part of the text it may fold to something else.
    Alone(usize),
}

impl<'t> Pieces<'t> {
    /// The sentences of a text that folds to `words`.
    pub(crate) fn new(text: &'t str, words: &Folded<'t>) -> Self {
        let mut new = Self { pieces: SmallVec::new(), alone: Vec::new() };
        let is_ascii = text.is_ascii();
        for part in parts(text).filter(|part| part.goes_on() || has_words(text, &part.range)) {
            let Range { start, end } = part.range;
            let folded = if is_ascii {
                Place::Text(start..end)
            } else if parts_words(text, start) && parts_words(text, end) {
                Place::Text(words.folded(start)..words.folded(end))
            } else {
                new.alone.push(Folded::words(text.get(start..end).unwrap_or_default()));
                Place::Alone(new.alone.len() - 1)
            };
            new.pieces.push(Piece { part, folded, both: OnceLock::new() });
        }
        new
    }
}

/// Whether there is a letter, a digit, or a sign that may stand for one: without any, nothing is found.
fn has_words(text: &str, range: &Range<usize>) -> bool {
    let written = text.as_bytes().get(range.clone()).unwrap_or_default();
    let is_sign = |byte: u8| matches!(byte, b'\'' | b'*' | b'@' | b'$' | b'|' | b'+' | b'#' | b'_' | b'%');
    written.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii() || is_sign(*byte))
}

/// A sentence, or a piece of a long one.
pub(crate) struct Sentence<'a> {
    pub(crate) folded: &'a str,
    pub(crate) written: &'a str,
    /// What a piece goes on from, as written.
    before: &'a str,
    /// Where it stands in the text.
    start: usize,
    /// What `folded` is a part of, from where on, and where that stands in the text.
    words: &'a Folded<'a>,
    offset: usize,
    origin: usize,
    both: &'a OnceLock<Both>,
    heard: Heard<'a>,
    /// Of the whole text.
    pub(crate) signs: Signs,
}

impl Sentence<'_> {
    /// What the built-in models add up over it.
    pub(crate) fn both(&self) -> &Both {
        self.both.get_or_init(|| match self.heard {
            Heard::Beginning(reading, length) => {
                reading.ended_with(self.folded.get(length..).unwrap_or_default())
            }
            _ => Both::read(self.folded),
        })
    }

    /// Where a part of the folded sentence stands in the text.
    pub(crate) fn original(&self, place: Range<usize>) -> Span {
        let Span { start, end } = self.words.original(self.offset + place.start..self.offset + place.end);
        Span { start: self.origin + start, end: self.origin + end }
    }

    /// Where a part of the sentence as it is written stands in the text.
    pub(crate) const fn placed(&self, start: usize, end: usize) -> Span {
        Span { start: self.start + start, end: self.start + end }
    }

    /// Shows `look` a piece of a long sentence behind what it goes on from.
    pub(crate) fn across(&self, look: impl FnOnce(&Across<'_>)) {
        if !self.before.is_empty() {
            let text = [self.before, self.written].concat();
            look(&Across { view: &TextView::new(&text), cut: self.before.len() });
        }
    }
}

/// A text that was cut.
pub(crate) struct Across<'a> {
    view: &'a TextView<'a>,
    cut: usize,
}

impl Across<'_> {
    /// All of it, folded.
    pub(crate) fn folded(&self) -> &str {
        self.view.words().text()
    }

    /// What stands before the cut, folded.
    pub(crate) fn folded_before(&self) -> String {
        let before = self.view.text().get(..self.cut).unwrap_or_default();
        TextView::new(before).words().text().to_owned()
    }

    /// Up to where a part of the folded text reaches behind the cut, when it stands across.
    pub(crate) fn reaches(&self, place: Range<usize>) -> Option<usize> {
        let span = self.view.words().original(place);
        (span.start < self.cut && self.cut < span.end).then(|| span.end - self.cut)
    }
}

/// Shows `each` the sentences of a text.
pub(crate) fn folded_sentences(view: &TextView<'_>, mut each: impl FnMut(&Sentence<'_>)) {
    let (text, Pieces { pieces, alone }) = (view.text(), view.pieces());
    for Piece { part, folded, both } in pieces {
        let start = part.range.start;
        let before =
            if start == 0 { view.before() } else { text.get(part.before.clone()).unwrap_or_default() };
        let written = text.get(part.range.clone()).unwrap_or_default();
        let (words, range, origin) = match folded {
            Place::Text(range) => (view.words(), range.clone(), 0),
            Place::Alone(place) => {
                let Some(words) = alone.get(*place) else { continue };
                (words, 0..words.text().len(), start)
            }
        };
        let (folded, offset) = (words.text().get(range.clone()).unwrap_or_default(), range.start);
        let heard = if written.len() == text.len() { view.heard() } else { Heard::Nothing };
        let signs = view.signs();
        each(&Sentence { folded, written, before, start, words, offset, origin, both, heard, signs });
    }
}

/// A sentence without the white space around it.
pub(crate) fn trimmed(sentence: &str) -> Range<usize> {
    let start = sentence.len() - sentence.trim_start().len();
    start..start + sentence.trim().len()
}
