//! Europe.

use super::{complement_97, digit_at, value, varied_digits, weighted, yymmdd};

/// German tax identities: ISO 7064 MOD 11,10; of the first ten digits one stands there twice or three times.
pub(in crate::pii) fn de_tax_id(number: &[u8]) -> bool {
    let Some(digits) = number.get(..10).filter(|_| varied_digits(number, 11)) else {
        return false;
    };
    let most = digits.iter().map(|byte| digits.iter().filter(|other| *other == byte).count()).max();
    number.first() != Some(&b'0') && matches!(most, Some(2 | 3)) && mod_11_10(number)
}

/// ISO 7064, MOD 11,10.
pub(super) fn mod_11_10(number: &[u8]) -> bool {
    let Some((check, digits)) = number.split_last() else {
        return false;
    };
    let product = digits.iter().try_fold(10, |product, byte| {
        let sum = (super::digit(*byte)? + product) % 10;
        Some(if sum == 0 { 10 } else { sum } * 2 % 11)
    });
    product.zip(super::digit(*check)).is_some_and(|(product, check)| (product + check) % 10 == 1)
}

/// Croatian personal identities: eleven digits, ISO 7064 MOD 11,10.
pub(in crate::pii) fn hr_oib(number: &[u8]) -> bool {
    varied_digits(number, 11) && mod_11_10(number)
}

/// French social security numbers: sex, year, month, place (2A and 2B count as 19 and 18), and the complement
/// modulo 97.
pub(in crate::pii) fn fr_nir(number: &[u8]) -> bool {
    let Some(mut copy) = <[u8; 15]>::try_from(number).ok() else {
        return false;
    };
    for (written, counted) in [(b"2A", b"19"), (b"2B", b"18")] {
        if let Some(place) = copy.get_mut(5..7).filter(|place| *place == written) {
            place.copy_from_slice(counted);
        }
    }
    let month = matches!(value(&copy, 3, 5), Some(1..=12 | 20..=42 | 50..=99));
    let sex = matches!(copy.first(), Some(b'1'..=b'4' | b'7' | b'8'));
    sex && month && copy.get(..13).is_some_and(|number| complement_97(number, value(&copy, 13, 15)))
}

/// Belgian national numbers: date of birth and the complement modulo 97, with a 2 before it since 2000.
pub(in crate::pii) fn be_nrn(number: &[u8]) -> bool {
    let mut later = *b"2000000000";
    let Some((digits, _)) = number.split_at_checked(9).filter(|_| varied_digits(number, 11)) else {
        return false;
    };
    if let Some(rest) = later.get_mut(1..) {
        rest.copy_from_slice(digits);
    }
    let key = value(number, 9, 11);
    let month = value(number, 2, 4).map(|month| month % 20);
    let date = value(number, 4, 6);
    matches!((month, date), (Some(0..=12), Some(0..=31)))
        && (complement_97(digits, key) || complement_97(&later, key))
}

/// Dutch citizen service numbers: the eleven-test.
pub(in crate::pii) fn nl_bsn(number: &[u8]) -> bool {
    // The last digit counts −1, which modulo 11 is 10.
    varied_digits(number, 9)
        && weighted(number, &[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_some_and(|sum| sum.is_multiple_of(11))
}

/// Polish PESEL: date with the century in the month, weights 1, 3, 7, 9, modulo 10.
pub(in crate::pii) fn pl_pesel(number: &[u8]) -> bool {
    let date = value(number, 2, 4).zip(value(number, 4, 6));
    varied_digits(number, 11)
        && date.is_some_and(|(month, date)| super::day(month % 20, date))
        && weighted(number, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_some_and(|sum| sum.is_multiple_of(10))
}

const SPANISH: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// Spanish identity numbers: eight digits and a letter modulo 23.
pub(in crate::pii) fn es_nif(number: &[u8]) -> bool {
    number.len() == 9
        && value(number, 0, 8).and_then(|value| SPANISH.get(value as usize % 23)) == number.last()
}

/// Spanish foreigners' numbers: X, Y or Z for 0, 1 or 2, seven digits and the letter of [`es_nif`].
pub(in crate::pii) fn es_nie(number: &[u8]) -> bool {
    let series = match number.first() {
        Some(b'X') => 0,
        Some(b'Y') => 1,
        Some(b'Z') => 2,
        _ => return false,
    };
    let place = value(number, 1, 8).map(|value| (series * 10_000_000 + value) as usize % 23);
    number.len() == 9 && place.and_then(|place| SPANISH.get(place)) == number.last()
}

/// Italian fiscal codes (Ministerial Decree of 23 December 1976): odd places by a table, modulo 26. Digits may
/// be written as letters where two people would share a code.
pub(in crate::pii) fn it_fiscal_code(code: &[u8]) -> bool {
    const ODD: &[u8; 26] =
        &[1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let place = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A'),
        _ => None,
    };
    let sum = code.iter().take(15).enumerate().try_fold(0_u32, |sum, (index, byte)| {
        let place = place(*byte)?;
        let value = if index % 2 == 0 { *ODD.get(usize::from(place))? } else { place };
        Some(sum + u32::from(value))
    });
    let numeric = |place: &usize| {
        code.get(*place).is_some_and(|byte| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte))
    };
    code.len() == 16
        && [6, 7, 9, 10, 12, 13, 14].iter().all(numeric)
        && code.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month))
        && sum.map(|sum| b'A' + (sum % 26) as u8) == code.last().copied()
}

