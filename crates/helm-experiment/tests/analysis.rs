//! Laws of the analysis, for any data.

use helm_experiment::analysis::*;
use helm_experiment::growthbook;
use proptest::prelude::*;

fn values() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(-1e3_f64..1e3, 2..60)
}

fn near(one: f64, other: f64, scale: f64) -> bool {
    (one - other).abs() <= 1e-9 * scale.abs().max(1.0)
}

proptest! {
    #[test]
    fn moments_of_parts_are_those_of_the_whole(one in values(), other in values()) {
        let mut merged = Moments::of(&one).unwrap();
        merged.merge(&Moments::of(&other).unwrap());
        let whole = Moments::of(&[one, other].concat()).unwrap();
        prop_assert_eq!(merged.count, whole.count);
        prop_assert!(near(merged.mean, whole.mean, 1e3) && near(merged.squares, whole.squares, whole.squares));
    }

    #[test]
    fn a_difference_turns_round_with_its_arms_and_keeps_its_p(a in values(), b in values(), shift in -1e6_f64..1e6, scale in 0.01_f64..100.0) {
        let of = |values: &[f64], shift: f64, scale: f64| {
            let values: Vec<_> = values.iter().map(|value| value * scale + shift).collect();
            Moments::of(&values).unwrap()
        };
        let Ok(one) = welch(&of(&a, 0.0, 1.0), &of(&b, 0.0, 1.0)) else { return Ok(()) };
        let back = welch(&of(&b, 0.0, 1.0), &of(&a, 0.0, 1.0)).unwrap();
        prop_assert_eq!((one.value, one.error), (-back.value, back.error));
        prop_assert!(near(one.p(), back.p(), 1.0) && near(one.p_greater() + one.p_less(), 1.0, 1.0));
        let moved = welch(&of(&a, shift, scale), &of(&b, shift, scale)).unwrap();
        prop_assert!((one.t() - moved.t()).abs() <= 1e-6 * one.t().abs().max(1.0), "{} {}", one.t(), moved.t());
        if (1e-300..1.0).contains(&one.p()) {
            let interval = one.interval(one.p()).unwrap();
            prop_assert!(interval.low.abs().min(interval.high.abs()) <= 1e-6 * one.error, "the interval at p touches 0");
        }
    }

    #[test]
    fn a_ratio_of_single_turns_is_a_mean(a in values(), b in values()) {
        let ones = |values: &[f64]| PairMoments::of(&vec![1.0; values.len()], values).unwrap();
        let (own, other) = (ratio(&ones(&a)).unwrap(), ratio(&ones(&b)).unwrap());
        let plain = welch(&Moments::of(&a).unwrap(), &Moments::of(&b).unwrap());
        let clustered = ratio_difference(&own, &other);
        prop_assert_eq!(plain.is_ok(), clustered.is_ok());
        if let (Ok(plain), Ok(clustered)) = (plain, clustered) {
            prop_assert!(near(plain.value, clustered.value, 1e3) && near(plain.error, clustered.error, plain.error));
        }
    }

    #[test]
    fn what_was_the_same_before_adjusts_nothing(a in values(), b in values()) {
        let constant = |values: &[f64]| PairMoments::of(&vec![7.0; values.len()], values).unwrap();
        let raw = welch(&Moments::of(&a).unwrap(), &Moments::of(&b).unwrap());
        if let (Ok(raw), Ok(adjusted)) = (raw, cuped(&constant(&a), &constant(&b))) {
            prop_assert_eq!((raw, adjusted.theta), (adjusted.difference, 0.0));
        }
    }

    #[test]
    fn with_even_propensities_and_no_history_a_log_is_read_as_it_is(rewards in proptest::collection::vec(0.0_f64..1.0, 20..80)) {
        // The first pull of each arm is scored without a mean, so the sum of two arms is Horvitz and Thompson's.
        let arms: Vec<_> = (0..rewards.len()).map(|row| row % 2).collect();
        let even = vec![vec![0.5, 0.5]; rewards.len()];
        let log = AdaptiveLog::new(&arms, &rewards, &even).unwrap();
        let (uniform, root) = (log.estimates(Weighting::Uniform), log.estimates(Weighting::Root));
        prop_assert_eq!(uniform.values.len(), 2);
        for (one, other) in uniform.values.iter().zip(&root.values) {
            prop_assert!(near(*one, *other, 1.0));
        }
        prop_assert_eq!((log.least_pulls(), log.floor()), (rewards.len() / 2, 0.5));
    }

    #[test]
    fn corrections_only_raise_and_keep_the_order(p in proptest::collection::vec(0.0_f64..=1.0, 1..30)) {
        let given: Vec<_> = p.iter().copied().map(Some).collect();
        let of = |correction| adjusted(&given, correction).into_iter().map(Option::unwrap).collect::<Vec<_>>();
        let (holm, bonferroni, bh) = (of(Correction::Holm), of(Correction::Bonferroni), of(Correction::BenjaminiHochberg));
        for (at, p) in p.iter().enumerate() {
            prop_assert!(*p <= bh[at] + 1e-15 && bh[at] <= holm[at] + 1e-15 && holm[at] <= bonferroni[at] + 1e-15);
        }
    }

    #[test]
    fn the_score_interval_is_where_the_likeliest_shares_give_it(x in 1_u64..40, n in 41_u64..200, y in 1_u64..40, m in 41_u64..200) {
        let two = TwoProportions::new(Proportion::new(x, n).unwrap(), Proportion::new(y, m).unwrap());
        let interval = two.miettinen_nurminen(0.05).unwrap();
        for assumed in [interval.low, interval.high] {
            let score = score(x as f64, n as f64, y as f64, m as f64, assumed);
            prop_assert!((score.abs() - 1.959_964).abs() < 1e-3, "{score} at {assumed}");
        }
    }

    #[test]
    fn raising_the_coverage_moves_nobody(place in 0.0_f64..1.0, low in 0.0_f64..=1.0, more in 0.0_f64..=1.0) {
        let weights = [0.2, 0.3, 0.5];
        let high = low + (1.0 - low) * more;
        let of = |coverage| growthbook::variation(place, &growthbook::ranges(&weights, coverage).unwrap());
        if let Some(variation) = of(low) {
            prop_assert_eq!(of(high), Some(variation));
        }
    }

    #[test]
    fn any_time_intervals_are_wider_than_those_of_one_look(t in -5.0_f64..5.0, units in 200_u64..100_000) {
        let difference = Difference { value: t, error: 1.0, dof: f64::INFINITY };
        let look = AlwaysValid::new(0.05, 5_000, Sides::Two).unwrap().look(&difference, units).unwrap();
        let once = difference.interval(0.05).unwrap();
        prop_assert!(look.interval.low < once.low && once.high < look.interval.high);
        prop_assert_eq!(look.p <= 0.05, !look.interval.contains(0.0), "p and the interval agree");
    }
}

