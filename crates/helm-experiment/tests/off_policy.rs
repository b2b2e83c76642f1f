//! What a log can say of another policy, and what it cannot.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use helm_experiment::analysis::{Interval, Refusal};
use helm_experiment::off_policy::{Choice, OffPolicyLog};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn width(interval: Interval) -> f64 {
    interval.high - interval.low
}

/// Users with so many turns each, all of which go as the first: an even draw of two, of which the second earns 0.8 and the
/// first 0.4, more or less as the user is.
fn log(users: usize, turns: usize, is_told: bool, seed: u64) -> OffPolicyLog {
    let (mut rng, mut log) = (ChaCha8Rng::seed_from_u64(seed), OffPolicyLog::new());
    for user in 0..users {
        let (own, action) = (uniform(&mut rng) - 0.5, usize::from(uniform(&mut rng) < 0.5));
        let reward = (if action == 1 { 0.8_f64 } else { 0.4 } + 0.4 * own).clamp(0.0, 1.0);
        for _ in 0..turns {
            let choice = Choice::new(action, reward, 0.5, &[0.0, 1.0]).with_logged(&[0.5, 0.5]);
            let choice = if is_told { choice.of_unit(user) } else { choice };
            log.add(&choice.with_model(&[0.4, 0.8])).unwrap();
        }
    }
    log
}

#[test]
fn turns_of_one_user_are_one_piece_of_evidence() {
    let (alone, repeated, untold) = (log(300, 1, true, 1), log(300, 10, true, 1), log(300, 10, false, 1));
    assert!(repeated.is_clustered() && !alone.is_clustered() && !untold.is_clustered());
    assert_eq!((repeated.unit_count(), untold.unit_count()), (300, 3_000));
    let near = |one: f64, other: f64| (one - other).abs() < 0.02 * other;
    for of in [OffPolicyLog::normal_interval, OffPolicyLog::betting_interval] {
        let [own, same, wrong] = [&alone, &repeated, &untold].map(|log| width(of(log, 0.05).unwrap()));
        assert!(near(own, same) && wrong < 0.6 * same, "{own} {same} {wrong}");
    }
    let any_time = |log: &OffPolicyLog| width(log.at_any_time(&log.gain().unwrap(), 0.05).unwrap());
    assert!(near(any_time(&alone), any_time(&repeated)) && any_time(&untold) < 0.6 * any_time(&repeated));
}

#[test]
fn an_interval_by_user_holds_as_often_as_it_says() {
    const RUNS: u64 = 200;
    let covered = |is_told: bool, of: &dyn Fn(&OffPolicyLog) -> Interval| {
        (0..RUNS).filter(|seed| of(&log(200, 5, is_told, 100 + seed)).contains(0.8)).count()
    };
    let normal = |log: &OffPolicyLog| log.normal_interval(0.05).unwrap();
    let any_time = |log: &OffPolicyLog| log.at_any_time(&log.value().unwrap(), 0.05).unwrap();
    assert!(covered(true, &normal) >= 183, "at least 91.5 of 100");
    assert!(covered(false, &normal) < 150, "as if each turn were a user of its own");
    assert!(covered(true, &any_time) >= 195);
}

#[test]
fn what_the_log_could_not_have_done_is_refused_however_little_is_asked_for() {
    let outside = |choice: &dyn Fn(usize) -> (usize, f64, Vec<f64>, Option<Vec<f64>>)| {
        let mut log = OffPolicyLog::new();
        for row in 0..400 {
            let (action, propensity, target, logged) = choice(row);
            let choice = Choice::new(action, 0.5, propensity, &target);
            log.add(&logged.as_deref().map_or(choice, |logged| choice.with_logged(logged))).unwrap();
        }
        log.check(0.0)
    };
    let even = || vec![0.5, 0.5];
    // Only ever one action: certain, told by the log, or not told at all.
    for choice in [(1.0, None), (0.5, None), (1.0, Some(vec![1.0, 0.0]))] {
        let found = outside(&|_| (0, choice.0, even(), choice.1.clone()));
        assert_eq!(found, Err(Refusal::OutsideSupport { share: 0.5 }), "{choice:?}");
        assert!(found.unwrap_err().is_undefined());
    }
    // One of three that is never drawn, with a part of the target.
    let of_three =
        |share: f64| outside(&|row| (row % 2, 0.5, vec![0.5, 0.5 - share, share], Some(vec![0.5, 0.5, 0.0])));
    assert!(matches!(of_three(0.1), Err(Refusal::OutsideSupport { share }) if (share - 0.1).abs() < 1e-12));
    assert_eq!(of_three(0.0).unwrap().support, 1.0);
    // Rare, but possible: how much that is worth is another question.
    let rare = outside(&|row| (usize::from(row == 7), if row == 7 { 0.001 } else { 0.999 }, even(), None));
    assert!(rare.is_ok(), "{rare:?}");
}

#[test]
fn the_interval_of_cressie_and_read_is_narrow_and_keeps_to_what_can_be() {
    let log = log(500, 1, false, 3);
    let (own, normal) = (log.cressie_read_interval(0.05).unwrap(), log.normal_interval(0.05).unwrap());
    assert!(own.contains(0.8) && width(own) < 0.6 * width(normal), "{own:?} beside {normal:?}");
    assert!(own.low >= 0.0 && own.high <= 1.0);
    assert!(width(log.cressie_read_interval(0.01).unwrap()) > width(own));
    let mut few = OffPolicyLog::new();
    assert_eq!(few.cressie_read_interval(0.05), Err(Refusal::TooFewUnits));
    for reward in [0.0, 1.0] {
        few.add(&Choice::new(0, reward, 0.5, &[0.5, 0.5])).unwrap();
    }
    let wide = few.cressie_read_interval(0.05).unwrap();
    assert!(wide.low <= 0.05 && wide.high >= 0.95, "{wide:?}");
    few.add(&Choice::new(0, 2.0, 0.5, &[0.5, 0.5])).unwrap();
    assert!(matches!(few.cressie_read_interval(0.05), Err(Refusal::OutOfUnit { row: 2, .. })));
}
