//! Asia and Africa.

use super::{digit_at, value, varied_digits, weighted, yymmdd, yyyymmdd};

/// Chinese resident identities, GB 11643-1999: region, date of birth, ISO 7064 MOD 11-2 with X for ten.
pub(in crate::pii) fn cn_resident_id(number: &[u8]) -> bool {
    let region = matches!(
        value(number, 0, 2),
        Some(11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91)
    );
    let sum = weighted(number, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = sum.and_then(|sum| b"10X98765432".get(sum as usize % 11));
    number.len() == 18 && region && number.get(6..).is_some_and(yyyymmdd) && check == number.last()
}

/// Korean resident registrations: date of birth and a digit for century and sex. Numbers given since October
/// 2020 carry no check digit.
pub(in crate::pii) fn kr_rrn(number: &[u8]) -> bool {
    varied_digits(number, 13) && yymmdd(number) && matches!(number.get(6), Some(b'1'..=b'8'))
}

/// Thai national identities: weights 13 to 2, modulo 11.
pub(in crate::pii) fn th_id(number: &[u8]) -> bool {
    let sum = weighted(number, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    varied_digits(number, 13)
        && !matches!(number.first(), Some(b'0'))
        && sum.map(|sum| (11 - sum % 11) % 10) == digit_at(number, 12)
}

/// Singapore's NRIC and FIN: weights 2, 7, 6, 5, 4, 3, 2 and a letter by series.
pub(in crate::pii) fn sg_nric(number: &[u8]) -> bool {
    let Some((series, rest)) = number.split_first().filter(|_| number.len() == 9) else {
        return false;
    };
    let letters: Option<(u32, &[u8; 11])> = match series {
        b'S' => Some((0, b"JZIHGFEDCBA")),
        b'T' => Some((4, b"JZIHGFEDCBA")),
        b'F' => Some((0, b"XWUTRQPNMLK")),
        b'G' => Some((4, b"XWUTRQPNMLK")),
        b'M' => Some((3, b"XWUTRQPNJLK")),
        _ => None,
    };
    let sum = weighted(rest, &[2, 7, 6, 5, 4, 3, 2]);
    letters.zip(sum).is_some_and(|((offset, letters), sum)| {
        let place = ((sum + offset) % 11) as usize;
        // The letters of M count down where the others count up.
        let place = if *series == b'M' { 10 - place } else { place };
        letters.get(place) == number.last()
    })
}

/// Indian tax accounts (PAN): the fourth letter says what kind of taxpayer; no public check.
pub(in crate::pii) fn in_pan(number: &[u8]) -> bool {
    number.len() == 10 && number.get(3).is_some_and(|kind| b"ABCEFGHJLPT".contains(kind))
}

/// Turkish identities: the tenth digit from sums of odd and even places, the eleventh from all.
pub(in crate::pii) fn tr_tckn(number: &[u8]) -> bool {
    let odd = weighted(number, &[7, 0, 7, 0, 7, 0, 7, 0, 7]);
    let even = weighted(number, &[0, 9, 0, 9, 0, 9, 0, 9]);
    let tenth = odd.zip(even).map(|(odd, even)| (odd + even) % 10);
    let last = weighted(number, &[1; 10]).map(|sum| sum % 10);
    varied_digits(number, 11)
        && !matches!(number.first(), Some(b'0'))
        && tenth == digit_at(number, 9)
        && last == digit_at(number, 10)
}

/// Japanese individual numbers: twelve digits, modulo 11 (Ordinance of the Ministry of Internal Affairs 85/2014).
pub(in crate::pii) fn jp_my_number(number: &[u8]) -> bool {
    let sum = weighted(number, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let expected = sum.map(|sum| if sum % 11 < 2 { 0 } else { 11 - sum % 11 });
    varied_digits(number, 12) && expected == digit_at(number, 11)
}
