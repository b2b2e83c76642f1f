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

/// A world with a difference, and of each way of looking how often it is found and after how many units an arm one stops, as
/// others were measured in the same worlds: confseq's normal mixture at any time, Spotify's group sequential test at planned
/// looks.
struct Effect {
    name: &'static str,
    units: u64,
    value: fn(&mut ChaCha12Rng, bool) -> f64,
    any_time: (f64, f64),
    planned: (f64, f64),
}

fn log_normal(rng: &mut ChaCha12Rng) -> f64 {
    LogNormal::new(0.0, 1.5).map_or(f64::NAN, |values| values.sample(rng))
}

fn is_below(rng: &mut ChaCha12Rng, share: f64) -> f64 {
    f64::from(u8::from(uniform(rng) < share))
}

const EFFECTS: [Effect; 5] = [
    Effect {
        name: "shares of 10 %, a tenth more",
        units: 10_000,
        value: |rng, treated| is_below(rng, if treated { 0.11 } else { 0.1 }),
        any_time: (0.344, 8_536.0),
        planned: (0.574, 7_942.0),
    },
    Effect {
        name: "shares of 10 %, 15 % more",
        units: 10_000,
        value: |rng, treated| is_below(rng, if treated { 0.115 } else { 0.1 }),
        any_time: (0.743, 6_411.0),
        planned: (0.902, 5_815.0),
    },
    Effect {
        name: "normal, 0.08 deviations more",
        units: 2_500,
        value: |rng, treated| normal(rng) + if treated { 0.08 } else { 0.0 },
        any_time: (0.531, 1_920.0),
        planned: (0.758, 1_752.0),
    },
    Effect {
        name: "normal, 0.12 deviations more",
        units: 2_500,
        value: |rng, treated| normal(rng) + if treated { 0.12 } else { 0.0 },
        any_time: (0.915, 1_218.0),
        planned: (0.980, 1_143.0),
    },
    Effect {
        name: "log-normal, 15 % more",
        units: 2_500,
        value: |rng, treated| log_normal(rng) * if treated { 1.15 } else { 1.0 },
        any_time: (0.184, 2_308.0),
        planned: (0.379, 2_190.0),
    },
];

/// What runs came to.
#[derive(Default)]
struct Stops {
    found: u64,
    wrong: u64,
    units: Moments,
}

impl Stops {
    /// Takes the first look down at which something is found, with its sign.
    fn add(&mut self, stop: Option<(u64, bool)>, units: u64) {
        self.found += u64::from(stop.is_some_and(|(_, is_more)| is_more));
        self.wrong += u64::from(stop.is_some_and(|(_, is_more)| !is_more));
        self.units.add(stop.map_or(units, |(at, _)| at) as f64);
    }

    /// As good as others, but for two standard errors.
    fn check(&self, name: &str, (power, stopping): (f64, f64)) {
        at_least(name, self.found, RUNS, power - 2.0 * (power * (1.0 - power) / RUNS as f64).sqrt());
        at_most(&format!("{name}, the wrong way"), self.wrong, RUNS, 0.001);
        let most = stopping + 2.0 * (self.units.variance() / RUNS as f64).sqrt();
        println!("{:<60} {:.0} (at most {most:.0})", format!("{name}, units an arm"), self.units.mean);
        assert!(self.units.mean <= most, "{name}: {}", self.units.mean);
    }
}

