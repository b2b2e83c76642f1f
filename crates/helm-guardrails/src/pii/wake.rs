//! Words in which personal data may begin: cheaper than to look for it, and wrong only by saying yes.

use super::scan::counts;
use crate::bytes::{DIGIT, NO_HEX, Token, UPPER, Visitor, is_alnum, walk};
use crate::view::Signs;

/// What alone makes words worth a look.
const ALWAYS: Signs = Signs::of_each(b"@+&%_");
/// Without these nothing can be in words but a sign that is spelled out.
const SOMETIMES: Signs = Signs::of_each(b"0A-.:([{<");

/// Whether personal data may begin in words of ASCII that have these signs.
pub(super) fn may_hold(words: &str, signs: Signs) -> bool {
    signs.has(ALWAYS) || if signs.has(SOMETIMES) { may_hold_any(words) } else { has_at(words.as_bytes()) }
}

/// Whether one of the words is `at`.
fn has_at(words: &[u8]) -> bool {
    let is_at =
        |at: usize| !at.checked_sub(1).is_some_and(|at| is_alnum(words, at)) && !is_alnum(words, at + 2);
    words.array_windows().enumerate().any(|(at, pair)| pair == b"at" && is_at(at))
}

/// Whether personal data may begin in folded words. All of it begins with ASCII.
pub(super) fn may_hold_any(words: &str) -> bool {
    let mut wake = Wake { words: words.as_bytes(), wakes: false };
    walk(wake.words, &mut wake);
    wake.wakes || words.contains('_') || ends_with_name(words)
}

/// Whether the last word may be the name in an address of which the sign is spelled out in the next one.
fn ends_with_name(words: &str) -> bool {
    let word =
        words.trim_ascii_end().rsplit(|char: char| char.is_ascii_whitespace()).next().unwrap_or_default();
    let joined = |part: &[u8]| matches!(part, [a, b'.' | b'-', b] if a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric());
    word.as_bytes().windows(3).any(joined)
}

struct Wake<'w> {
    words: &'w [u8],
    wakes: bool,
}

impl Wake<'_> {
    fn follows(&self, at: usize, byte: u8) -> bool {
        self.words.get(at) == Some(&byte)
    }
}

impl Visitor for Wake<'_> {
    fn token(&mut self, token: Token) {
        let written = self.words.get(token.start..token.end).unwrap_or_default();
        let capitals =
            token.has(UPPER) && written.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase));
        // The first pair of a hardware address, the first part of a web address, and the sign of an address.
        let begins = match written {
            [_, _] if !token.has(NO_HEX) && self.follows(token.end, b'-') => true,
            b"www" => self.follows(token.end, b'.'),
            b"at" => true,
            // The series of a Spanish foreigner's number, which goes on in the next words.
            [b'X'..=b'Z'] if self.words.get(token.end + 1).is_none() => true,
            _ => false,
        };
        self.wakes |= capitals || begins || (token.has(DIGIT) && !counts(self.words, token));
    }

    fn sign(&mut self, at: usize, byte: u8) {
        let next = self.words.get(at + 1).copied().unwrap_or(b' ');
        self.wakes |= match byte {
            b'=' | b'-' | b'.' => false,
            // Behind a label or a clause.
            b':' => !next.is_ascii_whitespace(),
            // Of `[at]`, `(dot)` and the like.
            b'(' | b'[' | b'{' | b'<' => {
                !next.is_ascii_alphabetic() || matches!(next.to_ascii_lowercase(), b'a' | b'd' | b'p')
            }
            _ => true,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_words_lack_is_not_missed(words in "[ -~]{0,12}|([abt] ?){0,6}at[ .]?|[a-f.:(\\[{<-]{0,8}|[aw.=/]{0,8}") {
            prop_assert!(!may_hold_any(&words) || may_hold(&words, Signs::of(&words)), "{words:?}");
        }
    }
}
