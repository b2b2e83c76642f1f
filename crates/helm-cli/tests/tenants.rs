//! Every command about somebody's data is about one tenant's.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

const CONFIG: &str = r#"
[tasks.support.strategies.concise]
system = "Be brief."
[tasks.support.strategies.thorough]
system = "Explain."
"#;

fn helmctl(folder: &Path, arguments: &[&str], input: &str) -> Output {
    program::helmctl(folder, &[], arguments, input)
}

fn succeeded(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// The command's document, of a tenant or of the usual one.
fn json(folder: &Path, arguments: &[&str], tenant: Option<&str>) -> Value {
    let tenant: Vec<_> = tenant.into_iter().flat_map(|tenant| ["--tenant", tenant]).collect();
    let output = helmctl(folder, &[arguments, &tenant, &["--output", "json"]].concat(), "");
    serde_json::from_str(&succeeded(&output)).unwrap()
}

fn pulls(report: &Value) -> u64 {
    report["strategies"].as_array().unwrap().iter().map(|strategy| strategy["pulls"].as_u64().unwrap()).sum()
}

#[test]
fn what_a_tenant_has_no_other_sees() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("helm.toml"), CONFIG).unwrap();
    let chat = ["chat", "--user", "ana", "--tenant", "eu", "--output", "jsonl"];
    let told = succeeded(&helmctl(folder, &chat, "What is a prime?\n"));
    let turn: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let id = turn["decision_id"].as_str().unwrap();
    let report = ["tasks", "report", "support"];
    assert_eq!(pulls(&json(folder, &report, Some("eu"))), 1);
    assert_eq!(pulls(&json(folder, &report, None)), 0);
    assert_eq!(json(folder, &["decisions", "show", id], Some("eu"))["user_id"], "ana");
    assert_eq!(helmctl(folder, &["decisions", "show", id], "").status.code(), Some(2));
    assert_eq!(helmctl(folder, &["feedback", id, "--rating", "5"], "").status.code(), Some(2));
    assert_eq!(json(folder, &["feedback", id, "--rating", "5"], Some("eu"))["applied"], "fresh");
    for (tenant, rows) in [("eu", 1), ("default", 0)] {
        let exported = helmctl(folder, &["export", "--tenant", tenant], "");
        assert_eq!(succeeded(&exported).lines().count(), rows, "{tenant}");
        let retain = ["log", "retain", "--older-than", "0s", "--dry-run"];
        let retained = json(folder, &retain, Some(tenant));
        assert_eq!(retained["turns"].as_u64().unwrap() + retained["kept"].as_u64().unwrap(), rows as u64);
        let checked = json(folder, &["policy", "rebuild", "--task", "support", "--check"], Some(tenant));
        assert_eq!(checked["decisions"], rows);
        let of = json(folder, &["users", "export", "ana"], Some(tenant));
        assert_eq!(of["turns"].as_array().unwrap().len(), rows);
        let checks = json(folder, &["doctor"], Some(tenant));
        let learning =
            checks.as_array().unwrap().iter().find(|check| check["check"] == "learning of support");
        assert!(learning.unwrap()["detail"].as_str().unwrap().starts_with(&rows.to_string()), "{checks}");
    }
}

#[test]
fn the_tenant_is_one_argument_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "chat",
        "scenario run",
        "tasks report",
        "decisions show",
        "feedback",
        "policy rebuild",
        "export",
        "log retain",
        "users export",
        "users forget",
        "jobs list",
        "jobs show",
        "jobs replay",
        "jobs drop",
        "keys create",
        "keys rotate",
        "keys revoke",
        "doctor",
        "experiment analyze",
        "experiment assign",
        "eval agree",
        "eval calibrate",
        "eval rescore",
    ] {
        let command: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = succeeded(&helmctl(folder.path(), &command, ""));
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = "--tenant <TENANT> In which tenant. Without keys of several tenants there is only this one [default: default]";
        assert!(help.contains(told), "{command:?}: {help}");
    }
    let wrong = helmctl(folder.path(), &["export", "--tenant", ""], "");
    assert_eq!(wrong.status.code(), Some(2));
}
