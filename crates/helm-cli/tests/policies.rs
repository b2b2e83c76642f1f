//! Policies are listed, and simulated on worlds from a manifest.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

fn helmctl(folder: &Path, arguments: &[&str]) -> Output {
    program::helmctl(folder, &[], arguments, "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Two worlds: one of certain rewards, one of rewards beyond [0, 1] unless their range is declared.
fn worlds() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "manifest.json",
        r#"{"envs":[{"name":"plain","type":"bernoulli","file":"plain.json","seeds":[1,2,3]},
            {"name":"lines","type":"linear","file":"lines.json","seeds":[1,2,3]}]}"#,
    );
    write("plain.json", r#"{"T":200,"means":[0.2,0.8]}"#);
    write("lines.json", r#"{"T":100,"d":2,"theta":[[1,0],[0,1]],"sd":0.1}"#);
    folder
}

#[test]
fn policies_are_played_through_worlds() {
    let folder = worlds();
    let arguments = "policy simulate --manifest manifest.json --env plain lines --policy auto random --seeds 2 --output json";
    let arguments: Vec<&str> = arguments.split(' ').chain(["--plot", "regret.svg"]).collect();
    let played = helmctl(folder.path(), &arguments);
    assert!(played.status.success(), "{}", text(&played.stderr));
    let results: Value = serde_json::from_slice(&played.stdout).unwrap();
    let results = results.as_array().unwrap();
    let names: Vec<_> = results.iter().map(|result| (&result["env"], &result["policy"])).collect();
    assert_eq!(names.len(), 4);
    for result in results {
        let regret: Vec<f64> =
            result["regret"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
        assert_eq!((regret.len(), &result["seeds"]), (2, &serde_json::json!([1, 2])));
        let (mean, half) = (0.5 * (regret[0] + regret[1]), result["regret_ci95"].as_f64().unwrap());
        assert!((result["regret_mean"].as_f64().unwrap() - mean).abs() < 1e-9);
        assert!((half - 1.96 * (regret[0] - regret[1]).abs() / 2.0).abs() < 1e-9);
    }
    let regret = |index: usize| results[index]["regret_mean"].as_f64().unwrap();
    assert!(regret(0) < 0.5 * regret(1), "learning pays");
    let picture = std::fs::read_to_string(folder.path().join("regret.svg")).unwrap();
    assert_eq!((picture.matches("<polyline").count(), picture.matches("<polygon").count()), (4, 4));
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    let again = helmctl(folder.path(), &arguments);
    assert_eq!(again.stdout, played.stdout, "a simulation repeats");
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let folder = worlds();
    for (arguments, expected) in [
        (vec!["--manifest", "none.json"], "none.json"),
        (vec!["--manifest", "manifest.json", "--env", "gone"], "it has: plain, lines"),
        (vec!["--manifest", "manifest.json", "--policy", "gone"], "there is no policy \"gone\""),
        (vec!["--manifest", "manifest.json", "--policy", "{ kind = \"thompson\", with = 1 }"], "with"),
        (vec!["--manifest", "manifest.json", "--floor", "7"], "floor"),
        (vec!["--manifest", "manifest.json", "--range", "1..0"], "LOW..HIGH"),
        (vec!["--manifest", "manifest.json", "--env", "plain", "--range", "0..0.5"], "--range LOW..HIGH"),
        (vec!["--manifest", "manifest.json", "--seeds", "0"], "--seeds"),
        (vec!["--manifest", "manifest.json", "--seeds", "9"], "plain publishes 3 seeds"),
        (vec!["--manifest", "manifest.json", "--step-seconds", "0"], "--step-seconds"),
    ] {
        let arguments: Vec<&str> = ["policy", "simulate"].into_iter().chain(arguments).collect();
        let refused = helmctl(folder.path(), &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains(expected), "{arguments:?}: {}", text(&refused.stderr));
        assert!(refused.stdout.is_empty());
    }
}

#[test]
fn policies_are_listed_with_their_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let listed = text(&helmctl(folder.path(), &["policy", "list"]).stdout);
    for expected in ["track_and_stop", "delta = 0.05", "Russo 2016"] {
        assert!(listed.contains(expected), "{expected}: {listed}");
    }
    let lines = text(&helmctl(folder.path(), &["policy", "list", "--output", "jsonl"]).stdout);
    assert_eq!(lines.lines().count(), helm_policy::CATALOG.len());
}
