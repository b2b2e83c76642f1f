//! Numbers computed independently, see `tests/golden/bandits/README.md`. `HELM_GOLDEN_BANDITS` names another
//! folder of the same layout.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use helm_core::StrategyId;
use helm_policy::{Evidence, Learner, NormalInverseGamma, Posterior, Rule, Thompson};
use serde_json::Value;

fn golden(file: &str) -> Vec<Value> {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/bandits"));
    let folder = std::env::var_os("HELM_GOLDEN_BANDITS").map_or(own, PathBuf::from);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(case: &Value, key: &str) -> Vec<f64> {
    case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn strategies(count: usize) -> Vec<StrategyId> {
    (0..count).map(|index| format!("s{index}@1").parse().unwrap()).collect()
}

#[test]
fn golden_propensities() {
    let cases = golden("propensity_cases.json");
    assert!(!cases.is_empty());
    for case in cases {
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
        let expected = numbers(&case, "p");
        let rule = Thompson::new(1.0).unwrap();
        let found = rule.probabilities(&strategies(expected.len()), &posteriors, 0).unwrap();
        let total: f64 = found.iter().sum();
        for (found, expected) in found.iter().map(|found| found / total).zip(&expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected} in {case}");
        }
    }
}

#[test]
fn golden_normal_inverse_gamma() {
    for case in golden("normal_inverse_gamma.json") {
        let (mab, nig) = (&case["mab"], &case["nig"]);
        let (counts, sums, squares) = (numbers(mab, "n"), numbers(mab, "S"), numbers(mab, "Q"));
        let (means, scales, alphas) =
            (numbers(nig, "mu"), numbers(nig, "student_t_scale"), numbers(nig, "alpha"));
        for index in 0..counts.len() {
            let evidence = Evidence { count: counts[index], sum: sums[index], sum_sq: squares[index] };
            let posterior = NormalInverseGamma::default().posterior(&evidence, &Evidence::default(), None);
            let Posterior::StudentT { mean, scale, dof } = posterior else { panic!("{posterior:?}") };
            assert!((mean - means[index]).abs() < 1e-9);
            assert!((scale - scales[index]).abs() < 1e-9);
            assert!((dof - 2.0 * alphas[index]).abs() < 1e-9);
        }
    }
}
