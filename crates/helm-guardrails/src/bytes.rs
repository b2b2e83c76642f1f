//! What kind of byte each byte is, and the text cut into runs of letters and digits.

/// A decimal digit.
pub(crate) const DIGIT: u8 = 1;
/// `A` to `Z`.
pub(crate) const UPPER: u8 = 2;
/// `a` to `z`.
pub(crate) const LOWER: u8 = 4;
/// A letter that is no hex digit.
pub(crate) const NO_HEX: u8 = 8;
/// What may begin or lie inside something that is not made of letters and digits alone.
pub(crate) const SIGN: u8 = 16;
/// A byte of a character outside ASCII.
pub(crate) const WIDE: u8 = 32;
/// A letter or a digit of ASCII.
pub(crate) const ALNUM: u8 = DIGIT | UPPER | LOWER;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let class = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'F' => UPPER,
            b'G'..=b'Z' => UPPER | NO_HEX,
            b'a'..=b'f' => LOWER,
            b'g'..=b'z' => LOWER | NO_HEX,
            b'@' | b':' | b'+' | b'(' | b'[' | b'{' | b'<' | b'&' | b'%' | b'=' | b'-' | b'.' => SIGN,
            0x80.. => WIDE,
            _ => 0,
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "in a constant, where an index out of range does not compile"
        )]
        {
            classes[byte] = class;
        }
        byte += 1;
    }
    classes
};

/// The class of a byte.
#[inline]
pub(crate) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// The class of the byte at `at`; 0 outside the text.
#[inline]
pub(crate) fn class_at(text: &[u8], at: usize) -> u8 {
    text.get(at).map_or(0, |byte| class(*byte))
}

/// Whether there is a letter or digit of ASCII at `at`.
#[inline]
pub(crate) fn is_alnum(text: &[u8], at: usize) -> bool {
    class_at(text, at) & ALNUM != 0
}

/// Whether there is a digit at `at`.
#[inline]
pub(crate) fn is_digit(text: &[u8], at: usize) -> bool {
    class_at(text, at) & DIGIT != 0
}

/// The byte before `at`.
#[inline]
pub(crate) fn before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| text.get(at)).copied()
}

/// How many bytes from `at` on satisfy `test`, at most `most`.
#[inline]
pub(crate) fn run(text: &[u8], at: usize, most: usize, test: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take(most).take_while(|byte| test(**byte)).count()
}

/// How many bytes before `at` satisfy `test`, at most `most`.
#[inline]
pub(crate) fn run_back(text: &[u8], at: usize, most: usize, test: impl Fn(u8) -> bool) -> usize {
    text.get(..at).unwrap_or_default().iter().rev().take(most).take_while(|byte| test(**byte)).count()
}

/// A run of letters and digits of ASCII.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The classes of its bytes together.
    pub(crate) classes: u8,
}

impl Token {
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }

    pub(crate) fn has(self, class: u8) -> bool {
        self.classes & class != 0
    }
}

/// How many of eight bytes, from the first on, are small letters. All are looked at in one step, for where a word ends is
/// what a processor guesses badly.
#[inline]
pub(crate) fn small_letters(bytes: [u8; 8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_le_bytes(bytes);
    let low = bytes & (0x7f * EACH);
    let from_a = low + (0x80 - b'a' as u64) * EACH;
    let behind_z = low + (0x7f - b'z' as u64) * EACH;
    let others = !(from_a & !behind_z & !bytes) & (0x80 * EACH);
    others.trailing_zeros() as usize / 8
}

/// The run of letters and digits at `at`, if it is of less than eight small letters.
#[inline]
fn small_token(text: &[u8], at: usize) -> Option<Token> {
    let first: [u8; 8] = *text.get(at..)?.first_chunk()?;
    let length = small_letters(first);
    let ends = first.get(length).is_some_and(|byte| class(*byte) & ALNUM == 0);
    let classes = first.iter().take(length).fold(LOWER, |classes, byte| classes | class(*byte));
    (ends && length > 0).then_some(Token { start: at, end: at + length, classes })
}

/// What [`walk`] calls.
pub(crate) trait Visitor {
    /// A run of letters and digits.
    fn token(&mut self, token: Token);
    /// A byte of class [`SIGN`].
    fn sign(&mut self, at: usize, byte: u8);
}

/// Goes over a text once.
#[inline]
pub(crate) fn walk(text: &[u8], visitor: &mut impl Visitor) {
    walk_from(text, 0, visitor);
}

/// Goes over a text once, from `at` on.
#[inline]
pub(crate) fn walk_from(text: &[u8], mut at: usize, visitor: &mut impl Visitor) {
    while let Some(byte) = text.get(at) {
        let mut classes = class(*byte);
        if classes & ALNUM == 0 {
            if classes == SIGN {
                visitor.sign(at, *byte);
            }
            at += 1;
            continue;
        }
        let start = at;
        if classes & LOWER != 0
            && let Some(token) = small_token(text, at)
        {
            visitor.token(token);
            at = token.end;
            continue;
        }
        at += 1;
        while let Some(byte) = text.get(at) {
            let class = class(*byte);
            if class & ALNUM == 0 {
                break;
            }
            classes |= class;
            at += 1;
        }
        visitor.token(Token { start, end: at, classes });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Tokens<'t>(&'t [u8], Vec<(usize, usize, u8)>);

    impl Visitor for Tokens<'_> {
        fn token(&mut self, token: Token) {
            self.1.push((token.start, token.end, token.classes));
        }

        fn sign(&mut self, at: usize, byte: u8) {
            assert_eq!(self.0.get(at), Some(&byte));
        }
    }

    proptest! {
        #[test]
        fn tokens_are_the_runs_of_letters_and_digits(text in "[a-zA-Z0-9 .é]{0,40}|[a-h{`Ā -]{0,40}") {
            let bytes = text.as_bytes();
            let mut tokens = Tokens(bytes, Vec::new());
            walk(bytes, &mut tokens);
            let mut expected = Vec::new();
            let mut from = 0;
            for part in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
                let classes = part.iter().fold(0, |classes, byte| classes | class(*byte));
                expected.push((from, from + part.len(), classes));
                from += part.len() + 1;
            }
            expected.retain(|(start, end, _)| start < end);
            prop_assert_eq!(tokens.1, expected);
        }

        #[test]
        fn small_letters_are_counted_from_the_first_on(bytes in any::<[u8; 8]>(), small in 0_usize..=8) {
            let mut bytes = bytes;
            bytes.iter_mut().take(small).for_each(|byte| *byte = b'a' + *byte % 26);
            let counted = bytes.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
            prop_assert_eq!(small_letters(bytes), counted);
        }
    }
}
