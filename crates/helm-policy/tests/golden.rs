//! Numbers computed independently, see `tests/golden/bandits/README.md`. `HELM_GOLDEN_BANDITS` names another
//! folder of the same layout.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::path::PathBuf;

use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Features, PolicyHash, PolicyName, Probability,
    StrategyId, TaskId, TenantId, Timestamp, UserId,
};
use helm_policy::{
    Arm, ArmEvidence, Belief, EpochWeights, Evidence, Exp3Ix, InverseGap, KlUcb, Learner, LinearBandit,
    NormalInverseGamma, Optimism, PACKED_UNITS, Pick, Posterior, Ridge, RidgeOptions, Rule, Softmax,
    Thompson, TopTwoThompson, Ucb1, Ucb1Tuned,
};
use serde_json::Value;

fn golden(file: &str) -> Vec<Value> {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/bandits"));
    let folder = std::env::var_os("HELM_GOLDEN_BANDITS").map_or(own, PathBuf::from);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty(), "{file} is empty");
    cases
}

fn numbers(case: &Value, key: &str) -> Vec<f64> {
    case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap()
}

fn ids(count: usize) -> Vec<StrategyId> {
    (0..count).map(|index| format!("s{index}@1").parse().unwrap()).collect()
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
}

/// A rule's law over beliefs of these posteriors and losses.
fn law(rule: &dyn Rule, rewards: u64, beliefs: &[(Posterior, f64)]) -> Vec<f64> {
    let ids = ids(beliefs.len());
    let beliefs = ids
        .into_iter()
        .zip(beliefs)
        .map(|(id, (posterior, loss))| Belief::new(id, *posterior).with_loss(*loss));
    let beliefs: Vec<_> = beliefs.collect();
    let mut out = vec![0.0; beliefs.len()];
    rule.probabilities(&beliefs, rewards, &mut out).unwrap();
    let total: f64 = out.iter().sum();
    out.iter().map(|weight| weight / total).collect()
}

fn thompson(posteriors: &[Posterior]) -> Vec<f64> {
    let ids = ids(posteriors.len());
    let beliefs: Vec<_> =
        ids.into_iter().zip(posteriors).map(|(id, posterior)| Belief::new(id, *posterior)).collect();
    let mut out = vec![0.0; posteriors.len()];
    let integrated = Thompson::new(1.0).unwrap().probabilities(&beliefs, 0, &mut out);
    assert!(integrated.is_ok(), "{posteriors:?}: {integrated:?}");
    out
}

#[test]
fn golden_propensities() {
    for case in golden("propensity_cases.json") {
        let posteriors: Vec<_> = match case["kind"].as_str().unwrap() {
            "beta" => {
                let pairs = numbers(&case, "a").into_iter().zip(numbers(&case, "b"));
                pairs.map(|(a, b)| Posterior::Beta { a, b }).collect()
            }
            _ => {
                let pairs = numbers(&case, "mean").into_iter().zip(numbers(&case, "sd"));
                pairs.map(|(mean, deviation)| Posterior::Normal { mean, deviation }).collect()
            }
        };
        // Not normalised: the mass itself must be there.
        for (found, expected) in thompson(&posteriors).iter().zip(numbers(&case, "p")) {
            near(*found, expected, 1e-9, &case.to_string());
        }
    }
}

