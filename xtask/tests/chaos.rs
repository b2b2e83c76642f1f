//! The chaos run finds what it must find. Its bars on time are for machines that do nothing else.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use helm_testkit::{build_all, skip};
use serde_json::Value;

/// `helmctl`, as the test command has built it.
fn helmctl() -> PathBuf {
    build_all(env!("CARGO"), Path::new(env!("CARGO_MANIFEST_DIR")));
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_xtask"));
    folder.parent().unwrap().join("helmctl")
}

fn chaos(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("chaos").args(arguments).output().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_while_things_fail() {
    if std::env::var_os("HELM_TEST_PG").is_none() {
        return skip("nothing_acknowledged_is_lost", "HELM_TEST_PG is not set; see tests/services");
    }
    let program = helmctl();
    let options = ["--seconds", "24", "--rate", "20", "--output", "json", "--helmctl"];
    let run = chaos(&[&options[..], &[program.to_str().unwrap()]].concat());
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    let ledger: Value = serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let lines = ledger["lines"].as_array().unwrap();
    let found = |what: &str| {
        let line = lines.iter().find(|line| line["what"].as_str().unwrap().trim() == what);
        line.unwrap_or_else(|| panic!("{what}: {ledger:#}"))
    };
    for what in [
        "not in the log",
        "in the log twice",
        "turns with a judgement acknowledged",
        "judged otherwise in the log",
        "learning state equals a replay of the log",
    ] {
        assert_eq!(found(what)["holds"], true, "{ledger:#}");
    }
    let answered: u32 = found("turns answered")["found"].as_str().unwrap().parse().unwrap();
    assert!(answered > 200, "{ledger:#}");
    let failed = lines.iter().filter(|line| line["what"].as_str().unwrap().contains("answering again after"));
    assert_eq!(failed.count(), 5, "{ledger:#}");
    let stopped = lines
        .iter()
        .find(|line| line["what"].as_str().unwrap().ends_with("under load: told to stop, ended after"));
    assert_eq!(stopped.unwrap()["holds"], true, "{ledger:#}");
}

#[test]
fn what_cannot_be_run_is_said() {
    let missing = chaos(&["--helmctl", "no/such/helmctl"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no/such/helmctl"));
    let short = chaos(&["--seconds", "1"]);
    assert_eq!(short.status.code(), Some(2));
}
