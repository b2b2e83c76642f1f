//! Which kinds of bytes occur in a text: what cannot be in it need not be looked for.

/// A set of kinds of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Signs(u64);

impl Signs {
    /// `a` to `z`.
    pub(crate) const LOWER: Self = Self(1 << 32);
    /// `A` to `Z`.
    pub(crate) const UPPER: Self = Self(1 << 33);
    /// `0` to `9`.
    pub(crate) const DIGIT: Self = Self(1 << 34);
    /// Control characters but tab and ends of lines and pages.
    pub(crate) const CONTROL: Self = Self(1 << 35);
    /// Bytes of characters beyond ASCII.
    pub(crate) const WIDE: Self = Self(1 << 36);
    /// All of them: of a text that has not been looked at.
    pub(crate) const ANY: Self = Self(u64::MAX);
    /// Marks that a text has been looked at.
    const KNOWN: Self = Self(1 << 63);

    /// The kinds of these bytes.
    pub(crate) const fn of_each(bytes: &[u8]) -> Self {
        let mut signs = 0;
        let mut rest = bytes;
        while let [first, others @ ..] = rest {
            signs |= kind(*first);
            rest = others;
        }
        Self(signs)
    }

    /// The kinds of the bytes of a text.
    pub(crate) fn of(text: &str) -> Self {
        let of = |byte: &u8| KINDS.get(usize::from(*byte)).copied().unwrap_or_default();
        Self(text.as_bytes().iter().fold(Self::KNOWN.0, |signs, byte| signs | of(byte)))
    }

    /// These and others.
    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether one of `others` is among these.
    pub(crate) const fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// As a number, which is 0 for no set of a text.
    pub(super) const fn to_bits(self) -> u64 {
        self.0
    }

    /// The set of this number, unless it is 0.
    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        (bits != 0).then_some(Self(bits))
    }
}

#[expect(clippy::indexing_slicing, reason = "of 256 bytes, when it is compiled")]
static KINDS: [u64; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = kind(byte as u8);
        byte += 1;
    }
    kinds
};

/// Each sign of ASCII that is no letter, digit or control character is a kind of its own.
const fn kind(byte: u8) -> u64 {
    match byte {
        b'a'..=b'z' => Signs::LOWER.0,
        b'A'..=b'Z' => Signs::UPPER.0,
        b'0'..=b'9' => Signs::DIGIT.0,
        b' ' | b'\t' | b'\n' | b'\r' | 0x0c => 1,
        b'!'..=b'/' => 1 << (byte - b'!' + 1),
        b':'..=b'@' => 1 << (byte - b':' + 16),
        b'['..=b'`' => 1 << (byte - b'[' + 23),
        b'{'..=b'~' => 1 << (byte - b'{' + 37),
        0x80.. => Signs::WIDE.0,
        _ => Signs::CONTROL.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_a_kind_of_its_own() {
        let signs: Vec<u8> = (b'!'..=b'~').filter(u8::is_ascii_punctuation).collect();
        let all = signs.iter().fold(0, |all: u64, sign| {
            assert_eq!(all & kind(*sign), 0, "{sign}");
            all | kind(*sign)
        });
        let others = [Signs::LOWER, Signs::UPPER, Signs::DIGIT, Signs::CONTROL, Signs::WIDE, Signs::KNOWN];
        assert!(others.iter().all(|other| all & other.0 == 0));
    }

    #[test]
    fn a_text_has_the_kinds_of_its_bytes() {
        let signs = Signs::of("one, Two");
        assert!(signs.has(Signs::of_each(b",")) && signs.has(Signs::UPPER) && signs.has(Signs::LOWER));
        assert!(!signs.has(Signs::of_each(b".-0\x01\xc3")));
        assert!(Signs::of("\u{7f}").has(Signs::CONTROL) && Signs::of("é").has(Signs::WIDE));
        assert!(Signs::from_bits(Signs::of("").to_bits()).is_some());
    }
}
