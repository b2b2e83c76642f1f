//! Dates inside numbers. The century is mostly unknown, so 29 February passes in every year.

use super::value;

/// Whether there is such a day in some year.
pub(super) fn day(month: u32, day: u32) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether a number begins with a year of two digits, a month and a day.
pub(super) fn yymmdd(number: &[u8]) -> bool {
    matches!((value(number, 2, 4), value(number, 4, 6)), (Some(month), Some(date)) if day(month, date))
}

/// Whether a number begins with a day, a month and a year of two digits.
pub(super) fn ddmmyy(number: &[u8]) -> bool {
    matches!((value(number, 0, 2), value(number, 2, 4)), (Some(date), Some(month)) if day(month, date))
}

/// Whether a number begins with a year from 1850 to 2099, a month and a day.
pub(super) fn yyyymmdd(number: &[u8]) -> bool {
    value(number, 0, 4).is_some_and(|year| (1850..2100).contains(&year))
        && number.get(2..).is_some_and(yymmdd)
}

/// Dates of birth: eight digits with the year first or last, day and month in either order.
pub(in crate::pii) fn birth_date(number: &[u8]) -> bool {
    let year = |from| value(number, from, from + 4).is_some_and(|year| (1900..2100).contains(&year));
    let pair = |from| match (value(number, from, from + 2), value(number, from + 2, from + 4)) {
        (Some(first), Some(second)) => day(first, second) || day(second, first),
        _ => false,
    };
    number.len() == 8 && ((year(0) && pair(4)) || (year(4) && pair(0)))
}
