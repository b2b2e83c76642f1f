//! Bandits that keep their own rewards, and draws from beliefs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use helm_core::{
    Context, DecisionId, Epoch, Layout, Scope, Stats, StatsRow, StrategyId, TaskId, TenantId, Timestamp,
    UserId,
};
use helm_policy::{
    Arm, Bandit, Belief, BetaCounts, ChoiceRequest, EpsilonGreedy, Error, Exp3Ix, InverseGap, Learner,
    LearnerPolicy, LinearBandit, NormalInverseGamma, Optimism, Options, Pick, Policy, Pooled, Posterior,
    Rule, Snapshot, Softmax, Thompson, TopTwoThompson, TrackAndStop, Ucb1,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

fn ids(count: usize) -> Vec<StrategyId> {
    (0..count).map(|index| format!("s{index}@1").parse().unwrap()).collect()
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// What a policy of the same parts thinks after the same rewards.
fn as_policy(learner: impl Learner + 'static, rule: impl Rule + 'static, stats: &[StatsRow]) -> Vec<f64> {
    let policy = LearnerPolicy::new("p".parse().unwrap(), "p", learner, rule, Options::default()).unwrap();
    let snapshot = Snapshot::from_rows(stats.to_vec(), None).unwrap();
    let (user, task) = (UserId::new("ana").unwrap(), TaskId::new("t").unwrap());
    let context = Context::new(TenantId::single(), user, task, Timestamp::from_micros(0));
    let arms: Vec<Arm> = stats.iter().map(|row| Arm::new(row.strategy.clone())).collect();
    let request = ChoiceRequest::new(DecisionId::from_bytes([1; 16]), &context, &arms, &snapshot);
    policy.choose(&request).unwrap().candidates.iter().map(|c| c.probability.get()).collect()
}

fn agree<L, R>(learner: L, rule: R, rewards: &[f64]) -> Result<(), TestCaseError>
where
    L: Learner + Copy + 'static,
    R: Rule + Copy + 'static,
{
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut bandit = Bandit::new(ids(4), learner, rule).unwrap();
    for reward in rewards {
        let pick = bandit.choose(&mut rng).unwrap();
        bandit.learn(&pick, *reward).unwrap();
    }
    bandit.choose(&mut rng).unwrap();
    let row = |(belief, stats): (&Belief, Stats)| StatsRow {
        scope: Scope::Task,
        strategy: belief.id.clone(),
        epoch: Epoch::starting_at(0),
        layout: Layout::NONE,
        stats,
    };
    let rows: Vec<StatsRow> = bandit.beliefs().iter().zip(bandit.stats()).map(row).collect();
    for (mine, other) in bandit.probabilities().iter().zip(as_policy(learner, rule, &rows)) {
        prop_assert!((mine - other).abs() < 1e-12, "{mine} {other}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_bandit_decides_as_a_policy_of_the_same_parts(
        rewards in proptest::collection::vec(0.0_f64..=1.0, 0..60),
    ) {
        agree(BetaCounts, Thompson::new(0.7).unwrap(), &rewards)?;
        agree(Pooled(BetaCounts), Thompson::new(1.0).unwrap(), &rewards)?;
        agree(NormalInverseGamma::default(), EpsilonGreedy::new(0.1).unwrap(), &rewards)?;
        agree(Pooled(NormalInverseGamma::default()), Softmax::new(0.1).unwrap(), &rewards)?;
        agree(NormalInverseGamma::default(), InverseGap::default(), &rewards)?;
        agree(NormalInverseGamma::default(), TopTwoThompson::new(0.5).unwrap(), &rewards)?;
        agree(BetaCounts, TrackAndStop::default(), &rewards)?;
        agree(BetaCounts, Ucb1, &rewards)?;
        agree(BetaCounts, Exp3Ix, &rewards)?;
    }
}

/// θ and A⁻¹ from scratch, by Gauss-Jordan elimination on λI + Σ x xᵀ.
fn by_elimination(rows: &[(Vec<f64>, f64)], features: usize, query: &[f64]) -> (f64, f64) {
    let mut matrix = vec![vec![0.0; 2 * features]; features];
    let mut moment = vec![0.0; features];
    for (index, row) in matrix.iter_mut().enumerate() {
        (row[index], row[features + index]) = (1.0, 1.0);
    }
    for (x, reward) in rows {
        for i in 0..features {
            moment[i] += reward * x[i];
            for j in 0..features {
                matrix[i][j] += x[i] * x[j];
            }
        }
    }
    for pivot in 0..features {
        let scale = matrix[pivot][pivot];
        matrix[pivot].iter_mut().for_each(|entry| *entry /= scale);
        let row = matrix[pivot].clone();
        for (index, other) in matrix.iter_mut().enumerate() {
            if index != pivot {
                let factor = other[pivot];
                other.iter_mut().zip(&row).for_each(|(entry, above)| *entry -= factor * above);
            }
        }
    }
    let inverse = |i: usize, j: usize| matrix[i][features + j];
    let (mut mean, mut variance) = (0.0, 0.0);
    for i in 0..features {
        for j in 0..features {
            mean += query[i] * inverse(i, j) * moment[j];
            variance += query[i] * inverse(i, j) * query[j];
        }
    }
    (mean, variance)
}

#[test]
fn thousands_of_updates_stay_what_a_regression_from_scratch_is() {
    const FEATURES: usize = 7;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut bandit = LinearBandit::new(ids(2), FEATURES, 1.0, Optimism::new(0.3).unwrap()).unwrap();
    let mut seen = [vec![], vec![]];
    let context =
        |rng: &mut ChaCha8Rng| -> Vec<f64> { (0..FEATURES).map(|_| 2.0 * uniform(rng) - 1.0).collect() };
    for round in 0..5_000 {
        let x = context(&mut rng);
        let pick = bandit.choose(&x, &mut rng).unwrap();
        let reward = uniform(&mut rng);
        bandit.learn(&pick, &x, reward).unwrap();
        seen[pick.arm].push((x, reward));
        if round % 499 == 0 {
            let query = context(&mut rng);
            for (arm, rows) in seen.iter().enumerate() {
                let (mean, variance) = by_elimination(rows, FEATURES, &query);
                let found = bandit.posterior(arm, &query).unwrap();
                assert!((found.mean() - mean).abs() < 1e-10, "{} {mean}", found.mean());
                assert!((found.deviation() - variance.sqrt()).abs() < 1e-10);
            }
        }
    }
}

/// A decision's strategies by the same strategy's draws: chi-squared against the exact probabilities.
fn chi_squared(probabilities: &[f64], draws: u64, mut draw: impl FnMut() -> usize) -> f64 {
    let mut counts = vec![0.0; probabilities.len()];
    (0..draws).for_each(|_| counts[draw()] += 1.0);
    let term = |(found, probability): (&f64, &f64)| {
        let expected = probability * draws as f64;
        (found - expected).powi(2) / expected
    };
    counts.iter().zip(probabilities).map(term).sum()
}

/// The 0.9999 quantile of chi-squared with three degrees of freedom; the draws are fixed, so is the answer.
const CHI_SQUARED_3: f64 = 21.1;

#[test]
fn a_million_decisions_follow_their_probabilities() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut bandit = Bandit::new(ids(4), BetaCounts, Softmax::new(0.2).unwrap()).unwrap();
    for (arm, reward) in [(0, 0.9), (1, 0.4), (1, 0.5), (2, 0.7), (3, 0.1)] {
        bandit.learn(&Pick::new(arm, 0.25, 0), reward).unwrap();
    }
    bandit.choose(&mut rng).unwrap();
    let law = bandit.probabilities().to_vec();
    let found = chi_squared(&law, 1_000_000, || bandit.choose(&mut rng).unwrap().arm);
    assert!(found < CHI_SQUARED_3, "{found}");
}

#[test]
fn a_million_draws_follow_the_integrated_probabilities() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let beliefs = [
        Posterior::Beta { a: 7.0, b: 3.0 },
        Posterior::Beta { a: 0.6, b: 0.4 },
        Posterior::StudentT { mean: 0.6, scale: 0.1, dof: 5.0 },
        Posterior::Normal { mean: 0.7, deviation: 0.05 },
    ];
    let names = ids(4);
    let rule = Thompson::new(1.0).unwrap();
    let beliefs: Vec<_> =
        names.into_iter().zip(beliefs).map(|(id, posterior)| Belief::new(id, posterior)).collect();
    let mut law = vec![0.0; 4];
    rule.probabilities(&beliefs, 0, &mut law).unwrap();
    let found = chi_squared(&law, 1_000_000, || rule.draw(&beliefs, &mut rng).unwrap());
    assert!(found < CHI_SQUARED_3, "{found}");
    assert_eq!(rule.draw(&[], &mut rng), None);
}

/// The largest distance between the draws' distribution function and the belief's.
fn distance(belief: Posterior, rng: &mut ChaCha8Rng) -> f64 {
    let mut draws: Vec<f64> = (0..20_000).map(|_| belief.sample(rng)).collect();
    draws.sort_by(f64::total_cmp);
    let count = draws.len() as f64;
    let at = |(index, draw): (usize, &f64)| (belief.cdf(*draw) - (index as f64 + 0.5) / count).abs();
    draws.iter().enumerate().map(at).fold(0.0, f64::max)
}

#[test]
fn draws_have_their_belief_s_distribution() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for belief in [
        Posterior::Beta { a: 1.0, b: 1.0 },
        Posterior::Beta { a: 0.2, b: 0.3 },
        Posterior::Beta { a: 0.3, b: 40.0 },
        Posterior::Beta { a: 1e6, b: 3.0 },
        Posterior::StudentT { mean: 0.4, scale: 0.2, dof: 1.5 },
        Posterior::StudentT { mean: -3.0, scale: 2.0, dof: 1e5 },
        Posterior::Normal { mean: 0.5, deviation: 0.1 },
    ] {
        // Kolmogorov's 0.9999 quantile is 2.23 / √n.
        let found = distance(belief, &mut rng);
        assert!(found < 2.23 / 20_000_f64.sqrt(), "{belief:?}: {found}");
    }
}

