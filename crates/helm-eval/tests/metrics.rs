//! Reference metrics are what sacreBLEU and rouge-score compute.

use helm_core::{NotScored, ScoreOutcome};
use helm_eval::metrics::{
    NumericTolerance, Reference, chrf, exact_match, numeric_match, rouge_l, sentence_bleu,
};
use helm_eval::{Exchange, Heuristic, check_evaluator, inline};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    answer: String,
    reference: String,
    bleu: f64,
    chrf: f64,
    rouge_l: [f64; 3],
}

#[test]
fn metrics_equal_those_of_the_field() {
    let rows: Vec<Golden> =
        serde_json::from_str(include_str!("golden/metrics.json")).expect("golden vectors");
    assert!(rows.len() > 50);
    for Golden { answer, reference, bleu, chrf: expected, rouge_l: rouge } in rows {
        let near = |name: &str, found: f64, wanted: f64| {
            assert!(
                (found - wanted).abs() < 1e-6,
                "{name} {found} is not {wanted}: {answer:?} {reference:?}"
            );
        };
        near("chrF", chrf(&answer, &reference), expected);
        near("BLEU", sentence_bleu(&answer, &reference), bleu);
        let found = rouge_l(&answer, &reference);
        near("ROUGE-L precision", found.precision, rouge[0]);
        near("ROUGE-L recall", found.recall, rouge[1]);
        near("ROUGE-L F1", found.f1, rouge[2]);
    }
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let near = NumericTolerance::default();
    for (answer, reference, expected) in [
        ("The answer is 1,234.5.", "1234.5", Some(true)),
        ("-3", "3", Some(false)),
        ("It is \u{2212}3 degrees", "-3", Some(true)),
        ("between 3-4", "4", Some(true)),
        ("6.02e23", "602000000000000000000000", Some(true)),
        ("no number", "7", Some(false)),
        ("7", "none", None),
        ("1e999", "1e999", None),
        ("v1.2.3", "3", Some(true)),
        ("1,2", "2", Some(true)),
    ] {
        assert_eq!(numeric_match(answer, reference, near), expected, "{answer:?} {reference:?}");
    }
    assert!(NumericTolerance::new(f64::NAN, 0.0).is_err() && NumericTolerance::new(0.0, -1.0).is_err());
    assert!(exact_match("?!", "?!") && !exact_match("?", "!"));
    assert!(exact_match("  New\n York ", "new york."));
}

#[tokio::test]
async fn evaluators_of_metrics_keep_the_contract() {
    let evaluators = [
        Reference::chrf(),
        Reference::bleu(),
        Reference::rouge_l(),
        Reference::exact(),
        Reference::numeric(NumericTolerance::default()),
    ];
    for evaluator in evaluators {
        let evaluator = evaluator.expect("an evaluator");
        let bare = evaluator.measure(&Exchange::new("a", "b"));
        assert_eq!(bare, ScoreOutcome::NotScored(NotScored::Missing("reference".to_owned())));
        check_evaluator(&inline(evaluator)).await.expect("keeps the contract");
    }
    let arabic = Exchange::new("a", "نعم").with_reference("نعم");
    let outcome = Reference::rouge_l().expect("an evaluator").measure(&arabic);
    assert!(matches!(outcome, ScoreOutcome::NotScored(NotScored::NotApplicable(_))));
}

proptest! {
    #[test]
    fn metrics_are_shares_and_a_text_is_its_own_best_answer(answer in "\\PC{0,60}", reference in "\\PC{0,60}") {
        let rouge = rouge_l(&answer, &reference);
        let all = [chrf(&answer, &reference), sentence_bleu(&answer, &reference), rouge.precision, rouge.recall, rouge.f1];
        prop_assert!(all.iter().all(|value| (0.0..=1.0 + 1e-12).contains(value)), "{all:?}");
        prop_assert!(chrf(&reference, &reference) + 1e-12 >= chrf(&answer, &reference));
        prop_assert_eq!(rouge.precision, rouge_l(&reference, &answer).recall);
        prop_assert!(exact_match(&answer, &answer));
        let _ = numeric_match(&answer, &reference, NumericTolerance::default());
    }
}
