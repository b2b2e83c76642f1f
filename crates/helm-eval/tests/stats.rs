//! Statistics are what SciPy and scikit-learn compute, and intervals hold what they should.

use helm_eval::Error;
use helm_eval::stats::{
    Conformal, Drift, Isotonic, Moved, PairOutcome, Resampling, Sampled, auroc, bootstrap, brier, compare,
    expected_calibration_error, kendall_tau_b, paired_shares, pairwise_accuracy, prediction_powered_mean,
    ranks, sampled_mean, spearman, wilson,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    samples: Vec<Sample>,
    wilson: Vec<(u64, u64, f64, f64, f64)>,
}

#[derive(Deserialize)]
struct Sample {
    x: Vec<f64>,
    y: Vec<f64>,
    weights: Vec<f64>,
    label: Vec<u8>,
    spearman: f64,
    kendall: f64,
    auroc: f64,
    isotonic: Vec<f64>,
    ranks: Vec<f64>,
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn statistics_equal_those_of_scipy() {
    let golden: Golden = serde_json::from_str(include_str!("golden/stats.json")).expect("golden vectors");
    for sample in golden.samples {
        near(spearman(&sample.x, &sample.y).expect("numbers").expect("varied"), sample.spearman);
        near(kendall_tau_b(&sample.x, &sample.y).expect("numbers").expect("varied"), sample.kendall);
        let good: Vec<bool> = sample.label.iter().map(|label| *label == 1).collect();
        near(auroc(&sample.x, &good).expect("numbers").expect("both kinds"), sample.auroc);
        let pooled = Isotonic::pool(&sample.y, &sample.weights).expect("numbers");
        pooled.iter().zip(&sample.isotonic).for_each(|(found, expected)| near(*found, *expected));
        assert_eq!(ranks(&sample.x).expect("numbers"), sample.ranks);
    }
    for (yes, total, level, low, high) in golden.wilson {
        let share = wilson(yes, total, level).expect("a share");
        near(share.low, low);
        near(share.high, high);
    }
}

#[test]
fn what_is_no_number_or_too_little_is_refused() {
    assert!(matches!(spearman(&[1.0, f64::NAN], &[1.0, 2.0]), Err(Error::NotFinite { .. })));
    assert!(matches!(kendall_tau_b(&[1.0], &[1.0]), Err(Error::TooFew { .. })));
    assert!(matches!(spearman(&[1.0], &[1.0, 2.0]), Err(Error::LengthMismatch { .. })));
    assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]).expect("numbers"), None);
    assert_eq!(auroc(&[0.1, 0.2], &[true, true]).expect("numbers"), None);
    assert!(brier(&[1.5], &[true]).is_err() && brier(&[], &[]).is_err());
    assert!(expected_calibration_error(&[0.5], &[true], 0).is_err());
    assert!(wilson(2, 1, 0.9).is_err() && wilson(0, 0, 0.9).is_err() && wilson(1, 2, 1.0).is_err());
    assert!(Isotonic::fit(&[0.0, 1.0], &[0.0, 1.0], -1.0).is_err());
    assert!(Isotonic::pool(&[0.0], &[0.0]).is_err());
    assert!(prediction_powered_mean(&[1.0], &[1.0], &[1.0, 2.0], 0.9).is_err());
    assert!(Conformal::fit(&["a"], &[0.1, 0.2], &[0.1, 0.2], 0.9).is_err());
    let few = Resampling::default().with_resamples(10);
    assert!(bootstrap(&[1, 2], |_| Some(1.0), few).is_err());
    assert!(bootstrap(&[1, 1], |_| Some(1.0), Resampling::default()).is_err());
    assert!(bootstrap(&[1, 2], |_| None, Resampling::default()).is_err());
}

#[test]
fn probabilities_are_held_to_what_happened() {
    near(brier(&[0.9, 0.2], &[true, false]).expect("probabilities"), 0.025);
    let (probabilities, happened) = ([0.75; 4], [true, true, true, false]);
    near(expected_calibration_error(&probabilities, &happened, 10).expect("probabilities"), 0.0);
    near(expected_calibration_error(&[1.0, 1.0], &[false, true], 10).expect("probabilities"), 0.5);
}

#[test]
fn ties_count_half_for_the_metric_and_not_at_all_for_people() {
    let pairs = [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.3, -1.0)].map(|(m, p)| PairOutcome::new(m, p));
    near(pairwise_accuracy(&pairs).expect("numbers").expect("pairs"), 0.5);
    assert_eq!(pairwise_accuracy(&pairs[2..3]).expect("numbers"), None);
    assert!(pairwise_accuracy(&[PairOutcome::new(f64::NAN, 1.0)]).is_err());
}