#[test]
fn golden_bandit_formulas() {
    for case in golden("golden_formulas.json") {
        let (mab, expected) = (&case["mab"], &case["mab_expect"]);
        let (n, s, q, t) = (numbers(mab, "n"), numbers(mab, "S"), numbers(mab, "Q"), number(mab, "t"));
        let evidence = |index: usize| Evidence { count: n[index], sum: s[index], sum_sq: q[index] };
        for arm in 0..n.len() {
            let index = |name: &str| numbers(expected, name)[arm];
            near(Ucb1::index(&evidence(arm), t), index("ucb1"), 1e-9, "ucb1");
            near(Ucb1Tuned::index(&evidence(arm), t), index("ucb_tuned"), 1e-9, "ucb_tuned");
            near(KlUcb::index(&evidence(arm), t), index("kl_ucb"), 1e-9, "kl_ucb");
        }
        let nig = &expected["nig"];
        let (mu, scale, alpha) = (numbers(nig, "mu"), numbers(nig, "student_t_scale"), numbers(nig, "alpha"));
        let arm = Arm::new(ids(1).remove(0));
        for index in 0..n.len() {
            let belief = NormalInverseGamma::default();
            let belief =
                belief.posterior(&ArmEvidence::new(&arm, evidence(index)), &context(vec![])).unwrap();
            let Posterior::StudentT { mean, scale: found, dof } = belief else { panic!("{belief:?}") };
            near(mean, mu[index], 1e-9, "mean");
            near(found, scale[index], 1e-9, "scale");
            near(dof, 2.0 * alpha[index], 1e-9, "degrees of freedom");
        }
        let around = |mean| (Posterior::Normal { mean, deviation: 1.0 }, 0.0);
        let means: Vec<_> = (0..n.len()).map(|index| around(evidence(index).mean())).collect();
        let softmax = law(&Softmax::new(0.1).unwrap(), 0, &means);
        let gaps = law(&InverseGap::default(), t as u64, &means);
        let exp3 = &expected["exp3ix"];
        let losses = numbers(exp3, "L");
        let played: Vec<_> = losses.iter().map(|loss| (around(0.0).0, *loss)).collect();
        let exp3_law = law(&Exp3Ix, number(exp3, "t") as u64, &played);
        let laws = [
            ("softmax", softmax, numbers(expected, "softmax_tau_0_1")),
            ("inverse gap", gaps, numbers(&expected["squarecb"], "p")),
            ("exp3", exp3_law, numbers(exp3, "p")),
        ];
        for (name, found, expected) in laws {
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected).for_each(|(found, expected)| near(*found, expected, 1e-9, name));
        }
    }
}

fn context(features: Vec<f64>) -> Context {
    let (user, task) = (UserId::new("u").unwrap(), TaskId::new("t").unwrap());
    let mut context = Context::new(TenantId::single(), user, task, Timestamp::from_micros(0));
    context.features = Features::new(1, features).unwrap();
    context
}

fn decision(strategy: &StrategyId, context: Context) -> Decision {
    Decision {
        id: DecisionId::from_bytes([1; 16]),
        at: context.at,
        context,
        strategy: strategy.clone(),
        propensity: Probability::ONE,
        mode: DecisionMode::Sampled,
        drawn_by: None,
        assignment: None,
        policy: PolicyName::new("p").unwrap(),
        policy_hash: PolicyHash::of("p"),
        epoch: Epoch::starting_at(0),
        candidates: vec![],
        floor: None,
        excluded: vec![],
    }
}

#[test]
fn golden_ridge_regression() {
    for case in golden("golden_formulas.json") {
        let (linear, expected) = (&case["linear"], &case["linear_expect"]);
        let ridge = Ridge::new(RidgeOptions::textbook(number(linear, "lam"))).unwrap();
        let arms: Vec<Arm> =
            ids(expected["arms"].as_array().unwrap().len()).into_iter().map(Arm::new).collect();
        // The file's last feature is the bias, which the learner adds itself.
        let features = |row: &Value| -> Vec<f64> {
            let mut row: Vec<f64> = row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            assert_eq!(row.pop(), Some(1.0));
            row
        };
        let mut sums: Vec<Vec<i128>> = vec![vec![]; arms.len()];
        let rows = linear["X"].as_array().unwrap();
        for ((row, arm), reward) in rows.iter().zip(numbers(linear, "arm")).zip(numbers(linear, "reward")) {
            let arm = arm as usize;
            let added = ridge.packed(&decision(&arms[arm].id, context(features(row))), reward).unwrap();
            sums[arm].resize(added.len(), 0);
            sums[arm].iter_mut().zip(added).for_each(|(sum, part)| *sum += part);
        }
        let evidence: Vec<_> = arms
            .iter()
            .zip(&sums)
            .map(|(arm, sums)| {
                let mut evidence = ArmEvidence::new(arm, Evidence::default());
                evidence.packed = Some(sums.iter().map(|sum| *sum as f64 / PACKED_UNITS).collect());
                evidence
            })
            .collect();
        let beliefs = ridge.posteriors(&evidence, &context(features(&linear["query"]))).unwrap();
        for (belief, expected) in beliefs.iter().zip(expected["arms"].as_array().unwrap()) {
            near(belief.mean(), number(expected, "mean"), 1e-9, "mean");
            near(belief.deviation(), number(expected, "quad").sqrt(), 1e-9, "width");
        }
        let beliefs: Vec<_> = beliefs.into_iter().map(|belief| (belief, 0.0)).collect();
        let gaps = law(&InverseGap::default(), rows.len() as u64, &beliefs);
        for (found, expected) in gaps.iter().zip(numbers(&expected["squarecb"], "p")) {
            near(*found, expected, 1e-9, "inverse gap over ridge");
        }
    }
}

