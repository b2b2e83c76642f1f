//! What the tasks say of themselves, without doing what takes long.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn benchmarks_and_targets_are_named() {
    let (code, benches, _) = xtask(&["bench-report", "--list"]);
    assert_eq!(code, Some(0));
    for expected in [
        "policy-peers ",
        "cargo bench --manifest-path benches/peers/Cargo.toml",
        "store-postgres ",
        "--python",
    ] {
        assert!(benches.contains(expected), "{expected}: {benches}");
    }
    let (code, targets, _) = xtask(&["fuzz", "--list"]);
    assert!(code == Some(0) && targets.lines().any(|name| name == "decoder"), "{targets}");
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    for (arguments, expected) in [
        (["bench-report", "--only", "nothing"], "there is no benchmark nothing; --list names them"),
        (["fuzz", "--only", "nothing"], "there is no target nothing; --list names them"),
        (["instructions", "--only", "nothing"], "there is no path nothing; there are choose, decode"),
    ] {
        let (code, out, error) = xtask(&arguments);
        assert!(code == Some(2) && out.is_empty() && error.contains(expected), "{arguments:?}: {error}");
    }
}
