//! Statistics of many users, and of their sums.

use std::hint::black_box;
use std::time::Duration;

use helm_orchestrator::core::{TenantId, Timestamp, UserId};
use helm_orchestrator::experiment::analysis::{
    AlwaysValid, Moments, PairMoments, Sides, cuped, mann_whitney, ratio, ratio_difference, welch,
};
use helm_orchestrator::experiment::{Person, Spec};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::{Figure, least};

const USERS: usize = 1_000_000;

fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A user's three metrics, after and before, one beside the other.
type Row = [(f64, f64); 3];

fn rows() -> Vec<Row> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut pair = || {
        let before = uniform(&mut rng);
        (before, 0.7 * before + 0.3 * uniform(&mut rng))
    };
    (0..USERS).map(|_| [pair(), pair(), pair()]).collect()
}

pub fn all() -> Vec<Figure> {
    let rows = rows();
    let mut figures = vec![pass(&rows), sums()];
    figures.push(ranks(&rows));
    figures.push(assignment());
    figures
}

/// Reads users once, alternately of two arms, and takes off what was known before.
fn pass(rows: &[Row]) -> Figure {
    let took = least(15, || {
        let mut arms = [[PairMoments::default(); 3]; 2];
        for pair in rows.chunks_exact(2) {
            let [control, treatment] = &mut arms;
            for (arm, row) in [control, treatment].into_iter().zip(pair) {
                for (moments, (before, after)) in arm.iter_mut().zip(row) {
                    moments.add(*before, *after);
                }
            }
        }
        let [control, treatment] = &arms;
        for (own, other) in control.iter().zip(treatment) {
            black_box(cuped(own, other).expect("they spread"));
        }
    });
    let name = "a pass over 10^6 users, three metrics with CUPED";
    Figure { name, took, times: 1, wanted: Duration::from_millis(30) }
}

/// All that is said of two arms of a metric: Welch, a ratio by user, CUPED, and at any time.
fn sums() -> Figure {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut arm = || {
        let mut pairs = PairMoments::default();
        (0..1_000).for_each(|_| pairs.add(1.0 + uniform(&mut rng), uniform(&mut rng)));
        pairs
    };
    let (control, treatment) = (arm(), arm());
    let times = 2_000;
    let sequence = AlwaysValid::new(0.05, 5_000, Sides::Two).expect("a level");
    let took = least(15, || {
        for _ in 0..times {
            let (own, other) = (black_box(control), black_box(treatment));
            let moments = |pairs: &PairMoments| -> Moments { pairs.second };
            let plain = welch(&moments(&own), &moments(&other)).expect("they spread");
            let ratios = ratio(&own).and_then(|own| ratio_difference(&own, &ratio(&other)?)).expect("ratios");
            let adjusted = cuped(&own, &other).expect("they spread").difference;
            for difference in [plain, ratios, adjusted] {
                black_box((difference.interval(0.05).expect("a level"), difference.p()));
                black_box(sequence.look(&difference, 2_000).expect("units"));
            }
        }
    });
    let name = "Welch, ratio and CUPED from sums, once and at any time";
    Figure { name, took, times, wanted: Duration::from_micros(20) }
}

fn ranks(rows: &[Row]) -> Figure {
    let (mut control, mut treatment) = (Vec::new(), Vec::new());
    for pair in rows.chunks_exact(2) {
        control.extend(pair.first().map(|row| row[0].1));
        treatment.extend(pair.last().map(|row| row[0].1 + 0.001));
    }
    let took = least(7, || {
        black_box(mann_whitney(&control, &treatment).expect("they spread"));
    });
    Figure { name: "Mann-Whitney of 10^6 users", took, times: 1, wanted: Duration::from_millis(150) }
}

fn assignment() -> Figure {
    let spec = Spec::from_toml(SPEC).expect("a specification");
    let tenant = TenantId::single();
    let users: Vec<UserId> =
        (0..100_000).map(|user| UserId::new(format!("user-{user}")).expect("a name")).collect();
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let took = least(15, || {
        for user in &users {
            black_box(spec.enrol(&Person::new(&tenant, user), now, None));
        }
    });
    let name = "an assignment, SHA-256 and what is logged of it";
    Figure { name, took, times: 100_000, wanted: Duration::from_nanos(200) }
}

const SPEC: &str = r#"[experiment]
key = "tone"
task = "support"
mode = "fixed"
[[variant]]
key = "control"
control = true
weight = 0.5
strategy = "concise"
[[variant]]
key = "warm"
weight = 0.5
strategy = "friendly"
[[metric]]
key = "reward"
role = "goal"
kind = "mean"
value = { event = "reward", agg = "mean" }
better = "higher"
"#;
