//! Northern Europe.

use super::{day, ddmmyy, digit_at, luhn, value, varied_digits, weighted};

/// Finnish identity codes: date of birth, a century sign, modulo 31.
pub(in crate::pii) fn fi_hetu(code: &[u8]) -> bool {
    // The century sign has been taken out as a separator unless it is a letter.
    let (date, rest) = match code.len() {
        10 => (code.get(..6), code.get(6..)),
        11 if code.get(6).is_some_and(|century| b"ABCDEFUVWXY".contains(century)) => {
            (code.get(..6), code.get(7..))
        }
        _ => (None, None),
    };
    let (Some(date), Some(rest)) = (date, rest) else {
        return false;
    };
    let number = value(date, 0, 6).zip(value(rest, 0, 3));
    let check = number.map(|(date, serial)| (u64::from(date) * 1_000 + u64::from(serial)) % 31);
    let letter = check.and_then(|place| b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(place as usize));
    ddmmyy(date) && letter == rest.last()
}

/// Swedish identity numbers of ten or twelve digits: date (with 60 added for coordination numbers), Luhn over
/// the last ten.
pub(in crate::pii) fn se_personnummer(number: &[u8]) -> bool {
    let century = number.len() == 12;
    let short = if century { number.get(2..) } else { Some(number) };
    let Some(short) = short.filter(|short| varied_digits(short, 10)) else {
        return false;
    };
    let known_century = !century || matches!(value(number, 0, 2), Some(18..=20));
    let date = value(short, 2, 4).zip(value(short, 4, 6));
    known_century && date.is_some_and(|(month, date)| day(month, date % 60) && date < 92) && luhn(short)
}

/// Norwegian birth numbers: date (40 added to the day for D numbers), two check digits modulo 11.
pub(in crate::pii) fn no_fnr(number: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(number, weights).map(|sum| (11 - sum % 11) % 11);
    let date = value(number, 0, 2).zip(value(number, 2, 4));
    varied_digits(number, 11)
        && date.is_some_and(|(date, month)| day(month % 40, date % 40))
        && check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == digit_at(number, 9)
        && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == digit_at(number, 10)
}

/// Danish person numbers: a date of birth. Numbers given since 2007 carry no check digit.
pub(in crate::pii) fn dk_cpr(number: &[u8]) -> bool {
    varied_digits(number, 10) && ddmmyy(number)
}
