//! What the pattern detectors find and leave, whole and in a stream.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use helm_core::{Category, GuardAction, Stage};
use helm_guardrails::{
    Detector, Findings, GuardrailEngine, PiiFilter, Rule, SecretFilter, StreamStep, TextView, UnicodeFilter,
    check_detector,
};
use proptest::prelude::*;

/// What a detector finds, as `ENTITY what` in order.
fn found(detector: &dyn Detector, text: &str) -> Vec<String> {
    let mut findings = Findings::new();
    detector.scan(&TextView::new(text), &mut findings);
    let mut found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.span.unwrap(), finding.entity.to_string()))
        .map(|(span, entity)| (span.start, format!("{entity} {}", &text[span.start..span.end])))
        .collect();
    found.sort();
    found.into_iter().map(|(_, found)| found).collect()
}

fn check(detector: &dyn Detector, cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(found(detector, text), *expected, "in {text:?}");
    }
}

#[test]
fn numbers_are_known_by_their_shape_or_by_their_label() {
    check(
        &PiiFilter::new(),
        &[
            ("my ssn is 219 09 9999, ok?", &["US_SSN 219 09 9999"]),
            ("219-09-9999 (SSN)", &["US_SSN 219-09-9999"]),
            ("ssn:219099999", &["US_SSN 219099999"]),
            ("userSSN=219099999", &["US_SSN 219099999"]),
            ("219099999", &[]),
            ("60 348 354 316 (Australian business number)", &["AU_ABN 60 348 354 316"]),
            ("[ABN] 60 348 354 316", &["AU_ABN 60 348 354 316"]),
            ("[IMEI] 490154203237518", &[]),
            ("SteuerID 86 095 742 719", &["DE_TAX_ID 86 095 742 719"]),
            ("Meine Steuer-ID lautet 86095742719.", &["DE_TAX_ID 86095742719"]),
            ("NHS no 943 476 5919", &["UK_NHS 943 476 5919"]),
            ("mijn BSN: 111222333", &["NL_BSN 111222333"]),
            ("numéro de sécurité sociale : 1 84 12 76 451 089 46", &["FR_NIR 1 84 12 76 451 089 46"]),
            ("NUMÉRO DE SÉCURITÉ SOCIALE 184127645108946", &["FR_NIR 184127645108946"]),
            ("身份证号11010519491231002X。", &["CN_RESIDENT_ID 11010519491231002X"]),
            ("fødselsnummer 01010750160", &["NO_FNR 01010750160"]),
            ("CURP: HEGG560427MVZRRL04", &["MX_CURP HEGG560427MVZRRL04"]),
            ("AHV 756.9217.0769.85", &["CH_AHV 756.9217.0769.85"]),
            ("PPSN 1234567T", &["IE_PPS 1234567T"]),
            ("iban gb29nwbk60161331926819", &["IBAN gb29nwbk60161331926819"]),
            ("born on 12/04/1988 in Rome", &["DATE_OF_BIRTH 12/04/1988"]),
            (
                "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
                &["BTC_ADDRESS bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"],
            ),
            (
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                &["ETH_ADDRESS 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"],
            ),
            ("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", &[]),
        ],
    );
}

#[test]
fn telephone_numbers_are_read_as_people_write_them() {
    check(
        &PiiFilter::new(),
        &[
            ("+1-903-140-4508x769", &["PHONE +1-903-140-4508x769"]),
            ("001-518-640-0854 mobile", &["PHONE 001-518-640-0854"]),
            ("Fax: 259.735.7502 ext. 459", &["PHONE 259.735.7502 ext. 459"]),
            ("tel:+44(0)2079460958", &["PHONE +44(0)2079460958"]),
            ("Tel. 030 901820", &["PHONE 030 901820"]),
            ("call me at 4155552671!", &["PHONE 4155552671"]),
            ("+33 6 49 02 62 09 and 12 more", &["PHONE +33 6 49 02 62 09"]),
            ("phone since 1999-2014", &[]),
            ("call on 2024-05-01 10:30", &[]),
            ("call 12345", &[]),
        ],
    );
}

