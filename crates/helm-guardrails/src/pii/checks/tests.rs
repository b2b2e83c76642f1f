use super::*;

type Check = fn(&[u8]) -> bool;

/// Numbers that authorities or standards publish as examples, or that others use as such.
const PUBLISHED: &[(&str, Check, &[&str])] = &[
    (
        "card",
        any_card,
        &["4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "3530111333300000"],
    ),
    ("imei", imei, &["490154203237518"]),
    ("ca_sin", ca_sin, &["130692544"]),
    ("us_npi", us_npi, &["1234567893"]),
    ("za_id", za_id, &["8001015009087"]),
    ("in_aadhaar", in_aadhaar, &["234123412346"]),
    (
        "iban",
        iban,
        &[
            "GB29NWBK60161331926819",
            "DE89370400440532013000",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ],
    ),
    ("us_aba", us_aba, &["111000025", "021000021"]),
    ("us_dea", us_dea, &["AB1234563"]),
    ("br_cpf", br_cpf, &["11144477735"]),
    ("br_cnpj", br_cnpj, &["11222333000181"]),
    ("ar_cuit", ar_cuit, &["20123456786"]),
    ("cl_rut", cl_rut, &["123456785", "10000013K"]),
    ("mx_curp", mx_curp, &["HEGG560427MVZRRL04"]),
    ("cn_resident_id", cn_resident_id, &["11010519491231002X"]),
    ("th_id", th_id, &["1234567890121"]),
    ("sg_nric", sg_nric, &["S1234567D", "F1234567N"]),
    ("tr_tckn", tr_tckn, &["10000000146"]),
    ("jp_my_number", jp_my_number, &["123456789018"]),
    ("au_abn", au_abn, &["51824753556"]),
    ("au_tfn", au_tfn, &["123456782"]),
    ("au_medicare", au_medicare, &["2123456701"]),
    ("fi_hetu", fi_hetu, &["131052308T", "131052A308T"]),
    ("se_personnummer", se_personnummer, &["8112189876", "198112189876"]),
    ("no_fnr", no_fnr, &["01010750160"]),
    ("de_tax_id", de_tax_id, &["86095742719"]),
    ("hr_oib", hr_oib, &["12345678903"]),
    ("fr_nir", fr_nir, &["184127645108946"]),
    ("be_nrn", be_nrn, &["85073003328"]),
    ("nl_bsn", nl_bsn, &["111222333"]),
    ("pl_pesel", pl_pesel, &["44051401359"]),
    ("es_nif", es_nif, &["12345678Z"]),
    ("es_nie", es_nie, &["X1234567L"]),
    ("it_fiscal_code", it_fiscal_code, &["RSSMRA85T10A562S"]),
    ("uk_nhs", uk_nhs, &["9434765919"]),
    ("ch_ahv", ch_ahv, &["7569217076985"]),
    ("pt_nif", pt_nif, &["123456789"]),
    ("ie_pps", ie_pps, &["1234567T", "1234567FA"]),
    ("ro_cnp", ro_cnp, &["1800101221144"]),
    ("bg_egn", bg_egn, &["7523169263"]),
    ("vin", vin, &["1M8GDM9AXKP042788"]),
    (
        "btc_address",
        btc_address,
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        ],
    ),
    (
        "eth_address",
        eth_address,
        &["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"],
    ),
];

/// Checks by which no changed digit goes unnoticed.
const CATCH_ALL: &[&str] = &[
    "card",
    "imei",
    "ca_sin",
    "us_npi",
    "za_id",
    "in_aadhaar",
    "iban",
    "us_aba",
    "br_cpf",
    "br_cnpj",
    "cn_resident_id",
    "au_abn",
    "au_tfn",
    "de_tax_id",
    "hr_oib",
    "fr_nir",
    "nl_bsn",
    "es_nif",
    "es_nie",
    "fi_hetu",
    "uk_nhs",
    "ch_ahv",
    "pl_pesel",
];

/// Of those, checks by which no two neighbours change places unnoticed, other than Luhn's 0 and 9.
const CATCH_SWAPS: &[&str] = &[
    "card",
    "imei",
    "ca_sin",
    "us_npi",
    "in_aadhaar",
    "iban",
    "cn_resident_id",
    "hr_oib",
    "es_nif",
    "uk_nhs",
    "nl_bsn",
];

#[test]
fn published_numbers_are_valid_and_neither_shorter_nor_longer_ones_are() {
    for (name, check, numbers) in PUBLISHED {
        for number in *numbers {
            assert!(check(number.as_bytes()), "{name} {number}");
            assert!(!check(b"") && !check(b"A") && !check("é".repeat(9).as_bytes()), "{name}");
        }
    }
}

#[test]
fn every_single_changed_digit_is_noticed() {
    for (name, check, numbers) in PUBLISHED.iter().filter(|(name, ..)| CATCH_ALL.contains(name)) {
        for number in *numbers {
            for place in (0..number.len()).filter(|place| number.as_bytes()[*place].is_ascii_digit()) {
                for digit in b'0'..=b'9' {
                    let mut changed = number.as_bytes().to_vec();
                    changed[place] = digit;
                    let same = changed == number.as_bytes();
                    assert_eq!(check(&changed), same, "{name} {}", String::from_utf8_lossy(&changed));
                }
            }
        }
    }
}

#[test]
fn neighbours_that_changed_places_are_noticed() {
    for (name, check, numbers) in PUBLISHED.iter().filter(|(name, ..)| CATCH_SWAPS.contains(name)) {
        for number in *numbers {
            for place in 1..number.len() {
                let mut swapped = number.as_bytes().to_vec();
                swapped.swap(place - 1, place);
                let pair = [swapped[place - 1], swapped[place]];
                let blind = pair[0] == pair[1] || pair == *b"09" || pair == *b"90";
                assert!(blind || !check(&swapped), "{name} {}", String::from_utf8_lossy(&swapped));
            }
        }
    }
}

#[test]
fn of_all_short_numbers_as_many_are_valid_as_the_check_lets_through() {
    let count = |check: Check, to: u32| (0..to).filter(|n| check(format!("{n:09}").as_bytes())).count();
    // One in ten by Luhn, one in eleven modulo 11, less those of one digit alone and those that are not given out.
    assert_eq!(count(luhn, 100_000), 10_000);
    let by_eleven = count(nl_bsn, 110_000);
    assert!((9_990..=10_010).contains(&by_eleven), "{by_eleven}");
    assert_eq!((0..10_000_u32).filter(|n| verhoeff(format!("{n:04}").as_bytes())).count(), 1_000);
}

#[test]
fn numbers_that_were_never_given_out_are_none() {
    for number in ["000121234", "666121234", "900121234", "219001234", "219090000", "078051120", "111111111"]
    {
        assert!(!us_ssn(number.as_bytes()), "{number}");
    }
    assert!(us_ssn(b"219099999") && us_itin(b"912701234") && !us_itin(b"912661234"));
    assert!(uk_nino(b"SH092370C") && !uk_nino(b"QQ123456C") && !uk_nino(b"GB123456A"));
    assert!(us_mbi(b"1EG4TE5MK73") && !us_mbi(b"1SG4TE5MK73"));
    assert!(bic(b"DEUTDEFF") && bic(b"NEDSZAJJXXX") && !bic(b"ABCDZZFF"));
    assert!(!eth_address(b"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
    assert!(has_issuer(b"4111111111111111") && !has_issuer(b"9111111111111111"));
    assert!(birth_date(b"19880412") && birth_date(b"31121988") && !birth_date(b"19881341"));
}