const HOSTILE: [f64; 8] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, -1e-300, 1.0 + f64::EPSILON, -1.0];

#[test]
fn a_million_hostile_updates_change_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut plain = Bandit::new(ids(3), BetaCounts, Exp3Ix).unwrap();
    let mut linear = LinearBandit::new(ids(3), 4, 1.0, Exp3Ix).unwrap();
    for _ in 0..50 {
        let x: Vec<f64> = (0..4).map(|_| uniform(&mut rng)).collect();
        let (pick, reward) = (plain.choose(&mut rng).unwrap(), uniform(&mut rng));
        plain.learn(&pick, reward).unwrap();
        let pick = linear.choose(&x, &mut rng).unwrap();
        linear.learn(&pick, &x, reward).unwrap();
    }
    let state = |plain: &Bandit<_, _>, linear: &LinearBandit<_>| {
        let beliefs: Vec<Posterior> =
            (0..3).map(|arm| linear.posterior(arm, &[0.1, 0.9, 0.4, 1.0]).unwrap()).collect();
        (plain.stats().collect::<Vec<_>>(), plain.beliefs().to_vec(), linear.beliefs().to_vec(), beliefs)
    };
    let before = state(&plain, &linear);
    let good = [0.5; 4];
    for round in 0..125_000_usize {
        let bad = HOSTILE[round % HOSTILE.len()];
        let mut features = good;
        features[round % 4] = if bad.abs() < 1e6 { f64::NAN } else { bad };
        let own = Pick::new(round % 3, 0.3, 50);
        let foreign = Pick::new(3 + round, 0.3, 50);
        // A probability that no decision can have had.
        let absurd = Pick::new(0, -0.0, u64::MAX);
        assert!(matches!(plain.learn(&own, bad), Err(Error::InvalidReward { .. })));
        assert!(matches!(plain.learn(&foreign, 0.5), Err(Error::UnknownArm { .. })));
        assert!(plain.learn(&absurd, bad).is_err());
        assert!(matches!(linear.learn(&own, &good, bad), Err(Error::InvalidReward { .. })));
        assert!(matches!(linear.learn(&foreign, &good, 0.5), Err(Error::UnknownArm { .. })));
        assert!(matches!(linear.learn(&own, &features, 0.5), Err(Error::InvalidFeature { .. })));
        assert!(matches!(linear.learn(&own, &good[1..], 0.5), Err(Error::WrongFeatures { .. })));
        assert!(linear.choose(&features, &mut rng).is_err());
    }
    assert_eq!(before, state(&plain, &linear));
}

