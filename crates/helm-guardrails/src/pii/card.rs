//! Payment cards: ISO/IEC 7812, 12 to 19 digits with a Luhn check digit and a known issuer range.

/// Digits in groups; the check decides.
pub(super) const PATTERN: &str = r"[2-6][0-9]{3}(?:[ -]?[0-9]){8,15}";

pub(super) fn is_valid(candidate: &str) -> bool {
    let digits: Vec<u8> = candidate.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    candidate.is_ascii() && has_issuer(&digits) && luhn(&digits)
}

/// Whether the first digits and the length are those of a scheme that issues cards.
fn has_issuer(digits: &[u8]) -> bool {
    let prefix =
        |length: usize| digits.iter().take(length).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    matches!(
        (digits.len(), prefix(2), prefix(4)),
        (13 | 16 | 19, 40..=49, _)
            | (16, 51..=55, _)
            | (16, _, 2221..=2720)
            | (15, 34 | 37, _)
            | (14, 36 | 38 | 39, _)
            | (14, _, 3000..=3059)
            | (16..=19, 62 | 65, _)
            | (16..=19, _, 6011 | 6440..=6499 | 3528..=3589)
            | (12..=19, 50 | 56..=58 | 63 | 67, _)
    )
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, digit)| {
        sum + u32::from(if place % 2 == 1 { doubled(*digit) } else { *digit })
    });
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: [&str; 6] = [
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
    ];

    #[test]
    fn the_schemes_test_numbers_are_cards() {
        for number in PUBLISHED {
            assert!(is_valid(number), "{number}");
        }
        assert!(is_valid("4111 1111 1111 1111") && is_valid("4111-1111-1111-1111"));
    }

    #[test]
    fn every_single_changed_digit_is_noticed() {
        for number in PUBLISHED {
            for place in 0..number.len() {
                for digit in '0'..='9' {
                    let mut changed: Vec<char> = number.chars().collect();
                    if changed[place] == digit {
                        continue;
                    }
                    changed[place] = digit;
                    let changed: Vec<u8> = changed.iter().map(|c| *c as u8 - b'0').collect();
                    assert!(!luhn(&changed), "{number} at {place}");
                }
            }
        }
    }
}