/// The score of a difference at the likeliest shares that have it, found by search.
fn score(x: f64, n: f64, y: f64, m: f64, assumed: f64) -> f64 {
    let (mut low, mut high) = ((-assumed).max(0.0) + 1e-12, (1.0 - assumed).min(1.0) - 1e-12);
    let ln = |p: f64| {
        let q = p + assumed;
        x * p.ln() + (n - x) * (1.0 - p).ln() + y * q.ln() + (m - y) * (1.0 - q).ln()
    };
    for _ in 0..200 {
        let (one, other) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if ln(one) < ln(other) { low = one } else { high = other }
    }
    let (p, q) = (low, low + assumed);
    let variance = (q * (1.0 - q) / m + p * (1.0 - p) / n) * (n + m) / (n + m - 1.0);
    (y / m - x / n - assumed) / variance.sqrt()
}

#[test]
fn the_bounds_of_planned_looks_spend_alpha_and_no_more() {
    let looks: Vec<f64> = (1..=5).map(|look| f64::from(look) / 5.0).collect();
    let bounds = group_sequential_bounds(&looks, 0.05, Sides::Two, Spending::ObrienFleming).unwrap();
    assert!(bounds.windows(2).all(|pair| pair[0] > pair[1]), "{bounds:?}");
    // Table 1 of DeMets & Lan (1994).
    for (bound, expected) in bounds.iter().zip([4.876_9, 3.356_9, 2.680_3, 2.289_8, 2.031_0]) {
        assert!((bound - expected).abs() < 5e-3, "{bounds:?}");
    }
    let once = group_sequential_bounds(&[1.0], 0.05, Sides::Two, Spending::Power(2.0)).unwrap();
    assert!((once[0] - 1.959_964).abs() < 1e-5, "{once:?}");
    for looks in [&[][..], &[0.5, 0.5], &[0.0, 1.0], &[0.5, 1.1], &[f64::NAN]] {
        assert!(group_sequential_bounds(looks, 0.05, Sides::Two, Spending::Power(2.0)).is_err());
    }
}

#[test]
fn evidence_adds_up_over_comparisons() {
    let stand = e_bh(&[6.0, 0.1, 4.2, -3.0], 0.05).unwrap();
    assert_eq!(stand, [true, false, true, false]);
    assert_eq!(e_bh(&[], 0.05).unwrap(), [false; 0]);
}

#[test]
fn what_is_no_number_is_refused_and_named() {
    let row = |refusal: Refusal| refusal.to_string();
    assert!(row(Moments::of(&[1.0, f64::NAN]).unwrap_err()).contains("value 1 is not finite"));
    assert!(row(mann_whitney(&[1.0], &[f64::INFINITY]).unwrap_err()).contains("value 0"));
    assert!(row(Plan::new(1.5, 1.0).unwrap_err()).contains("alpha must lie between 0 and 1"));
    assert!(AlwaysValid::new(0.6, 100, Sides::One).is_err());
    assert!(
        row(BoundedMean::new(0.05).unwrap().add(1.2).unwrap_err())
            .contains("value 0 is 1.2 and must lie from 0 to 1")
    );
    assert!(row(Moments::new(3, 1.0, -1.0).unwrap_err()).contains("variance not below 0"));
    let plan = Plan::new(0.05, 1.0).unwrap();
    assert!(row(plan.power(f64::NAN, 10.0).unwrap_err()).contains("must be finite"));
    assert_eq!(plan.power(0.2, 1.0), Err(Refusal::TooFewUnits));
    // Where the distributions meet, so do the powers.
    let (below, above) = (plan.power(0.0008, 4_999_999.0).unwrap(), plan.power(0.0008, 5_000_002.0).unwrap());
    assert!((below - above).abs() < 1e-6, "{below} {above}");
    assert!((plan.power(1e-6, 1e13).unwrap() - plan.power_of_many(1e-6, 1e13)).abs() < 1e-12);
    assert!(Refusal::ZeroVariance.is_undefined() && !Refusal::NotFinite { row: 0 }.is_undefined());
    let moments = Moments::of(&[2.0, 2.0]).unwrap();
    assert_eq!(welch(&moments, &moments), Err(Refusal::ZeroVariance));
}