#[test]
fn what_cannot_be_a_bandit_is_refused() {
    let rule = Softmax::new(0.1).unwrap();
    assert_eq!(Bandit::new([], BetaCounts, rule).err(), Some(Error::NothingEligible));
    let twice = [ids(1), ids(1)].concat();
    assert!(matches!(Bandit::new(twice.clone(), BetaCounts, rule), Err(Error::DuplicateStrategy { .. })));
    assert!(matches!(LinearBandit::new(twice, 2, 1.0, rule), Err(Error::DuplicateStrategy { .. })));
    for penalty in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(LinearBandit::new(ids(2), 2, penalty, rule), Err(Error::InvalidParameter { .. })));
    }
    assert!(matches!(LinearBandit::new(ids(2), 0, 1.0, rule), Err(Error::InvalidParameter { .. })));
}

#[test]
fn a_learner_that_a_bandit_cannot_feed_is_refused() {
    let ridge = helm_policy::Ridge::new(helm_policy::RidgeOptions::default()).unwrap();
    assert_eq!(Bandit::new(ids(2), ridge, Ucb1).err(), Some(Error::NeedsFeatures));
    let mut bandit =
        Bandit::new(ids(2), helm_policy::Hierarchical(BetaCounts), Softmax::new(0.1).unwrap()).unwrap();
    for (arm, reward) in (0..2_000).map(|turn| (turn % 2, f64::from(turn % 2 == 0))) {
        bandit.learn(&Pick::new(arm as usize, 0.5, 0), reward).unwrap();
    }
    assert!(bandit.beliefs()[0].posterior.mean() > 0.95, "{:?}", bandit.beliefs()[0]);
}

