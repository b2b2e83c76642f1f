//! Every figure of the off-policy reference logs. `HELM_GOLDEN_OPE` names another folder of the same layout.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use helm_experiment::analysis::Interval;
use helm_experiment::off_policy::{Choice, Estimator, OffPolicyLog};
use serde_json::Value;

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/ope");
    std::env::var_os("HELM_GOLDEN_OPE").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

/// The columns of a table by their names.
fn table(name: &str) -> BTreeMap<String, Vec<f64>> {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap().split(',').collect();
    let mut columns: BTreeMap<String, Vec<f64>> =
        names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for line in lines {
        for (name, value) in names.iter().zip(line.split(',')) {
            columns.get_mut(*name).unwrap().push(value.parse().unwrap());
        }
    }
    columns
}

/// The numbered columns of a row.
fn numbered(table: &BTreeMap<String, Vec<f64>>, name: &str, row: usize, count: usize) -> Vec<f64> {
    (0..count).map(|at| table[&format!("{name}{at}")][row]).collect()
}

/// The log of a case, with the policy that the case asks about.
fn log(case: &str, actions: usize) -> OffPolicyLog {
    let file = match case {
        "synth_binary" | "synth_continuous" => format!("ope_{case}.csv"),
        "obd_men_random_to_bts" => "ope_obd_men_log.csv".to_owned(),
        _ => "ope_llm_log.csv".to_owned(),
    };
    let (table, policy) = (table(&file), table("ope_obd_men_policy.csv"));
    let mut log = OffPolicyLog::new();
    for row in 0..table["action"].len() {
        let (propensity, model) = (table["pscore"][row], numbered(&table, "q", row, actions));
        let (target, logged) = match case {
            "obd_men_random_to_bts" => {
                let position = &policy[&format!("p_pos{}", table["position"][row])];
                (position.clone(), vec![propensity; actions])
            }
            _ => (of_target(case, &table, row, &model), numbered(&table, "plog", row, actions)),
        };
        let choice = Choice::new(table["action"][row] as usize, table["reward"][row], propensity, &target);
        log.add(&choice.with_logged(&logged).with_model(&model)).unwrap();
    }
    log
}

fn of_target(case: &str, table: &BTreeMap<String, Vec<f64>>, row: usize, model: &[f64]) -> Vec<f64> {
    let always = |action: usize| (0..model.len()).map(|at| if at == action { 1.0 } else { 0.0 }).collect();
    match case.strip_prefix("llm_") {
        None => numbered(table, "pi", row, model.len()),
        Some("uniform") => vec![1.0 / model.len() as f64; model.len()],
        Some("greedy_q") => {
            let best = model.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            always(model.iter().position(|value| *value == best).unwrap())
        }
        Some(named) => always(named.strip_prefix("always_").unwrap().parse().unwrap()),
    }
}

fn answers(log: &OffPolicyLog, params: &Value) -> BTreeMap<&'static str, f64> {
    let of = |name: &str| params[name].as_f64().unwrap();
    let estimate = |estimator| log.estimate(estimator).unwrap();
    let found = log.diagnostics().unwrap();
    BTreeMap::from([
        ("ips", estimate(Estimator::Ips)),
        ("snips", estimate(Estimator::SelfNormalised)),
        ("clipped_ips", estimate(Estimator::ClippedIps(of("clip")))),
        ("dm", estimate(Estimator::Direct)),
        ("dr", estimate(Estimator::DoublyRobust)),
        ("sndr", estimate(Estimator::SelfNormalisedDoublyRobust)),
        ("switch_dr", estimate(Estimator::SwitchDoublyRobust(of("switch_tau")))),
        ("switch", estimate(Estimator::Switch(of("switch_tau")))),
        ("dros", estimate(Estimator::ShrunkDoublyRobust(of("dros_lambda")))),
        ("sg_ips", estimate(Estimator::SubGaussianIps(of("sg_lambda")))),
        ("sg_dr", estimate(Estimator::SubGaussianDoublyRobust(of("sg_lambda")))),
        ("cab", estimate(Estimator::ContinuousBlending(of("cab_M")))),
        ("ess", found.effective),
        ("mean_w", found.mean_weight),
        ("max_w", found.max_weight),
        ("var_ips", log.ips_variance().unwrap()),
    ])
}

fn intervals(log: &OffPolicyLog, alpha: f64) -> BTreeMap<&'static str, Interval> {
    BTreeMap::from([
        ("normal", log.normal_interval(alpha).unwrap()),
        ("hoeffding_wmax", log.hoeffding_interval(alpha).unwrap()),
        ("emp_bernstein_wmax", log.bernstein_interval(alpha).unwrap()),
        ("betting_anytime", log.betting_interval(alpha).unwrap()),
    ])
}

#[test]
fn golden_ope() {
    let text = std::fs::read_to_string(folder().join("values.json")).unwrap();
    let values: Value = serde_json::from_str(&text).unwrap();
    let (params, mut misses) = (&values["params"], Vec::new());
    let mut check = |place: String, found: f64, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        let is_near = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
        println!("{place:<55} {found:>22.15} {}", if is_near { "ok" } else { "missed" });
        if !is_near {
            misses.push(format!("{place}: {found}, not {expected}"));
        }
    };
    for (case, given) in values["cases"].as_object().unwrap() {
        let log = log(case, given["K"].as_u64().unwrap() as usize);
        let found = answers(&log, params);
        for (name, expected) in given["reference"].as_object().unwrap() {
            check(format!("{case}.{name}"), found[name.as_str()], expected);
        }
        // Intervals of the log whose rewards leave the range from 0 to 1 were not asked for.
        if given["ci95"].as_object().unwrap().is_empty() {
            assert!(log.betting_interval(0.05).is_err());
            continue;
        }
        let found = intervals(&log, params["alpha"].as_f64().unwrap());
        for (name, expected) in given["ci95"].as_object().unwrap() {
            let interval = found[name.as_str()];
            check(format!("{case}.{name}.low"), interval.low, &expected[0]);
            check(format!("{case}.{name}.high"), interval.high, &expected[1]);
        }
    }
    assert!(misses.is_empty(), "{} figures missed:\n{}", misses.len(), misses.join("\n"));
}

/// Of [vw-estimators](https://pypi.org/project/vw-estimators/) on the same logs.
#[test]
fn golden_ope_cressie_read() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/ope/cressie_read.json");
    let values: Value = serde_json::from_str(&std::fs::read_to_string(own).unwrap()).unwrap();
    let cases: Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("values.json")).unwrap()).unwrap();
    let mut seen = 0;
    for (case, levels) in values["cases"].as_object().unwrap() {
        // Another folder may have other cases.
        let Some(actions) =
            cases["cases"][case]["K"].as_u64().filter(|_| std::env::var_os("HELM_GOLDEN_OPE").is_none())
        else {
            continue;
        };
        let log = log(case, actions as usize);
        for (alpha, expected) in levels.as_object().unwrap() {
            let found = log.cressie_read_interval(alpha.parse().unwrap()).unwrap();
            for (found, expected) in [(found.low, &expected[0]), (found.high, &expected[1])] {
                let expected = expected.as_f64().unwrap();
                println!("{case:<25} {alpha:<5} {found:>22.15} {expected:>22.15}");
                assert!((found - expected).abs() <= 1e-9, "{case} at {alpha}: {found}, not {expected}");
                seen += 1;
            }
        }
    }
    assert!(seen > 0 || std::env::var_os("HELM_GOLDEN_OPE").is_some());
}
