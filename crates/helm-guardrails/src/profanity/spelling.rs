//! What one written character may stand for.

use smallvec::SmallVec;

/// Never part of a pattern but at its edges.
pub(super) const EDGE: u8 = 1;
/// What a byte is that hides a letter, and one that is between words.
pub(super) const MASK: u8 = 2;
pub(super) const SEPARATOR: u8 = 0;

/// What bytes of the folded text are to the lexicon: letters of a [`skeleton`], or one of the above.
#[expect(clippy::indexing_slicing, reason = "of 255 bytes, when it is compiled")]
static KINDS: [u8; 256] = {
    let mut kinds = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 255 {
        kinds[byte as usize] = kind_of(byte);
        byte += 1;
    }
    kinds
};

#[inline]
pub(super) fn kind(byte: u8) -> u8 {
    KINDS.get(usize::from(byte)).copied().unwrap_or(SEPARATOR)
}

const fn kind_of(byte: u8) -> u8 {
    match byte {
        // One sign stands for both, so they are one.
        b'l' | b'1' | b'!' | b'|' => b'i',
        b'a'..=b'z' => byte,
        b'4' | b'@' => b'a',
        b'8' => b'b',
        b'3' => b'e',
        b'6' | b'9' => b'g',
        b'0' => b'o',
        b'5' | b'$' => b's',
        b'7' | b'+' => b't',
        b'2' => b'z',
        // The first bytes of two-byte letters and of some of three, and what follows them. Behind are punctuation, and
        // scripts without spaces.
        0x80..=0xc1 | 0xc3..=0xe1 => byte,
        b'*' | b'#' | b'_' | b'%' | b'~' | b'^' => MASK,
        _ => SEPARATOR,
    }
}

/// The word by which spellings are compared first: signs as letters, `l` as `i`, and runs shortened to one.
pub(super) fn skeleton(word: &[u8]) -> SmallVec<[u8; 64]> {
    let mut skeleton = SmallVec::new();
    for letter in word.iter().filter_map(|byte| letter(*byte)) {
        if skeleton.last() != Some(&letter) {
            skeleton.push(letter);
        }
    }
    skeleton
}

pub(super) fn letter(byte: u8) -> Option<u8> {
    Some(kind(byte)).filter(|kind| *kind > MASK)
}

/// Whether `written` may be meant to be the letter or digit `meant`.
pub(super) fn stands_for(written: u8, meant: u8) -> bool {
    written == meant || (is_sign(written) && letter(written) == letter(meant))
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphabetic()
}

/// Whether a token has letters enough for its digits to be some: `7i75` has; `a55`, `455` and `$600k` are numbers.
pub(super) fn is_wordlike(token: &[u8]) -> bool {
    let letters = token.iter().filter(|byte| !is_sign(**byte)).count();
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    let inside = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    let has_letter_inside = !inside.iter().all(|byte| is_sign(*byte));
    digits == 0 || (digits <= 3 * letters && (letters > 1 || (token.len() > 3 && has_letter_inside)))
}

/// The lengths of the beginnings of `written` that spell `word`, by the bits of the answer.
///
/// A bit-parallel automaton (Baeza-Yates and Gonnet 1992, "A new approach to text searching"): bit n of the state
/// says that n letters of the word have been read. With `stretched`, a letter may be written again and again.
/// Both have at most 63 bytes.
pub(super) fn spelled(word: &[u8], written: &[u8], stretched: bool) -> u64 {
    let goal = word.len().min(63);
    let fits = |byte: u8, place: Option<usize>| {
        place.and_then(|place| word.get(place)).is_some_and(|meant| stands_for(byte, *meant))
    };
    let (mut state, mut lengths) = (1_u64, 0_u64);
    for (at, byte) in written.iter().enumerate().take(63) {
        let mut next = 0;
        // Few beginnings are alive at once.
        while state != 0 {
            let read = state.trailing_zeros() as usize;
            state &= state - 1;
            if read < goal && fits(*byte, Some(read)) {
                next |= 1 << (read + 1);
            }
            if stretched && fits(*byte, read.checked_sub(1)) {
                next |= 1 << read;
            }
        }
        state = next;
        if state >> goal & 1 == 1 {
            lengths |= 1 << (at + 1);
        }
        if state == 0 {
            break;
        }
    }
    lengths
}
