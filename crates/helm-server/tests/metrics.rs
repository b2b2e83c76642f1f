//! The list of metrics is what the code counts, what the documentation says, and what dashboards and alerts ask for.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use helm_server::{METRICS, metrics_table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found
}

/// Names that begin with `helm_` and stand between `before` and something that is no part of a name.
fn names(text: &str, before: &str) -> BTreeSet<String> {
    let opening = format!("{before}helm_");
    let ends = |char: char| !(char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
    text.split(&opening)
        .skip(1)
        .map(|rest| format!("helm_{}", rest.split(ends).next().unwrap_or_default()))
        .collect()
}

#[test]
fn what_the_code_counts_is_listed() {
    let sources = std::fs::read_dir(root().join("crates")).unwrap();
    let mut counted = BTreeSet::new();
    for file in sources.flat_map(|entry| files(&entry.unwrap().path().join("src"))) {
        let text = std::fs::read_to_string(&file).unwrap_or_default().replace(char::is_whitespace, "");
        for call in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
            counted.extend(names(&text, call));
        }
    }
    let listed: BTreeSet<_> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(listed.len(), METRICS.len(), "each is listed once");
    assert_eq!(counted, listed);
}

#[test]
fn no_label_says_who() {
    for metric in METRICS {
        for label in metric.labels {
            let personal = ["user", "conversation", "decision", "tenant", "message"];
            assert!(!personal.contains(label), "{} has the label {label}", metric.name);
        }
    }
}

#[test]
fn the_documentation_is_made_of_the_list() {
    let path = root().join("docs/metrics.md");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let (head, _) = kept.split_once("| metric |").expect("docs/metrics.md has the table");
    let made = format!("{head}{}", metrics_table());
    if made != kept && std::env::var_os("HELM_UPDATE_METRICS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(made == kept, "docs/metrics.md is out of date; HELM_UPDATE_METRICS=1 updates it");
}

#[test]
fn dashboards_and_alerts_ask_for_what_there_is() {
    let mut asked = BTreeSet::new();
    for file in files(&root().join("docs/ops")) {
        let name = file.to_string_lossy().into_owned();
        if name.ends_with("rules.yml") || name.contains("dashboard") {
            asked.extend(names(&std::fs::read_to_string(&file).unwrap(), ""));
        }
    }
    assert!(asked.len() > 10, "alerts and dashboard are there");
    let suffix = |name: &str| ["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}"));
    let known: BTreeSet<_> = METRICS
        .iter()
        .flat_map(|metric| suffix(metric.name).into_iter().chain([metric.name.to_owned()]))
        .collect();
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "there are no such metrics: {unknown:?}");
}
