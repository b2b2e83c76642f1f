//! Loops of decisions and updates, each decision with its exact probability. Shared with the package `benches/peers`,
//! which runs them beside other libraries.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use helm_policy::{
    Bandit, Belief, BetaCounts, EpsilonGreedy, InverseGap, LinearBandit, Optimism, Posterior, Rule, Thompson,
};
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::cpu_time::CpuTime;

pub type Any<T> = Result<T, Box<dyn std::error::Error>>;

/// The linear shapes: strategies and features.
pub const SHAPES: [(usize, usize); 3] = [(10, 16), (10, 64), (100, 32)];

/// Numbers in [0, 1) that are the same in every run.
pub fn uniforms(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        // SplitMix64 (Steele, Lea & Flood 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Rewards of 0 or 1, by turn and strategy.
pub fn rewards() -> Vec<f64> {
    let mut uniform = uniforms(12_345);
    (0..4_000).map(|_| f64::from(uniform() < 0.5)).collect()
}

/// Contexts of so many features, the last of them a bias.
pub fn contexts(features: usize) -> Vec<Vec<f64>> {
    let mut uniform = uniforms(features as u64);
    let scale = (features as f64).sqrt();
    let mut context = || -> Vec<f64> {
        let mut context: Vec<f64> = (1..features).map(|_| (uniform() * 2.0 - 1.0) / scale).collect();
        context.push(1.0);
        context
    };
    (0..400).map(|_| context()).collect()
}

fn ids(count: usize) -> Any<Vec<helm_core::StrategyId>> {
    Ok((0..count).map(|index| format!("s{index}@1").parse()).collect::<Result<_, _>>()?)
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

/// A bandit over ten strategies and rewards of 0 or 1.
fn plain(criterion: &mut Criterion<CpuTime>, name: &str, rule: impl Rule) -> Any<()> {
    let (rewards, mut rng) = (rewards(), rng());
    let mut bandit = Bandit::new(ids(10)?, BetaCounts, rule)?;
    let mut group = criterion.benchmark_group("plain_k10");
    group.throughput(Throughput::Elements(1));
    let mut turn = 0;
    let mut step = || -> helm_policy::Result<()> {
        let pick = bandit.choose(&mut rng)?;
        turn += 1;
        bandit.learn(&pick, rewards[(turn + pick.arm) % rewards.len()])
    };
    group.bench_function(name, |b| b.iter(|| step().expect("it decides and learns")));
    group.finish();
    Ok(())
}

/// Thompson sampling by sampling, without probabilities.
fn draws(criterion: &mut Criterion<CpuTime>) -> Any<()> {
    let (rewards, mut rng) = (rewards(), rng());
    let rule = Thompson::new(1.0)?;
    let flat = Posterior::Beta { a: 1.0, b: 1.0 };
    let mut beliefs: Vec<Belief> = ids(10)?.into_iter().map(|id| Belief::new(id, flat)).collect();
    let mut group = criterion.benchmark_group("plain_k10");
    group.throughput(Throughput::Elements(1));
    let mut turn = 0;
    let mut step = || {
        let arm = rule.draw(&beliefs, &mut rng).expect("there are beliefs");
        turn += 1;
        if let Posterior::Beta { a, b } = &mut beliefs[arm].posterior {
            let reward = rewards[(turn + arm) % rewards.len()];
            (*a, *b) = (*a + reward, *b + 1.0 - reward);
        }
        arm
    };
    group.bench_function("helm thompson by draws", |b| b.iter(|| black_box(step())));
    group.finish();
    Ok(())
}

fn linear(criterion: &mut Criterion<CpuTime>, shape: (usize, usize), name: &str, rule: impl Rule) -> Any<()> {
    let (arms, features) = shape;
    let (rewards, contexts, mut rng) = (rewards(), contexts(features), rng());
    let mut bandit = LinearBandit::new(ids(arms)?, features, 1.0, rule)?;
    let mut group = criterion.benchmark_group(format!("linear_k{arms}_d{features}"));
    group.throughput(Throughput::Elements(1));
    let mut turn = 0;
    let mut step = || -> helm_policy::Result<()> {
        turn += 1;
        let context = &contexts[turn % contexts.len()];
        let pick = bandit.choose(context, &mut rng)?;
        bandit.learn(&pick, context, rewards[(turn + pick.arm) % rewards.len()])
    };
    group.bench_function(name, |b| b.iter(|| step().expect("it decides and learns")));
    group.finish();
    Ok(())
}

/// All of them.
pub fn all(criterion: &mut Criterion<CpuTime>) -> Any<()> {
    plain(criterion, "helm epsilon-greedy", EpsilonGreedy::new(0.1)?)?;
    plain(criterion, "helm thompson, exact probabilities", Thompson::new(1.0)?)?;
    draws(criterion)?;
    for shape in SHAPES {
        linear(criterion, shape, "helm LinUCB", Optimism::new(0.3)?)?;
    }
    linear(criterion, (10, 64), "helm SquareCB", InverseGap::default())
}
