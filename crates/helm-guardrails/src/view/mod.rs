//! A text, and the text as detectors compare it, with the way back to the original.

mod digits;
mod ignorable;
mod look_alike;
mod map;
mod numerals;
mod short;
mod signs;
mod words;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use helm_core::Span;
use smallvec::SmallVec;

use crate::linear::{Both, Pieces, Reading};
pub(crate) use ignorable::{is_separator, visible_len};
pub(crate) use look_alike::look_alike;
use map::Map;
pub(crate) use short::{is_alphabetic, is_alphanumeric};
pub(crate) use signs::Signs;
pub(crate) use words::parts_words;

/// A text that is scanned, with what detectors share of the work on it.
///
/// Two folded views are made when they are first asked for, once for all detectors:
///
/// | view | for | what it does |
/// |---|---|---|
/// | [`digits`](Self::digits) | ids and secrets | invisible characters dropped; full width and mathematical letters, the decimal digits of all scripts, spaces and hyphens become their ASCII forms; case is kept |
/// | [`words`](Self::words) | lexicon and models | invisible characters and accents dropped, compatibility forms resolved (NFKD), digits as above, letters that look like Latin ones replaced in words of mixed scripts, lower case |
///
/// A view of a text that it does not change borrows the text: nothing is copied. What is found in a view is said in
/// places of the original with [`Folded::original`].
///
/// ```
/// use helm_guardrails::TextView;
///
/// let view = TextView::new("Nr. ４\u{200b}２!");
/// let found = view.digits().text().find("42").unwrap();
/// let span = view.digits().original(found..found + 2);
/// assert_eq!(&view.text()[span.start..span.end], "４\u{200b}２");
/// assert_eq!(TextView::new("İdéE").words().text(), "idee");
/// ```
#[derive(Debug)]
pub struct TextView<'t> {
    text: &'t str,
    before: &'t str,
    known: usize,
    /// The [`Signs`] of the text as a number; 0 until it is looked at.
    signs: AtomicU64,
    /// The text as it is, for where it does not differ.
    plain: Folded<'t>,
    /// The text in small letters, where that is known and all there is to fold.
    lowered: Option<Folded<'t>>,
    digits: OnceLock<Folded<'t>>,
    words: OnceLock<Folded<'t>>,
    pieces: OnceLock<Pieces<'t>>,
    heard: Heard<'t>,
}

/// What a stream has read of a text before, for the built-in models.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Heard<'t> {
    #[default]
    Nothing,
    /// All of it: what it adds to the sentence that it is a part of.
    All(Both),
    /// So many bytes of it, folded, which is a sentence.
    Beginning(&'t Reading, usize),
}

impl<'t> TextView<'t> {
    /// A view of `text`. Costs nothing until something is asked of it.
    #[must_use]
    #[inline]
    pub const fn new(text: &'t str) -> Self {
        Self::of_part("", text)
    }

    /// A view of `text`, which goes on from `before`: see [`before`](Self::before).
    #[must_use]
    #[inline]
    pub const fn of_part(before: &'t str, text: &'t str) -> Self {
        Self {
            text,
            before,
            known: 0,
            signs: AtomicU64::new(0),
            plain: Folded::borrowed(text),
            lowered: None,
            digits: OnceLock::new(),
            words: OnceLock::new(),
            pieces: OnceLock::new(),
            heard: Heard::Nothing,
        }
    }

    /// Takes what the text, which is ASCII, is in small letters.
    #[inline]
    pub(crate) fn know_lowered(&mut self, lowered: &'t str) {
        self.lowered = Some(Folded::borrowed(lowered));
    }

    /// The last words before the text, where it is a piece of a sentence that was too long: something may stand across
    /// the cut. Empty otherwise. A detector of [`Reach::Sentence`](crate::Reach) may look at it, and reports what is found
    /// there as beginning with the text.
    #[must_use]
    pub const fn before(&self) -> &'t str {
        self.before
    }

    /// This view of a text of whose first `bytes`, up to a character's boundary, only what they say about what stands
    /// behind them is of interest: see [`known`](Self::known).
    #[must_use]
    pub const fn with_known(mut self, bytes: usize) -> Self {
        self.know(bytes);
        self
    }

    /// As [`with_known`](Self::with_known), in place.
    pub(crate) const fn know(&mut self, bytes: usize) {
        self.known = bytes;
    }

    /// Takes what has been read of it before.
    pub(crate) const fn hear(&mut self, heard: Heard<'t>) {
        self.heard = heard;
    }

    pub(crate) const fn heard(&self) -> Heard<'t> {
        self.heard
    }

    /// What the built-in models add up over it; in a stream, over it as a part of its sentence.
    pub(crate) fn both(&self) -> Both {
        match self.heard {
            Heard::All(both) => both,
            _ => Both::read(self.words().text()),
        }
    }

    /// Up to where a text has been scanned before: what begins there is passed over if it is found again, so a detector
    /// need not look for it. 0 but in a stream, which shows a detector [what it looks behind](crate::Detector::lookbehind).
    #[must_use]
    pub const fn known(&self) -> usize {
        self.known
    }

    /// The original.
    #[must_use]
    pub const fn text(&self) -> &'t str {
        self.text
    }

    /// Whether the original is all ASCII.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        !self.signs().has(Signs::WIDE)
    }

    /// Which kinds of bytes occur in the original.
    pub(crate) fn signs(&self) -> Signs {
        Signs::from_bits(self.signs.load(Ordering::Relaxed)).unwrap_or_else(|| {
            let signs = Signs::of(self.text);
            self.signs.store(signs.to_bits(), Ordering::Relaxed);
            signs
        })
    }

    /// The view for numbers, ids and secrets.
    #[must_use]
    pub fn digits(&self) -> &Folded<'t> {
        if self.is_ascii() {
            return &self.plain;
        }
        self.digits.get_or_init(|| digits::fold(self.text))
    }

    /// The view for lexicons and models.
    #[must_use]
    pub fn words(&self) -> &Folded<'t> {
        if !self.signs().has(Signs::UPPER.and(Signs::WIDE)) {
            return &self.plain;
        }
        if let Some(lowered) = &self.lowered {
            return lowered;
        }
        self.words.get_or_init(|| Folded::words(self.text))
    }

    /// Its sentences.
    pub(crate) fn pieces(&self) -> &Pieces<'t> {
        self.pieces.get_or_init(|| Pieces::new(self.text, self.words()))
    }
}

