//! From a folded text to the places of its swear words.

use std::ops::Range;

use super::lexicon::{Entry, Lexicon};
use super::reading::{read, read_masked, read_suspect};
use super::spaced::{SHORTEST, Spaced, joins};
use super::spelling::{MASK, SEPARATOR, is_wordlike, kind};

/// Longer tokens, in bytes, are no words.
pub(super) const LONGEST: usize = 63;

/// Shows `found` every swear word of a folded text, and returns where a word of single letters begins that the end
/// of the text may have cut.
pub(super) fn scan(
    lexicon: &Lexicon,
    text: &str,
    mut found: impl FnMut(Range<usize>, &Entry),
) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut spaced = Spaced::new(lexicon, bytes);
    let mut at = 0;
    while let Some(token) = next_token(lexicon, bytes, at) {
        let Token { place, suspects, is_plain } = token;
        at = place.end;
        if is_plain && place.len() > 1 {
            spaced.end(&mut found);
            let written = bytes.get(place.clone()).filter(|_| suspects && place.len() <= LONGEST);
            if let Some(entry) = written.and_then(|written| read_suspect(lexicon, written)) {
                found(place, entry);
            }
            continue;
        }
        let bare = trimmed(bytes, place.clone(), |byte| matches!(byte, b'!' | b'|' | b'+'));
        if bare.len() == 1 {
            spaced.push(bare, &mut found);
        } else if place.len() <= LONGEST {
            judge(lexicon, bytes, place, bare, &mut spaced, &mut found);
        } else {
            spaced.end(&mut found);
        }
    }
    let pending = spaced.pending();
    spaced.end(&mut found);
    pending
}

/// Whether a swear word may begin in words as they were written, which are ASCII: in a token that the lexicon suspects or
/// that hides something, or in a row of single letters, of which the last may go on.
pub(super) fn may_hold(lexicon: &Lexicon, words: &str) -> bool {
    let bytes = words.as_bytes();
    let (mut at, mut row, mut row_end) = (0, 0, 0);
    while let Some(Token { place, suspects, is_plain }) = next_token(lexicon, bytes, at) {
        let written = bytes.get(place.clone()).unwrap_or_default();
        if suspects || (!is_plain && written.iter().any(|byte| hides(*byte))) {
            return true;
        }
        row = match place.len() {
            1 if row > 0 && !joins(bytes, row_end..place.start) => 1,
            1 => row + 1,
            _ => 0,
        };
        (at, row_end) = (place.end, place.end);
        if row >= SHORTEST {
            return true;
        }
    }
    row > 0 && joins(bytes, row_end..bytes.len())
}

/// Whether a byte hides a letter, or is one or no part of the word.
fn hides(byte: u8) -> bool {
    kind(byte) == MASK || matches!(byte, b'!' | b'|' | b'+' | b'$' | b'@')
}

/// A run of letters, signs for letters, and masks.
struct Token {
    place: Range<usize>,
    /// Whether it may hold a word of the lexicon.
    suspects: bool,
    /// Whether it is all letters.
    is_plain: bool,
}

fn next_token(lexicon: &Lexicon, bytes: &[u8], from: usize) -> Option<Token> {
    // A separator of several bytes has more behind its first.
    let begins = |byte: &u8| kind(*byte) != SEPARATOR && !matches!(byte, 0x80..=0xbf);
    let start = from + bytes.get(from..)?.iter().position(begins)?;
    let (mut watch, mut end, mut is_plain) = (lexicon.watch(), start, true);
    for byte in bytes.get(start..)? {
        let kind = kind(*byte);
        if kind == SEPARATOR {
            break;
        }
        is_plain &= byte.is_ascii_lowercase() || *byte >= 0x80;
        watch.read(kind);
        end += 1;
    }
    Some(Token { place: start..end, suspects: watch.suspects, is_plain })
}

fn judge(
    lexicon: &Lexicon,
    bytes: &[u8],
    token: Range<usize>,
    bare: Range<usize>,
    spaced: &mut Spaced<'_>,
    found: &mut impl FnMut(Range<usize>, &Entry),
) {
    let is_mask = |byte: u8| kind(byte) == MASK;
    let core = trimmed(bytes, bare.clone(), is_mask);
    let inside = bytes.get(core.clone()).unwrap_or_default();
    if !inside.iter().any(|byte| is_mask(*byte)) {
        spaced.end(found);
        // `pak!!!` may end in a letter or in exclamation marks.
        let one_more = core.start..core.end + usize::from(core.end == bare.end && bare.end < token.end);
        return judge_plain(lexicon, bytes, core, one_more, found);
    }
    if let Some(entry) = read_masked(lexicon, inside) {
        spaced.end(found);
        // Somebody who hides and quotes a word speaks of it.
        if !is_quoted(bytes, &token) {
            found(core, entry);
        }
        return;
    }
    // `snake_case` and `**bold**` are words, `f_u_c_k` is spaced.
    let mut at = core.start;
    for part in inside.split(|byte| is_mask(*byte)) {
        let place = at..at + part.len();
        at = place.end + 1;
        match part.len() {
            0 => {}
            1 => spaced.push(place, found),
            _ => {
                spaced.end(found);
                judge_plain(lexicon, bytes, place.clone(), place, found);
            }
        }
    }
}

fn judge_plain(
    lexicon: &Lexicon,
    bytes: &[u8],
    token: Range<usize>,
    one_more: Range<usize>,
    found: &mut impl FnMut(Range<usize>, &Entry),
) {
    let written = |place: &Range<usize>| bytes.get(place.clone()).unwrap_or_default();
    if !is_wordlike(written(&one_more)) {
        return;
    }
    // `@name` and `5$` are no letters.
    let plain = trimmed(bytes, token.clone(), |byte| matches!(byte, b'$' | b'@'));
    let places = [token, one_more, plain];
    let hit = places.into_iter().find_map(|place| read(lexicon, written(&place)).map(|entry| (place, entry)));
    if let Some((place, entry)) = hit {
        found(place, entry);
    }
}

fn is_quoted(bytes: &[u8], token: &Range<usize>) -> bool {
    let before = bytes.get(..token.start).unwrap_or_default();
    let after = bytes.get(token.end..).unwrap_or_default();
    let quotes = ["\"", "'", "`", "“", "‘", "«"];
    let closing = ["\"", "'", "`", "”", "’", "»"];
    quotes.iter().any(|quote| before.ends_with(quote.as_bytes()))
        && closing.iter().any(|quote| after.starts_with(quote.as_bytes()))
}

/// `place` without what `is_edge` says of its ends.
fn trimmed(bytes: &[u8], place: Range<usize>, is_edge: impl Fn(u8) -> bool) -> Range<usize> {
    let part = bytes.get(place.clone()).unwrap_or_default();
    let start = part.iter().position(|byte| !is_edge(*byte)).unwrap_or(part.len());
    let end = part.iter().rposition(|byte| !is_edge(*byte)).map_or(start, |last| last + 1);
    place.start + start..place.start + end
}
