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
