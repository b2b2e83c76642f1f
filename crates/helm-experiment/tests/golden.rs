//! Every figure of the reference cases, computed by independent peers. `HELM_GOLDEN_EXPERIMENTS` names another folder of
//! the same layout.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic"
)]

mod golden_cases;

use std::path::PathBuf;

use golden_cases::answer;
use serde_json::Value;

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/experiments");
    std::env::var_os("HELM_GOLDEN_EXPERIMENTS").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

/// Figures that the peer has wrong. `score_mn`: statsmodels 0.14 solves a cubic for the restricted shares whose linear
/// coefficient has the control's successes where Miettinen and Nurminen have its trials, so the shares are not the
/// likeliest; `tests/analysis.rs` holds ours to the likelihood.
const WRONG: [&str; 1] = ["score_mn"];

/// A number, which JSON writes as a word where it is not finite.
fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some("nan") => Some(f64::NAN),
        _ => value.as_f64(),
    }
}

/// The tolerances of a field, which a family may give to some fields alone.
fn tolerance(field: &str, all: &Value) -> (f64, f64) {
    let of = |name: &str| all.get(name).and_then(Value::as_f64);
    let mut absolute = of("abs").unwrap_or(0.0);
    let mut relative = of("rel").unwrap_or(1e-9);
    if field == "betting_hedged" {
        absolute = of("betting_abs").unwrap_or(absolute);
    }
    if ["n_a", "total", "d"].contains(&field) {
        relative = of("n_rel").unwrap_or(relative);
    }
    if field.starts_with("p_") {
        relative = of("p_rel").unwrap_or(relative);
    }
    (absolute, relative)
}

/// Where what was found differs from what is expected.
fn compare(path: &str, expected: &Value, found: &Value, field: &str, all: &Value, misses: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, expected) in fields.iter().filter(|(name, _)| !WRONG.contains(&name.as_str())) {
                let found = found.get(name).unwrap_or(&Value::Null);
                compare(&format!("{path}.{name}"), expected, found, name, all, misses);
            }
        }
        (Value::Array(values), Value::Array(others)) if values.len() == others.len() => {
            for (at, (expected, found)) in values.iter().zip(others).enumerate() {
                compare(&format!("{path}[{at}]"), expected, found, field, all, misses);
            }
        }
        _ => compare_values(path, expected, found, tolerance(field, all), misses),
    }
}

fn compare_values(
    path: &str,
    expected: &Value,
    found: &Value,
    (absolute, relative): (f64, f64),
    misses: &mut Vec<String>,
) {
    let is_same = match (number(expected), number(found)) {
        (Some(expected), Some(found)) if expected.is_finite() => {
            (expected - found).abs() <= absolute + relative * expected.abs()
        }
        (Some(expected), Some(found)) => {
            expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan())
        }
        _ => expected == found,
    };
    if !is_same {
        misses.push(format!("{path}: {found}, not {expected}"));
    }
}

#[track_caller]
fn golden(family: &str) {
    let path = folder().join(format!("{family}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let family: Value = serde_json::from_str(&text).unwrap();
    let (name, cases) = (family["family"].as_str().unwrap(), family["cases"].as_array().unwrap());
    let mut all = Vec::new();
    for case in cases {
        let (id, before) = (case["id"].as_str().unwrap(), all.len());
        let found = answer(name, &case["input"]);
        compare(id, &case["expected"], &found, "", &family["tolerance"], &mut all);
        println!("{id:<60} {}", if all.len() == before { "ok" } else { "missed" });
    }
    println!("{name}: {} cases of {}", cases.len(), family["oracle"]);
    assert!(!cases.is_empty() && all.is_empty(), "{} figures missed:\n{}", all.len(), all.join("\n"));
}

macro_rules! golden {
    ($($test:ident $family:literal)*) => {
        $(#[test]
        fn $test() {
            golden($family);
        })*
    };
}

golden! {
    golden_adaptive_inference "adaptive_inference"
    golden_asymp_cs_mean "asymp_cs_mean"
    golden_bayes_beta "bayes_beta"
    golden_bayes_normal "bayes_normal"
    golden_bounded_cs "bounded_cs"
    golden_clustered_turns "clustered_turns"
    golden_cuped "cuped"
    golden_end_to_end_log "end_to_end_log"
    golden_group_sequential "group_sequential"
    golden_growthbook_hash "growthbook_hash"
    golden_howard_boundaries "howard_boundaries"
    golden_mann_whitney "mann_whitney"
    golden_multiple_comparisons "multiple_comparisons"
    golden_non_inferiority "non_inferiority"
    golden_paired "paired"
    golden_power "power"
    golden_quantile "quantile"
    golden_ratio_delta "ratio_delta"
    golden_relative_lift "relative_lift"
    golden_sequential_asymptotic "sequential_asymptotic"
    golden_sequential_one_sided "sequential_one_sided"
    golden_srm "srm"
    golden_srm_sequential "srm_sequential"
    golden_two_proportions "two_proportions"
    golden_welch_t "welch_t"
}