/// In floats from end to end, so to the formulas' own precision.
#[test]
fn golden_linear_bandit() {
    for case in golden("golden_formulas.json") {
        let (linear, expected) = (&case["linear"], &case["linear_expect"]);
        let expected = expected["arms"].as_array().unwrap();
        let vector = |row: &Value| -> Vec<f64> {
            row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
        };
        let query = vector(&linear["query"]);
        let rule = Optimism::new(0.3).unwrap();
        let arms = ids(expected.len());
        let mut bandit = LinearBandit::new(arms, query.len(), number(linear, "lam"), rule).unwrap();
        let rows = linear["X"].as_array().unwrap().iter().zip(numbers(linear, "arm"));
        for ((row, arm), reward) in rows.zip(numbers(linear, "reward")) {
            bandit.learn(&Pick::new(arm as usize, 1.0, 0), &vector(row), reward).unwrap();
        }
        for (arm, expected) in expected.iter().enumerate() {
            let belief = bandit.posterior(arm, &query).unwrap();
            near(belief.mean(), number(expected, "mean"), 1e-9, "mean");
            near(belief.deviation().powi(2), number(expected, "quad"), 1e-9, "width");
            let bound = belief.mean() + 0.3 * belief.deviation();
            near(bound, number(expected, "ucb_alpha_0_3"), 1e-9, "bound");
        }
    }
}

#[test]
fn golden_decay() {
    for case in golden("golden_formulas.json") {
        let (decay, expected) = (&case["decay"], &case["decay_expect"]);
        // An epoch of no length counts every reward from its own moment.
        let now = Timestamp::from_micros((number(decay, "now") * 1e6) as i64);
        let (mut count, mut sum) = (0.0, 0.0);
        for (at, reward) in numbers(decay, "t").into_iter().zip(numbers(decay, "r")) {
            // Epochs begin at whole seconds: in thousandths of the file's unit they are exact.
            let milli = 1_000.0;
            let now = Timestamp::from_micros(now.as_micros() * 1_000);
            let half_life = number(decay, "half_life") * milli;
            let weights = EpochWeights::half_life(half_life, std::time::Duration::ZERO, now);
            let weight = weights.of(Epoch::starting_at((at * milli).round() as i64));
            (count, sum) = (count + weight, sum + weight * reward);
        }
        near(count, number(expected, "n_eff"), 1e-9, "count");
        near(sum, number(expected, "sum_r"), 1e-9, "sum");
        near(sum / count, number(expected, "mean"), 1e-9, "mean");
    }
}

/// Cases that the file has not: heavy tails, counts below 1, skewed betas, many strategies, mixed kinds. The
/// expected numbers are sums over a grid of quantiles.
#[test]
fn hard_propensities_are_integrated() {
    let t = |mean, scale, dof| Posterior::StudentT { mean, scale, dof };
    let beta = |a, b| Posterior::Beta { a, b };
    let cases: Vec<Vec<Posterior>> = vec![
        vec![t(0.5, 0.2, 2.0), t(0.6, 0.03, 42.0)],
        vec![t(0.5, 0.2, 2.0), t(0.5, 0.2, 2.0), t(0.5, 0.2, 2.0), t(0.8, 0.01, 400.0)],
        vec![t(0.5, 0.2, 3.0), t(0.55, 0.1, 60.0), t(0.56, 0.1, 61.0), t(0.5, 0.001, 1e6)],
        vec![beta(0.098, 9.9), beta(0.5, 9.5)],
        vec![beta(0.0396, 1.98), beta(0.1, 1.9)],
        vec![beta(0.5, 0.5), beta(1.0, 1.0)],
        vec![beta(1.0, 1e6), beta(1.0, 2e6)],
        vec![beta(2.0, 1e6), beta(1.0, 1.5e5), beta(3.0, 4e5)],
        vec![beta(3.0, 2.0), t(0.6, 0.2, 9.0), Posterior::Normal { mean: 0.9, deviation: 0.2 }],
        (1..=20).map(|k| beta(f64::from(k), 30.0 - f64::from(k))).collect(),
    ];
    for posteriors in cases {
        let found = thompson(&posteriors);
        let expected = by_grid(&posteriors);
        for (found, expected) in found.iter().zip(&expected) {
            near(*found, *expected, 1e-6, &format!("{posteriors:?}"));
        }
    }
}

