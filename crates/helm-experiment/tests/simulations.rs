//! How often the methods are wrong, by simulation. Minutes, so they run on request:
//!
//! ```sh
//! cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture
//! ```

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "figures for a reader; a test may panic"
)]

use helm_experiment::analysis::*;
use helm_experiment::off_policy::{Choice, OffPolicyLog};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Beta, Distribution, LogNormal, StandardNormal};

const RUNS: u64 = 4_000;

fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// A share of the runs, with what it may be at most.
fn at_most(name: &str, wrong: u64, runs: u64, most: f64) {
    let share = wrong as f64 / runs as f64;
    println!("{name:<60} {share:.4} (at most {most})");
    assert!(share <= most, "{name}: {share}");
}

fn at_least(name: &str, right: u64, runs: u64, least: f64) {
    let share = right as f64 / runs as f64;
    println!("{name:<60} {share:.4} (at least {least})");
    assert!(share >= least, "{name}: {share}");
}

type World = (&'static str, u64, fn(&mut ChaCha12Rng) -> f64);

/// Name, units an arm at the end, and a unit's value.
const WORLDS: [World; 5] = [
    ("shares of 10 %", 10_000, |rng| f64::from(u8::from(uniform(rng) < 0.1))),
    ("shares of 1 %", 10_000, |rng| f64::from(u8::from(uniform(rng) < 0.01))),
    ("normal", 2_500, |rng| normal(rng)),
    ("normal, few", 500, |rng| normal(rng)),
    ("log-normal", 2_500, |rng| LogNormal::new(0.0, 1.5).map_or(f64::NAN, |values| values.sample(rng))),
];

/// Whether any of 100 looks at two arms without a difference finds one, by what `found` says of a look.
fn any_look(
    (_, units, value): &World,
    rng: &mut ChaCha12Rng,
    found: impl Fn(usize, &Moments, &Moments) -> bool,
) -> bool {
    let (mut control, mut treatment) = (Moments::default(), Moments::default());
    for look in 0..100 {
        for _ in 0..units / 100 {
            control.add(value(rng));
            treatment.add(value(rng));
        }
        if found(look, &control, &treatment) {
            return true;
        }
    }
    false
}

#[test]
#[ignore = "thousands of simulated experiments, minutes: cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture"]
fn a_hundred_looks_find_nothing_where_there_is_nothing() {
    let looks: Vec<f64> = (1..=100).map(|look| f64::from(look) / 100.0).collect();
    let bounds = group_sequential_bounds(&looks, 0.05, Sides::Two, Spending::Power(2.0)).unwrap();
    let sequence = AlwaysValid::new(0.05, 5_000, Sides::Two).unwrap();
    for world in &WORLDS {
        let (mut any_time, mut planned) = (0, 0);
        for seed in 0..RUNS {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            any_time += u64::from(any_look(world, &mut rng, |_, control, treatment| {
                let units = control.count + treatment.count;
                let look = welch(control, treatment).and_then(|difference| sequence.look(&difference, units));
                look.is_ok_and(|look| !look.interval.contains(0.0))
            }));
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            planned += u64::from(any_look(world, &mut rng, |look, control, treatment| {
                // The bounds are normal quantiles; few units need Student's at the same level.
                let found = welch(control, treatment).map(|found| found.p());
                let level = Difference { value: bounds[look], error: 1.0, dof: f64::INFINITY }.p();
                found.is_ok_and(|p| p < level)
            }));
        }
        at_most(&format!("any time, 100 looks, {}", world.0), any_time, RUNS, 0.057);
        at_most(&format!("planned, 100 looks, {}", world.0), planned, RUNS, 0.057);
    }
}

#[test]
#[ignore = "thousands of simulated experiments, minutes: cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture"]
fn turns_of_the_same_user_are_no_evidence_of_their_own() {
    for (users, turns, most) in [(400, 5, 0.057), (400, 20, 0.057), (40, 5, 0.065)] {
        let mut wrong = 0;
        for seed in 0..RUNS {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let mut arms = [PairMoments::default(); 2];
            for user in 0..users {
                // A user's own chance of success, and a number of turns of their own.
                let own = 1.0 / (1.0 + (-0.65 * 1.8 * normal(&mut rng)).exp());
                let count = 1 + (uniform(&mut rng) * (2 * turns - 1) as f64) as u64;
                let successes = (0..count).filter(|_| uniform(&mut rng) < own).count();
                arms[user % 2].add(count as f64, successes as f64);
            }
            let [control, treatment] = arms.map(|arm| ratio(&arm).unwrap());
            wrong += u64::from(ratio_difference(&control, &treatment).unwrap().p() < 0.05);
        }
        at_most(&format!("{users} users of {turns} turns"), wrong, RUNS, most);
    }
}

/// A log of Thompson sampling of two arms, of which none is played less often than `floor`.
struct Thompson {
    arms: Vec<usize>,
    rewards: Vec<f64>,
    propensities: Vec<Vec<f64>>,
}

/// What rewards are like: of a mean, and how far they spread.
type Rewards = (fn(f64, &mut ChaCha12Rng) -> f64, f64);

const SHARES: Rewards = (|mean, rng| f64::from(u8::from(uniform(rng) < mean)), 0.5);
const NORMAL: Rewards = (|mean, rng| mean + normal(rng), 1.0);

impl Thompson {
    /// Beliefs are normal, so that the chances of two arms have a closed form.
    fn play(rounds: usize, floor: f64, means: [f64; 2], rewards: Rewards, rng: &mut ChaCha12Rng) -> Self {
        let mut seen = [Moments::default(); 2];
        let mut log = Self { arms: Vec::new(), rewards: Vec::new(), propensities: Vec::new() };
        for _ in 0..rounds {
            let [(one, spread), (other, further)] =
                seen.map(|arm| (arm.mean, rewards.1 * rewards.1 / (arm.count as f64 + 1.0)));
            let first = Belief { mean: one - other, deviation: (spread + further).sqrt() }.chance_above();
            let first = first.clamp(floor, 1.0 - floor);
            let arm = usize::from(uniform(rng) >= first);
            let reward = (rewards.0)(means[arm], rng);
            seen[arm].add(reward);
            log.arms.push(arm);
            log.rewards.push(reward);
            log.propensities.push(vec![first, 1.0 - first]);
        }
        log
    }

    fn until(&self, rows: usize) -> AdaptiveLog {
        AdaptiveLog::new(&self.arms[..rows], &self.rewards[..rows], &self.propensities[..rows]).unwrap()
    }
}

#[test]
#[ignore = "thousands of simulated experiments, minutes: cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture"]
fn logs_of_learning_policies_are_read_rightly() {
    for means in [[0.0, 0.0], [0.0, 0.2]] {
        let covered = (0..RUNS).filter(|seed| {
            let mut rng = ChaCha12Rng::seed_from_u64(*seed);
            let log = Thompson::play(1_000, 0.05, means, NORMAL, &mut rng).until(1_000);
            let contrast = log.estimates(Weighting::Root).contrast(1, 0).unwrap();
            contrast.interval(0.05).unwrap().contains(means[1] - means[0])
        });
        at_least(&format!("covered, normal rewards, means {means:?}"), covered.count() as u64, RUNS, 0.935);
    }
    let runs = RUNS / 2;
    let sequence = AlwaysValid::new(0.05, 1_000, Sides::Two).unwrap();
    for (floor, means) in [(0.05, [0.5, 0.5]), (0.05, [0.4, 0.6]), (0.2, [0.5, 0.5]), (0.2, [0.4, 0.6])] {
        let missed = (0..runs).filter(|seed| {
            let mut rng = ChaCha12Rng::seed_from_u64(*seed);
            let played = Thompson::play(1_000, floor, means, SHARES, &mut rng);
            (100..=1_000).step_by(10).any(|rows| {
                let log = played.until(rows);
                let contrast = log.estimates(Weighting::Uniform).contrast(1, 0).unwrap();
                let look = sequence.look(&contrast, rows as u64).unwrap();
                log.least_pulls() >= 50 && !look.interval.contains(means[1] - means[0])
            })
        });
        let name = format!("missed at any of 91 looks, floor {floor}, means {means:?}");
        at_most(&name, missed.count() as u64, runs, 0.035);
    }
}

#[test]
#[ignore = "thousands of simulated experiments, minutes: cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture"]
fn the_betting_interval_holds_what_another_policy_earns() {
    for (name, spread) in [("weights up to 4", 0.25), ("weights up to 20", 0.05)] {
        let mut covered = 0;
        for seed in 0..RUNS {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let mut log = OffPolicyLog::new();
            for _ in 0..1_000 {
                // The log hardly ever takes what the other policy mostly does.
                let action = usize::from(uniform(&mut rng) >= spread);
                let mean = [0.7, 0.4][action];
                let reward = Beta::new(4.0 * mean, 4.0 * (1.0 - mean)).unwrap().sample(&mut rng);
                let propensity = [spread, 1.0 - spread][action];
                log.add(&Choice::new(action, reward, propensity, &[0.9, 0.1])).unwrap();
            }
            covered += u64::from(log.betting_interval(0.05).unwrap().contains(0.9 * 0.7 + 0.1 * 0.4));
        }
        at_least(&format!("betting, {name}"), covered, RUNS, 0.94);
    }
}
