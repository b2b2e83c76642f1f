//! J. Verhoeff, Error Detecting Decimal Codes, 1969: the dihedral group D5.

use super::{digit, varied_digits};

/// The product in D5.
fn times(left: u32, right: u32) -> u32 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right) % 5,
        (false, true) => 5 + (left + 5 - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// The permutation of the first place, applied once more for each place from the right; it has order 8.
const PERMUTED: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Whether the last digit is Verhoeff's check digit of the others.
pub(in crate::pii) fn verhoeff(number: &[u8]) -> bool {
    let check = number.iter().rev().enumerate().try_fold(0, |check, (place, byte)| {
        let value = PERMUTED.get(place % 8)?.get(digit(*byte)? as usize)?;
        Some(times(check, u32::from(*value)))
    });
    check == Some(0)
}

/// Indian Aadhaar numbers (UIDAI): twelve digits, the first neither 0 nor 1, Verhoeff.
pub(in crate::pii) fn in_aadhaar(number: &[u8]) -> bool {
    varied_digits(number, 12) && !matches!(number.first(), Some(b'0' | b'1')) && verhoeff(number)
}
