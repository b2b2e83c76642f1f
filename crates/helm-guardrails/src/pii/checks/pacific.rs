//! Australia.

use super::{digit, digit_at, varied_digits, weighted};

/// Business numbers: the first digit less one, weights 10, 1, 3, …, 19, modulo 89.
pub(in crate::pii) fn au_abn(number: &[u8]) -> bool {
    let first = number.first().copied().and_then(digit);
    let sum = weighted(number, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    // The first digit less one takes 10 off the sum.
    varied_digits(number, 11)
        && first != Some(0)
        && sum.is_some_and(|sum| sum >= 10 && (sum - 10).is_multiple_of(89))
}

/// Tax file numbers of nine or, from before, eight digits: modulo 11.
pub(in crate::pii) fn au_tfn(number: &[u8]) -> bool {
    let sum = match number.len() {
        9 => weighted(number, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
        8 => weighted(number, &[10, 7, 8, 4, 6, 3, 5, 1]),
        _ => None,
    };
    varied_digits(number, number.len()) && sum.is_some_and(|sum| sum.is_multiple_of(11))
}

/// Medicare cards: the first digit from 2 to 6, weights 1, 3, 7, 9, and the ninth digit modulo 10.
pub(in crate::pii) fn au_medicare(number: &[u8]) -> bool {
    matches!(number.len(), 10 | 11)
        && number.iter().all(u8::is_ascii_digit)
        && matches!(number.first(), Some(b'2'..=b'6'))
        && weighted(number, &[1, 3, 7, 9, 1, 3, 7, 9]).map(|sum| sum % 10) == digit_at(number, 8)
}
