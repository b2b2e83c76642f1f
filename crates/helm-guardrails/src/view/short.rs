//! Sets of characters that are asked about for every character of a text.

use std::sync::LazyLock;

/// A set of characters. Of those of up to three bytes, of which most texts beyond ASCII are made, it knows which are in it.
pub(crate) struct CharSet {
    short: Box<[u64; 1_024]>,
    of_others: fn(char) -> bool,
}

impl CharSet {
    /// The set of what `has` says.
    pub(crate) fn new(has: fn(char) -> bool) -> Self {
        let mut short = Box::new([0; 1_024]);
        for char in ('\0'..'\u{10000}').filter(|char| has(*char)) {
            let code = u32::from(char);
            if let Some(row) = short.get_mut((code / 64) as usize) {
                *row |= 1 << (code % 64);
            }
        }
        Self { short, of_others: has }
    }

    /// Whether `char` is in it.
    #[inline]
    pub(crate) fn has(&self, char: char) -> bool {
        let code = u32::from(char);
        let row = self.short.get((code / 64) as usize);
        row.map_or_else(|| (self.of_others)(char), |row| row >> (code % 64) & 1 == 1)
    }
}

/// Whether `char` is a letter or a digit.
pub(crate) fn is_alphanumeric(char: char) -> bool {
    static BOTH: LazyLock<CharSet> = LazyLock::new(|| CharSet::new(char::is_alphanumeric));
    BOTH.has(char)
}

/// Whether `char` is a letter.
pub(crate) fn is_alphabetic(char: char) -> bool {
    static LETTERS: LazyLock<CharSet> = LazyLock::new(|| CharSet::new(char::is_alphabetic));
    LETTERS.has(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_are_those_of_the_standard_library() {
        for char in '\0'..=char::MAX {
            assert_eq!(is_alphabetic(char), char.is_alphabetic(), "{char:?}");
            assert_eq!(is_alphanumeric(char), char.is_alphanumeric(), "{char:?}");
        }
    }
}
