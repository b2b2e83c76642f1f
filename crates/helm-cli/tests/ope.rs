//! What another policy would have earned, from the database and from files, and the gate of a candidate.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{DecisionId, Feedback, ManualClock, TaskId};
use helm_orchestrator::{Helm, HelmConfig, TurnRequest};
use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = r#"[tasks.support]
policy = { kind = "random" }
candidate = { policy = { kind = "fixed", weights = { plain = 0.02, warm = 0.98 } }, min_users = 40, min_effective = 20 }
[tasks.support.strategies.plain]
system = "Be brief."
[tasks.support.strategies.warm]
system = "Be warm."
[tasks.other.strategies.plain]
"#;

fn helmctl(folder: &TempDir, arguments: &[&str]) -> Output {
    program::helmctl(folder.path(), &[], arguments, "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| unreachable!("{}", text(&output.stderr)))
}

fn refused(output: &Output, told: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains(told), "{told}: {}", text(&output.stderr));
}

/// So many users ask twice each; they like the warm answers so much.
fn talked(users: u32, warm: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("helm.toml"), CONFIG).unwrap();
    let scene = |number: u32| {
        let user = number % users;
        format!(
            "{{\"user\":\"u{user}\",\"task\":\"support\",\"message\":\"How do I reset it?\",\"ratings\":{{\"plain\":2,\"warm\":{warm}}}}}"
        )
    };
    let scenes: Vec<_> = (0..2 * users).map(scene).collect();
    std::fs::write(folder.path().join("talk.jsonl"), scenes.join("\n")).unwrap();
    let played = helmctl(&folder, &["scenario", "run", "talk.jsonl"]);
    assert!(played.status.success(), "{}", text(&played.stderr));
    folder
}

#[test]
fn the_live_log_is_asked_without_a_file() {
    let folder = talked(110, 5);
    let ask = |target: &str, more: &[&str]| {
        let arguments = ["ope", "--task", "support", "--target", target, "--output", "json"];
        helmctl(&folder, &[&arguments, more].concat())
    };
    let live = json(&ask("warm", &["--since", "7d"]));
    assert_eq!(
        (&live["diagnostics"]["count"], &live["diagnostics"]["users"]),
        (&220.into(), &110.into()),
        "{live}"
    );
    assert_eq!(live["diagnostics"]["by_user"], true);
    assert!(live["intervals"]["hoeffding"].is_null() && live["intervals"]["any_time"].is_array(), "{live}");
    assert!(
        live["gain"]["any_time"][0].as_f64().unwrap() < live["gain"]["value"].as_f64().unwrap(),
        "{live}"
    );
    assert!(live["gain"]["value"].as_f64().unwrap() > 0.1, "{live}");

    assert!(helmctl(&folder, &["export", "--to", "turns.jsonl"]).status.success());
    let from_file =
        helmctl(&folder, &["ope", "--log", "turns.jsonl", "--target", "warm", "--output", "json"]);
    assert_eq!(json(&from_file), live, "a file says the same");

    let nothing = ask("warm", &["--until", "2020-01-01"]);
    assert_eq!(nothing.status.code(), Some(2), "no turn could have chosen it then");
    let elsewhere = ask("uniform", &["--tenant", "acme"]);
    assert_eq!(elsewhere.status.code(), Some(3), "{}", text(&elsewhere.stderr));
    refused(&helmctl(&folder, &["ope", "--target", "warm"]), "name one with --task");
    refused(&ask("warm", &["--since", "whenever"]), "is no moment");
    let table = helmctl(&folder, &["ope", "--task", "support", "--target", "warm"]);
    assert!(text(&table.stdout).contains("the decisions are of 110 users"), "{}", text(&table.stdout));
}

#[test]
fn a_target_is_a_policy_as_configurations_write_them() {
    let folder = talked(60, 5);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("own.toml", "kind = \"thompson\"\nfloor = 0.02\n");
    write("table.toml", "[policy]\nkind = \"thompson\"\nfloor = 0.02\n");
    write("whole.toml", "[tasks.support.policy]\nkind = \"thompson\"\nfloor = 0.02\n");
    write("empty.toml", "[server]\n");
    write("wrong.toml", "kind = \"thompsen\"\n");
    let value = |target: &str| {
        let asked = ["ope", "--task", "support", "--target", target, "--output", "json"];
        let output = helmctl(&folder, &asked);
        assert!(output.status.success(), "{target}: {}", text(&output.stderr));
        json(&output)["estimates"]["dr"].as_f64().unwrap()
    };
    let own = value("own.toml");
    for same in [
        "table.toml",
        "whole.toml",
        "{ kind = \"thompson\", floor = 0.02 }",
        "{\"kind\":\"thompson\",\"floor\":0.02}",
    ] {
        assert!((value(same) - own).abs() < 1e-12, "{same}");
    }
    let (even, configured, kind) = (value("uniform"), value("tasks.support"), value("random"));
    assert!((even - configured).abs() < 1e-9 && (even - kind).abs() < 1e-9);
    assert!(own > even && value("candidate") > even, "{own} {even}");
    let ask = |target: &str| helmctl(&folder, &["ope", "--task", "support", "--target", target]);
    refused(&ask("empty.toml"), "it holds no policy");
    refused(&ask("wrong.toml"), "thompsen");
    refused(&ask("nowhere.toml"), "nowhere.toml");
    refused(&ask("tasks.tutor"), "there is no [tasks.tutor]");
    refused(&ask("{ kind = \"thompson\", widht = 1 }"), "widht");
    refused(&helmctl(&folder, &["ope", "--task", "other", "--target", "candidate"]), "has no candidate");
}