#[test]
fn addresses_are_found_in_every_disguise_that_is_known() {
    check(
        &PiiFilter::new(),
        &[
            (
                "<ana@example.org>, bob.b+x@mail.example.co.uk.",
                &["EMAIL ana@example.org", "EMAIL bob.b+x@mail.example.co.uk"],
            ),
            ("ana.b (at) example (dot) org", &["EMAIL ana.b (at) example (dot) org"]),
            ("ana1 at example dot org today", &["EMAIL ana1 at example dot org"]),
            ("ana(at)example(dot)org", &["EMAIL ana(at)example(dot)org"]),
            ("ana [at] example [dot] org", &["EMAIL [at] example [dot] org"]),
            ("ana&#64;example&#x2e;org", &["EMAIL ana&#64;example&#x2e;org"]),
            ("ana%40example.org", &["EMAIL ana%40example.org"]),
            ("ａｎａ＠example.org", &["EMAIL ａｎａ＠example.org"]),
            ("see (https://example.org/a_(b)?c=d).", &["URL https://example.org/a_(b)?c=d"]),
            ("www.example.org/x, ok", &["URL www.example.org/x"]),
            ("10.0.0.7/24 and 2001:db8::1:2 at 01:23", &["IPV4 10.0.0.7", "IPV6 2001:db8::1:2"]),
            ("std::fs::read, a::b, 12:30:45, 1.2.3, v1.2.3.4, 1.2.3.4.5", &[]),
            (
                "mac address:67:3F:A4:57:EC:59, ip:2001:db8::1:2",
                &["MAC 67:3F:A4:57:EC:59", "IPV6 2001:db8::1:2"],
            ),
            ("01:23:45:67:89:ab:cd:ef:01:23", &[]),
            ("aa:bb:cc:dd:ee:0f aa-bb-cc-dd-ee-0f", &["MAC aa:bb:cc:dd:ee:0f", "MAC aa-bb-cc-dd-ee-0f"]),
        ],
    );
}

#[test]
fn numbers_that_are_nobodys_pass() {
    for text in [
        "order 4111111111111111",
        "tracking number 123-45-6789",
        "ISBN 978-3-16-148410-0",
        "commit 5c130ec16032b0b6dd97b41e8df238dd3eb8ca2e",
        "b906d463-f464-43c3-91df-616112345678",
        "pi is 3.14159265358979 and 1,234,567,890 more",
        "using 123456782 lambs of sin 046454286x",
        "the company PAN-123 in 1984-2004",
        "BEGINNING ABCDEFGH",
        "file libx.so.3 of 2026-11-24T12:30:00Z",
    ] {
        assert_eq!(found(&PiiFilter::new(), text), Vec::<String>::new(), "in {text:?}");
    }
}

#[test]
fn kinds_can_be_chosen_by_name() {
    let text = "ana@example.org 219-09-9999";
    assert_eq!(found(&PiiFilter::only(&["EMAIL"]).unwrap(), text), ["EMAIL ana@example.org"]);
    assert_eq!(found(&PiiFilter::new().without(&["EMAIL"]).unwrap(), text), ["US_SSN 219-09-9999"]);
    assert!(PiiFilter::only(&["E-MAIL"]).is_err());
    assert!(PiiFilter::new().entities().len() >= 60 && SecretFilter::new().entities().len() >= 90);
}

#[test]
fn secrets_are_known_by_form_or_by_name() {
    let alnum = "q8Zr2LmX0pVt7Yb4Kc9Wd1Nf6Hg3Js5Eu0Ra";
    let github = format!("see ghp_{alnum}.");
    check(&SecretFilter::new(), &[(&github, &[&format!("GITHUB_TOKEN ghp_{alnum}")])]);
    check(
        &SecretFilter::new(),
        &[
            ("DB_PASSWORD=hunter2!", &["GENERIC_PASSWORD hunter2!"]),
            (
                "\"clientSecret\": \"Xne5otdQJdRgx6CvOC6I9sEy7i0slvd1\",",
                &["GENERIC_API_KEY Xne5otdQJdRgx6CvOC6I9sEy7i0slvd1"],
            ),
            ("my password is Silva%7785vUan.", &["GENERIC_PASSWORD Silva%7785vUan"]),
            ("密码：Qw3rty!9", &["GENERIC_PASSWORD Qw3rty!9"]),
            (
                "postgres://ana:s3cr3tpw@db.example.org/x",
                &["DB_URL postgres://ana:s3cr3tpw@db.example.org/x"],
            ),
            (
                "https://u:q8Zr2LmX@example.org/path, ok",
                &["BASIC_AUTH_URL https://u:q8Zr2LmX@example.org/path"],
            ),
            ("Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l", &["BASIC_AUTH YWxhZGRpbjpvcGVuc2VzYW1l"]),
        ],
    );
}

#[test]
fn what_stands_for_a_secret_and_what_is_public_passes() {
    for text in [
        "api_key = \"YOUR_API_KEY\"",
        "password = os.environ[\"DB_PASSWORD\"]",
        "password: ********, token: <token>, secret = None",
        "AKIAIOSFODNN7EXAMPLE and ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "password = '${DB_PASSWORD}' or {{ password }}",
        "the password is required and must have 8 characters",
        "token = get_token(user); secret_key = settings.SECRET_KEY",
        "commit 5c130ec16032b0b6dd97b41e8df238dd3eb8ca2e",
        "request_id=b906d463-f464-43c3-91df-6161dde6218d",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDZ me@host",
        "postgres://user:password@localhost/db, https://user:${PASS}@host/",
        "sk-wei-lindqvist, sk-learn-1.2, eyJ, xoxb-",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
    ] {
        assert_eq!(found(&SecretFilter::new(), text), Vec::<String>::new(), "in {text:?}");
    }
}

