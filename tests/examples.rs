//! The examples do what they say, and the quickstart survives `kill -9`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The folder of the built examples. `cargo test` has built them already; other runners may not have.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        helm_testkit::build_all(env!("CARGO"), Path::new(env!("CARGO_MANIFEST_DIR")));
        let own = std::env::current_exe().unwrap();
        own.parent().and_then(Path::parent).unwrap().join("examples")
    })
}

/// An example in this folder, with a key in its environment that nothing may use.
fn example(name: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(built().join(name));
    command.current_dir(folder).env("OPENAI_API_KEY", "sk-unused").args(arguments).stdin(Stdio::null());
    command
}

fn run(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = example(name, folder, arguments).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{name}: {stdout}{stderr}");
    stdout
}

/// The number behind `label`, in percent.
fn percent(text: &str, label: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label)).expect("the label is there");
    line.trim().trim_end_matches('%').trim().parse().unwrap()
}

#[test]
fn the_quickstart_learns_and_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = example("quickstart", folder.path(), &["--turns", "100000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let database = folder.path().join("quickstart.db-wal");
    while std::fs::metadata(&database).map_or(0, |wal| wal.len()) < 500_000 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let text = run("quickstart", folder.path(), &["--turns", "3000"]);
    assert!(text.starts_with("Found "), "{text}");
    assert!(text.contains("All answers are simulated") && text.contains("One decision explained"), "{text}");
    assert!(percent(&text, "Improvement over uniform play:") > 20.0, "{text}");
    assert!(percent(&text, "Share of the possible gain:") > 60.0, "{text}");
    assert!(!folder.path().join("helm.db").exists(), "what it compares with is kept nowhere");
}

#[test]
fn whoever_has_seen_enough_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let talkative =
        [("quickstart", &["--turns", "20"][..]), ("custom_evaluator", &[]), ("delayed_feedback", &[])];
    for (name, arguments) in talkative {
        let mut told = example(name, folder.path(), arguments);
        let mut told = told.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(told.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        drop(out);
        let Output { status, stderr, .. } = told.wait_with_output().unwrap();
        assert!(status.success() && stderr.is_empty(), "{name}: {}", String::from_utf8_lossy(&stderr));
    }
}

#[test]
fn the_quickstart_draws_what_was_learnt() {
    let folder = tempfile::tempdir().unwrap();
    run("quickstart", folder.path(), &["--turns", "200", "--picture", "learning.svg"]);
    let picture = std::fs::read_to_string(folder.path().join("learning.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"), "{picture}");
    assert_eq!(picture.matches("<polyline").count(), 3);
    let drawn = picture.matches("NaN").count() + picture.matches("inf").count();
    assert_eq!(drawn, 0, "{picture}");
}

#[test]
fn without_learning_the_quickstart_gains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let text = run("quickstart", folder.path(), &["--turns", "1000", "--no-learning"]);
    assert!(percent(&text, "Improvement over uniform play:").abs() < 12.0, "{text}");
}

#[test]
fn the_other_examples_run() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run("custom_evaluator", folder.path(), &[]).contains("knowledge_base   not scored"));
    assert!(run("custom_strategy_config", folder.path(), &[]).contains("unknown field `max_tokens`"));
    let policy = run("custom_policy", folder.path(), &[]);
    assert!(policy.contains("keeps the laws") && policy.contains("policy by_square drew"), "{policy}");
    let feedback = run("delayed_feedback", folder.path(), &[]);
    assert!(
        feedback.contains("Duplicate") && feedback.contains("1 decision, 1 reward, 2 judgements"),
        "{feedback}"
    );
    assert!(run("embed_in_axum", folder.path(), &["--once"]).contains("\"simulated\": true"));
}
