//! ISO/IEC 7812-1, annex B (H. P. Luhn 1960), and the numbers that use it alone.

use super::{digit, varied_digits};

/// Whether the last digit is Luhn's check digit of the others.
pub(in crate::pii) fn luhn(number: &[u8]) -> bool {
    luhn_sum(number).is_some_and(|sum| sum.is_multiple_of(10))
}

/// Luhn's sum: from the right, every second digit doubled and its digits added.
pub(super) fn luhn_sum(number: &[u8]) -> Option<u32> {
    number.iter().rev().enumerate().try_fold(0, |sum, (place, byte)| {
        let value = digit(*byte)?;
        let doubled = if value > 4 { 2 * value - 9 } else { 2 * value };
        Some(sum + if place % 2 == 1 { doubled } else { value })
    })
}

/// Payment cards by length and Luhn. Somebody may call a card what is of no scheme that is known here.
pub(in crate::pii) fn any_card(number: &[u8]) -> bool {
    (12..=19).contains(&number.len()) && varied_digits(number, number.len()) && luhn(number)
}

/// Whether the first digits and the length are those of a scheme that issues cards (ISO/IEC 7812).
pub(in crate::pii) fn has_issuer(number: &[u8]) -> bool {
    let prefix = |length: usize| super::value(number, 0, length).unwrap_or(0);
    matches!(
        (number.len(), prefix(2), prefix(4)),
        (13 | 16 | 19, 40..=49, _)
            | (16, 51..=55, _)
            | (16, _, 2200..=2204 | 2221..=2720)
            | (15, 34 | 37, _)
            | (15, _, 1800 | 2131)
            | (14, 36 | 38 | 39, _)
            | (14, _, 3000..=3059 | 3095)
            | (16..=19, 62 | 65 | 81, _)
            | (16..=19, _, 3000..=3059 | 3528..=3589 | 6011 | 6440..=6499)
            | (12..=19, 50 | 56..=58 | 60 | 63 | 67, _)
    )
}

/// Equipment identities of GSM, 3GPP TS 23.003 annex B: fifteen digits, Luhn.
pub(in crate::pii) fn imei(number: &[u8]) -> bool {
    varied_digits(number, 15) && luhn(number)
}

/// Canadian social insurance numbers: Luhn; no number begins with 8, and 0 is for fictitious ones.
pub(in crate::pii) fn ca_sin(number: &[u8]) -> bool {
    varied_digits(number, 9) && !matches!(number.first(), Some(b'0' | b'8')) && luhn(number)
}

/// United States provider identifiers (45 CFR 162.406): Luhn with the prefix 80840, whose digits add 24.
pub(in crate::pii) fn us_npi(number: &[u8]) -> bool {
    varied_digits(number, 10)
        && matches!(number.first(), Some(b'1' | b'2'))
        && luhn_sum(number).is_some_and(|sum| (sum + 24).is_multiple_of(10))
}

/// South African identity numbers: date of birth, a citizenship digit of 0 to 2, Luhn.
pub(in crate::pii) fn za_id(number: &[u8]) -> bool {
    varied_digits(number, 13)
        && super::yymmdd(number)
        && matches!(number.get(10), Some(b'0'..=b'2'))
        && luhn(number)
}

/// Israeli identity numbers: nine digits, Luhn.
pub(in crate::pii) fn il_id(number: &[u8]) -> bool {
    varied_digits(number, 9) && luhn(number)
}