#[test]
#[ignore = "thousands of simulated experiments, minutes: cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture"]
fn what_is_there_is_found_as_often_and_as_soon_as_by_others() {
    let looks: Vec<f64> = (1..=100).map(|look| f64::from(look) / 100.0).collect();
    let bounds = group_sequential_bounds(&looks, 0.05, Sides::Two, Spending::Power(2.0)).unwrap();
    for effect in &EFFECTS {
        // Both arms together come to twice the units; it is tuned for half of that, as confseq was.
        let sequence = AlwaysValid::new(0.05, effect.units, Sides::Two).unwrap();
        let (mut any_time, mut planned) = (Stops::default(), Stops::default());
        for seed in 0..RUNS {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let (mut control, mut treatment) = (Moments::default(), Moments::default());
            let (mut always, mut at_looks) = (None, None);
            for bound in &bounds {
                for _ in 0..effect.units / 100 {
                    control.add((effect.value)(&mut rng, false));
                    treatment.add((effect.value)(&mut rng, true));
                }
                let Ok(difference) = welch(&control, &treatment) else { continue };
                let stop = Some((control.count, difference.value > 0.0));
                let look = sequence.look(&difference, 2 * control.count).unwrap();
                always = always.or(stop.filter(|_| !look.interval.contains(0.0)));
                let level = Difference { value: *bound, error: 1.0, dof: f64::INFINITY }.p();
                at_looks = at_looks.or(stop.filter(|_| difference.p() < level));
                if always.is_some() && at_looks.is_some() {
                    break;
                }
            }
            any_time.add(always, effect.units);
            planned.add(at_looks, effect.units);
        }
        any_time.check(&format!("any time, {}", effect.name), effect.any_time);
        planned.check(&format!("planned, {}", effect.name), effect.planned);
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
fn intervals_hold_what_another_policy_earns() {
    for (name, spread) in [("weights up to 4", 0.25), ("weights up to 20", 0.05)] {
        let (mut betting, mut likely) = (0, 0);
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
            let truth = 0.9 * 0.7 + 0.1 * 0.4;
            betting += u64::from(log.betting_interval(0.05).unwrap().contains(truth));
            likely += u64::from(log.cressie_read_interval(0.05).unwrap().contains(truth));
        }
        at_least(&format!("betting, {name}"), betting, RUNS, 0.94);
        at_least(&format!("Cressie-Read, {name}"), likely, RUNS, 0.94);
    }
}

/// A log of users who differ, of an even draw of two for each of their turns.
fn users_log(users: usize, rng: &mut ChaCha12Rng) -> OffPolicyLog {
    let mut log = OffPolicyLog::new();
    for user in 0..users {
        let own = 0.3 * uniform(rng);
        for _ in 0..1 + (uniform(rng) * 9.0) as usize {
            let action = usize::from(uniform(rng) < 0.5);
            let mean = [0.2, 0.4][action] + own;
            let reward = is_below(rng, mean);
            let choice = Choice::new(action, reward, 0.5, &[0.2, 0.8]).with_logged(&[0.5, 0.5]);
            log.add(&choice.with_model(&[0.35, 0.55]).of_unit(user)).unwrap();
        }
    }
    log
}

#[test]
#[ignore = "thousands of simulated experiments, minutes: cargo test --release -p helm-experiment --test simulations -- --ignored --nocapture"]
fn intervals_by_user_hold_and_gates_err_as_rarely_as_they_say() {
    let (mut normal, mut betting, mut gate) = (0, 0, 0);
    let truth = 0.2 * 0.35 + 0.8 * 0.55;
    for seed in 0..RUNS / 2 {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let log = users_log(300, &mut rng);
        normal += u64::from(log.normal_interval(0.05).unwrap().contains(truth));
        betting += u64::from(log.betting_interval(0.05).unwrap().contains(truth));
    }
    at_least("by user, one look", normal, RUNS / 2, 0.94);
    at_least("by user, betting", betting, RUNS / 2, 0.94);
    // A candidate that is as good as what is live, asked about after every 20 users from 100 on.
    for seed in 0..RUNS / 4 {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let (mut log, mut is_raised) = (OffPolicyLog::new(), false);
        for user in 0..1_000 {
            let own = uniform(&mut rng);
            for _ in 0..1 + (uniform(&mut rng) * 4.0) as usize {
                let action = usize::from(uniform(&mut rng) < 0.5);
                let choice = Choice::new(action, is_below(&mut rng, own), 0.5, &[0.1, 0.9]);
                log.add(&choice.with_logged(&[0.5, 0.5]).with_model(&[0.5, 0.5]).of_unit(user)).unwrap();
            }
            if user >= 99 && (user + 1) % 20 == 0 {
                let gain = log.gain().unwrap();
                is_raised |= log.bounds_at_any_time(&gain, 0.05).unwrap().low > 0.0;
            }
        }
        gate += u64::from(is_raised);
    }
    at_most(
        "raised though no better, any of 46 looks",
        gate,
        RUNS / 4,
        0.05 + 2.0 * (0.05_f64 * 0.95 / 1_000.0).sqrt(),
    );
}
