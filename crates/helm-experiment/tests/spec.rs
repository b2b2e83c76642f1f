//! Specifications: what is accepted, and that everything wrong is said at once, where it stands.

#![expect(clippy::expect_used, reason = "a test may panic")]

use helm_experiment::Spec;
use helm_experiment::spec::{Mode, Treatment, conflicts, conflicts_from};

const WHOLE: &str = r#"[experiment]
key = "tone"
version = 2
task = "support"
unit = "user"
hash = "helm"
salt = "salt of its own"
namespace = { id = "answers", range = [0.0, 0.5] }
holdout = { key = "global-2026", share = 0.05 }
start = "2026-12-01T00:00:00Z"
end = 2027-01-01T00:00:00Z
mode = "sequential"
alpha = 0.05
n_star = 8000
min_units = 50
sticky = true
[[variant]]
key = "control"
weight = 0.5
control = true
strategy = "concise"
[[variant]]
key = "warm"
weight = 0.5
strategies = ["friendly", "stepwise"]
policy = { kind = "thompson" }
[[ramp]]
from = "2026-12-01T00:00:00Z"
coverage = 0.1
[[ramp]]
from = "2026-12-08T00:00:00Z"
coverage = 1
[targeting]
all = [{ attr = "segment", op = "in", value = ["beta"] }]
force = { "qa-1" = "warm" }
[[metric]]
key = "reward_per_turn"
role = "goal"
kind = "ratio"
num = { event = "reward", agg = "sum" }
den = { event = "turn", agg = "count" }
better = "higher"
covariate = { event = "reward", agg = "mean", days = 14 }
[[metric]]
key = "latency_p95"
role = "guardrail"
kind = "quantile"
event = "latency_seconds"
q = 0.95
better = "lower"
margin = { relative = 0.05 }
[multiplicity]
goal = "holm"
secondary = "bh"
[decision]
min_days = 7
ship_if = "any_goal_better_and_no_guardrail_worse"
[segments]
by = ["segment"]
max_levels = 20
"#;

#[test]
fn a_whole_specification_is_read() {
    let spec = Spec::from_toml(WHOLE).unwrap();
    assert_eq!((spec.key().as_str(), spec.version(), spec.task().as_str()), ("tone", 2, "support"));
    assert_eq!(spec.control().treatment, Treatment::Strategy("concise".parse().unwrap()));
    assert_eq!(spec.plan().mode, Mode::Sequential { n_star: 8_000 });
    assert_eq!(spec.metrics().len(), 2);
    assert!(spec.is_sticky() && !spec.is_aa());
}

/// What is said when the first text is replaced by the second: line and message.
#[track_caller]
fn check(from: &str, to: &str, expected: &[(usize, &str)]) {
    assert!(WHOLE.contains(from), "{from:?}");
    let text = WHOLE.replacen(from, to, 1);
    let problems = Spec::from_toml(&text).expect_err(to);
    let said: Vec<_> = problems.all().iter().map(|one| (one.line, one.to_string())).collect();
    assert_eq!(said.len(), expected.len(), "{to}: {said:#?}");
    for ((line, message), (wanted_line, wanted)) in said.iter().zip(expected) {
        assert!(line == wanted_line && message.contains(wanted), "{to}: {message}, not {wanted}");
    }
}

