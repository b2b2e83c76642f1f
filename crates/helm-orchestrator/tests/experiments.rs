//! Experiments that run: who is assigned to what, what is logged of it, and what a report says while turns go on.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use helm_core::{AssignedBy, Decision, DecisionMode, ModelName, SegmentName, Strategy};
use helm_orchestrator::experiment::report::{CheckState, Decision as Verdict};
use helm_orchestrator::experiment::{Report, Spec};
use helm_orchestrator::policy::Registry;
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmConfig, Task, TurnRequest};

const SPEC: &str = r#"[experiment]
key = "tone"
task = "support"
mode = "sequential"
n_star = 1000
min_units = 20
[[variant]]
key = "control"
control = true
weight = 0.5
strategy = "a"
[[variant]]
key = "warm"
weight = 0.5
strategy = "b"
[[metric]]
key = "reward_per_turn"
role = "goal"
kind = "ratio"
num = { event = "reward", agg = "sum" }
den = { event = "reward", agg = "count" }
better = "higher"
[[metric]]
key = "tokens"
role = "secondary"
kind = "mean"
value = { event = "output_tokens", agg = "mean" }
better = "lower"
"#;

fn task() -> Task {
    let strategy = |id: &str| {
        Strategy::new(id.parse().unwrap(), ModelName::new("main").unwrap()).with_system("Be brief.")
    };
    let task = Task::new("support").unwrap();
    ["a@1", "b@1", "c@1", "d@1"].into_iter().fold(task, |task, id| task.with_strategy(strategy(id)))
}

async fn open(store: &MemoryStore, specs: &[&str]) -> Helm {
    let mut builder = Helm::builder().store(Arc::new(store.clone())).task(task());
    for spec in specs {
        let spec = Spec::from_toml(spec).unwrap_or_else(|problems| unreachable!("{problems}"));
        builder = builder.experiment_of(spec, &Registry::standard()).unwrap();
    }
    builder.build().await.unwrap()
}

async fn ask(helm: &Helm, user: &str) -> Decision {
    let turn = helm.turn(TurnRequest::new(user, "support", "How do I reset it?").unwrap()).await.unwrap();
    helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap()
}

fn variant(decision: &Decision) -> Option<&str> {
    decision.assignment.as_ref().map(|assigned| assigned.variant.as_str())
}

