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
/// A capital behind a small letter or a digit of the same run, as in `userName`. No byte alone is of this class.
pub(crate) const HUMP: u8 = 64;
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
    (!between(u64::from_le_bytes(bytes), b'a', b'z') & TOP).trailing_zeros() as usize / 8
}

const EACH: u64 = 0x0101_0101_0101_0101;
/// The upper bit of each of eight bytes.
const TOP: u64 = 0x80 * EACH;

/// The upper bit of each of eight bytes of ASCII that is not less than `first`; the others of its bits are of no use.
#[inline]
const fn not_less(ascii: u64, first: u8) -> u64 {
    ascii + (0x80 - first as u64) * EACH
}

/// The upper bit of each of eight bytes that is from `first` to `last`, which are of ASCII.
#[inline]
const fn between(bytes: u64, first: u8, last: u8) -> u64 {
    let ascii = bytes & !TOP;
    not_less(ascii, first) & !not_less(ascii, last + 1) & !bytes & TOP
}

/// How many of eight bytes, from the first on, are letters and digits, and their classes together; in one step as well.
/// `is_open` says whether a small letter or a digit stands before them, and is told of what stands behind eight.
#[inline]
fn letters_and_digits(bytes: [u8; 8], is_open: &mut bool) -> (usize, u8) {
    let bytes = u64::from_le_bytes(bytes);
    let digits = between(bytes, b'0', b'9');
    let (upper, lower) = (between(bytes, b'A', b'Z'), between(bytes, b'a', b'z'));
    let length = (!(digits | upper | lower) & TOP).trailing_zeros() as usize / 8;
    let here = if length < 8 { (1 << (8 * length)) - 1 } else { u64::MAX };
    let no_hex = (upper | lower) & not_less((bytes | (0x20 * EACH)) & !TOP, b'g');
    let opens = digits | lower;
    let humps = (opens << 8 | u64::from(*is_open) << 7) & upper;
    *is_open = opens >> 63 == 1;
    let has = |of: u64, class: u8| if of & here == 0 { 0 } else { class };
    let classes = has(digits, DIGIT) | has(upper, UPPER) | has(lower, LOWER) | has(no_hex, NO_HEX);
    (length, classes | has(humps, HUMP))
}

/// Which of eight bytes are of a kind, a bit each, that of the first the lowest.
pub(crate) struct Kinds {
    pub(crate) digits: u8,
    pub(crate) letters: u8,
    /// Spaces, hyphens, full stops and slashes.
    pub(crate) joints: u8,
    pub(crate) hyphens: u8,
    pub(crate) stops: u8,
}

impl Kinds {
    /// In one step, too.
    #[inline]
    pub(crate) fn of(bytes: [u8; 8]) -> Self {
        let bytes = u64::from_le_bytes(bytes);
        let is = |byte: u8| between(bytes, byte, byte);
        let (hyphens, stops) = (is(b'-'), is(b'.'));
        // From the hyphen on: `-`, `.`, `/`.
        let joints = is(b' ') | between(bytes, b'-', b'/');
        Self {
            digits: gathered(between(bytes, b'0', b'9')),
            letters: gathered(between(bytes | (0x20 * EACH), b'a', b'z')),
            joints: gathered(joints),
            hyphens: gathered(hyphens),
            stops: gathered(stops),
        }
    }
}