#[test]
fn a_table_of_one_action_says_nothing_of_another_policy() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |pscore: &str| {
        let row = format!("0,1,{pscore},0.5,0.5\n");
        format!("action,reward,pscore,q0,q1\n{}", row.repeat(200))
    };
    for pscore in ["1", "0.5"] {
        std::fs::write(folder.path().join("one.csv"), rows(pscore)).unwrap();
        for target in ["uniform", "always_1"] {
            let asked = ["ope", "--log", "one.csv", "--target", target, "--min-effective", "0"];
            let output = helmctl(&folder, &asked);
            assert_eq!(output.status.code(), Some(3), "{pscore} {target}: {}", text(&output.stdout));
            assert!(text(&output.stderr).contains("the log cannot answer"), "{}", text(&output.stderr));
        }
    }
}

#[test]
fn the_gate_says_when_a_candidate_may_be_raised() {
    let gate = |folder: &TempDir, more: &[&str]| {
        let arguments = ["policy", "gate", "--task", "support"];
        helmctl(folder, &[&arguments, more].concat())
    };
    let better = talked(60, 5);
    let raised = gate(&better, &["--output", "json"]);
    let said = json(&raised);
    assert_eq!((raised.status.code(), &said["verdict"]), (Some(0), &"raise".into()), "{said}");
    assert!(said["low"].as_f64().unwrap() > 0.0 && said["users"] == 60, "{said}");
    assert!(text(&gate(&better, &[]).stdout).contains("support: raise it"));
    let same = gate(&better, &["--candidate", "random", "--output", "json"]);
    assert_eq!((same.status.code(), &json(&same)["verdict"]), (Some(1), &"not_yet".into()));
    let early = gate(&better, &["--since", "0s", "--output", "json"]);
    assert_eq!((early.status.code(), &json(&early)["verdict"]), (Some(3), &"too_little".into()));
    refused(&gate(&better, &["--candidate", "warm"]), "name a policy");
    refused(&helmctl(&better, &["policy", "gate", "--task", "other"]), "has no candidate");
    let worse = talked(60, 1);
    let dropped = gate(&worse, &["--output", "json"]);
    assert_eq!((dropped.status.code(), &json(&dropped)["verdict"]), (Some(1), &"roll_back".into()));
}

async fn asked(helm: &Helm, user: usize) -> DecisionId {
    let turn = TurnRequest::new(format!("u{user}"), "support", "How do I reset it?").unwrap();
    let turn = helm.turn(turn).await.unwrap();
    let rating = if turn.strategy.unwrap().name().as_str() == "warm" { 5.0 } else { 2.0 };
    helm.feedback(Feedback::rating(turn.decision_id, rating).unwrap()).await.unwrap();
    turn.decision_id
}

