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

/// The permutation that is applied once more for each place from the right.
fn permuted(digit: u32) -> u32 {
    match digit {
        0 => 1,
        1 => 5,
        2 => 7,
        3 => 6,
        4 => 2,
        5 => 8,
        6 => 3,
        7 => 0,
        8 => 9,
        _ => 4,
    }
}

/// Whether the last digit is Verhoeff's check digit of the others.
pub(in crate::pii) fn verhoeff(number: &[u8]) -> bool {
    let check = number.iter().rev().enumerate().try_fold(0, |check, (place, byte)| {
        // The permutation has order 8.
        let value = (0..place % 8).fold(digit(*byte)?, |value, _| permuted(value));
        Some(times(check, value))
    });
    check == Some(0)
}

/// Indian Aadhaar numbers (UIDAI): twelve digits, the first neither 0 nor 1, Verhoeff.
pub(in crate::pii) fn in_aadhaar(number: &[u8]) -> bool {
    varied_digits(number, 12) && !matches!(number.first(), Some(b'0' | b'1')) && verhoeff(number)
}