/// The difference of two normal means is normal, so one is the larger with a probability that can be written down.
#[test]
fn two_normal_means_are_compared_to_ten_digits() {
    let widths = [1.0, 0.3, 0.05, 0.001, 1e-6];
    for (first, second) in widths.iter().flat_map(|first| widths.iter().map(move |second| (*first, *second)))
    {
        for ahead in [-6.0, -3.5, -1.0, -0.01, 0.0, 0.3, 2.0, 5.0] {
            let deviation = f64::hypot(first, second);
            let normal = |mean, deviation| Posterior::Normal { mean, deviation };
            let found = thompson(&[normal(0.5 + ahead * deviation, first), normal(0.5, second)]);
            let expected = 0.5 * libm::erfc(-ahead / std::f64::consts::SQRT_2);
            assert!((found[0] - expected).abs() < 3e-10, "{first} {second} {ahead}: {} {expected}", found[0]);
            assert!((found[1] - (1.0 - expected)).abs() < 3e-10, "{first} {second} {ahead}: {}", found[1]);
        }
    }
}

/// So is the difference of two Cauchy means Cauchy: the heaviest tails that a belief has in practice.
#[test]
fn two_cauchy_means_are_compared_to_nine_digits() {
    for (first, second) in [(1.0, 1.0), (1.0, 0.01), (1e-6, 0.3), (2.0, 5.0)] {
        for ahead in [-40.0, -3.0, -0.2, 0.0, 0.7, 9.0] {
            let t = |mean, scale| Posterior::StudentT { mean, scale, dof: 1.0 };
            let found = thompson(&[t(0.5 + ahead * (first + second), first), t(0.5, second)]);
            let expected = 0.5 + libm::atan(ahead) / std::f64::consts::PI;
            near(found[0], expected, 1e-9, &format!("{first} {second} {ahead}"));
        }
    }
}

/// The largest of means whose distribution functions are powers, x^a, is the one of a with probability a / Σ a.
#[test]
fn means_of_powers_are_compared_to_ten_digits() {
    for powers in
        [&[0.01, 0.02][..], &[0.3, 40.0], &[1.0, 1.0, 1e3], &[1e-3, 5.0, 2e5], &[7.0, 8.0, 9.0, 10.0, 0.5]]
    {
        let beliefs: Vec<_> = powers.iter().map(|a| Posterior::Beta { a: *a, b: 1.0 }).collect();
        let (found, sum) = (thompson(&beliefs), powers.iter().sum::<f64>());
        for (found, a) in found.iter().zip(powers) {
            assert!((found - a / sum).abs() < 3e-10, "{powers:?}: {found} {}", a / sum);
        }
    }
}

/// A uniform mean beats another with the probability that the other leaves above it: one minus its mean.
#[test]
fn a_billion_rewards_are_no_trouble() {
    for (a, b) in [(5e8, 5e8), (1e9, 3e6), (2.0, 1e9), (1e12, 3e12)] {
        let found = thompson(&[Posterior::Beta { a: 1.0, b: 1.0 }, Posterior::Beta { a, b }]);
        near(found[0], b / (a + b), 1e-9, &format!("{a} {b}"));
    }
}

/// Near 1 a float cannot tell the means apart that such beliefs hold, near 0 it can: X > Y where 1 − Y > 1 − X.
#[test]
fn counts_below_one_have_a_mirror() {
    let beta = |a, b| Posterior::Beta { a, b };
    for ((a, b), (c, d)) in
        [((9.9, 0.098), (9.5, 0.5)), ((1.98, 0.0196), (1.9, 0.1)), ((0.01, 0.01), (0.02, 0.01))]
    {
        let found = thompson(&[beta(a, b), beta(c, d)]);
        let mirrored = thompson(&[beta(d, c), beta(b, a)]);
        near(found[0], mirrored[0], 1e-9, "the first");
        near(found[1], mirrored[1], 1e-9, "the second");
    }
}