/// The upper bits of eight bytes side by side: the product puts the bit of byte n at place 56 + n, and none of the other
/// places it is put at is another's.
#[inline]
const fn gathered(tops: u64) -> u8 {
    ((tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The run of letters and digits at `at`, if it is of less than eight small letters, as most are: which takes half as many
/// steps as any other.
#[inline]
fn small_token(text: &[u8], at: usize) -> Option<Token> {
    let first: [u8; 8] = *text.get(at..)?.first_chunk()?;
    let length = small_letters(first);
    let ends = first.get(length).is_some_and(|byte| class(*byte) & ALNUM == 0);
    let here = (1 << (8 * (length % 8))) - 1;
    // All that count are small letters, whose upper bit is not set.
    let no_hex = not_less(u64::from_le_bytes(first) & here, b'g') & here & TOP;
    let classes = if no_hex == 0 { LOWER } else { LOWER | NO_HEX };
    (ends && length > 0).then_some(Token { start: at, end: at + length, classes })
}

/// The run of letters and digits at `start`.
#[inline]
fn token_at(text: &[u8], start: usize) -> Token {
    if let Some(token) = small_token(text, start) {
        return token;
    }
    let (mut end, mut classes, mut is_open) = (start, 0, false);
    while let Some(eight) = text.get(end..).and_then(<[u8]>::first_chunk) {
        let (length, of_them) = letters_and_digits(*eight, &mut is_open);
        classes |= of_them;
        end += length;
        if length < 8 {
            return Token { start, end, classes };
        }
    }
    let last = text.get(end..).unwrap_or_default().iter().map(|byte| class(*byte));
    for class in last.take_while(|class| class & ALNUM != 0) {
        classes |= if is_open && class & UPPER != 0 { class | HUMP } else { class };
        is_open = class & UPPER == 0;
        end += 1;
    }
    Token { start, end, classes }
}

/// A word of less than four letters, the first the lowest; 0 for others.
#[inline]
pub(crate) fn short_word(text: &[u8], token: Token) -> u32 {
    let here = if token.len() < 4 { (1 << (8 * token.len())) - 1 } else { 0 };
    match text.get(token.start..).and_then(<[u8]>::first_chunk) {
        Some(first) => u32::from_le_bytes(*first) & here,
        None => {
            let mut first = [0; 4];
            let word = text.get(token.start..token.end).unwrap_or_default();
            first.iter_mut().zip(word).for_each(|(to, byte)| *to = *byte);
            u32::from_le_bytes(first) & here
        }
    }
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
        let class = class(*byte);
        if class & ALNUM == 0 {
            if class == SIGN {
                visitor.sign(at, *byte);
            }
            at += 1;
            continue;
        }
        let token = token_at(text, at);
        at = token.end;
        visitor.token(token);
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
        fn tokens_are_the_runs_of_letters_and_digits(text in "[a-zA-Z0-9 .é]{0,40}|[a-h{`Ā -]{0,40}|[a-zA1]{0,40}") {
            let bytes = text.as_bytes();
            let mut tokens = Tokens(bytes, Vec::new());
            walk(bytes, &mut tokens);
            let mut expected = Vec::new();
            let mut from = 0;
            for part in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
                let classes = part.iter().fold(0, |classes, byte| classes | class(*byte));
                let is_hump = |pair: &[u8; 2]| class(pair[0]) & UPPER == 0 && class(pair[1]) & UPPER != 0;
                let classes = if part.array_windows().any(is_hump) { classes | HUMP } else { classes };
                expected.push((from, from + part.len(), classes));
                from += part.len() + 1;
            }
            expected.retain(|(start, end, _)| start < end);
            prop_assert_eq!(tokens.1, expected);
        }

        #[test]
        fn eight_bytes_are_told_in_one_step_as_one_by_one(bytes in any::<[u8; 8]>(), plain in 0_usize..=8) {
            let mut bytes = bytes;
            bytes.iter_mut().take(plain).for_each(|byte| *byte = b"azAZ09fgFG8"[usize::from(*byte) % 11]);
            let run = bytes.iter().map(|byte| class(*byte)).take_while(|class| class & ALNUM != 0);
            let expected = run.fold((0, 0), |(length, classes), class| (length + 1, classes | class));
            let (length, classes) = letters_and_digits(bytes, &mut false);
            prop_assert_eq!((length, classes & !HUMP), expected);
        }

        #[test]
        fn kinds_are_those_of_each_byte(bytes in any::<[u8; 8]>(), plain in 0_usize..=8) {
            let mut bytes = bytes;
            bytes.iter_mut().take(plain).for_each(|byte| *byte = b"azAZ09 -./,+"[usize::from(*byte) % 12]);
            let bits = |is: fn(u8) -> bool| (0..8).fold(0, |bits, at| bits | u8::from(is(bytes[at])) << at);
            let kinds = Kinds::of(bytes);
            prop_assert_eq!(kinds.digits, bits(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(kinds.letters, bits(|byte| byte.is_ascii_alphabetic()));
            prop_assert_eq!(kinds.joints, bits(|byte| b" -./".contains(&byte)));
            prop_assert_eq!(kinds.hyphens, bits(|byte| byte == b'-'));
            prop_assert_eq!(kinds.stops, bits(|byte| byte == b'.'));
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