#[test]
fn curves_rise_and_are_held_at_the_ends() {
    let scores = [0.1, 0.2, 0.2, 0.5, 0.9];
    let curve = Isotonic::fit(&scores, &[1.0, 3.0, 1.0, 2.0, 4.0], 0.0).expect("ratings");
    near(curve.apply(-5.0), 1.0);
    near(curve.apply(0.35), 2.0);
    near(curve.apply(7.0), 4.0);
    assert!(curve.apply(f64::NAN).is_nan());
    let falling = Isotonic::fit(&[0.0, 1.0], &[1.0, 0.0], 30.0).expect("ratings");
    near(falling.apply(0.3), 0.5);
}

/// A generator of numbers that are about normal, for simulations.
struct Normal(u64);

impl Normal {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[test]
fn intervals_of_clusters_hold_the_mean_as_often_as_they_say() {
    let mut random = Normal(1);
    let (mut held, mut held_by_rows, runs) = (0, 0, 300);
    for seed in 0..runs {
        let rows: Vec<(u64, f64)> = (0..30)
            .flat_map(|cluster| {
                let shared = random.next();
                (0..4).map(|_| (cluster, shared + 0.5 * random.next())).collect::<Vec<_>>()
            })
            .collect();
        let mean =
            |chosen: &[usize]| Some(chosen.iter().map(|row| rows[*row].1).sum::<f64>() / chosen.len() as f64);
        let resampling = Resampling::default().with_resamples(400).with_seed(seed);
        let clusters: Vec<u64> = rows.iter().map(|row| row.0).collect();
        let estimate = bootstrap(&clusters, mean, resampling).expect("an interval");
        held += i32::from(estimate.low <= 0.0 && estimate.high >= 0.0);
        let single: Vec<usize> = (0..rows.len()).collect();
        let estimate = bootstrap(&single, mean, resampling).expect("an interval");
        held_by_rows += i32::from(estimate.low <= 0.0 && estimate.high >= 0.0);
    }
    assert!((273..=297).contains(&held), "{held} of {runs}");
    assert!(held_by_rows < 240, "{held_by_rows}: rows of a cluster are not independent");
}

#[test]
fn intervals_of_paired_shares_hold_the_difference_as_often_as_they_say() {
    let mut random = Normal(11);
    for (lost, gained, total) in [(0.02, 0.02, 40_u64), (0.1, 0.2, 30), (0.0, 0.05, 60)] {
        let held = (0..2_000).filter(|_| {
            let draws: Vec<f64> = (0..total).map(|_| random.uniform()).collect();
            let count = |from: f64, to: f64| draws.iter().filter(|draw| (from..to).contains(*draw)).count();
            let (down, up) = (count(0.0, lost) as u64, count(lost, lost + gained) as u64);
            let found = paired_shares(down, up, total, 0.95).expect("shares");
            (found.low..=found.high).contains(&(gained - lost))
        });
        let held = held.count() as f64 / 2_000.0;
        assert!(held >= 0.93, "{lost} {gained} {total}: {held}");
    }
    assert!(paired_shares(1, 1, 1, 0.95).is_err() && paired_shares(0, 0, 0, 0.95).is_err());
    assert!(paired_shares(0, 1, 2, 1.0).is_err());
}

#[test]
fn comparisons_are_paired_and_repeatable() {
    let mut random = Normal(2);
    let rows: Vec<(f64, f64)> = (0..60)
        .map(|_| {
            let hard = 5.0 * random.next();
            (hard + random.next(), hard + 1.0 + random.next())
        })
        .collect();
    let clusters: Vec<usize> = (0..rows.len()).collect();
    let means = |chosen: &[usize]| {
        let count = chosen.len() as f64;
        let sum =
            |pick: fn(&(f64, f64)) -> f64| chosen.iter().map(|row| pick(&rows[*row])).sum::<f64>() / count;
        Some((sum(|row| row.0), sum(|row| row.1)))
    };
    let compared = compare(&clusters, means, Resampling::default()).expect("an interval");
    assert!(compared.is_clear() && compared.better > 0.99, "{compared:?}");
    assert_eq!(compare(&clusters, means, Resampling::default()).expect("an interval"), compared);
    let same = compare(&clusters, |_| Some((1.0, 1.0)), Resampling::default()).expect("an interval");
    assert!(!same.is_clear() && same.better == 0.5);
}

#[test]
fn powered_means_hold_and_save_labels() {
    let mut random = Normal(3);
    let (mut held, mut narrower, runs) = (0, 0, 400);
    for _ in 0..runs {
        let mut draw = |count: usize| -> (Vec<f64>, Vec<f64>) {
            (0..count)
                .map(|_| {
                    let label = random.next();
                    (label, 0.8 * label + 0.4 + 0.5 * random.next())
                })
                .unzip()
        };
        let ((labels, scores), (_, unlabelled)) = (draw(40), draw(400));
        let powered = prediction_powered_mean(&labels, &scores, &unlabelled, 0.95).expect("a mean");
        held += i32::from(powered.mean.low <= 0.0 && powered.mean.high >= 0.0);
        let alone = (labels.iter().map(|label| label * label).sum::<f64>() / 1_600.0).sqrt();
        narrower += i32::from(powered.mean.stderr < alone);
    }
    assert!((368..=396).contains(&held), "{held} of {runs}");
    assert!(narrower > 380, "{narrower}");
    let useless =
        prediction_powered_mean(&[1.0, 2.0, 3.0], &[0.3, 0.2, 0.1], &[0.2, 0.2], 0.9).expect("a mean");
    assert_eq!((useless.lambda, useless.mean.value), (0.0, 2.0));
}

#[test]
fn intervals_hold_judgements_group_by_group() {
    let mut random = Normal(4);
    let mut draw = |count: usize| -> Vec<(&str, f64, f64)> {
        (0..count)
            .map(|row| {
                let (group, noise) = if row % 2 == 0 { ("calm", 0.1) } else { ("wild", 1.0) };
                let score = random.next();
                (group, score, score + noise * random.next())
            })
            .collect()
    };
    let (fit, test) = (draw(600), draw(2_000));
    let column = |rows: &[(&'static str, f64, f64)]| -> (Vec<&'static str>, Vec<f64>, Vec<f64>) {
        (
            rows.iter().map(|r| r.0).collect(),
            rows.iter().map(|r| r.1).collect(),
            rows.iter().map(|r| r.2).collect(),
        )
    };
    let (groups, scores, people) = column(&fit);
    let conformal = Conformal::fit(&groups, &scores, &people, 0.9).expect("ratings");
    for group in ["calm", "wild"] {
        let rows: Vec<_> = test.iter().filter(|row| row.0 == group).collect();
        let held = rows.iter().filter(|row| (row.1 - row.2).abs() <= conformal.half_width(&group)).count();
        let share = held as f64 / rows.len() as f64;
        assert!((0.86..0.94).contains(&share), "{group} {share}");
    }
    assert!(conformal.half_width(&"new") > conformal.half_width(&"calm"));
    let few = Conformal::fit(&["a"; 3], &[0.0; 3], &[0.1, 0.2, 0.3], 0.9).expect("ratings");
    assert_eq!(few.half_width(&"a"), f64::INFINITY);
}

proptest! {
    #[test]
    fn rank_statistics_do_not_change_under_rising_maps(
        rows in proptest::collection::vec((-5_i32..5, -5_i32..5), 2..40),
    ) {
        let x: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
        let y: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let cubed: Vec<f64> = x.iter().map(|value| value.powi(3)).collect();
        let negated: Vec<f64> = y.iter().map(|value| -value).collect();
        prop_assert_eq!(spearman(&x, &y).expect("numbers"), spearman(&cubed, &y).expect("numbers"));
        prop_assert_eq!(kendall_tau_b(&x, &y).expect("numbers"), kendall_tau_b(&cubed, &y).expect("numbers"));
        let (tau, mirrored) = (kendall_tau_b(&x, &y).expect("numbers"), kendall_tau_b(&x, &negated).expect("numbers"));
        prop_assert_eq!(tau.is_some(), mirrored.is_some());
        prop_assert!((tau.unwrap_or(0.0) + mirrored.unwrap_or(0.0)).abs() < 1e-12);
        let good: Vec<bool> = y.iter().map(|value| *value > 0.0).collect();
        prop_assert_eq!(auroc(&x, &good).expect("numbers"), auroc(&cubed, &good).expect("numbers"));
    }

    #[test]
    fn pooled_values_never_fall_and_keep_the_mean(values in proptest::collection::vec(-9.0_f64..9.0, 1..40)) {
        let pooled = Isotonic::pool(&values, &vec![1.0; values.len()]).expect("numbers");
        prop_assert!(pooled.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!((pooled.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-9);
    }
}

/// Numbers that are nearly normal, from a seed.
fn normal(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    std::iter::repeat_with(move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
}

#[test]
fn what_does_not_move_gives_few_alarms() {
    // How many of 500 streams of 1,000 independent values give an alarm.
    let false_alarms = |value: &dyn Fn(f64) -> f64| {
        let alarmed = (1..=500).filter(|seed| {
            let mut drift = Drift::default();
            normal(*seed).take(1_000).any(|normal| drift.observe(value(normal)).expect("a number").is_some())
        });
        alarmed.count()
    };
    // Of standard normal values, 84 % are below 1, and 99.4 % below 2.5.
    let thumbs = |below: f64| move |value: f64| if value < below { 0.3 } else { -0.7 };
    for (what, alarms, most) in [
        ("normal", false_alarms(&|value| 0.2 * value + 0.1), 15),
        ("skewed", false_alarms(&|value| 0.1 * value * value), 15),
        ("thumbs", false_alarms(&thumbs(1.0)), 20),
        ("thumbs, nearly all up", false_alarms(&thumbs(2.5)), 15),
        ("nearly always the same", false_alarms(&|value| if value < 2.0 { 0.0 } else { 0.01 }), 0),
    ] {
        assert!(alarms <= most, "{what}: {alarms} of 500");
    }
}

#[test]
fn what_moves_is_noticed_soon_and_in_its_direction() {
    for (by, direction) in [(0.2, Moved::Up), (-0.2, Moved::Down)] {
        let mut late = 0;
        for seed in 1..=100 {
            let mut drift = Drift::default();
            let values = normal(seed)
                .enumerate()
                .map(|(place, value)| 0.2 * value + if place < 200 { 0.0 } else { by });
            let mut alarms = values
                .enumerate()
                .filter_map(|(place, value)| Some((place, drift.observe(value).expect("a number")?)));
            let (place, moved) = alarms.find(|(place, _)| *place >= 200).expect("an alarm");
            assert_eq!(moved, direction);
            late += usize::from(place > 250);
        }
        assert!(late <= 5, "{late} of 100 were noticed late");
    }
    assert!(Drift::default().observe(f64::NAN).is_err());
    assert!(Drift::new(0.0, 1.0).is_err() && Drift::new(0.5, 4.0).is_ok());
}

#[test]
fn a_mean_of_turns_that_are_judged_more_often_the_more_doubtful_they_are_is_that_of_all() {
    let (mut covered, mut plain, mut errors) = (0, 0.0, 0.0);
    for seed in 1..=300 {
        let mut random = normal(seed);
        let mut next = || random.next().expect("endless");
        let rows: Vec<(f64, f64, f64)> = (0..400)
            .map(|number| {
                // Doubtful answers are worse than they seem.
                let doubtful = number % 4 == 0;
                let cheap = 0.5 + 0.1 * next();
                let close = cheap - if doubtful { 0.3 } else { 0.0 } + 0.05 * next();
                (cheap, close, if doubtful { 0.5 } else { 0.1 })
            })
            .collect();
        let truth = rows.iter().map(|row| row.1).sum::<f64>() / 400.0;
        // A sum of twelve uniform values less six is uniform enough in its sixteenths.
        let mut drawn = |probability: f64| (next() * 16.0).rem_euclid(1.0) < probability;
        let sampled: Vec<Sampled> = rows
            .iter()
            .map(|(cheap, close, probability)| Sampled {
                cheap: *cheap,
                close: drawn(*probability).then_some((*close, *probability)),
            })
            .collect();
        let found = sampled_mean(&sampled, 0.9).expect("a mean");
        covered += usize::from(found.low <= truth && truth <= found.high);
        errors += found.value - truth;
        let judged: Vec<f64> = sampled.iter().filter_map(|one| Some(one.close?.0)).collect();
        plain += judged.iter().sum::<f64>() / judged.len() as f64 - truth;
    }
    assert!((errors / 300.0).abs() < 0.005, "{}", errors / 300.0);
    assert!(plain / 300.0 < -0.05, "the mean of what was judged is another: {}", plain / 300.0);
    assert!((255..=300).contains(&covered), "{covered} of 300");
    assert!(sampled_mean(&[Sampled { cheap: 0.5, close: Some((0.5, 0.0)) }; 3], 0.9).is_err());
    assert!(sampled_mean(&[Sampled { cheap: 0.5, close: None }], 0.9).is_err());
}