#[test]
fn every_mistake_is_said_with_its_line() {
    check("weight = 0.5", "weight = 0.4", &[(1, "weights must sum to 1")]);
    check("weight = 0.5", "weight = -0.5", &[(19, "variant[0].weight: write a share above 0")]);
    check("control = true", "", &[(17, "no variant is the control")]);
    check(
        "strategies = [\"friendly\", \"stepwise\"]",
        "control = true",
        &[(25, "another variant is the control")],
    );
    check("key = \"warm\"", "key = \"control\"", &[(23, "another variant control"), (35, "no variant warm")]);
    check("key = \"latency_p95\"", "key = \"reward_per_turn\"", &[(45, "another metric reward_per_turn")]);
    check("alpha = 0.05", "alpha = 1.5", &[(13, "alpha: write a number between")]);
    check("alpha = 0.05", "alpha = nan", &[(13, "alpha: write a number")]);
    check("n_star = 8000", "", &[(1, "needs n_star")]);
    check("n_star = 8000", "n_star = 0", &[(14, "n_star: write a whole number of at least 1")]);
    check("mode = \"sequential\"", "mode = \"fixed\"", &[(14, "belongs to the mode sequential or adaptive")]);
    check("mode = \"sequential\"", "", &[(1, "needs a mode")]);
    check("den = { event = \"turn\", agg = \"count\" }", "", &[(36, "needs den")]);
    check(
        "den = { event = \"turn\", agg = \"count\" }",
        "den = { event = \"turn\", agg = \"mean\" }",
        &[(41, "a ratio is of sums")],
    );
    check("role = \"guardrail\"", "role = \"secondary\"", &[(51, "only a guardrail has one")]);
    check("role = \"goal\"", "role = \"secondary\"", &[(1, "no metric is a goal")]);
    check(
        "margin = { relative = 0.05 }",
        "margin = { relative = -0.05 }",
        &[(51, "relative: write a share above 0")],
    );
    check(
        "margin = { relative = 0.05 }",
        "margin = { relative = 0.05, absolute = 1 }",
        &[(51, "write either")],
    );
    check("q = 0.95", "q = 95", &[(49, "metric[1].q: write a number between 0 and 1")]);
    check("event = \"latency_seconds\"", "event = \"latency\"", &[(48, "there is no event \"latency\"")]);
    check("range = [0.0, 0.5]", "range = [0.5, 0.5]", &[(8, "namespace.range: write where")]);
    check("share = 0.05", "share = 1.0", &[(9, "holdout.share")]);
    check("2027-01-01T00:00:00Z", "2026-11-01T00:00:00Z", &[(11, "end: it must be later than start")]);
    check("2027-01-01T00:00:00Z", "2027-01-01", &[(11, "end: write a moment")]);
    check("coverage = 1\n", "coverage = 0.05\n", &[(32, "it must not fall")]);
    check("from = \"2026-12-08", "from = \"2026-11-08", &[(31, "steps follow each other")]);
    check(
        "\"qa-1\" = \"warm\"",
        "\"qa-1\" = \"cold\"",
        &[(35, "targeting.force.qa-1: there is no variant cold")],
    );
    check("value = [\"beta\"]", "value = []", &[(34, "the list is empty")]);
    check(
        "attr = \"segment\"",
        "attr = \"age\"",
        &[(34, "there is no \"age\"; write one of: segment, user")],
    );
    check("policy = { kind = \"thompson\" }", "policy = {}", &[(26, "it needs a kind")]);
    check("policy = { kind = \"thompson\" }", "strategy = \"friendly\"", &[(26, "leaves nothing to choose")]);
    check("[\"friendly\", \"stepwise\"]", "[\"friendly\"]", &[(25, "name at least two")]);
    check("by = [\"segment\"]", "by = [\"age\"]", &[(59, "does not tell users apart by \"age\"")]);
    check("goal = \"holm\"", "goal = \"holmes\"", &[(53, "there is no \"holmes\"")]);
    check("min_days = 7", "min_days = -7", &[(56, "number of days")]);
    check(
        "min_days = 7",
        "min_day = 7",
        &[(56, "decision.min_day: there is no such setting; there are: min_days, ship_if")],
    );
    check("sticky = true", "sticky = \"yes\"", &[(16, "sticky: write true or false, not \"yes\"")]);
    check("task = \"support\"", "", &[(1, "needs a task")]);
    check("version = 2", "version = 0", &[(3, "version: write a whole number")]);
    check("unit = \"user\"", "unit = \"session\"", &[(5, "there is no \"session\"")]);
    check("kind = \"quantile\"", "kind = \"median\"", &[(47, "there is no \"median\"")]);
}

