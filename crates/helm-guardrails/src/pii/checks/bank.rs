//! Banks: accounts, routing numbers, identifier codes.

use super::{varied_digits, weighted};

/// Lengths of account numbers by country: SWIFT, IBAN Registry (ISO 13616-2), release 99.
const IBAN_LENGTHS: &[(&[u8; 2], u8)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// How long an account number of this country is, if it has such numbers.
pub(in crate::pii) fn iban_length(country: [u8; 2]) -> Option<usize> {
    let found = IBAN_LENGTHS.binary_search_by(|(known, _)| (*known).cmp(&country)).ok()?;
    IBAN_LENGTHS.get(found).map(|(_, length)| usize::from(*length))
}

/// International account numbers, ISO 13616: the country's length, and 1 modulo 97 (ISO 7064 MOD 97-10) with
/// the first four characters moved to the end and letters read as 10 to 35.
pub(in crate::pii) fn iban(number: &[u8]) -> bool {
    let country = number.first_chunk::<2>().copied().and_then(iban_length);
    let Some((head, rest)) = number.split_at_checked(4).filter(|_| country == Some(number.len())) else {
        return false;
    };
    let checked = rest.iter().chain(head).try_fold(0_u32, |sum, byte| {
        let value = char::from(*byte).to_digit(36)?;
        Some((sum * if value < 10 { 10 } else { 100 } + value) % 97)
    });
    checked == Some(1) && head.get(2..).is_some_and(|check| check.iter().all(u8::is_ascii_digit))
}

/// Routing numbers of the American Bankers Association: weights 3, 7, 1; Federal Reserve prefixes.
pub(in crate::pii) fn us_aba(number: &[u8]) -> bool {
    let prefix = super::value(number, 0, 2);
    varied_digits(number, 9)
        && matches!(prefix, Some(0..=12 | 21..=32 | 61..=72 | 80))
        && weighted(number, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_some_and(|sum| sum.is_multiple_of(10))
}

/// Business identifier codes, ISO 9362: four letters, a country of ISO 3166-1, location, branch.
pub(in crate::pii) fn bic(code: &[u8]) -> bool {
    let country = code.get(4..6).is_some_and(|country| COUNTRIES.windows(2).step_by(2).any(|c| c == country));
    matches!(code.len(), 8 | 11) && country
}

/// ISO 3166-1 alpha-2, and XK.
const COUNTRIES: &[u8] =
    b"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCR\
CUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHU\
IDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQ\
MRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSI\
SJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";