#[test]
fn impossible_propensities_teach_nothing() {
    let mut plain = Bandit::new(ids(2), BetaCounts, Exp3Ix).unwrap();
    let mut linear = LinearBandit::new(ids(2), 1, 1.0, Exp3Ix).unwrap();
    for propensity in [0.0, -0.001, 5.0, f64::NAN, f64::INFINITY] {
        let pick = Pick::new(0, propensity, u64::MAX);
        assert!(matches!(plain.learn(&pick, 0.0), Err(Error::InvalidParameter { .. })));
        assert!(matches!(linear.learn(&pick, &[1.0], 0.0), Err(Error::InvalidParameter { .. })));
    }
    assert!(plain.stats().all(|stats| stats.is_zero()));
}

#[test]
fn collinear_features_of_any_size_are_learnt_from() {
    let mut bandit = LinearBandit::new(ids(2), 3, 1.0, Optimism::new(0.3).unwrap()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let context = [1e4, 1e4, 1.0];
    for _ in 0..5_000 {
        let pick = bandit.choose(&context, &mut rng).unwrap();
        bandit.learn(&pick, &context, if pick.arm == 1 { 0.9 } else { 0.2 }).unwrap();
    }
    for (arm, expected) in [(0, 0.2), (1, 0.9)] {
        let belief = bandit.posterior(arm, &context).unwrap();
        assert!((belief.mean() - expected).abs() < 0.05, "{belief:?}");
    }
}

#[test]
fn equal_beliefs_near_one_are_drawn_alike() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let rule = Thompson::new(1.0).unwrap();
    for (a, b) in [(1.0, 0.01), (1.0, 1e-5), (1e-3, 1e-3)] {
        let belief = |id| Belief::new(id, Posterior::Beta { a, b });
        let beliefs: Vec<Belief> = ids(2).into_iter().map(belief).collect();
        let first = (0..20_000).filter(|_| rule.draw(&beliefs, &mut rng) == Some(0)).count();
        assert!((first as f64 / 20_000.0 - 0.5).abs() < 0.015, "Beta({a}, {b}): {first}");
    }
}
