//! Decisions and updates a second, of Helm and of other Rust bandits, in one run and over the same rewards and
//! contexts: `cargo bench --manifest-path benches/peers/Cargo.toml`.
//!
//! Helm gives each decision's exact probability; of the others none does.

#[path = "../policy/cpu_time.rs"]
mod cpu_time;
#[path = "../policy/loops.rs"]
mod loops;

use cpu_time::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loops::{Any, SHAPES, contexts, rewards};
use rand08::SeedableRng as _;
use rand09::SeedableRng as _;

type Rng08 = rand08::rngs::StdRng;
type Rng09 = rand09::rngs::StdRng;

/// Runs `step(turn)`, which decides and learns.
fn run(criterion: &mut Criterion<CpuTime>, group: &str, name: &str, mut step: impl FnMut(usize)) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(1));
    let mut turn = 0;
    group.bench_function(name, |b| {
        b.iter(|| {
            turn += 1;
            step(turn);
        });
    });
    group.finish();
}

fn reward(rewards: &[f64], turn: usize, arm: usize) -> f64 {
    rewards[(turn + arm) % rewards.len()]
}

fn plain(criterion: &mut Criterion<CpuTime>) -> Any<()> {
    let (group, rewards) = ("plain_k10", rewards());
    let mut rng = Rng08::seed_from_u64(1);
    {
        use rill_ml::bandit::{Bandit, EpsilonGreedy, EpsilonGreedyConfig, ThompsonConfig, ThompsonSampling};
        let mut bandit = EpsilonGreedy::new(10, EpsilonGreedyConfig::default())?;
        run(criterion, group, "rill-ml epsilon-greedy", |turn| {
            let arm = bandit.select(&mut rng).expect("it decides");
            bandit.update(arm, reward(&rewards, turn, arm)).expect("it learns");
        });
        let mut bandit = ThompsonSampling::new(10, ThompsonConfig::default())?;
        run(criterion, group, "rill-ml thompson by draws", |turn| {
            let arm = bandit.select(&mut rng).expect("it decides");
            bandit.update(arm, reward(&rewards, turn, arm)).expect("it learns");
        });
    }
    let mut bandit = irithyll::bandits::ThompsonSampling::with_seed(10, 1);
    run(criterion, group, "irithyll thompson by draws", |turn| {
        use irithyll::bandits::Bandit as _;
        let arm = bandit.select_arm();
        bandit.update(arm, reward(&rewards, turn, arm));
    });
    let mut rng = Rng09::seed_from_u64(1);
    let mut bandit = trashpanda::Bandit::thompson_sampling(0..10_usize)?;
    run(criterion, group, "trashpanda thompson by draws", |turn| {
        let arm = bandit.predict_simple(&mut rng).expect("it decides");
        bandit.partial_fit_simple(&[arm], &[reward(&rewards, turn, arm)]).expect("it learns");
    });
    Ok(())
}

fn linear(criterion: &mut Criterion<CpuTime>, (arms, features): (usize, usize)) -> Any<()> {
    let group = format!("linear_k{arms}_d{features}");
    let (rewards, contexts) = (rewards(), contexts(features));
    {
        use rill_ml::bandit::{ContextualBandit, LinUcbConfig, LinUcbFast};
        let mut config = LinUcbConfig::default();
        (config.arm_count, config.feature_count, config.alpha) = (arms, features, 0.3);
        let (mut bandit, mut rng) = (LinUcbFast::new(config)?, Rng08::seed_from_u64(1));
        run(criterion, &group, "rill-ml LinUCB", |turn| {
            let context = &contexts[turn % contexts.len()];
            let arm = bandit.select(context, &mut rng).expect("it decides");
            bandit.update(arm, context, reward(&rewards, turn, arm)).expect("it learns");
        });
    }
    let mut bandit = irithyll::bandits::LinUCB::new(arms, features, 0.3);
    run(criterion, &group, "irithyll LinUCB", |turn| {
        use irithyll::bandits::ContextualBandit as _;
        let context = &contexts[turn % contexts.len()];
        let arm = bandit.select_arm(context);
        bandit.update(arm, context, reward(&rewards, turn, arm));
    });
    let mut rng = Rng09::seed_from_u64(1);
    let mut bandit = trashpanda::Bandit::linucb(0..arms, 0.3, 1.0, features)?;
    run(criterion, &group, "trashpanda LinUCB", |turn| {
        let context = &contexts[turn % contexts.len()][..];
        let arm = bandit.predict(context, &mut rng).expect("it decides");
        bandit.partial_fit(&[arm], context, &[reward(&rewards, turn, arm)]).expect("it learns");
    });
    Ok(())
}

fn bench(criterion: &mut Criterion<CpuTime>) {
    loops::all(criterion).expect("the bandits are valid");
    plain(criterion).expect("the bandits are valid");
    for shape in SHAPES {
        linear(criterion, shape).expect("the bandits are valid");
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime::default());
    targets = bench
}
criterion_main!(benches);