async fn read(helm: &Helm) -> Report {
    helm.experiment_report(&"tone".parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn an_aa_test_of_the_orchestrator_finds_nothing() {
    let same = SPEC
        .replace("strategy = \"b\"", "strategy = \"a\"")
        .replace("min_units = 20", "min_units = 20\naa = true");
    let helm = open(&MemoryStore::new(), &[&same]).await;
    for turn in 0..3 {
        for user in 0..60 {
            let decision = ask(&helm, &format!("u{user}")).await;
            let assigned = decision.assignment.unwrap();
            assert_eq!(
                (decision.mode, assigned.by, assigned.share.get()),
                (DecisionMode::Assigned, AssignedBy::Hash, 0.5)
            );
            assert_eq!(
                (assigned.version, assigned.spec.clone()),
                (1, helm.experiments().next().map(|spec| spec.digest().clone()))
            );
        }
        // Read while it runs.
        let report = read(&helm).await;
        assert_eq!(report.variants.iter().map(|variant| variant.users).sum::<u64>(), 60);
        assert_eq!(report.variants.iter().map(|variant| variant.turns).sum::<u64>(), 60 * (turn + 1));
        let bad = report.health.iter().find(|check| check.state != CheckState::Fine);
        assert!(bad.is_none(), "{bad:?}");
        assert_ne!(report.verdict.decision, Verdict::Invalid, "{:?}", report.verdict);
        assert!(!matches!(report.verdict.decision, Verdict::Ship { .. }));
    }
}

#[tokio::test]
async fn users_keep_their_side_and_forced_ones_are_left_out() {
    let forced = [SPEC, "[targeting]\nforce = { \"qa\" = \"warm\" }\n"].concat();
    let helm = open(&MemoryStore::new(), &[&forced]).await;
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for user in (0..40).chain(0..40) {
        let user = format!("u{user}");
        let decision = ask(&helm, &user).await;
        let expected = if variant(&decision) == Some("warm") { "b@1" } else { "a@1" };
        assert_eq!(decision.strategy.to_string(), expected);
        let side = variant(&decision).unwrap().to_owned();
        assert_eq!(*seen.entry(user).or_insert_with(|| side.clone()), side);
    }
    let decision = ask(&helm, "qa").await;
    assert_eq!(decision.assignment.as_ref().map(|own| own.by), Some(AssignedBy::Forced));
    assert_eq!(variant(&decision), Some("warm"));
    let report = read(&helm).await;
    assert_eq!(report.variants.iter().map(|variant| variant.users).sum::<u64>(), 40);
    assert!(report.to_markdown().contains("1 users are forced"));
}

#[tokio::test]
async fn sticky_users_keep_their_variant_when_shares_change() {
    let store = MemoryStore::new();
    let sticky = SPEC.replace("min_units = 20", "min_units = 20\nsticky = true");
    let before = open(&store, &[&sticky]).await;
    let mut sides = BTreeMap::new();
    for user in 0..30 {
        let name = format!("u{user}");
        sides.insert(name.clone(), variant(&ask(&before, &name).await).unwrap().to_owned());
    }
    let moved = sticky.replacen("weight = 0.5", "weight = 0.05", 1).replace("weight = 0.5", "weight = 0.95");
    let after = open(&store, &[&moved]).await;
    let mut kept = 0;
    for (user, side) in &sides {
        let decision = ask(&after, user).await;
        assert_eq!(variant(&decision), Some(side.as_str()));
        assert_eq!(decision.assignment.unwrap().by, AssignedBy::Sticky);
        kept += usize::from(side == "control");
    }
    assert!(kept > 5, "{kept} would not be in so small a share");
    let loose = open(&store, &[&moved.replace("sticky = true", "sticky = false")]).await;
    let mut others = 0;
    for (user, side) in &sides {
        others += usize::from(variant(&ask(&loose, user).await) != Some(side.as_str()));
    }
    assert!(others > 5, "without it they are dealt anew");
}

#[tokio::test]
async fn variants_may_be_policies_over_strategies_of_their_own() {
    let spec = SPEC.replace("strategy = \"a\"", "strategies = [\"a\", \"b\"]");
    let own = "strategies = [\"c\", \"d\"]\npolicy = { kind = \"fixed\", weights = { c = 1.0, d = 3.0 } }";
    let spec = spec.replace("strategy = \"b\"", own);
    let helm = open(&MemoryStore::new(), &[&spec]).await;
    let mut policies = std::collections::BTreeSet::new();
    for user in 0..40 {
        let decision = ask(&helm, &format!("u{user}")).await;
        let side = variant(&decision).unwrap();
        let expected = if side == "warm" { ["c", "d"] } else { ["a", "b"] };
        assert!(expected.contains(&decision.strategy.name().as_str()), "{side}: {}", decision.strategy);
        let among: Vec<_> = decision.candidates.iter().map(|own| own.strategy.name().as_str()).collect();
        assert_eq!((decision.mode, among), (DecisionMode::Sampled, expected.to_vec()));
        policies.insert((side.to_owned(), decision.policy.to_string()));
        if side == "warm" {
            assert_eq!(decision.policy.as_str(), "fixed");
        }
    }
    assert_eq!(policies.len(), 2, "{policies:?}");
    let report = helm.report(&"support".parse().unwrap()).await.unwrap();
    assert_eq!(report.strategies.iter().map(|own| own.reward.count).sum::<u64>(), 40, "all of them teach");
}

#[tokio::test]
async fn who_is_not_meant_takes_no_part() {
    let beta =
        [SPEC, "[targeting]\nall = [{ attr = \"segment\", op = \"in\", value = [\"beta\"] }]\n"].concat();
    let helm = open(&MemoryStore::new(), &[&beta]).await;
    assert_eq!(variant(&ask(&helm, "ana").await), None);
    let mut request = TurnRequest::new("ana", "support", "Hello").unwrap();
    request.segment = Some(SegmentName::new("beta").unwrap());
    let turn = helm.turn(request).await.unwrap();
    let decision = helm.explain(turn.decision_id).await.unwrap().turn.decision.unwrap();
    assert!(variant(&decision).is_some());
    let over = SPEC.replace("n_star", "end = \"2020-01-01T00:00:00Z\"\nn_star");
    let helm = open(&MemoryStore::new(), &[&over]).await;
    assert_eq!(variant(&ask(&helm, "ana").await), None);
}

#[tokio::test]
async fn experiments_on_one_task_share_out_the_users() {
    let part = |key: &str, range: &str| {
        let space = format!("key = \"{key}\"\nnamespace = {{ id = \"answers\", range = {range} }}");
        SPEC.replace("key = \"tone\"", &space)
    };
    let (one, two) = (part("tone", "[0.0, 0.5]"), part("length", "[0.5, 1.0]"));
    let helm = open(&MemoryStore::new(), &[&one, &two]).await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for user in 0..60 {
        let decision = ask(&helm, &format!("u{user}")).await;
        *counts.entry(decision.assignment.unwrap().experiment.to_string()).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), 60);
    assert!(counts.len() == 2 && counts.values().all(|count| *count > 15), "{counts:?}");
    let mut builder = Helm::builder().task(task());
    for spec in [&one, &part("length", "[0.4, 1.0]")] {
        builder = builder.experiment_of(Spec::from_toml(spec).unwrap(), &Registry::standard()).unwrap();
    }
    let refused = builder.build().await.err().unwrap().to_string();
    assert!(refused.contains("overlap in the namespace answers"), "{refused}");
}

/// A configuration with the specification beside it.
fn configured(folder: &Path, experiments: &str, spec: &str) -> HelmConfig {
    let tasks = "[tasks.support.strategies.a]\n[tasks.support.strategies.b]\n";
    std::fs::create_dir_all(folder.join("experiments")).unwrap();
    std::fs::write(folder.join("experiments/tone.toml"), spec).unwrap();
    HelmConfig::from_toml(&format!("{experiments}\n{tasks}"), &folder.join("helm.toml")).unwrap()
}

#[tokio::test]
async fn specifications_are_files_or_folders_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let none = |_: &str| None;
    for named in ["experiments = [\"experiments/tone.toml\"]", "experiments = \"experiments\""] {
        let config = configured(folder.path(), named, SPEC);
        let helm = config.builder(&none).unwrap().store(Arc::new(MemoryStore::new())).build().await.unwrap();
        assert!(variant(&ask(&helm, "ana").await).is_some(), "{named}");
        assert_eq!(config.shown().unwrap()["experiments"].as_array().map(Vec::len), Some(1));
        let off = |name: &str| (name == "ENABLE_AB_TESTING").then(|| "false".to_owned());
        let config = config.with_environment(&off).unwrap();
        let helm = config.builder(&off).unwrap().store(Arc::new(MemoryStore::new())).build().await.unwrap();
        assert_eq!((variant(&ask(&helm, "ana").await), helm.experiments().count()), (None, 0));
        let paused: Vec<_> = helm.paused_experiments().map(|spec| spec.key().to_string()).collect();
        assert_eq!(paused, ["tone"]);
        assert_eq!(read(&helm).await.experiment.as_str(), "tone", "what was assigned can still be read");
    }
    let broken = configured(
        folder.path(),
        "experiments = \"experiments\"",
        &SPEC.replace("weight = 0.5", "weight = 0.6"),
    );
    let refused = broken.builder(&none).err().unwrap().report();
    assert!(refused.contains("tone.toml, line 1") && refused.contains("weights must sum to 1"), "{refused}");
    let unknown = configured(
        folder.path(),
        "experiments = \"experiments\"",
        &SPEC.replace("strategy = \"b\"", "strategy = \"x\""),
    );
    let refused = unknown.builder(&none).unwrap().build().await.err().unwrap().report();
    assert!(refused.contains("has no strategy x; it has: a, b"), "{refused}");
    let missing =
        HelmConfig::from_toml("experiments = [\"nowhere.toml\"]", &folder.path().join("helm.toml")).unwrap();
    assert!(missing.experiments().unwrap_err().report().contains("nowhere.toml"));
}
