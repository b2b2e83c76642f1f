//! What the pattern detectors reach on labelled texts. The texts are not in the repository: the tests read them from
//! `HELM_DATA_DIR` and say when they are skipped. `HELM_EXPLAIN=1` prints every miss and false alarm.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test may panic, and prints what it measured"
)]

mod score;

use helm_guardrails::{PiiFilter, SecretFilter, UnicodeFilter};
use score::{Row, messages, ratio, rows, spans};

/// What patterns can find in texts in which most spans are names and addresses.
const PATTERNS: [&str; 8] =
    ["CREDIT_CARD", "EMAIL", "IBAN", "IP", "PHONE", "URL", "US_DRIVER_LICENSE", "US_SSN"];

#[test]
fn personal_data_of_every_kind_is_found_and_little_else() {
    let Some(rows) = rows("pii.helm_synth") else { return };
    let filter = PiiFilter::new();
    let counts = spans(&rows, &filter, &[], false);
    println!("f1 {:.4} precision {:.4} {counts:?}", counts.f1(), counts.precision());
    let negatives: Vec<_> = rows.iter().filter(|row| row.kind() == "negative").collect();
    let flagged = negatives.iter().filter(|row| !row.found(&filter).is_empty()).count();
    println!("negatives flagged {:.4}", ratio(flagged, negatives.len()));
    assert!(counts.f1() >= 0.96 && counts.precision() >= 0.98);
    assert!(ratio(flagged, negatives.len()) <= 0.01);
}

#[test]
fn disguised_numbers_are_found_where_they_stand() {
    let Some(rows) = rows("pii.helm_adversarial") else { return };
    let counts = spans(&rows, &PiiFilter::new(), &[], false);
    println!("recall {:.4} exact {:.4} {counts:?}", counts.recall(), counts.exact_share());
    assert!(counts.recall() >= 0.92 && counts.exact_share() >= 0.99);
}

#[test]
fn what_has_a_pattern_is_found_among_names_and_addresses() {
    for (name, least) in [("pii.presidio_synth_v2", 0.90), ("pii.presidio_generated_large", 0.94)] {
        let Some(rows) = rows(name) else { return };
        let counts = spans(&rows, &PiiFilter::new(), &PATTERNS, false);
        println!("{name} f1 {:.4} {counts:?}", counts.f1());
        assert!(counts.f1() >= least);
    }
}

#[test]
fn messages_with_secrets_are_found_and_others_left_alone() {
    let Some(rows) = rows("secrets.helm_synth") else { return };
    let filter = SecretFilter::new();
    let counts = messages(&rows, &filter, |row| !row.spans.is_empty());
    let clean = rows.iter().filter(|row| row.spans.is_empty()).count();
    println!("message f1 {:.4} false {:.4} {counts:?}", counts.f1(), ratio(counts.false_alarms, clean));
    let places = spans(&rows, &filter, &[], true);
    println!("span f1 {:.4} {places:?}", places.f1());
    assert!(counts.f1() >= 0.96 && ratio(counts.false_alarms, clean) <= 0.005);
    assert!(places.f1() >= 0.96);
}

#[test]
fn hidden_and_misleading_characters_are_found_and_their_proper_uses_pass() {
    let Some(rows) = rows("unicode.helm_unicode") else { return };
    let suspicious = |row: &Row| row.labels.get("suspicious") == Some(&1);
    let counts = messages(&rows, &UnicodeFilter::new(), suspicious);
    let legitimate = rows.iter().filter(|row| !suspicious(row)).count();
    println!("f1 {:.4} legitimate {:.4} {counts:?}", counts.f1(), ratio(counts.false_alarms, legitimate));
    assert!(counts.f1() >= 0.97 && ratio(counts.false_alarms, legitimate) <= 0.01);
}
