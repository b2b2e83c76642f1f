//! Turns from files, and how well scores agree with what people said of them.

#![expect(clippy::expect_used, reason = "a test may panic")]

use helm_core::{EvaluatorName, NotScored, Score, ScoreEntry, ScoreOutcome, UnitInterval};
use helm_eval::dataset::{
    Agreement, Condition, RatedAnswer, RowResult, Sample, Verdict, agreement, differences,
};
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

fn row(id: usize, reward: f64) -> RowResult {
    let mut row = RowResult::new(id.into());
    row.reward = Some(unit(reward));
    row.scores.insert(EvaluatorName::new("relevance").expect("a name"), Some(unit(1.0)));
    row
}

fn rows(count: usize, reward: impl Fn(usize) -> f64) -> Vec<RowResult> {
    (0..count).map(|id| row(id, reward(id))).collect()
}

fn verdict(condition: &str, rows: &[RowResult], baseline: Option<&[RowResult]>) -> Verdict {
    let condition: Condition = condition.parse().expect("a condition");
    condition.judge(rows, baseline, Resampling::default()).expect("a judgement").verdict
}

#[test]
fn a_condition_is_judged_by_the_interval_and_not_by_the_mean() {
    let spread = |id: usize| if id.is_multiple_of(2) { 0.95 } else { 0.75 };
    let (few, many) = (rows(6, spread), rows(400, spread));
    assert_eq!(verdict("reward>=0.84", &few, None), Verdict::Unknown);
    assert_eq!(verdict("reward>=0.83", &many, None), Verdict::Met);
    assert_eq!(verdict("reward>=0.88", &many, None), Verdict::NotMet);
    assert_eq!(verdict("reward <= 0.88", &many, None), Verdict::Met);
    assert_eq!(
        verdict("relevance>=1", &many, None),
        Verdict::Met,
        "what has no spread is judged by its mean"
    );
    assert_eq!(verdict("relevance>1", &many, None), Verdict::NotMet);
    assert_eq!(verdict("errors<0.01", &many, None), Verdict::Met);
    assert_eq!(verdict("reward>=0.1", &few[..1], None), Verdict::Unknown);
    assert_eq!(verdict("reward>=0.1", &[], None), Verdict::Unknown);
}

/// Rows of which some failed, and which all have the same reward.
fn runs(count: usize, failed: usize, reward: f64) -> Vec<RowResult> {
    let mut rows = rows(count, |_| reward);
    rows.iter_mut().take(failed).for_each(|row| row.error = Some("no answer".to_owned()));
    rows
}

#[test]
fn what_never_happened_in_a_few_rows_may_still_happen() {
    for (condition, count, failed, expected) in [
        ("errors<=0.01", 5, 0, Verdict::Unknown),
        ("errors<=0.01", 40, 0, Verdict::Unknown),
        ("errors<=0.01", 400, 0, Verdict::Met),
        ("errors<=0.1", 5, 5, Verdict::NotMet),
        ("reward>=0.5", 9, 0, Verdict::Unknown),
        ("reward>=0.5", 10, 0, Verdict::Met),
        // No sample could tell this of all answers: it is asked of the rows.
        ("errors<=0", 5, 0, Verdict::Met),
        ("errors<=0", 400, 1, Verdict::NotMet),
        ("relevance>=1", 5, 0, Verdict::Met),
        // What no run can show needs no rows.
        ("reward>=2", 3, 0, Verdict::NotMet),
        ("reward<=1.5", 3, 0, Verdict::Met),
    ] {
        assert_eq!(verdict(condition, &runs(count, failed, 0.8), None), expected, "{condition}, {count}");
    }
    for (condition, count, failed, expected) in [
        ("errors not-above baseline by 0.02", 5, 0, Verdict::Unknown),
        ("errors not-above baseline by 0.02", 40, 0, Verdict::Met),
        ("errors not-above baseline by 0.02", 40, 1, Verdict::Unknown),
        ("errors not-above baseline by 0.02", 40, 12, Verdict::NotMet),
        ("errors not-above baseline by 0.02", 900, 3, Verdict::Met),
    ] {
        let (before, after) = (runs(count, 0, 0.8), runs(count, failed, 0.8));
        assert_eq!(verdict(condition, &after, Some(&before)), expected, "{condition}, {count}");
    }
}

#[test]
fn rows_without_a_value_are_counted() {
    let mut rows = rows(20, |_| 0.8);
    rows.iter_mut().take(3).for_each(|row| row.reward = None);
    let condition: Condition = "reward>=0.5".parse().expect("a condition");
    let judged = condition.judge(&rows, None, Resampling::default()).expect("a judgement");
    assert_eq!((judged.rows, judged.missing), (17, 3));
}

#[test]
fn against_a_baseline_the_same_rows_are_compared() {
    // Rows differ much from each other, and little between the runs: only pairs can tell.
    let before = rows(60, |id| (id % 10) as f64 / 12.0);
    let after = rows(60, |id| (id % 10) as f64 / 12.0 + 0.05);
    assert_eq!(verdict("reward above baseline by 0.04", &after, Some(&before)), Verdict::Met);
    assert_eq!(verdict("reward not-below baseline by 0.02", &before, Some(&after)), Verdict::NotMet);
    assert_eq!(verdict("reward not-below baseline", &after, Some(&after)), Verdict::Met);
    assert_eq!(verdict("reward above baseline", &after, Some(&after)), Verdict::NotMet);
    assert_eq!(verdict("reward below baseline by 0.04", &before, Some(&after)), Verdict::Met);
    assert_eq!(verdict("reward not-above baseline by 0.1", &after, Some(&before)), Verdict::Met);
    let others: Vec<RowResult> = (100..160).map(|id| row(id, 0.5)).collect();
    assert_eq!(
        verdict("reward above baseline", &after, Some(&others)),
        Verdict::Unknown,
        "no row is in both"
    );
    let difference = &differences(&before, &after, Resampling::default()).expect("differences")[0];
    assert_eq!((difference.name.as_str(), difference.rows), ("reward", 60));
    assert!(difference.comparison.expect("a comparison").is_clear());
}

#[test]
fn what_is_no_condition_or_of_nothing_measured_is_refused() {
    for wrong in [
        "",
        "reward",
        "reward>=x",
        "reward>=NaN",
        ">=1",
        "reward about baseline",
        "a b>1",
        "reward above baseline by -1",
        "reward above baseline by",
        "reward => 0.5",
    ] {
        assert!(wrong.parse::<Condition>().is_err(), "{wrong:?}");
    }
    let condition: Condition = "relevanse>=0.9".parse().expect("a condition");
    let error = condition.judge(&rows(3, |_| 0.5), None, Resampling::default()).expect_err("a typo");
    assert!(error.to_string().contains("relevanse; there are: reward, relevance"), "{error}");
    let condition: Condition = "reward above baseline".parse().expect("a condition");
    assert!(condition.judge(&rows(3, |_| 0.5), None, Resampling::default()).is_err());
}

proptest! {
    #[test]
    fn a_condition_is_read_as_it_is_written(measure in "[a-z_]{1,12}", limit in -1e6..1e6_f64, margin in 0.0..1e3_f64, kind in 0..8_usize) {
        let text = match kind {
            0..4 => format!("{measure}{}{limit}", [">=", ">", "<=", "<"][kind]),
            _ => format!("{measure} {} baseline by {margin}", ["not-below", "above", "not-above", "below"][kind - 4]),
        };
        let condition: Condition = text.parse().expect("a condition");
        prop_assert_eq!(condition.to_string().parse::<Condition>().expect("the same"), condition);
    }
}