/// A folded text, and where its parts stand in the original.
#[derive(Debug)]
pub struct Folded<'t> {
    text: Store<'t>,
    map: Map,
    /// Whether it is as long as the original: of what was dropped at its end the map knows nothing.
    is_as_long: bool,
}

/// Short texts that were only lowered need no allocation.
const INLINE: usize = 256;

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one scan, so that short texts need no heap"
)]
enum Store<'t> {
    Borrowed(&'t str),
    /// ASCII.
    Inline(SmallVec<[u8; INLINE]>),
    Owned(String),
}

impl<'t> Folded<'t> {
    const fn borrowed(text: &'t str) -> Self {
        Self { text: Store::Borrowed(text), map: Map::identity(), is_as_long: true }
    }

    /// A text folded for lexicons and models.
    pub(crate) fn words(text: &'t str) -> Self {
        match text.is_ascii() {
            true => words::lower_ascii(text),
            false => words::fold(text),
        }
    }

    /// The folded text.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.text {
            Store::Borrowed(text) => text,
            Store::Inline(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Store::Owned(text) => text,
        }
    }

    /// Whether every byte of the original, or what it became, stands in the folded text where it stood.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.is_as_long && self.map.is_identity()
    }

    /// Where what stands at `original`, on a character's boundary, or what is next and was not dropped, came to stand.
    pub(crate) fn folded(&self, original: usize) -> usize {
        self.map.folded(original).min(self.text().len())
    }

    /// The characters of the original that `range` of the folded text was made of: from the first byte of its first
    /// character's to the last byte of its last character's. Always on character boundaries, provided that `range`
    /// lies on those of the folded text; an empty range gives an empty span.
    #[must_use]
    pub fn original(&self, range: Range<usize>) -> Span {
        let start = self.map.start(range.start);
        Span { start, end: if range.is_empty() { start } else { self.map.end(range.end) } }
    }
}

/// The first character beyond ASCII from `from` on.
fn beyond_ascii(text: &str, from: usize) -> Option<(usize, char)> {
    let at = from + text.as_bytes().get(from..)?.iter().position(|byte| !byte.is_ascii())?;
    text.get(at..)?.chars().next().map(|char| (at, char))
}

/// A folded text being made.
pub(crate) struct Folding<'t> {
    original: &'t str,
    /// Empty until something differs from the original.
    text: String,
    map: Map,
    /// Up to here the original has been copied or folded.
    done: usize,
}

impl<'t> Folding<'t> {
    pub(crate) const fn new(original: &'t str) -> Self {
        Self { original, text: String::new(), map: Map::identity(), done: 0 }
    }

    /// Replaces the original at `place`, which is ASCII, by its small letters.
    fn lower(&mut self, place: Range<usize>) {
        let part = self.original.get(place.clone()).unwrap_or_default();
        if part.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.copy_to(place.start);
            self.map.copied(self.text.len(), place.start);
            self.text.extend(part.chars().map(|char| char.to_ascii_lowercase()));
            self.done = place.end;
        }
    }

    /// Takes over the original unchanged up to `at`.
    fn copy_to(&mut self, at: usize) {
        let part = self.original.get(self.done..at).unwrap_or_default();
        if !part.is_empty() {
            self.map.copied(self.text.len(), self.done);
            self.text.push_str(part);
            self.done = at;
        }
    }

    /// Replaces the original at `place` by `folded`, which may be empty.
    pub(crate) fn replace(&mut self, place: Range<usize>, folded: &str) {
        self.copy_to(place.start);
        if !folded.is_empty() {
            self.map.replaced(self.text.len(), place.start, folded, place.len());
            self.text.push_str(folded);
        }
        self.done = place.end;
    }

    /// Where what stands at `at` of the original, up to which nothing is left to be replaced, comes to stand.
    pub(crate) fn place_of(&self, at: usize) -> usize {
        self.text.len() + at.saturating_sub(self.done)
    }

    pub(crate) fn finish(mut self) -> Folded<'t> {
        if self.done == 0 {
            return Folded::borrowed(self.original);
        }
        self.copy_to(self.original.len());
        let is_as_long = self.text.len() == self.original.len();
        Folded { text: Store::Owned(self.text), map: self.map, is_as_long }
    }
}
