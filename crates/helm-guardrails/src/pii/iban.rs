//! International bank account numbers: ISO 13616, with the check of ISO 7064 (mod 97-10).

/// In capitals, whole or in groups of four.
pub(super) const PATTERN: &str =
    r"[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)";

/// Lengths by country, from the registry of ISO 13616.
const LENGTHS: [(&str, usize); 34] = [
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IT", 27),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("TR", 26),
];

pub(super) fn is_valid(candidate: &str) -> bool {
    // Lengths and positions below are those of ASCII.
    if !candidate.is_ascii() {
        return false;
    }
    let compact: String = candidate.chars().filter(|char| *char != ' ').collect();
    let expected = LENGTHS.iter().find(|(country, _)| compact.starts_with(country));
    expected.is_some_and(|(_, length)| *length == compact.len()) && remainder(&compact) == 1
}

/// The number with its first four characters moved to the end and letters read as 10 to 35, modulo 97.
fn remainder(compact: &str) -> u32 {
    let (head, rest) = compact.split_at(compact.len().min(4));
    let values = rest.chars().chain(head.chars()).filter_map(|char| char.to_digit(36));
    values.fold(0, |sum, value| (sum * if value < 10 { 10 } else { 100 } + value) % 97)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_examples_are_valid_and_their_misprints_are_not() {
        for number in [
            "GB29 NWBK 6016 1331 9268 19",
            "DE89370400440532013000",
            "NL91ABNA0417164300",
            "FR1420041010050500013M02606",
        ] {
            assert!(is_valid(number), "{number}");
            let misprint = number.replacen('1', "7", 1);
            assert!(!is_valid(&misprint), "{misprint}");
        }
        assert!(!is_valid("AT१२123456789012") && !is_valid("AT１２"), "other scripts' digits are refused");
        assert!(!is_valid("XX89370400440532013000"), "no such country");
    }
}
