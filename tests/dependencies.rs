//! The dependency diagram of `ARCHITECTURE.md` is what cargo sees, and what must stay out stays out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Graph = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documented() -> Graph {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let block = text.split("```dependencies\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = block.expect("ARCHITECTURE.md has a dependencies block").lines();
    let parse = |line: &str| {
        let (from, to) = line.split_once("->").expect("a line is `crate -> crates`");
        let to = to.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        (from.trim().to_owned(), to.collect())
    };
    lines.map(parse).collect()
}

fn actual() -> Graph {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| package["name"] != "helm");
    ours.map(|package| (name(package), normal_dependencies(package))).collect()
}

fn name(value: &serde_json::Value) -> String {
    value["name"].as_str().unwrap().to_owned()
}

fn normal_dependencies(package: &serde_json::Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let normal = dependencies.filter(|dependency| dependency["kind"].is_null()).map(name);
    normal.filter(|name| name.starts_with("helm-")).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages that `package` is built from, its own development dependencies left out.
fn tree(package: &str) -> BTreeSet<String> {
    tree_with(package, &["--all-features"])
}

fn tree_with(package: &str, features: &[&str]) -> BTreeSet<String> {
    let text =
        cargo(&[&["tree", "-p", package, "-e", "normal,build", "--prefix", "none"], features].concat());
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_diagram_is_true() {
    assert_eq!(documented(), actual());
}

#[test]
fn the_pure_crates_stay_pure() {
    let all = |package| (package, tree(package));
    let pure = ["helm-core", "helm-policy", "helm-experiment", "helm-sim"].map(all);
    // Only checks that somebody else makes wait for anything.
    let local = ["--features", "language,schema,train,vault"];
    let guards = ("helm-guardrails", tree_with("helm-guardrails", &local));
    for (package, used) in pure.into_iter().chain([guards]) {
        for banned in ["tokio", "sqlx", "sqlx-core", "reqwest"] {
            assert!(!used.contains(banned), "{package} must not need {banned}");
        }
    }
    let guards = tree("helm-guardrails");
    assert!(["sqlx", "sqlx-core", "reqwest", "hyper"].iter().all(|banned| !guards.contains(*banned)));
}

#[test]
fn one_tls_provider_and_no_openssl() {
    let used = tree("helm-cli");
    assert!(used.contains("ring"));
    for banned in ["openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!used.contains(banned), "{banned} is in the graph");
    }
}