#[test]
fn sums_are_said_as_people_add() {
    let text = WHOLE.replacen("weight = 0.5", "weight = 0.7", 1).replacen("weight = 0.5", "weight = 0.6", 1);
    let problems = Spec::from_toml(&text).unwrap_err().to_string();
    assert!(problems.contains("sum to 1.3") && !problems.contains("1.2999"), "{problems}");
}

#[test]
fn all_mistakes_are_said_at_once() {
    let text = WHOLE.replace("weight = 0.5", "weight = 0.7").replace("alpha = 0.05", "alpha = 7");
    let text = text.replace("q = 0.95", "q = 2").replace("better = \"lower\"", "beter = \"lower\"");
    let problems = Spec::from_toml(&text).unwrap_err().to_string();
    for wanted in [
        "sum to 1.4",
        "line 13, column 9: experiment.alpha",
        "metric[1].q",
        "needs better",
        "metric[1].beter",
    ] {
        assert!(problems.contains(wanted), "{wanted}: {problems}");
    }
    let broken = Spec::from_toml("[experiment\nkey = \"a\"\nx = = 2\n").unwrap_err();
    assert!(broken.all().len() > 1 && broken.all().iter().all(|one| one.line <= 3), "{broken}");
    let empty = Spec::from_toml("").unwrap_err().to_string();
    assert!(empty.contains("there is no [experiment]"), "{empty}");
}

const SAME: &str = "strategies = [\"friendly\", \"stepwise\"]\npolicy = { kind = \"thompson\" }";

#[test]
fn variants_that_are_the_same_must_be_meant() {
    check(
        SAME,
        "strategy = \"concise\"\n",
        &[(22, "it gives the same as control; an A/A test says so with aa = true")],
    );
    let same = WHOLE.replace(SAME, "strategy = \"concise\"").replace("sticky = true", "aa = true");
    assert!(Spec::from_toml(&same).unwrap().is_aa());
    check("sticky = true", "aa = true", &[(16, "an A/A test gives all variants the same")]);
}

#[test]
fn policies_do_not_learn_from_each_others_users() {
    let policy = "strategies = [\"stepwise\", \"concise\"]";
    check("strategy = \"concise\"", policy, &[(22, "each would learn from the other's users")]);
    check(
        "strategy = \"concise\"",
        "policy = { kind = \"fixed\" }",
        &[(22, "each would learn from the other's users")],
    );
    let apart = WHOLE.replace("strategy = \"concise\"", "strategies = [\"concise\", \"thorough\"]");
    assert!(Spec::from_toml(&apart).is_ok());
}

#[test]
fn planned_looks_increase() {
    let looks = |looks: &str| {
        format!(
            "mode = \"group_sequential\"\nplanned_units = 4000\nlooks = {looks}\nspending = \"obrien_fleming\""
        )
    };
    let with = |given: &str| WHOLE.replace("mode = \"sequential\"", given).replace("n_star = 8000", "");
    assert!(Spec::from_toml(&with(&looks("[0.5, 1]"))).is_ok());
    for wrong in ["[]", "[0.5, 0.5]", "[0.0, 1.0]", "[0.5, 1.5]"] {
        let problems = Spec::from_toml(&with(&looks(wrong))).unwrap_err();
        assert!(problems.to_string().contains("experiment.looks: they must increase"), "{problems}");
    }
    let problems = Spec::from_toml(&with("mode = \"group_sequential\"")).unwrap_err().to_string();
    assert!(problems.contains("needs looks") && problems.contains("needs planned_units"), "{problems}");
}

#[test]
fn modes_refuse_metrics_that_they_cannot_hold_for() {
    let rank = "kind = \"rank\"\nvalue = { event = \"reward\", agg = \"mean\" }";
    let ratio = "kind = \"ratio\"\nnum = { event = \"reward\", agg = \"sum\" }\nden = { event = \"turn\", agg = \"count\" }";
    check(ratio, rank, &[(39, "ranks are compared once"), (42, "only metrics of the kinds mean and ratio")]);
    let adaptive = WHOLE.replace("mode = \"sequential\"", "mode = \"adaptive\"");
    let problems = Spec::from_toml(&adaptive).unwrap_err().to_string();
    for wanted in ["each variant names the strategy", "a mean over decisions", "does not look at parts"] {
        assert!(problems.contains(wanted), "{wanted}: {problems}");
    }
}

