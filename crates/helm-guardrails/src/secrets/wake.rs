//! Words in which a secret may begin: cheaper than to look for it, and wrong only by saying yes.

use super::assigned::{is_quote, is_sign};
use super::may_be_prefixed;
use super::pem::may_begin as pem_may_begin;
use super::rules;
use crate::bytes::{Token, Visitor, before, is_alnum, run, run_back, walk};
use crate::view::Signs;

/// The shortest value that is assigned to a name, the shortest of letters alone behind a quote, and the shortest that is
/// encoded.
const VALUE: usize = 6;
const QUOTED: usize = 8;
const ENCODED: usize = 12;

/// Without these the only secret can be a long run of small letters.
const NEEDED: Signs = Signs::of_each(b"A0!@#$%^&*+?~=\"'`-_./:");
/// So long.
const LONG: usize = 14;

/// Whether a secret may begin in words of ASCII that have these signs.
pub(super) fn may_hold(words: &[u8], signs: Signs) -> bool {
    (signs.has(NEEDED) || has_long_run(words)) && may_hold_any(words)
}

/// Whether there may be [`LONG`] letters or digits in a row. Each such row has one of those bytes that are looked at.
fn has_long_run(words: &[u8]) -> bool {
    let around = |at: usize| {
        run_back(words, at, LONG, |byte| byte.is_ascii_alphanumeric())
            + run(words, at, LONG, |byte| byte.is_ascii_alphanumeric())
    };
    (LONG - 1..words.len()).step_by(LONG).any(|at| is_alnum(words, at) && around(at) >= LONG)
}

/// Whether a secret may begin in folded words. All of them begin with ASCII.
pub(super) fn may_hold_any(words: &[u8]) -> bool {
    let mut vendors = Vendors { words, found: false };
    words.split(u8::is_ascii_whitespace).any(may_be_value) || {
        walk(words, &mut vendors);
        vendors.found
    }
}

/// Whether a word may hold a value that the name before it makes a secret.
fn may_be_value(word: &[u8]) -> bool {
    if word.len() < VALUE {
        return false;
    }
    let of = |byte: &u8| CLASSES.get(usize::from(*byte)).copied().unwrap_or_default();
    let classes = word.iter().fold(0, |classes, byte| classes | of(byte));
    let opens = |at: usize| {
        let begins = before(word, at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        begins && word.len() - at > QUOTED
    };
    let quoted = || word.iter().enumerate().any(|(at, byte)| is_quote(*byte) && opens(at));
    // A question mark at the end is the sentence's.
    let asked = || word.iter().rev().skip_while(|byte| **byte == b'?').any(|byte| *byte == b'?');
    let encoded = word.len() >= ENCODED && classes & (CAPITAL | SMALL) == CAPITAL | SMALL;
    classes & SIGNED != 0 || encoded || (classes & QUOTE != 0 && quoted()) || (classes & ASKS != 0 && asked())
}

const SIGNED: u8 = 1;
const QUOTE: u8 = 2;
const ASKS: u8 = 4;
const CAPITAL: u8 = 8;
const SMALL: u8 = 16;

#[expect(clippy::indexing_slicing, reason = "of 256 bytes, when it is compiled")]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'?' => ASKS,
            b'0'..=b'9' => SIGNED,
            b'A'..=b'Z' => CAPITAL,
            b'a'..=b'z' => SMALL,
            quote if is_quote(quote) => QUOTE,
            sign if is_sign(sign) => SIGNED,
            _ => 0,
        };
        byte += 1_u8;
    }
    classes
};

/// Looks for what begins with a prefix.
struct Vendors<'w> {
    words: &'w [u8],
    found: bool,
}

impl Visitor for Vendors<'_> {
    fn token(&mut self, token: Token) {
        self.found |= may_be_prefixed(self.words, token) && rules::may_begin(self.words, token.start);
    }

    fn sign(&mut self, at: usize, byte: u8) {
        self.found |= match byte {
            b'-' => before(self.words, at) != Some(b'-') && pem_may_begin(self.words, at),
            b':' => self.words.get(at + 1..at + 3) == Some(b"//"),
            _ => false,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_words_lack_is_not_missed(
            words in "[ -~]{0,40}|[a-z]{0,40}|[a-z ]{0,60}|(hf_|sk-|xoxb-|akia|AKIA|eyj|eyJ)[a-z]{0,40}|[A-Za-z]{6,24}|[a-z]{1,8}[!-/:-@\\[-`{-~][a-z]{6,24}",
        ) {
            let bytes = words.as_bytes();
            prop_assert!(!may_hold_any(bytes) || may_hold(bytes, Signs::of(&words)), "{words:?}");
        }
    }
}
