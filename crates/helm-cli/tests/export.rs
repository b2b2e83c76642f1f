//! The log is exported, whole or not at all, and kept in bounds.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

fn helmctl(folder: &Path, arguments: &[&str]) -> Output {
    program::helmctl(folder, &[], arguments, "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refused(output: &Output, expected: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(expected), "{expected}: {}", text(&output.stderr));
    assert!(output.stdout.is_empty());
}

/// Twelve turns of two users, each rated.
fn used() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let line = |user: &str| {
        let ratings = serde_json::json!({ "concise": 5, "friendly": 4, "stepwise": 2, "thorough": 3 });
        serde_json::json!({ "user": user, "task": "support", "message": "How do I reset it?", "ratings": ratings })
            .to_string()
    };
    let lines: Vec<_> = (0..12).map(|number| line(if number < 8 { "ana" } else { "bo" })).collect();
    std::fs::write(folder.path().join("talk.jsonl"), lines.join("\n")).unwrap();
    let played = helmctl(folder.path(), &["scenario", "run", "talk.jsonl"]);
    assert!(played.status.success(), "{}", text(&played.stderr));
    folder
}

#[test]
fn the_log_is_exported_as_lines() {
    let folder = used();
    let run = |arguments: &[&str]| helmctl(folder.path(), &[&["export"], arguments].concat());
    let all = lines(&run(&[]));
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted_by_key(|row| row["began"].as_str().unwrap().to_owned()), "oldest first");
    let first = &all[0];
    for (name, expected) in [("format", Value::from(1)), ("task", "support".into()), ("user", "ana".into())] {
        assert_eq!(first[name], expected, "{name}");
    }
    assert!(first["propensity"].as_f64().unwrap() > 0.0 && first["began"].as_str().unwrap().ends_with('Z'));
    assert!(all.iter().all(|row| row["feedback"][0]["source"] == "user" && row["reward"].is_number()));
    assert!(first.get("input").is_none(), "nobody asked for texts");
    assert_eq!(lines(&run(&["--texts"]))[0]["input"], "How do I reset it?");
    assert_eq!(lines(&run(&["--user", "bo"])).len(), 4);
    assert_eq!(lines(&run(&["--task", "tutor"])).len(), 0);
    assert_eq!(lines(&run(&["--since", "1h", "--task", "support"])).len(), 12);
    assert_eq!(lines(&run(&["--until", "1h"])).len(), 0);
    assert_eq!(lines(&run(&["--since", all[3]["began"].as_str().unwrap()])).len(), 9);
    assert_eq!(lines(&run(&["--since", "2020-01-01", "--until", "2021-01-01"])).len(), 0);
}

#[test]
fn a_file_is_whole_or_not_there() {
    let folder = used();
    let run = |arguments: &[&str]| helmctl(folder.path(), &[&["export"], arguments].concat());
    let written = run(&["--to", "turns.jsonl", "--output", "json"]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    let report: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!((&report["rows"], &report["path"]), (&12.into(), &"turns.jsonl".into()));
    let jsonl = std::fs::read_to_string(folder.path().join("turns.jsonl")).unwrap();
    assert_eq!(jsonl.lines().count(), 12);
    for arguments in [vec!["--to", "a.parquet"], vec!["--format", "parquet", "--texts", "--to", "b"]] {
        let written = run(&arguments);
        assert!(written.status.success(), "{}", text(&written.stderr));
        assert!(text(&written.stdout).contains("12 turns"));
        let file = std::fs::read(folder.path().join(arguments.last().unwrap())).unwrap();
        assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    }
    refused(&run(&["--format", "parquet"]), "--to FILE");
    refused(&run(&["--to", "no/such/folder.jsonl"]), "cannot write no/such/folder.jsonl");
    refused(&run(&["--to", "."]), "is no file");
    refused(&run(&["--since", "yesterday"]), "2026-01-31");
    refused(&run(&["--user", ""]), "empty");
    // One that fails leaves what was there, and nothing else.
    std::fs::write(folder.path().join("no.db"), "this is text and not a database at all ".repeat(30))
        .unwrap();
    refused(&run(&["--to", "turns.jsonl", "--database", "sqlite://no.db"]), "not a SQLite database");
    refused(&run(&["--database", "sqlite://none.db"]), "no database at none.db");
    assert_eq!(std::fs::read_to_string(folder.path().join("turns.jsonl")).unwrap(), jsonl);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().contains("partial")));
}

#[test]
fn old_turns_leave_and_what_was_learnt_stays() {
    let folder = used();
    let run = |arguments: &[&str]| helmctl(folder.path(), arguments);
    let report = || {
        let report = run(&["tasks", "report", "support", "--output", "json"]);
        serde_json::from_slice::<Value>(&report.stdout).unwrap()
    };
    let agrees = || {
        let check = run(&["policy", "rebuild", "--task", "support", "--check", "--output", "json"]);
        assert_eq!(check.status.code(), Some(0), "{}{}", text(&check.stdout), text(&check.stderr));
        serde_json::from_slice::<Value>(&check.stdout).unwrap()
    };
    let before = (report(), agrees()["rows"].clone());
    let retained = |arguments: &[&str]| -> Value {
        let output = run(&[&["log", "retain", "--output", "json", "--older-than"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(retained(&["1h"])["turns"], 0);
    let counted = retained(&["0s", "--dry-run"]);
    assert_eq!(lines(&run(&["export"])).len(), 12, "only counted");
    let gone = retained(&["0s"]);
    assert_eq!((&gone["turns"], &gone["kept"]), (&counted["turns"], &counted["kept"]));
    assert_eq!((&gone["turns"], &gone["kept"]), (&12.into(), &0.into()), "nobody keeps to a draw");
    assert_eq!(lines(&run(&["export"])).len() as u64, gone["kept"].as_u64().unwrap());
    assert_eq!((report(), agrees()["rows"].clone()), before, "nothing was forgotten");
    assert_eq!(retained(&["0s"])["turns"], 0, "once is enough");
    let said = text(&run(&["log", "retain", "--older-than", "90d"]).stdout);
    assert!(said.contains("0 turns from before"), "{said}");
    refused(&run(&["log", "retain", "--older-than", "soon"]), "90d");
}