/// Trapezoids in the quantiles of each belief: P(i) = ∫ Π F_j(Q_i(u)) du, so densities and tails need no care.
fn by_grid(posteriors: &[Posterior]) -> Vec<f64> {
    const POINTS: usize = 4_000;
    let quantile = |posterior: &Posterior, u: f64| {
        // Betas over the logarithm: with counts below 1 much of the mass is nearer to 0 than 1e-300.
        let beta = matches!(posterior, Posterior::Beta { .. });
        let reach = posterior.spread() * 1e9;
        let (mut low, mut high) =
            if beta { (-745.0, 0.0) } else { (posterior.mean() - reach, posterior.mean() + reach) };
        let place = |at: f64| if beta { at.exp() } else { at };
        for _ in 0..90 {
            let middle = 0.5 * (low + high);
            if posterior.cdf(place(middle)) < u { low = middle } else { high = middle }
        }
        place(0.5 * (low + high))
    };
    let probability = |own: usize| {
        // u = (1 − cos πv) / 2 crowds the points where tails are.
        let value = |step: usize| {
            let v = (step as f64 + 0.5) / POINTS as f64;
            let u = 0.5 * (1.0 - (std::f64::consts::PI * v).cos());
            let weight = 0.5 * std::f64::consts::PI * (std::f64::consts::PI * v).sin() / POINTS as f64;
            let at = quantile(&posteriors[own], u);
            let others = posteriors.iter().enumerate().filter(|(index, _)| *index != own);
            weight * others.map(|(_, other)| other.cdf(at)).product::<f64>()
        };
        (0..POINTS).map(value).sum()
    };
    (0..posteriors.len()).map(probability).collect()
}

/// Each of these once did not sum to 1, or took seconds.
#[test]
fn extreme_beliefs_are_integrated() {
    let beta = |a, b| Posterior::Beta { a, b };
    let normal = |mean, deviation| Posterior::Normal { mean, deviation };
    let student = |mean, scale, dof| Posterior::StudentT { mean, scale, dof };
    let cases = [
        (vec![beta(1.0, 1e-5), beta(1.0, 1e-5)], Some(0.5)),
        (vec![beta(1e-5, 1e-5), beta(1e-5, 1e-5)], Some(0.5)),
        (vec![beta(1e6, 1e-5), beta(1e6, 1e-5)], Some(0.5)),
        (vec![beta(1e6, 1e-5), beta(5.0, 7.0)], Some(1.0)),
        (vec![beta(2e5, 0.02), beta(2e5, 0.02)], Some(0.5)),
        (vec![beta(1e9, 1e-3), beta(1e-3, 1e9)], Some(1.0)),
        (vec![beta(1.0, 0.1), normal(2.0, 0.1)], Some(0.0)),
        (vec![beta(1.0, 0.3), normal(2.0, 0.1)], Some(0.0)),
        (vec![normal(0.5, 1e-12), normal(0.5, 1e-12)], Some(0.5)),
        (vec![normal(0.5, 1e-18), normal(0.25, 1e-18)], Some(1.0)),
        (vec![student(0.5, 1e-10, 4.0), student(0.5, 1e-10, 4.0)], Some(0.5)),
        (vec![student(0.5, 0.1, 1e15), student(0.5, 0.1, 1e300)], Some(0.5)),
        (vec![student(0.5, 0.1, 0.2), student(0.5, 0.1, 0.2)], Some(0.5)),
        (vec![beta(1e-3, 1e-3); 60], None),
    ];
    for (posteriors, first) in cases {
        let law = thompson(&posteriors);
        near(law.iter().sum(), 1.0, 1e-7, &format!("the sum of {posteriors:?}"));
        near(law[0], first.unwrap_or(1.0 / posteriors.len() as f64), 1e-6, &format!("{posteriors:?}"));
    }
}

/// Challengers keep their proportions however rare they are: the table is by Φ of the pairs.
#[test]
fn a_challenger_is_the_likelier_of_the_others() {
    for (deviation, expected) in [(0.017, 0.002_46), (0.016, 0.001_25), (0.010, 1e-7)] {
        let normal = |mean| (Posterior::Normal { mean, deviation }, 0.0);
        let law = law(&TopTwoThompson::new(0.5).unwrap(), 0, &[normal(0.9), normal(0.6), normal(0.59)]);
        near(law[0], 0.5, 1e-6, "the leader");
        near(law[2], expected, 0.03 * expected + 1e-7, &format!("the third at {deviation}"));
    }
}