#[test]
fn experiments_beside_each_other_keep_their_users_apart() {
    let spec = |key: &str, more: &str| {
        Spec::from_toml(&WHOLE.replace("\"tone\"", key).replace("[0.0, 0.5]", more)).unwrap()
    };
    let (one, apart, over) =
        (spec("'a'", "[0.0, 0.5]"), spec("'b'", "[0.5, 1.0]"), spec("'c'", "[0.4, 0.6]"));
    assert_eq!(conflicts(&[&one, &apart]), Vec::<String>::new());
    let found = conflicts(&[&one, &apart, &over]);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|one| one.contains("overlap in the namespace answers")), "{found:?}");
    assert!(conflicts(&[&one, &one])[0].contains("have the key a"));
    let hashed = WHOLE.replace("hash = \"helm\"", "hash = \"growthbook_v2\"").replace("\"tone\"", "'e'");
    let hashed = Spec::from_toml(&hashed.replace("[0.0, 0.5]", "[0.5, 1.0]")).unwrap();
    assert!(conflicts(&[&one, &hashed])[0].contains("different hashes"));
    let free = Spec::from_toml(&WHOLE.replace("namespace = ", "#").replace("\"tone\"", "'d'")).unwrap();
    assert!(conflicts(&[&one, &free])[0].contains("both run on the task support"));
}

#[test]
fn an_experiment_that_is_over_is_in_nobodys_way() {
    let spec = |key: &str, times: &str| {
        let free = WHOLE.replace("namespace = ", "#").replace("\"tone\"", key);
        let lines = free.lines().filter(|line| !line.starts_with("start") && !line.starts_with("end"));
        let text = lines.collect::<Vec<_>>().join("\n").replacen(
            "[experiment]",
            &format!("[experiment]\n{times}"),
            1,
        );
        Spec::from_toml(&text).unwrap_or_else(|problems| unreachable!("{problems}"))
    };
    let over = spec("'a'", "end = \"2026-12-01T00:00:00Z\"");
    let next = spec("'b'", "start = \"2026-12-01T00:00:00Z\"");
    let open = spec("'c'", "");
    assert_eq!(conflicts(&[&over, &next]), Vec::<String>::new(), "one begins when the other ends");
    assert_eq!(conflicts(&[&over, &open]).len(), 1);
    let at = |text: &str| text.parse().unwrap();
    assert_eq!(conflicts_from(&[&over, &open], at("2026-11-30T00:00:00Z")).len(), 1);
    assert_eq!(conflicts_from(&[&over, &open], at("2026-12-01T00:00:00Z")), Vec::<String>::new());
    assert_eq!(conflicts_from(&[&over, &over], at("2027-01-01T00:00:00Z")).len(), 1, "keys are of one each");
}

#[test]
fn a_digest_tells_what_must_not_change() {
    let digest = |from: &str, to: &str| Spec::from_toml(&WHOLE.replace(from, to)).unwrap().digest().clone();
    let own = digest("", "");
    assert_eq!(own, digest("alpha = 0.05", "alpha = 5e-2"), "however it is written");
    assert_eq!(own, digest("coverage = 0.1", "coverage = 0.2"), "a ramp goes on");
    assert_ne!(own, digest("n_star = 8000", "n_star = 9000"));
    assert_ne!(own, digest("strategy = \"concise\"", "strategy = \"thorough\""));
    assert_ne!(own, digest("salt of its own", "another"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(cut in 0..WHOLE.len(), junk in "[\\[\\]{}=\"'#\\n a-z0-9.,]{0,20}") {
        let text = format!("{}{junk}{}", &WHOLE[..cut], &WHOLE[cut..]);
        drop(Spec::from_toml(&text));
    }
}
