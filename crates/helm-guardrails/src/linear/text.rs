//! A text a sentence at a time, in the words view.

use std::ops::Range;

use helm_core::Span;

use crate::sentence::parts;
use crate::view::{Folded, TextView};

/// A sentence, or a piece of a long one.
pub(crate) struct Sentence<'a> {
    pub(crate) folded: &'a str,
    pub(crate) written: &'a str,
    /// What a piece goes on from, as written.
    before: &'a str,
    /// Where it stands in the text.
    start: usize,
    /// What `folded` is a part of, and from where on.
    words: &'a Folded<'a>,
    offset: usize,
}

impl Sentence<'_> {
    /// Where a part of the folded sentence stands in the text.
    pub(crate) fn original(&self, place: Range<usize>) -> Span {
        let span = self.words.original(self.offset + place.start..self.offset + place.end);
        self.placed(span.start - self.offset, span.end - self.offset)
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
    let (text, words) = (view.text(), view.words());
    for part in parts(text) {
        let start = part.range.start;
        let before = if start == 0 { view.before() } else { text.get(part.before).unwrap_or_default() };
        let written = text.get(part.range.clone()).unwrap_or_default();
        if words.is_in_place() {
            let folded = words.text().get(part.range).unwrap_or_default();
            each(&Sentence { folded, written, before, start, words, offset: start });
        } else {
            let alone = TextView::new(written);
            let words = alone.words();
            each(&Sentence { folded: words.text(), written, before, start, words, offset: 0 });
        }
    }
}

/// A sentence without the white space around it.
pub(crate) fn trimmed(sentence: &str) -> Range<usize> {
    let start = sentence.len() - sentence.trim_start().len();
    start..start + sentence.trim().len()
}
