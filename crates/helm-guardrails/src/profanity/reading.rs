//! How a token is read.

use super::innocent::{is_glue, is_innocent};
use super::lexicon::{Entry, Lexicon};
use super::spelling::{MASK, is_wordlike, kind, letter, spelled, stands_for};

/// What may follow a word.
const ENDINGS: [&str; 16] =
    ["s", "es", "d", "ed", "r", "er", "ers", "in", "ing", "ings", "y", "ier", "iest", "ish", "head", "heads"];
/// Words of at least so many letters are found inside anything that is no word of its own.
const DISTINCT: usize = 6;

/// The worst word that a token without hidden letters holds; `None` when it is harmless.
pub(super) fn read<'l>(lexicon: &'l Lexicon, token: &[u8]) -> Option<&'l Entry> {
    if lexicon.suspects(token) { read_suspect(lexicon, token) } else { None }
}

/// The same of a token that the lexicon suspects.
pub(super) fn read_suspect<'l>(lexicon: &'l Lexicon, token: &[u8]) -> Option<&'l Entry> {
    read_closely(lexicon, token, holds)
}

/// The word that letters are, alone or with an ending.
pub(super) fn read_whole<'l>(lexicon: &'l Lexicon, letters: &[u8]) -> Option<&'l Entry> {
    if lexicon.suspects(letters) { read_closely(lexicon, letters, is_whole) } else { None }
}

fn read_closely<'l>(
    lexicon: &'l Lexicon,
    token: &[u8],
    counts: impl Fn(&Entry, &[u8], usize) -> bool,
) -> Option<&'l Entry> {
    if !is_wordlike(token) {
        return None;
    }
    let mut worst = None;
    lexicon.candidates(token, |entry, start| {
        if counts(entry, token, start) {
            worst = worse(worst, entry);
        }
    });
    worst.filter(|_| !is_innocent(token))
}

/// The one that is worse; the longer of two alike.
fn worse<'l>(before: Option<&'l Entry>, entry: &'l Entry) -> Option<&'l Entry> {
    let rank = |entry: &Entry| (entry.class.severity(), entry.word.len());
    before.filter(|before| rank(before) >= rank(entry)).or(Some(entry))
}

/// Whether the word stands in the token as a word of its own: alone, with an ending, or glued to others.
fn holds(entry: &Entry, token: &[u8], start: usize) -> bool {
    let word = entry.word.as_bytes();
    let (before, written) = token.split_at_checked(start).unwrap_or((token, &[]));
    let glued = |length| is_glued(word, before, written.get(length..).unwrap_or_default());
    is_whole(entry, token, start) || (word.len() >= 4 && lengths(spelled(word, written, false)).any(glued))
}

/// Whether the token is the word, or the word with an ending.
fn is_whole(entry: &Entry, token: &[u8], start: usize) -> bool {
    let word = entry.word.as_bytes();
    if start > 0 {
        return false;
    }
    let exact = spelled(word, token, false);
    if exact >> token.len().min(63) & 1 == 1 {
        return true;
    }
    let ends = |length| ends_well(word, token, length, exact >> length & 1 == 1);
    lengths(spelled(word, token, true)).any(ends)
}

/// The places of the bits that are set, from the lowest on.
fn lengths(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let length = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        length
    })
}

/// Whether what follows the first `length` bytes is nothing or an ending.
fn ends_well(word: &[u8], written: &[u8], length: usize, exact: bool) -> bool {
    // A stretched short word is often another: it must be stretched for all to see.
    if !exact && word.len() < 4 && length < word.len() + 2 {
        return false;
    }
    let rest = written.get(length..).unwrap_or_default();
    let short = word.len() < 4;
    let ends = |ending: &&str| {
        let plural = matches!(*ending, "s" | "es");
        let after_e = matches!(*ending, "d" | "r");
        (!short || plural)
            && (!after_e || word.ends_with(b"e"))
            && spelled(ending.as_bytes(), rest, true) >> rest.len().min(63) & 1 == 1
    };
    rest.is_empty() || ENDINGS.iter().any(ends) || doubles(word, rest)
}

/// `slutty` doubles the last letter of `slut` before the ending.
fn doubles(word: &[u8], rest: &[u8]) -> bool {
    let doubled = rest.split_first().filter(|(first, _)| word.ends_with(&[**first]) && word.len() > 3);
    let ending = doubled.and_then(|(_, ending)| std::str::from_utf8(ending).ok());
    ending.is_some_and(|ending| ["y", "ed", "er", "ers", "ing", "in", "ier", "iest"].contains(&ending))
}

fn is_glued(word: &[u8], before: &[u8], after: &[u8]) -> bool {
    let follows = || {
        let endings = ENDINGS.iter().filter_map(|ending| after.strip_prefix(ending.as_bytes()));
        endings.chain([after]).any(is_glue)
    };
    word.len() >= DISTINCT || ROOTS.contains(&word) || (is_glue(before) && follows())
}

/// Short words that are in no others by chance.
const ROOTS: [&[u8]; 8] = [b"fuck", b"cunt", b"shit", b"bitch", b"whore", b"nigga", b"twat", b"slut"];

/// The worst word that a token with hidden letters, such as `f**k`, may be: it has the same length.
///
/// Two letters must be left, one of them the first.
pub(super) fn read_masked<'l>(lexicon: &'l Lexicon, token: &[u8]) -> Option<&'l Entry> {
    let shown = token.iter().filter(|byte| letter(**byte).is_some()).count();
    let first = token.first().copied().filter(u8::is_ascii_alphabetic)?;
    let masks: usize = token.iter().filter(|byte| kind(**byte) == MASK).count();
    if shown < 2 || masks == 0 || token.len() < 4 || !is_wordlike(token) {
        return None;
    }
    // Most words differ in the first letter that is told behind the first.
    let told = token.iter().skip(1).position(|byte| kind(*byte) != MASK).map_or(0, |place| place + 1);
    let is_told = |word: &[u8]| match (word.get(told), token.get(told)) {
        (Some(meant), Some(written)) => kind(*meant) == kind(*written),
        _ => true,
    };
    let mut worst = None;
    for ending in ["", "s", "ed", "er", "ers", "ing", "y", "head", "heads"] {
        let length = token.len().saturating_sub(ending.len());
        let (stem, rest) = token.split_at_checked(length).unwrap_or((token, &[]));
        if fits(ending.as_bytes(), rest) {
            let entries = lexicon.of_shape(length, first).filter(|entry| is_told(entry.word.as_bytes()));
            worst = entries.filter(|entry| fits(entry.word.as_bytes(), stem)).fold(worst, worse);
        }
    }
    worst
}

fn fits(meant: &[u8], written: &[u8]) -> bool {
    let fits = |(meant, written): (&u8, &u8)| kind(*written) == MASK || stands_for(*written, *meant);
    meant.len() == written.len() && meant.iter().zip(written).all(fits)
}
