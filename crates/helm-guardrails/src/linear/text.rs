//! A text a sentence at a time, in the words view.

use std::ops::Range;

use helm_core::Span;

use crate::sentence::sentences;
use crate::view::TextView;

/// Shows `each` the sentences of a text, folded and as written, with the way from a place in the folded one to the text.
pub(crate) fn folded_sentences(
    view: &TextView<'_>,
    mut each: impl FnMut(&str, &str, &dyn Fn(Range<usize>) -> Span),
) {
    let words = view.words();
    for range in sentences(view.text()) {
        let start = range.start;
        let written = view.text().get(range.clone()).unwrap_or_default();
        if words.is_in_place() {
            let sentence = words.text().get(range).unwrap_or_default();
            each(sentence, written, &|place| Span { start: start + place.start, end: start + place.end });
        } else {
            let part = TextView::new(written);
            each(part.words().text(), written, &|place| {
                let span = part.words().original(place);
                Span { start: start + span.start, end: start + span.end }
            });
        }
    }
}

/// A sentence without the white space around it.
pub(crate) fn trimmed(sentence: &str) -> Range<usize> {
    let start = sentence.len() - sentence.trim_start().len();
    start..start + sentence.trim().len()
}