#[test]
fn a_private_key_is_redacted_to_its_end_or_to_the_end_of_the_text() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----";
    let engine = every();
    let text = format!("a {key} b");
    assert_eq!(engine.check_output(&text).text(&text), "a [PRIVATE_KEY] b");
    let text = "a -----BEGIN PRIVATE KEY-----\nMIIEow and so on";
    assert_eq!(engine.check_output(text).text(text), "a [PRIVATE_KEY]");
}

#[test]
fn what_invisible_characters_are_for_passes() {
    for text in [
        "👩‍👩‍👧‍👦 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ 👍🏽 🏳️‍🌈 🧑🏿‍🚀",
        "می‌خواهم क्‍ष శ్రీ‌",
        "שלום\u{200f} hello \u{202b}مرحبا\u{202c}",
        "ภาษา\u{200b}ไทย 日本語\u{e0100} 葛\u{e0100}",
        "Donau\u{ad}dampf\u{ad}schiff 10\u{a0}km e\u{301}\u{323}",
        "Tiếng Việt, naïve, ЯрлыкSMS, SMSка, 10 kΩ, μF, Δt, λmax, 3D-модель",
        "\u{feff}text\r\n\tand more",
    ] {
        assert_eq!(found(&UnicodeFilter::new(), text), Vec::<String>::new(), "in {text:?}");
    }
}

#[test]
fn what_hides_or_misleads_is_found() {
    for (text, entity) in [
        ("hello\u{e0069}\u{e0067}\u{e006e}", "TAG_CHARACTERS"),
        ("🏴\u{e0069}\u{e0067} no flag", "TAG_CHARACTERS"),
        ("😀\u{e0163}\u{e0155}\u{e0153}", "VARIATION_SELECTORS"),
        ("a\u{fe0f}b", "VARIATION_SELECTORS"),
        ("\u{202e}txet", "BIDI_CONTROL"),
        ("user \u{2066}admin\u{2069}", "BIDI_CONTROL"),
        ("ig\u{200b}nore", "INVISIBLE"),
        ("i\u{ad}g\u{ad}n\u{ad}ore", "INVISIBLE"),
        ("word\u{200b}\u{200c}\u{200b}", "INVISIBLE"),
        ("pass\u{200d}word", "INVISIBLE"),
        ("te\u{feff}xt", "INVISIBLE"),
        ("\u{3164}", "INVISIBLE"),
        ("x\u{e000}", "PRIVATE_USE"),
        ("e\u{300}\u{301}\u{302}\u{303}\u{304}", "STACKED_MARKS"),
        ("pаypаl", "MIXED_SCRIPT"),
        ("аррle", "MIXED_SCRIPT"),
        ("a\u{8}b\u{1b}[31m", "CONTROL"),
    ] {
        let found = found(&UnicodeFilter::new(), text);
        assert!(found.first().is_some_and(|found| found.starts_with(entity)), "{found:?} in {text:?}");
    }
}

/// An engine that redacts whatever the pattern detectors find.
fn every() -> GuardrailEngine {
    let mut builder = GuardrailEngine::builder()
        .detector(Arc::new(SecretFilter::new()))
        .detector(Arc::new(PiiFilter::new()))
        .detector(Arc::new(UnicodeFilter::new()));
    for category in [Category::Pii, Category::Secret, Category::Unicode] {
        builder = builder.rule(Stage::Output, category, Rule::new(GuardAction::Redact));
    }
    builder.build().unwrap()
}

fn streamed(engine: &GuardrailEngine, text: &str, sizes: &[usize]) -> String {
    let mut guard = engine.stream(Stage::Output);
    let (mut sent, mut rest) = (String::new(), text);
    for size in sizes.iter().cycle() {
        let at = rest.char_indices().nth(*size).map_or(rest.len(), |(at, _)| at);
        if let StreamStep::Emit(part) = guard.push(&rest[..at]) {
            sent.push_str(&part);
        }
        rest = &rest[at..];
        if rest.is_empty() {
            break;
        }
    }
    sent + &guard.finish().0
}

