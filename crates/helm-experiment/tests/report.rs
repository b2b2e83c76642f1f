//! Reports: what is said of a log, and that nothing is said that it does not hold.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use helm_experiment::report::{CheckState, Decision, Effect, Found, Relative};
use helm_experiment::{LogRow, Report, Spec};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Normal, StandardUniform};
use serde_json::{Value, json};

const SPEC: &str = r#"[experiment]
key = "tone"
task = "support"
mode = "fixed"
min_units = 2
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
key = "reward_per_user"
role = "goal"
kind = "mean"
value = { event = "reward", agg = "mean" }
better = "higher"
"#;

const GUARDRAIL: &str = r#"[[metric]]
key = "latency"
role = "guardrail"
kind = "mean"
value = { event = "latency_seconds", agg = "mean" }
better = "lower"
margin = { relative = 0.1 }
"#;

fn spec(more: &[&str]) -> Spec {
    Spec::from_toml(&[&[SPEC], more].concat().concat()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn with(from: &str, to: &str, more: &[&str]) -> Spec {
    assert!(SPEC.contains(from));
    let text = [&[SPEC.replace(from, to).as_str()], more].concat().concat();
    Spec::from_toml(&text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A turn as the log holds it.
fn turn(number: u64, user: &str, variant: Option<&str>, more: &Value) -> LogRow {
    let at = 1_700_000_000_000_000 + 60_000_000 * i64::try_from(number).unwrap();
    let mut row = json!({
        "tenant": "default", "id": uuid(number), "user": user, "task": "support", "status": "completed",
        "mode": "assigned", "latency_us": 1_000_000, "input_tokens": 10, "output_tokens": 20,
        "began": helm_core::Timestamp::from_micros(at).to_string(),
    });
    let row_fields = row.as_object_mut().unwrap();
    if let Some(variant) = variant {
        row_fields.insert("experiment".to_owned(), "tone".into());
        row_fields.insert("variant".to_owned(), variant.into());
    }
    row_fields.extend(more.as_object().unwrap().clone());
    serde_json::from_value(row).unwrap()
}

fn uuid(number: u64) -> String {
    format!("01890000-0000-7000-8000-{number:012x}")
}

/// So many users in each variant, alternately, one turn each, with rewards around these means.
fn rewarded(users: u64, means: [f64; 2], seed: u64) -> Vec<LogRow> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let noise = Normal::new(0.0, 0.1).unwrap();
    let row = |number: u64| {
        let arm = usize::try_from(number % 2).unwrap();
        let reward: f64 = means[arm] + noise.sample(&mut random);
        let variant = ["control", "warm"][arm];
        turn(number, &format!("u{number}"), Some(variant), &json!({ "reward": reward.clamp(0.0, 1.0) }))
    };
    (0..2 * users).map(row).collect()
}

fn state(report: &Report, name: &str) -> CheckState {
    report.health.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("{name}")).state
}

#[test]
fn golden_a_log_gives_the_reference_figures() {
    let metrics = r#"
[[metric]]
key = "reward_per_turn"
role = "goal"
kind = "ratio"
num = { event = "reward", agg = "sum" }
den = { event = "turn", agg = "count" }
better = "higher"
[[metric]]
key = "tokens_per_turn"
role = "goal"
kind = "ratio"
num = { event = "output_tokens", agg = "sum" }
den = { event = "turn", agg = "count" }
better = "lower"
"#;
    let folder = std::env::var("HELM_GOLDEN_EXPERIMENTS")
        .unwrap_or_else(|_| format!("{}/../../tests/golden/experiments", env!("CARGO_MANIFEST_DIR")));
    let text = std::fs::read_to_string(format!("{folder}/end_to_end_log.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for case in cases["cases"].as_array().unwrap() {
        let names: Vec<_> =
            case["input"]["variants"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let weights: Vec<_> = case["input"]["weights"]
            .as_array()
            .unwrap()
            .iter()
            .map(|weight| weight.as_f64().unwrap())
            .collect();
        let text = SPEC
            .replace("\"control\"", &format!("{:?}", names[0]))
            .replace("\"warm\"", &format!("{:?}", names[1]));
        let text = text.replacen("weight = 0.5", &format!("weight = {}", weights[0]), 1);
        let text = text.replace("weight = 0.5", &format!("weight = {}", weights[1]));
        let spec = Spec::from_toml(&[&text, metrics].concat()).unwrap();
        let rows = case["input"]["rows"].as_array().unwrap().iter().enumerate().map(|(number, row)| {
            let more = json!({ "reward": row[3], "output_tokens": row[4] });
            turn(number as u64, row[0].as_str().unwrap(), row[1].as_str(), &more)
        });
        let report = Report::new(&spec, &rows.collect::<Vec<_>>());
        check_figures(&report, &case["expected"]);
        seen += 1;
    }
    assert!(seen > 0);
}

#[track_caller]
fn near(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{what}: {found}, not {expected}");
}

fn check_figures(report: &Report, expected: &Value) {
    let users: Vec<_> = report.variants.iter().map(|variant| json!(variant.users)).collect();
    assert_eq!(json!(users), expected["units"]);
    let mixed = report.health.iter().find(|check| check.name == "mixed_users").unwrap();
    for user in expected["multi_variant_users"].as_array().unwrap() {
        assert!(mixed.message.contains(user.as_str().unwrap()), "{}", mixed.message);
    }
    let ratio = report.health.iter().find(|check| check.name == "sample_ratio").unwrap();
    near(ratio.p.unwrap(), &expected["srm_p"], "srm");
    for (index, name) in
        ["mean_reward_per_user", "reward_per_turn", "tokens_per_turn"].into_iter().enumerate()
    {
        let (metric, wanted) = (&report.metrics[index], &expected[name]);
        let estimate = metric.comparisons[0].effect.estimate().unwrap();
        // The reference takes the normal distribution for ratios, the report Student's.
        if index == 0 {
            near(estimate.p.unwrap(), &wanted["p"], name);
        }
        if let Some(error) = wanted.get("se") {
            near(estimate.error.unwrap(), error, name);
            near(estimate.difference, &wanted["diff"], name);
            near(metric.values[0].value.unwrap(), &wanted["a"], name);
            near(metric.values[1].value.unwrap(), &wanted["b"], name);
        }
    }
}

#[test]
fn what_is_better_is_shipped_with_its_rule() {
    let rows = rewarded(100, [0.5, 0.6], 1);
    let report = Report::new(&spec(&[]), &rows);
    let Decision::Ship { variant } = &report.verdict.decision else { panic!("{:?}", report.verdict) };
    assert_eq!(variant.as_str(), "warm");
    assert!(report.verdict.rule.contains("ship if any goal is better and no guardrail is worse"));
    // All latencies are the same, so nothing can be said of them.
    let guarded = Report::new(&spec(&[GUARDRAIL]), &rows).verdict;
    assert_eq!(guarded.decision, Decision::Inconclusive);
    assert!(guarded.because.iter().any(|why| why.contains("latency is undefined")), "{guarded:?}");
}

#[test]
fn a_log_does_not_depend_on_its_order() {
    let rows = rewarded(60, [0.5, 0.55], 2);
    let (spec, mut other) = (spec(&[]), rows.clone());
    other.reverse();
    let (one, two) = (Report::new(&spec, &rows), Report::new(&spec, &other));
    assert_eq!(one.to_json(), two.to_json());
    assert_eq!((one.to_html(), one.to_markdown()), (two.to_html(), two.to_markdown()));
    let page = one.to_html();
    assert!(
        page.contains("<svg") && !page.contains("http://") && !page.contains("https://"),
        "self-contained"
    );
    let read: Value = serde_json::from_str(&one.to_json()).unwrap();
    assert_eq!((&read["experiment"], &read["format"]), (&json!("tone"), &json!(1)));
}

#[test]
fn of_two_rows_of_a_turn_the_fuller_counts_in_whatever_order() {
    let spec = spec(&[]);
    let whole = rewarded(40, [0.4, 0.6], 1);
    let early = whole.iter().map(|row| LogRow { reward: None, ..row.clone() });
    let mut rows: Vec<_> = whole.iter().cloned().chain(early).collect();
    let one = Report::new(&spec, &rows).to_json();
    rows.reverse();
    let other = Report::new(&spec, &rows);
    assert_eq!(one, other.to_json());
    assert_eq!(other.metrics[0].values[0].missing, 0);
}

#[test]
fn what_is_not_known_is_not_0() {
    let cost = r#"[[metric]]
key = "cost"
role = "guardrail"
kind = "mean"
value = { event = "cost_dollars", agg = "sum" }
better = "lower"
[[metric]]
key = "cost_per_turn"
role = "guardrail"
kind = "ratio"
num = { event = "cost_dollars", agg = "sum" }
den = { event = "turn", agg = "count" }
better = "lower"
[[metric]]
key = "liked"
role = "secondary"
kind = "share"
value = { event = "feedback", agg = "mean" }
better = "higher"
"#;
    let mut rows = rewarded(40, [0.5, 0.5], 2);
    for (number, row) in rows.iter_mut().enumerate() {
        let is_control = row.variant.as_ref().is_some_and(|variant| variant.as_str() == "control");
        row.cost_nano_usd = is_control.then_some(1_000_000 + i64::try_from(number).unwrap());
    }
    let report = Report::new(&spec(&[cost]), &rows);
    for metric in &report.metrics[1..] {
        let values: Vec<_> = metric.values.iter().map(|own| (own.value.is_some(), own.missing)).collect();
        let control = if metric.key == "liked" { (false, 40) } else { (true, 0) };
        assert_eq!(values, [control, (false, 40)], "{}", metric.key);
        assert!(matches!(metric.comparisons[0].effect, Effect::Undefined { .. }), "{}", metric.key);
    }
    assert!(!matches!(report.verdict.decision, Decision::Ship { .. }));
}

#[test]
fn a_model_judge_is_no_person() {
    let metric = |key: &str, event: &str| {
        format!(
            "[[metric]]\nkey = \"{key}\"\nrole = \"secondary\"\nkind = \"mean\"\nbetter = \"higher\"\nvalue = {{ event = \"{event}\", agg = \"mean\" }}\n"
        )
    };
    let (liked, helpful) = (metric("liked", "feedback"), metric("helpful", "score:helpful"));
    let mut rows = rewarded(40, [0.5, 0.5], 2);
    for row in &mut rows {
        row.feedback = serde_json::from_str(
            r#"[{"source": "judge:helpful", "value": 0.0, "at": "2026-01-01T00:00:00Z"}, {"value": 1.0}, {"source": "support", "value": 0.5}]"#,
        )
        .unwrap();
    }
    let report = Report::new(&spec(&[&liked, &helpful]), &rows);
    let values =
        |metric: usize| report.metrics[metric].values.iter().map(|own| own.value).collect::<Vec<_>>();
    assert_eq!(values(1), [Some(0.75); 2]);
    assert_eq!(values(2), [Some(0.0); 2], "a judge is an evaluator");
}

#[test]
fn between_planned_looks_nothing_new_is_said() {
    let spec = with(
        "mode = \"fixed\"",
        "mode = \"group_sequential\"\nplanned_units = 80\nlooks = [0.5, 1.0]\nspending = \"obrien_fleming\"",
        &[],
    );
    let rows = rewarded(100, [0.5, 0.5], 3);
    let at = |users: usize| Report::new(&spec, &rows[..users]);
    assert_eq!(state(&at(39), "looks"), CheckState::TooFew);
    let figures = |report: &Report| serde_json::to_string(&(&report.metrics, &report.verdict)).unwrap();
    assert_eq!(figures(&at(40)), figures(&at(79)));
    assert_ne!(figures(&at(40)), figures(&at(80)));
    assert_eq!(figures(&at(80)), figures(&at(200)), "after the last look nothing more is said");
    assert_eq!(at(200).metrics[0].values[0].users, 40);
}

#[test]
fn a_wrong_split_invalidates() {
    let mut rows = rewarded(3_000, [0.5, 0.9], 3);
    rows.retain(|row| {
        row.variant.as_ref().unwrap().as_str() == "warm" || row.id.to_string().ends_with(['0', '4'])
    });
    let report = Report::new(&spec(&[]), &rows);
    assert_eq!(report.verdict.decision, Decision::Invalid);
    assert_eq!(
        (state(&report, "sample_ratio"), state(&report, "sample_ratio_at_any_time")),
        (CheckState::Failed, CheckState::Failed)
    );
    assert!(report.metrics[0].comparisons[0].effect.estimate().is_some(), "the numbers stay");
}

#[test]
fn too_few_and_nothing_at_all_are_said() {
    let few = Report::new(&with("min_units = 2", "", &[]), &rewarded(20, [0.2, 0.9], 4));
    assert_eq!((state(&few, "users"), &few.verdict.decision), (CheckState::TooFew, &Decision::KeepGoing));
    let first = few.verdict.because.first().unwrap();
    assert!(first.starts_with("users: ") && first.matches("users").count() == 1, "{first}");
    let none = Report::new(&spec(&[]), &[]);
    assert_eq!((none.period, &none.verdict.decision), (None, &Decision::KeepGoing));
    assert!(matches!(none.metrics[0].comparisons[0].effect, Effect::Undefined { .. }));
    assert!(!none.to_html().contains("NaN"));
}

#[test]
fn what_is_undefined_says_so() {
    let rows = rewarded(20, [0.5, 0.5], 5).into_iter().map(|mut row| {
        row.reward = Some(helm_core::UnitInterval::ONE);
        row
    });
    let report = Report::new(&spec(&[]), &rows.collect::<Vec<_>>());
    let Effect::Undefined { reason } = &report.metrics[0].comparisons[0].effect else { panic!("{report:?}") };
    assert!(reason.contains("no value differs"), "{reason}");
    assert_ne!(report.verdict.decision, Decision::Ship { variant: "warm".parse().unwrap() });
}

#[test]
fn users_of_two_variants_count_in_neither_and_forced_ones_nowhere() {
    let mut rows = rewarded(200, [0.5, 0.5], 6);
    rows.push(turn(900, "u0", Some("warm"), &json!({ "reward": 1.0 })));
    rows.push(turn(901, "qa", Some("warm"), &json!({ "reward": 1.0, "assigned_by": "forced" })));
    rows.push(rows[7].clone());
    rows.push(turn(800, "u1", None, &json!({ "reward": 1.0, "mode": "pinned" })));
    let report = Report::new(&spec(&[]), &rows);
    assert_eq!((report.variants[0].users, report.variants[1].users), (199, 200));
    assert_eq!(report.variants[1].turns, 200);
    assert_eq!(state(&report, "mixed_users"), CheckState::Warning);
    let said = report.to_markdown();
    for wanted in [
        "1 of 400 users were in more than one variant",
        "1 users are forced",
        "1 turns stand more than once",
        "1 turns named",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn turns_after_the_first_exposure_count_however_they_were_decided() {
    let mut rows = rewarded(50, [0.5, 0.5], 7);
    rows.push(turn(40, "u1", None, &json!({ "mode": "fallback", "status": "upstream_error" })));
    rows.last_mut().unwrap().id = uuid(6_000).parse().unwrap();
    rows.push(turn(0, "u60", None, &json!({ "reward": 0.1, "mode": "sampled" })));
    rows.last_mut().unwrap().id = uuid(7_000).parse().unwrap();
    let report = Report::new(&spec(&[]), &rows);
    assert_eq!(report.variants.iter().map(|variant| variant.turns).sum::<u64>(), 101, "not those before");
}

#[test]
fn another_specification_of_the_same_version_is_noticed() {
    let own = spec(&[]);
    let mut rows = rewarded(50, [0.5, 0.5], 8);
    for row in &mut rows {
        row.experiment_spec = Some(own.digest().clone());
    }
    assert_eq!(state(&Report::new(&own, &rows), "specification"), CheckState::Fine);
    let other = with("min_units = 2", "min_units = 2\nalpha = 0.01", &[]);
    let report = Report::new(&other, &rows);
    assert_eq!(
        (state(&report, "specification"), &report.verdict.decision),
        (CheckState::Failed, &Decision::Invalid)
    );
    let next = with("min_units = 2", "min_units = 2\nversion = 2", &[]);
    let report = Report::new(&next, &rows);
    assert_eq!((report.variants[0].users, state(&report, "other_versions")), (0, CheckState::Fine));
}

#[test]
fn missing_outcomes_of_one_variant_invalidate() {
    let mut rows = rewarded(300, [0.5, 0.5], 9);
    for (index, row) in rows.iter_mut().enumerate() {
        if index % 2 == 1 && index % 5 < 3 {
            row.reward = None;
        }
    }
    let report = Report::new(&spec(&[]), &rows);
    assert_eq!(
        (state(&report, "missing_outcomes"), &report.verdict.decision),
        (CheckState::Failed, &Decision::Invalid)
    );
}

#[test]
fn each_mode_says_what_it_promises() {
    let rows = rewarded(200, [0.5, 0.53], 10);
    let width = |report: &Report| {
        let bounds = report.metrics[0].comparisons[0].effect.estimate().unwrap().interval;
        bounds.high.unwrap() - bounds.low.unwrap()
    };
    let once = Report::new(&spec(&[]), &rows);
    let always = Report::new(&with("\"fixed\"", "\"sequential\"\nn_star = 400", &[]), &rows);
    let planned = "\"group_sequential\"\nplanned_units = 800\nlooks = [0.25, 0.5, 1.0]";
    let planned = Report::new(&with("\"fixed\"", planned, &[]), &rows);
    assert!(once.guarantee.contains("at this one look") && always.guarantee.contains("at any time"));
    assert!(planned.guarantee.contains("at 200, 400, 800 users"), "{}", planned.guarantee);
    let ratio = width(&always) / width(&once);
    assert!((ratio - 3.035 / 1.966).abs() < 0.01, "{ratio}: section 2.13 of the sequence's tuning");
    assert!(width(&planned) > 1.05 * width(&once) && width(&planned) < width(&always));
    let estimate = always.metrics[0].comparisons[0].effect.estimate().unwrap();
    assert!(estimate.ln_e.is_some() && estimate.p.unwrap() <= 1.0);
    let believed = Report::new(&with("\"fixed\"", "\"bayes\"", &[]), &rows);
    assert_eq!(believed.verdict.decision, Decision::Inconclusive);
    assert!(believed.metrics[0].comparisons[0].effect.estimate().unwrap().belief.unwrap().chance_above > 0.9);
}

#[test]
fn a_guardrail_holds_within_its_margin_only() {
    let slower = |micros: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let rows = rewarded(200, [0.5, 0.6], 11).into_iter().enumerate().map(|(index, mut row)| {
            let noise: f64 = StandardUniform.sample(&mut random);
            row.latency_us = 950_000 + (noise * 100_000.0) as u64 + if index % 2 == 1 { micros } else { 0 };
            row
        });
        Report::new(&spec(&[GUARDRAIL]), &rows.collect::<Vec<_>>())
    };
    let (little, much) = (slower(30_000), slower(200_000));
    assert!(matches!(little.verdict.decision, Decision::Ship { .. }), "{:?}", little.verdict);
    let estimate = |report: &Report| report.metrics[1].comparisons[0].effect.estimate().unwrap().clone();
    assert!(estimate(&little).found == Found::Worse && estimate(&little).non_inferiority.unwrap().holds);
    assert!(!estimate(&much).non_inferiority.unwrap().holds);
    assert_eq!(much.verdict.decision, Decision::RollBack);
}

#[test]
fn what_was_known_before_takes_noise_off() {
    let mut random = ChaCha8Rng::seed_from_u64(12);
    let (mut rows, noise) = (Vec::new(), Normal::new(0.0, 0.02).unwrap());
    for user in 0..400_u64 {
        let own: f64 = 0.2 + 0.5 * Distribution::<f64>::sample(&StandardUniform, &mut random);
        let mut reward = |more: f64| json!({ "reward": (own + more + noise.sample(&mut random)).clamp(0.0, 1.0), "segment": if user % 3 == 0 { "new" } else { "old" } });
        let name = format!("u{user}");
        rows.push(turn(user, &name, None, &reward(0.0)));
        let variant = ["control", "warm"][usize::try_from(user % 2).unwrap()];
        let gain = if user % 2 == 1 { 0.02 } else { 0.0 };
        rows.push(turn(1_000 + user, &name, Some(variant), &reward(gain)));
    }
    let raw = Report::new(&spec(&["[segments]\nby = [\"segment\"]\n"]), &rows);
    let covariate = "covariate = { event = \"reward\", agg = \"mean\" }\n";
    let adjusted = Report::new(&spec(&[covariate]), &rows);
    assert_eq!(
        raw.segments.iter().map(|own| own.level.as_deref()).collect::<Vec<_>>(),
        [Some("new"), Some("old")]
    );
    let estimate = |report: &Report| report.metrics[0].comparisons[0].effect.estimate().unwrap().clone();
    assert_eq!((estimate(&raw).found, estimate(&adjusted).found), (Found::Open, Found::Better));
    assert!(estimate(&adjusted).variance_reduction.unwrap() > 0.95);
    assert!((estimate(&adjusted).difference - 0.02).abs() < 0.005);
    let Relative::Estimated { value, .. } = estimate(&adjusted).lift else { panic!("a lift") };
    assert!((value - 0.02 / 0.45).abs() < 0.02, "{value}: relative to a mean, not to what is left of it");
    assert_eq!(raw.metrics[0].slices.len() % 8, 0);
    assert!(!raw.metrics[0].cumulative.is_empty() && raw.metrics[0].novelty.len() == 1);
}

#[test]
fn quantiles_shares_and_ranks_are_compared() {
    let more = r#"
[[metric]]
key = "slow"
role = "secondary"
kind = "quantile"
event = "latency_seconds"
q = 0.5
better = "lower"
[[metric]]
key = "blocked"
role = "secondary"
kind = "share"
value = { event = "blocked", agg = "sum" }
better = "lower"
[[metric]]
key = "ranks"
role = "secondary"
kind = "rank"
value = { event = "latency_seconds", agg = "mean" }
better = "lower"
"#;
    let mut random = ChaCha8Rng::seed_from_u64(13);
    let mut rows = rewarded(300, [0.5, 0.5], 13);
    for (index, row) in rows.iter_mut().enumerate() {
        let noise: f64 = StandardUniform.sample(&mut random);
        row.latency_us = ((1.0 + noise + if index % 2 == 1 { 0.5 } else { 0.0 }) * 1e6) as u64;
        if index % 2 == 1 && index % 8 == 1 {
            row.status = helm_core::TurnStatus::Blocked;
        }
    }
    let report = Report::new(&spec(&[more]), &rows);
    let found = |index: usize| report.metrics[index].comparisons[0].effect.estimate().unwrap();
    assert!((found(1).difference - 0.5).abs() < 0.1 && found(1).error.unwrap() > 0.0, "{:?}", found(1));
    assert!((found(2).difference - 0.25).abs() < 1e-9 && found(2).method.contains("Newcombe"));
    assert!((found(3).difference - 0.5).abs() < 0.1, "{:?}", found(3));
    for index in 1..4 {
        assert_eq!(found(index).found, Found::Worse, "{}", report.metrics[index].key);
    }
}

#[test]
fn an_aa_test_that_finds_something_is_not_trusted() {
    let same = || with("strategy = \"friendly\"", "strategy = \"concise\"", &[]);
    let aa = Spec::from_toml(
        &SPEC.replace("friendly", "concise").replace("min_units = 2", "min_units = 2\naa = true"),
    )
    .unwrap();
    assert!(std::panic::catch_unwind(same).is_err(), "it must be meant");
    assert_eq!(Report::new(&aa, &rewarded(100, [0.5, 0.5], 14)).verdict.decision, Decision::Inconclusive);
    assert_eq!(Report::new(&aa, &rewarded(100, [0.4, 0.6], 14)).verdict.decision, Decision::Invalid);
}

#[test]
fn a_policys_own_draws_are_weighted_by_their_propensities() {
    let adaptive = with("\"fixed\"", "\"adaptive\"\nn_star = 1000", &[]);
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let mut log = |floor: f64| -> Vec<LogRow> {
        let draw = |number: u64| {
            let warm = if number < 500 { 0.5 } else { 1.0 - floor };
            let is_warm = Distribution::<f64>::sample(&StandardUniform, &mut random) < warm;
            let good =
                Distribution::<f64>::sample(&StandardUniform, &mut random) < if is_warm { 0.7 } else { 0.4 };
            let (strategy, reward) =
                (if is_warm { "friendly@2" } else { "concise@1" }, if good { 1.0 } else { 0.0 });
            let candidates = json!([
                { "strategy": "concise@1", "probability": 1.0 - warm }, { "strategy": "friendly@2", "probability": warm }
            ]);
            let more = json!({ "mode": "sampled", "strategy": strategy, "reward": reward, "candidates": candidates });
            turn(number, &format!("u{number}"), None, &more)
        };
        (0..2_000).map(draw).collect()
    };
    let report = Report::new(&adaptive, &log(0.1));
    let estimate = report.metrics[0].comparisons[0].effect.estimate().unwrap();
    assert!((estimate.difference - 0.3).abs() < 0.1, "{estimate:?}");
    assert!(matches!(report.verdict.decision, Decision::Ship { .. }), "{:?}", report.verdict);
    assert_eq!(state(&report, "propensity_floor"), CheckState::Fine);
    let low = Report::new(&adaptive, &log(0.004));
    assert_eq!(state(&low, "propensity_floor"), CheckState::Warning);
    let few = Report::new(&adaptive, &log(0.1)[..60]);
    assert_eq!((state(&few, "draws"), &few.verdict.decision), (CheckState::TooFew, &Decision::KeepGoing));
}

#[test]
fn what_was_before_the_start_is_read_alike_from_everywhere() {
    let rows = rewarded(100, [0.5, 0.6], 21);
    let start = rows[60].began;
    let spec = with("min_units = 2", &format!("min_units = 2\nstart = \"{start}\""), &[]);
    let whole = Report::new(&spec, &rows);
    let later: Vec<_> = rows.iter().filter(|row| row.began >= start).cloned().collect();
    assert_eq!(whole.to_json(), Report::new(&spec, &later).to_json(), "an export begins wherever it does");
    assert_eq!((whole.variants[0].users, whole.variants[1].users), (70, 70));
}

#[test]
fn arms_that_are_constant_and_differ_are_not_said_to_be_the_same() {
    let mut rows = rewarded(20, [0.5, 0.5], 22);
    for (index, row) in rows.iter_mut().enumerate() {
        row.reward = Some(helm_core::UnitInterval::new([0.25, 0.75][index % 2]).unwrap());
    }
    let report = Report::new(&spec(&[]), &rows);
    let Effect::Undefined { reason } = &report.metrics[0].comparisons[0].effect else { panic!("{report:?}") };
    assert!(reason.contains("the arms differ") && !reason.contains("no value differs"), "{reason}");
}

#[test]
fn segments_that_are_not_shown_are_told() {
    let mut rows = rewarded(60, [0.5, 0.5], 23);
    for (index, row) in rows.iter_mut().enumerate() {
        row.segment = Some(format!("s{}", (index / 2) % 6).parse().unwrap());
    }
    let of = |most: u32| {
        Report::new(&spec(&[&format!("[segments]\nby = [\"segment\"]\nmax_levels = {most}\n")]), &rows)
    };
    let few = of(4);
    assert_eq!((few.segments.len(), state(&few, "segments")), (4, CheckState::Warning));
    let told = few.to_markdown();
    assert!(told.contains("the largest 4 of 6 segments are shown; the others have 40 users"), "{told}");
    assert!(of(6).health.iter().all(|check| check.name != "segments"));
}

#[test]
fn users_dealt_under_other_weights_still_show_missing_outcomes() {
    let spec = with("min_units = 2", "min_units = 2\nsticky = true", &[]);
    let log = |lost: bool| -> Vec<LogRow> {
        let mut rows = rewarded(300, [0.5, 0.5], 24);
        for (index, row) in rows.iter_mut().enumerate() {
            row.variant_share = Some(helm_core::Probability::new([0.8, 0.2][index % 2]).unwrap());
            if index % 5 == 0 || (lost && index % 2 == 1 && index % 3 == 0) {
                row.reward = None;
            }
        }
        rows
    };
    let fine = Report::new(&spec, &log(false));
    assert_eq!(
        (state(&fine, "shares"), state(&fine, "missing_outcomes")),
        (CheckState::Warning, CheckState::Fine)
    );
    let lost = Report::new(&spec, &log(true));
    assert_eq!(state(&lost, "missing_outcomes"), CheckState::Failed);
}

#[test]
fn a_split_that_is_odd_at_one_look_does_not_end_what_is_looked_at_always() {
    // 450 against 570: p = 2e-4 at one look, and no evidence for whoever looks at all times.
    let mut rows = rewarded(600, [0.5, 0.5], 25);
    let mut seen = [0, 0];
    rows.retain(|row| {
        let arm = usize::from(row.variant.as_ref().unwrap().as_str() == "warm");
        seen[arm] += 1;
        seen[arm] <= [450, 570][arm]
    });
    let fixed = Report::new(&spec(&[]), &rows);
    let always = Report::new(&with("\"fixed\"", "\"sequential\"\nn_star = 1000", &[]), &rows);
    assert_eq!(
        (state(&fixed, "sample_ratio"), &fixed.verdict.decision),
        (CheckState::Failed, &Decision::Invalid)
    );
    assert_eq!(state(&always, "sample_ratio"), CheckState::Warning);
    assert_eq!(state(&always, "sample_ratio_at_any_time"), CheckState::Fine);
    assert_ne!(always.verdict.decision, Decision::Invalid);
}
