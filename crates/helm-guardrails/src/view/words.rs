use std::ops::Range;
use std::sync::LazyLock;

use smallvec::SmallVec;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::ignorable::is_ignorable;
use super::look_alike::{is_rare, look_alike, variant};
use super::map::Map;
use super::numerals::digit;
use super::{Folded, Folding, INLINE, Store, beyond_ascii};

/// Folds a text of ASCII.
pub(super) fn lower_ascii(text: &str) -> Folded<'_> {
    if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Folded::borrowed(text);
    }
    let text = if text.len() <= INLINE {
        let mut bytes = SmallVec::from_slice(text.as_bytes());
        bytes.make_ascii_lowercase();
        Store::Inline(bytes)
    } else {
        Store::Owned(text.to_ascii_lowercase())
    };
    Folded { text, map: Map::identity(), is_as_long: true }
}

/// Folds any text, a word at a time.
pub(super) fn fold(text: &str) -> Folded<'_> {
    let mut folding = Folding::new(text);
    let mut from = 0;
    while let Some((at, char)) = beyond_ascii(text, from) {
        // What stands before the word is all ASCII.
        let start =
            text.get(from..at).and_then(|plain| plain.rfind(ends_word)).map_or(from, |end| from + end + 1);
        folding.lower(from..start);
        let rest = text.get(at..).unwrap_or_default();
        let end = at + rest.find(ends_word).unwrap_or(rest.len());
        fold_word(&mut folding, start..end);
        from = end;
        if end == at {
            from += char.len_utf8();
            fold_char(&mut folding, at, char, false);
        }
    }
    folding.lower(from..text.len());
    folding.finish()
}

/// Whether what stands before `at` is folded without regard to what stands behind it, and the other way round.
pub(crate) fn parts_words(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    before.chars().next_back().is_none_or(ends_word) || after.chars().next().is_none_or(ends_word)
}

fn ends_word(char: char) -> bool {
    char.is_whitespace()
        || matches!(char, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | ',' | ';' | ':' | '"' | '/')
}

fn fold_word(folding: &mut Folding<'_>, place: Range<usize>) {
    let word = folding.original.get(place.clone()).unwrap_or_default();
    let disguised = !word.is_ascii() && is_disguised(word);
    for (at, char) in word.char_indices() {
        fold_char(folding, place.start + at, char, disguised);
    }
}

/// Whether a word is Latin with letters of other scripts in it.
fn is_disguised(word: &str) -> bool {
    let has = |test: fn(char) -> bool| word.chars().any(test);
    let other = |char: char| look_alike(char).is_none() && !char.is_ascii() && char.is_alphabetic();
    has(|char| look_alike(char).is_some()) && (has(is_latin) || (has(is_rare) && !has(other)))
}

fn is_latin(char: char) -> bool {
    look_alike(char).is_none() && char.is_ascii_alphabetic()
}

fn fold_char(folding: &mut Folding<'_>, start: usize, char: char, disguised: bool) {
    if (char.is_ascii() && !char.is_ascii_uppercase()) || is_ideograph(char) {
        return;
    }
    if is_ignorable(char) {
        return folding.replace(start..start + char.len_utf8(), "");
    }
    let known =
        usize::try_from(u32::from(char)).ok().and_then(|code| SHORT.get(code)?.get(usize::from(disguised)));
    let made;
    let folded = if let Some(Some(known)) = known {
        known.as_slice()
    } else {
        made = folded_char(char, disguised);
        made.as_slice()
    };
    let place = start..start + char.len_utf8();
    if folding.original.as_bytes().get(place.clone()) != Some(folded) {
        folding.replace(place, std::str::from_utf8(folded).unwrap_or_default());
    }
}

/// What is its own fold.
fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// A short folded character.
struct Short {
    bytes: [u8; 6],
    length: u8,
}

impl Short {
    fn new(folded: &[u8]) -> Option<Self> {
        let mut bytes = [0; 6];
        bytes.get_mut(..folded.len())?.copy_from_slice(folded);
        Some(Self { bytes, length: u8::try_from(folded.len()).ok()? })
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// The folds of the characters of one and two bytes: outside disguised words and in them.
static SHORT: LazyLock<Vec<[Option<Short>; 2]>> = LazyLock::new(|| {
    let folds = |char| [false, true].map(|disguised| Short::new(&folded_char(char, disguised)));
    ('\0'..'\u{800}').map(folds).collect()
});

fn folded_char(char: char, disguised: bool) -> SmallVec<[u8; 32]> {
    let mut folded = SmallVec::new();
    let mut add = |part: char| folded.extend_from_slice(part.encode_utf8(&mut [0; 4]).as_bytes());
    if char.is_ascii() {
        add(char.to_ascii_lowercase());
    } else if !is_ignorable(char) {
        decompose_compatible(char, |part| visible(part, disguised, &mut add));
    }
    folded
}

fn visible(char: char, disguised: bool, add: &mut impl FnMut(char)) {
    if is_combining_mark(char) || is_ignorable(char) {
        return;
    }
    if let Some(digit) = digit(char) {
        return add(digit);
    }
    if let Some(latin) = look_alike(char).filter(|_| disguised) {
        return add(latin);
    }
    let lower = char.to_lowercase().filter(|part| !is_combining_mark(*part));
    lower.for_each(|part| add(variant(part).unwrap_or(part)));
}
