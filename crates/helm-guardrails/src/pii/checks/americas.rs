//! North and South America.

use super::{digit_at, remainder, value, varied_digits, weighted};

/// Social security numbers: areas 000, 666 and 900 to 999, group 00 and serial 0000 were never given out
/// (Social Security Administration, POMS RM 10201.035). 078-05-1120 was printed on sample cards.
pub(in crate::pii) fn us_ssn(number: &[u8]) -> bool {
    let parts = (value(number, 0, 3), value(number, 3, 5), value(number, 5, 9));
    let (Some(area), Some(group), Some(serial)) = parts else {
        return false;
    };
    varied_digits(number, 9)
        && !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && number != b"078051120"
}

/// Individual taxpayer numbers: 9 first, groups 50 to 65, 70 to 88, 90 to 92 and 94 to 99 (IRS, IRM 3.21.263).
pub(in crate::pii) fn us_itin(number: &[u8]) -> bool {
    varied_digits(number, 9)
        && number.first() == Some(&b'9')
        && matches!(value(number, 3, 5), Some(50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// Registrations of the Drug Enforcement Administration: (1st + 3rd + 5th + 2 × (2nd + 4th + 6th)) ends in the
/// seventh digit.
pub(in crate::pii) fn us_dea(number: &[u8]) -> bool {
    let Some((letters, digits)) = number.split_at_checked(2).filter(|_| number.len() == 9) else {
        return false;
    };
    letters.iter().all(u8::is_ascii_alphabetic)
        && weighted(digits, &[1, 2, 1, 2, 1, 2]).map(|sum| sum % 10) == digit_at(digits, 6)
}

/// Medicare beneficiary identifiers (CMS, MBI format): no S, L, O, I, B, Z; no check digit.
pub(in crate::pii) fn us_mbi(number: &[u8]) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
    let fits = |(byte, class): (&u8, &u8)| match class {
        b'1' => matches!(byte, b'1'..=b'9'),
        b'9' => byte.is_ascii_digit(),
        b'A' => letter(*byte),
        _ => byte.is_ascii_digit() || letter(*byte),
    };
    number.len() == 11 && number.iter().zip(b"1AN9AN9AA99").all(fits)
}

/// Brazilian taxpayers: two check digits modulo 11.
pub(in crate::pii) fn br_cpf(number: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(number, weights).map(|sum| sum * 10 % 11 % 10);
    varied_digits(number, 11)
        && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit_at(number, 9)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit_at(number, 10)
}

/// Brazilian companies: two check digits modulo 11.
pub(in crate::pii) fn br_cnpj(number: &[u8]) -> bool {
    let check =
        |weights: &[u32]| weighted(number, weights).map(|sum| if sum % 11 < 2 { 0 } else { 11 - sum % 11 });
    varied_digits(number, 14)
        && check(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == digit_at(number, 12)
        && check(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == digit_at(number, 13)
}

/// Argentine tax numbers (CUIT, CUIL): modulo 11.
pub(in crate::pii) fn ar_cuit(number: &[u8]) -> bool {
    let prefix = matches!(value(number, 0, 2), Some(20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34));
    varied_digits(number, 11) && prefix && {
        let sum = weighted(number, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
        sum.map(|sum| (11 - sum % 11) % 11) == digit_at(number, 10)
    }
}

/// Chilean tax numbers (RUT): weights 2 to 7 from the right, modulo 11, K for ten.
pub(in crate::pii) fn cl_rut(number: &[u8]) -> bool {
    let Some((check, digits)) = number.split_last().filter(|_| matches!(number.len(), 8 | 9)) else {
        return false;
    };
    let sum = digits
        .iter()
        .rev()
        .zip([2, 3, 4, 5, 6, 7].iter().cycle())
        .try_fold(0, |sum, (byte, weight)| Some(sum + super::digit(*byte)? * weight));
    let expected = sum.map(|sum| match 11 - sum % 11 {
        11 => '0',
        10 => 'K',
        digit => char::from_digit(digit, 10).unwrap_or('?'),
    });
    expected == Some(char::from(*check))
}

/// Mexican population codes (CURP): eighteen characters, the last a check digit of weights 18 to 2, modulo 10.
pub(in crate::pii) fn mx_curp(code: &[u8]) -> bool {
    let place = |byte: &u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'N' => Some(u32::from(byte - b'A') + 10),
        b'O'..=b'Z' => Some(u32::from(byte - b'O') + 25),
        _ => None,
    };
    let sum = code
        .iter()
        .take(17)
        .zip((2..=18).rev())
        .try_fold(0, |sum, (byte, weight)| Some(sum + place(byte)? * weight));
    code.len() == 18
        && code.get(4..).is_some_and(super::yymmdd)
        && matches!(code.get(10), Some(b'H' | b'M' | b'X'))
        && sum.map(|sum| (10 - sum % 10) % 10) == digit_at(code, 17)
}

/// A number modulo 97 that is what its last two digits say.
pub(super) fn complement_97(number: &[u8], key: Option<u32>) -> bool {
    remainder(number, 97).map(|rest| 97 - rest) == key
}