/// British national insurance numbers (HMRC, NIM39110): no check digit, prefixes that are never used.
pub(in crate::pii) fn uk_nino(number: &[u8]) -> bool {
    let (Some(prefix), Some(suffix)) = (number.first_chunk::<2>(), number.last()) else {
        return false;
    };
    let [first, second] = prefix;
    number.len() == 9
        && !b"DFIQUV".contains(first)
        && !b"DFIQUVO".contains(second)
        && !matches!(prefix, b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ")
        && matches!(suffix, b'A'..=b'D')
}

/// British health service numbers: weights 10 to 2, modulo 11.
pub(in crate::pii) fn uk_nhs(number: &[u8]) -> bool {
    let sum = weighted(number, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    varied_digits(number, 10) && sum.map(|sum| (11 - sum % 11) % 11) == digit_at(number, 9)
}

/// Swiss social insurance numbers: the prefix 756 and the check digit of EAN-13.
pub(in crate::pii) fn ch_ahv(number: &[u8]) -> bool {
    number.len() == 13
        && number.starts_with(b"756")
        && weighted(number, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1])
            .is_some_and(|sum| sum.is_multiple_of(10))
}

/// Portuguese tax numbers: weights 9 to 2, modulo 11.
pub(in crate::pii) fn pt_nif(number: &[u8]) -> bool {
    let sum = weighted(number, &[9, 8, 7, 6, 5, 4, 3, 2]);
    let expected = sum.map(|sum| if sum % 11 < 2 { 0 } else { 11 - sum % 11 });
    varied_digits(number, 9)
        && matches!(number.first(), Some(b'1' | b'2' | b'3' | b'5' | b'6' | b'8' | b'9'))
        && expected == digit_at(number, 8)
}

/// Irish public service numbers: weights 8 to 2 and 9 for a second letter, modulo 23.
pub(in crate::pii) fn ie_pps(number: &[u8]) -> bool {
    let second = match (number.len(), number.get(8)) {
        (8, _) | (9, Some(b'W')) => 0,
        (9, Some(letter @ b'A'..=b'I')) => u32::from(letter - b'A') + 1,
        _ => return false,
    };
    let sum = weighted(number, &[8, 7, 6, 5, 4, 3, 2]).map(|sum| (sum + 9 * second) as usize % 23);
    sum.and_then(|place| b"WABCDEFGHIJKLMNOPQRSTUV".get(place)) == number.get(7)
}

/// Romanian personal codes: a sex digit, a date, modulo 11 with 1 for ten.
pub(in crate::pii) fn ro_cnp(number: &[u8]) -> bool {
    let sum = weighted(number, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]);
    varied_digits(number, 13)
        && matches!(number.first(), Some(b'1'..=b'9'))
        && number.get(1..).is_some_and(yymmdd)
        && sum.map(|sum| if sum % 11 == 10 { 1 } else { sum % 11 }) == digit_at(number, 12)
}

/// Bulgarian civil numbers: a date with the century in the month, modulo 11.
pub(in crate::pii) fn bg_egn(number: &[u8]) -> bool {
    let date = value(number, 2, 4).zip(value(number, 4, 6));
    let sum = weighted(number, &[2, 4, 8, 5, 10, 9, 7, 3, 6]);
    varied_digits(number, 10)
        && date.is_some_and(|(month, date)| super::day(month % 20, date))
        && sum.map(|sum| sum % 11 % 10) == digit_at(number, 9)
}

/// Czech and Slovak birth numbers of ten digits: 50 added to a woman's month, a multiple of 11.
pub(in crate::pii) fn cz_rc(number: &[u8]) -> bool {
    let date = value(number, 2, 4).zip(value(number, 4, 6));
    varied_digits(number, 10)
        && date.is_some_and(|(month, date)| super::day(month % 50 % 20, date))
        && super::remainder(number, 11) == Some(0)
}
