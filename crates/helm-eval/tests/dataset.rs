//! Turns from files, and how well scores agree with what people said of them.

#![expect(clippy::expect_used, reason = "a test may panic")]

use helm_core::{EvaluatorName, NotScored, Score, ScoreEntry, ScoreOutcome, UnitInterval};
use helm_eval::dataset::{Agreement, RatedAnswer, Sample, agreement};
use helm_eval::stats::Resampling;
use proptest::prelude::*;

fn unit(value: f64) -> UnitInterval {
    UnitInterval::new(value).expect("from 0 to 1")
}

fn entry(name: &str, value: Option<f64>) -> ScoreEntry {
    let outcome = match value {
        Some(value) => ScoreOutcome::Scored(Score::new(unit(value), UnitInterval::ONE)),
        None => ScoreOutcome::NotScored(NotScored::Incomplete),
    };
    ScoreEntry { evaluator: EvaluatorName::new(name).expect("a name"), outcome }
}

/// Two answers to each of thirty requests, of which people prefer the second.
fn answers(score: impl Fn(usize) -> Option<f64>) -> Vec<RatedAnswer> {
    let answer = |row: usize| {
        let rating = unit(if row % 2 == 1 { 0.9 } else { 0.1 });
        RatedAnswer::new(format!("request {}", row / 2), rating, vec![entry("one", score(row))])
    };
    (0..60).map(answer).collect()
}

fn of_one(answers: &[RatedAnswer]) -> Option<Agreement> {
    let found = agreement(answers, Resampling::default().with_resamples(200)).expect("an agreement");
    found.into_iter().find(|agreement| agreement.measure == "one")
}

#[test]
fn a_line_says_what_evaluators_may_look_at() {
    let line = r#"{"id": "x", "context": "one\n\ntwo", "user": "three", "response": null, "knowledge": ["a", " "],
        "human": null, "anything": [1]}"#;
    let sample: Sample = serde_json::from_str(line).expect("a sample");
    assert_eq!((sample.history.len(), sample.knowledge.len(), sample.human.len()), (2, 1, 0));
    assert_eq!(sample.request(), "one\ntwo\nthree");
    assert!(sample.response.is_none());
    let passages = sample.passages();
    assert_eq!(sample.exchange(&passages).passages, ["a"]);
    for wrong in
        [r#"{"response": "x"}"#, r#"{"user": "a", "id": true}"#, r#"{"user": "a", "human": {"x": "y"}}"#]
    {
        assert!(serde_json::from_str::<Sample>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_measure_that_says_what_people_say_agrees_fully_and_its_opposite_not_at_all() {
    for (score, expected) in [(0.8, 1.0), (0.2, 0.0)] {
        let found = of_one(&answers(|row| Some(if row % 2 == 1 { score } else { 0.5 }))).expect("a measure");
        let value = |estimate: &Option<helm_eval::stats::Estimate>| estimate.expect("an estimate").value;
        assert_eq!((value(&found.separation), value(&found.pairs)), (expected, expected));
        assert!((value(&found.order) - (2.0 * expected - 1.0)).abs() < 1e-9);
        assert_eq!(found.answers, 60);
    }
}

#[test]
fn what_was_not_measured_or_always_the_same_has_no_figure() {
    assert!(of_one(&answers(|_| None)).is_none());
    let level = of_one(&answers(|_| Some(0.5))).expect("a measure");
    assert_eq!((level.order, level.tau), (None, None));
    assert_eq!(level.pairs.map(|pairs| pairs.value), Some(0.5), "ties count half");
    let single = of_one(&answers(|row| (row == 0).then_some(0.5))).expect("a measure");
    assert!(single.order.is_none() && single.pairs.is_none());
}

proptest! {
    #[test]
    fn agreement_never_panics_and_stays_in_its_range(rows in prop::collection::vec((0..5_u8, 0.0..=1.0, prop::option::of(0.0..=1.0)), 0..40)) {
        let answers: Vec<RatedAnswer> = rows
            .iter()
            .map(|(request, rating, score)| {
                RatedAnswer::new(request.to_string(), unit(*rating), vec![entry("one", *score)])
            })
            .collect();
        for found in agreement(&answers, Resampling::default().with_resamples(100)).expect("an agreement") {
            for estimate in [found.separation, found.pairs].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&estimate.value));
            }
            prop_assert!(found.order.is_none_or(|order| order.value.abs() <= 1.0 + 1e-9));
        }
    }
}
