//! What a piece of a text may complete.

use super::place::joins;
use crate::sentence::is_end;

/// What is in a piece. All of its bytes are looked at in one go, for where in it a word ends is what a processor guesses
/// badly.
pub(super) struct Piece {
    kinds: u8,
    /// Behind the last separator of ASCII; 0 where there is none.
    pub(super) separated: usize,
}

const SEPARATOR: u8 = 1;
const END: u8 = 2;
const WIDE: u8 = 4;

#[expect(clippy::indexing_slicing, reason = "of 256 bytes, when it is compiled")]
static KINDS: [u8; 256] = {
    let mut kinds = [WIDE; 256];
    let mut byte = 0;
    while byte < 128 {
        let separator = if joins(byte) { 0 } else { SEPARATOR };
        kinds[byte as usize] = separator | if is_end(byte as char) { END } else { 0 };
        byte += 1;
    }
    kinds
};

impl Piece {
    pub(super) fn of(chunk: &str) -> Self {
        let (mut kinds, mut separated) = (0, 0);
        for (at, byte) in chunk.bytes().enumerate() {
            let kind = KINDS.get(usize::from(byte)).copied().unwrap_or(WIDE);
            kinds |= kind;
            separated = if kind & SEPARATOR == 0 { separated } else { at + 1 };
        }
        Self { kinds, separated }
    }

    /// Whether there are characters beyond ASCII in it, any of which may be a separator or the end of a sentence.
    pub(super) fn is_wide(&self) -> bool {
        self.kinds & WIDE != 0
    }

    /// Whether a sentence may end in it, other than for its length.
    pub(super) fn may_end(&self) -> bool {
        self.kinds & (END | WIDE) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_tells_its_last_separator_and_whether_a_sentence_ends() {
        let told =
            |chunk| (Piece::of(chunk).separated, Piece::of(chunk).may_end(), Piece::of(chunk).is_wide());
        assert_eq!(told("abcd"), (0, false, false));
        assert_eq!(told("a b\tcd"), (4, false, false));
        assert_eq!(told("a.b\n"), (4, true, false));
        assert_eq!(told("é a"), (3, true, true));
        assert_eq!(told(""), (0, false, false));
    }
}
