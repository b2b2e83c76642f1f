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

/// Calls of the macros of `metrics` in a source without white space: the name, and the labels.
fn calls(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let begins =
        ["counter!(\"", "gauge!(\"", "histogram!(\""].into_iter().flat_map(|call| text.split(call).skip(1));
    begins
        .filter(|rest| rest.starts_with("helm_"))
        .map(|rest| {
            let (name, rest) = rest.split_once('"').unwrap();
            let mut depth = 1;
            let end = rest.find(|char| {
                depth += i32::from(char == '(') - i32::from(char == ')');
                depth == 0
            });
            let parts: Vec<_> = rest.get(..end.unwrap()).unwrap().split("\"=>").collect();
            let before = parts.split_last().unwrap().1;
            let labels = before.iter().map(|part| part.rsplit('"').next().unwrap().to_owned());
            (name.to_owned(), labels.collect())
        })
        .collect()
}

#[test]
fn what_the_code_counts_is_listed_with_its_labels() {
    let sources = std::fs::read_dir(root().join("crates")).unwrap();
    let files = sources.flat_map(|entry| files(&entry.unwrap().path().join("src")));
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    let counted: BTreeSet<_> = texts.flat_map(|text| calls(&text.replace(char::is_whitespace, ""))).collect();
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<_>>();
    let listed: BTreeSet<_> =
        METRICS.iter().map(|metric| (metric.name.to_owned(), labels(metric.labels))).collect();
    assert_eq!(listed.len(), METRICS.len(), "each is listed once");
    assert_eq!(counted, listed);
}

#[test]
fn no_label_says_who() {
    // Somebody has to ask for that one (metrics.user_rewards).
    for metric in METRICS.iter().filter(|metric| metric.name != "helm_user_reward") {
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
    let unasked = |metric: &&str| {
        !asked.contains(*metric) && suffix(metric).iter().all(|series| !asked.contains(series))
    };
    let unasked: Vec<_> = METRICS.iter().map(|metric| metric.name).filter(unasked).collect();
    assert!(unasked.is_empty(), "no graph and no alert shows {unasked:?}");
}