/// A server over the folder's database raised the candidate; answers a decision of it.
#[tokio::main]
async fn raised(folder: &TempDir) -> DecisionId {
    let clock = Arc::new(ManualClock::new("2026-11-01T08:00:00Z".parse().unwrap()));
    let config = HelmConfig::load(Some(&folder.path().join("helm.toml")), &|_| None).unwrap();
    let builder = config.builder(&|_| None).unwrap().sqlite(folder.path().join("helm.db"));
    let helm = builder.clock(Arc::<ManualClock>::clone(&clock)).build().await.unwrap();
    for user in 0..120 {
        asked(&helm, user).await;
    }
    clock.advance(Duration::from_secs(3_601));
    let task = TaskId::new("support").unwrap();
    for _ in 0..400 {
        if helm.candidate(&task).await.unwrap().unwrap().is_live() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let decision = asked(&helm, 0).await;
    assert!(helm.shutdown(Duration::from_secs(10)).await);
    decision
}

#[test]
fn a_candidate_that_was_raised_is_told_of_everywhere_and_rolled_back_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let automatic = CONFIG.replace("min_users = 40", "automatic = true, min_users = 40");
    std::fs::write(folder.path().join("helm.toml"), automatic).unwrap();
    let decision = raised(&folder).to_string();
    let gate = |more: &[&str]| helmctl(&folder, &[&["policy", "gate", "--task", "support"], more].concat());
    let output = gate(&["--output", "json"]);
    let said = json(&output);
    assert_eq!((output.status.code(), &said["verdict"]), (Some(3), &"too_little".into()), "{said}");
    assert_eq!((&said["waits"], &said["candidate"]["live"]), (&"policy".into(), &true.into()), "{said}");
    assert!(
        said["candidate"]["because"].as_str().unwrap().starts_with("it earns more than the policy"),
        "{said}"
    );
    let shown = text(&gate(&[]).stdout);
    assert!(
        shown.contains("the candidate fixed decides in the place of random since 2026-11-01T09"),
        "{shown}"
    );
    let report = json(&helmctl(&folder, &["tasks", "report", "support", "--output", "json"]));
    assert_eq!(
        (&report["policy"], &report["candidate"]["live"]),
        (&"fixed".into(), &true.into()),
        "{report}"
    );
    let shown = json(&helmctl(&folder, &["decisions", "show", &decision, "--output", "json"]));
    assert_eq!(shown["policy"], "fixed", "{shown}");
    assert!(shown["why"].as_str().unwrap().contains("the task's candidate, which decides since"), "{shown}");

    assert_eq!(gate(&["--roll-back"]).status.code(), Some(2), "why is to be said");
    let back = json(&gate(&["--roll-back", "--reason", "it asks too much", "--output", "json"]));
    assert_eq!((&back["live"], &back["because"]), (&false.into(), &"it asks too much".into()), "{back}");
    assert_eq!(back["changes"][1]["by_hand"], true, "{back}");
    refused(&gate(&["--roll-back", "--reason", "again"]), "nothing to roll back");
    let shown = text(&helmctl(&folder, &["tasks", "report", "support"]).stdout);
    assert!(
        shown.contains("policy random") && shown.contains("random decides again: the candidate fixed was"),
        "{shown}"
    );
    let doctor = text(&helmctl(&folder, &["doctor"]).stdout);
    assert!(doctor.contains("was rolled back at"), "{doctor}");
}

#[test]
fn a_candidate_that_is_wrong_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, told) in [
        (
            "plain = 0.02",
            "plian = 0.02",
            "tasks.support.candidate.policy: the task has no strategy \"plian\"",
        ),
        ("\"fixed\"", "\"fixt\"", "tasks.support.candidate.policy"),
        ("min_effective = 20", "min_effective = -1", "tasks.support.candidate.min_effective"),
        ("min_users = 40", "alpha = 0.7", "tasks.support.candidate.alpha"),
        ("min_users", "min_user", "unknown field"),
    ] {
        std::fs::write(folder.path().join("helm.toml"), CONFIG.replacen(from, to, 1)).unwrap();
        let checked = helmctl(&folder, &["config", "check"]);
        assert!(!checked.status.success(), "{to}");
        let said = [text(&checked.stdout), text(&checked.stderr)].concat();
        assert!(said.contains(told), "{told}: {said}");
    }
}

#[test]
fn a_log_that_an_experiment_assigned_is_for_its_analysis() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[tasks.support.strategies]\nplain = {}\nwarm = {}\n[experiments.tone]\ntask = \"support\"\n\
                  variants.control = { strategy = \"plain\" }\nvariants.warm = { strategy = \"warm\" }\n";
    std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    let scene =
        |user| format!("{{\"user\":\"u{user}\",\"task\":\"support\",\"message\":\"How do I reset it?\"}}");
    let scenes: Vec<_> = (0..6).map(scene).collect();
    std::fs::write(folder.path().join("talk.jsonl"), scenes.join("\n")).unwrap();
    assert!(helmctl(&folder, &["scenario", "run", "talk.jsonl"]).status.success());
    for target in ["warm", "uniform", "tasks.support"] {
        let asked = ["ope", "--task", "support", "--target", target];
        let shown = helmctl(&folder, &asked);
        let told = text(&shown.stderr);
        assert_eq!(shown.status.code(), Some(3), "{target}: {told}");
        for part in ["nothing was drawn in 6 turns", "helmctl experiment analyze"] {
            assert!(told.contains(part), "{target}: {told}");
        }
        let out = text(&shown.stdout);
        assert!(out.contains("left out: 6 turns whose strategy an experiment assigned"), "{out}");
        let data = json(&helmctl(&folder, &[&asked[..], &["--output", "json"]].concat()));
        assert!(data["refused"].as_str().unwrap().contains("nothing was drawn"), "{data}");
    }
}
