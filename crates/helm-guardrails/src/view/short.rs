//! Sets of characters that are asked about for every character of a text.

use std::sync::LazyLock;

use super::words::is_ideograph;

/// A set of characters. Of those of one and two bytes, of which most texts beyond ASCII are made, it knows which are in it.
pub(crate) struct CharSet {
    short: [u64; 32],
    of_others: fn(char) -> bool,
}

impl CharSet {
    /// The set of what `has` says.
    pub(crate) fn new(has: fn(char) -> bool) -> Self {
        let mut short = [0; 32];
        for char in ('\0'..'\u{800}').filter(|char| has(*char)) {
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

/// Whether `char` is a letter.
pub(crate) fn is_alphabetic(char: char) -> bool {
    static LETTERS: LazyLock<CharSet> = LazyLock::new(|| CharSet::new(char::is_alphabetic));
    is_ideograph(char) || LETTERS.has(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_the_standard_library() {
        for char in '\0'..=char::MAX {
            assert_eq!(is_alphabetic(char), char.is_alphabetic(), "{char:?}");
        }
    }
}