/// Texts of numbers, labels, keys and what looks like them.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,8}",
        2 => "[0-9]{1,6}([ .-][0-9]{1,5}){0,4}",
        1 => "[A-Z]{2}[0-9]{2}( [0-9]{4}){1,4}",
        1 => "[+(]?[0-9]{1,4}[) -][0-9]{2,4}",
        3 => proptest::sample::select(vec![
            "card", "SSN", "phone:", "order", "NHS number", "IBAN", "ID number", "token=", "password is", "BSN",
            "4111 1111 1111 1111", "219-09-9999", "GB29 NWBK 6016 1331 9268 19", "+49 30 901820", "943 476 5919",
            "111222333", "ana@example.org", "ana [at] example [dot] org", "a1 at b dot org", "https://example.org/x", "10.1.2.3",
            "s3cr3t!pw", "q8Zr2LmX0pVt7Yb4Kc9W", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
            "-----", "BEGIN", "(office)", "４111", "a\u{200b}b", "\u{202e}", "שלום", "\u{200f}", "🏴\u{e0067}", "SH 09 23 70 C",
            "2001:db8::1", "[PHONE]", "****1111", "DEUTDEFF", "www.", "x\u{e000}",
        ]).prop_map(str::to_owned),
    ];
    let gap = prop_oneof![8 => Just(" "), 1 => Just(""), 1 => Just("\n"), 1 => Just(", "), 1 => Just("。")];
    proptest::collection::vec((piece, gap), 0..40)
        .prop_map(|pairs| pairs.into_iter().map(|(piece, gap)| piece + gap).collect())
}

#[test]
fn the_detectors_keep_their_promises() {
    let samples = [
        "my card number is 4111 1111 1111 1111, SSN 219-09-9999 (or +49 30 901820)",
        "ana.b [at] example [dot] org, https://example.org/x 943 476 5919 NHS number",
        "password is s3cr3t!pw and token=q8Zr2LmX0pVt7Yb4Kc9W",
        "-----BEGIN PRIVATE KEY----- MIIE -----END PRIVATE KEY----- x",
        "pаypаl \u{202e}abc\u{202c} \u{e0069}\u{e0067} e\u{300}\u{301}\u{302}\u{303}",
    ];
    for detector in [&PiiFilter::new() as &dyn Detector, &SecretFilter::new(), &UnicodeFilter::new()] {
        assert_eq!(check_detector(detector, &samples), Ok(()), "{}", detector.id());
    }
}

#[test]
fn a_clean_message_needs_no_memory() {
    let text = "Could you please have a look at the second chapter and tell me by Friday whether the plot holds together?";
    let detectors = [&PiiFilter::new() as &dyn Detector, &SecretFilter::new(), &UnicodeFilter::new()];
    assert_eq!(detectors.map(|detector| found(detector, text).len()), [0; 3]);
    let counted = allocation_counter::measure(|| {
        let view = TextView::new(text);
        let mut findings = Findings::new();
        for detector in detectors {
            detector.scan(&view, &mut findings);
        }
        assert!(findings.is_empty());
    });
    assert_eq!(counted.count_total, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_stream_lets_through_what_the_whole_does(
        text in texts(),
        sizes in proptest::collection::vec(1_usize..40, 1..6),
    ) {
        let engine = every();
        let whole = engine.check_output(&text);
        prop_assert_eq!(streamed(&engine, &text, &sizes), whole.text(&text));
    }

    /// What stands before a comma, a colon or in a bracket is let through at once.
    #[test]
    fn a_clause_before_a_spelled_sign_streams_as_the_whole_does(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "trouble: ", "trouble, ", "cafe: ", "ab: ", "fe80:: ", "well-meant ", "a.b; ", "a.b: ", "x ", "(see ", "(at) ", "(",
            "[at] ", "[dot] ", "dot ", "at ", "org ", "example ", "&#64;", "&#58;", "%40", "https://ana: ", "www.a, ", "\u{ff1a} ",
            "12: ", "SSN: ", "219-09-9999 ", "aa:bb:cc:dd:ee:ff ", "aa-bb-cc-dd-ee-ff, ", "1.2.3, ", "4 ",
        ]), 0..14),
        sizes in proptest::collection::vec(1_usize..24, 1..4),
    ) {
        let (engine, text) = (every(), words.concat());
        let whole = engine.check_output(&text);
        prop_assert_eq!(streamed(&engine, &text, &sizes), whole.text(&text));
    }

    #[test]
    fn spans_lie_on_characters_and_do_not_overlap_within_a_detector(text in texts()) {
        for detector in [&PiiFilter::new() as &dyn Detector, &SecretFilter::new()] {
            let mut findings = Findings::new();
            detector.scan(&TextView::new(&text), &mut findings);
            let mut spans: Vec<_> = findings.iter().filter_map(|finding| finding.span).collect();
            spans.sort();
            for span in &spans {
                prop_assert!(span.start < span.end && text.get(span.start..span.end).is_some());
            }
            prop_assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
    }

    #[test]
    fn no_text_makes_a_detector_panic(text in "\\PC{0,200}") {
        let _ = every().check_output(&text);
    }
}
