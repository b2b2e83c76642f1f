//! Deciding and learning take no memory from the heap.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use allocation_counter::measure;
use helm_core::StrategyId;
use helm_policy::{
    Bandit, BetaCounts, EpsilonGreedy, Exp3Ix, InverseGap, KlUcb, LinearBandit, NormalInverseGamma, Optimism,
    Rule, Softmax, Thompson, TopTwoThompson, TrackAndStop, Ucb1Tuned,
};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const STRATEGIES: usize = 16;

fn ids() -> Vec<StrategyId> {
    (0..STRATEGIES).map(|index| format!("s{index}@1").parse().unwrap()).collect()
}

/// Rewards between 0 and 1 that differ.
fn reward(turn: usize, arm: usize) -> f64 {
    ((turn * 7 + arm * 3) % 11) as f64 / 10.0
}

fn plain(name: &str, rule: impl Rule) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut bandit = Bandit::new(ids(), NormalInverseGamma::default(), &rule).unwrap();
    let mut turn = |turn: usize| {
        let pick = bandit.choose(&mut rng).unwrap();
        bandit.learn(&pick, reward(turn, pick.arm).min(1.0)).unwrap();
    };
    (0..200).for_each(&mut turn);
    let taken = measure(|| (0..200).for_each(&mut turn));
    assert_eq!(taken.count_total, 0, "{name} takes memory");
}

fn linear(name: &str, rule: impl Rule) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut bandit = LinearBandit::new(ids(), 8, 1.0, &rule).unwrap();
    let mut turn = |turn: usize| {
        let mut context = [1.0; 8];
        context.iter_mut().enumerate().for_each(|(place, x)| *x = reward(turn, place) - 0.5);
        let pick = bandit.choose(&context, &mut rng).unwrap();
        bandit.learn(&pick, &context, reward(turn, pick.arm).min(1.0)).unwrap();
    };
    (0..10).for_each(&mut turn);
    // Long enough that some strategy's inverse is computed anew.
    let taken = measure(|| (0..3_000).for_each(&mut turn));
    assert_eq!(taken.count_total, 0, "{name} takes memory");
}

#[test]
fn the_counter_counts() {
    assert!(measure(|| drop(std::hint::black_box(vec![1_u8]))).count_total > 0);
}

#[test]
fn decisions_take_no_memory() {
    plain("epsilon_greedy", EpsilonGreedy::new(0.1).unwrap());
    plain("softmax", Softmax::new(0.1).unwrap());
    plain("thompson", Thompson::new(1.0).unwrap());
    plain("top_two_thompson", TopTwoThompson::new(0.5).unwrap());
    plain("ucb1_tuned", Ucb1Tuned);
    plain("kl_ucb", KlUcb);
    plain("exp3_ix", Exp3Ix);
    plain("square_cb", InverseGap::default());
    plain("track_and_stop", TrackAndStop::default());
}

#[test]
fn linear_decisions_take_no_memory() {
    linear("lin_ucb", Optimism::new(0.3).unwrap());
    linear("square_cb", InverseGap::default());
    linear("lin_ts", Thompson::new(0.5).unwrap());
}

#[test]
fn draws_take_no_memory() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let bandit = Bandit::new(ids(), BetaCounts, Ucb1Tuned).unwrap();
    let rule = Thompson::new(0.7).unwrap();
    let taken = measure(|| {
        for _ in 0..100 {
            assert!(rule.draw(bandit.beliefs(), &mut rng).is_some());
        }
    });
    assert_eq!(taken.count_total, 0);
}
