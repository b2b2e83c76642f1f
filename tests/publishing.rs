//! What is needed to publish each crate is there, and says what is true of it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The packages of this workspace that are published.
fn published() -> Vec<Value> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--all-features"];
    let output = Command::new(env!("CARGO")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.filter(|package| package["publish"].is_null()).cloned().collect()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn folder(package: &Value) -> &Path {
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap()
}

fn readme(package: &Value) -> String {
    std::fs::read_to_string(folder(package).join("README.md")).unwrap()
}

#[test]
fn metadata_is_complete() {
    let published = published();
    assert!(published.len() >= 12, "{}", published.len());
    for package in &published {
        for field in ["description", "license", "repository", "rust_version"] {
            assert!(package[field].is_string(), "{} has no {field}", name(package));
        }
        for (field, most) in [("keywords", 5), ("categories", 5)] {
            let count = package[field].as_array().unwrap().len();
            assert!((1..=most).contains(&count), "{} has {count} {field}", name(package));
        }
        assert_eq!(package["readme"], "README.md", "{}", name(package));
        assert_eq!(package["metadata"]["docs"]["rs"]["all-features"], true, "{}", name(package));
    }
}

#[test]
fn who_is_published_needs_nobody_who_is_not() {
    let published = published();
    let names: Vec<_> = published.iter().map(name).collect();
    for package in &published {
        for dependency in package["dependencies"].as_array().unwrap() {
            let own = dependency["path"].is_string() && dependency["kind"] != "dev";
            let (needs, version) = (name(dependency), dependency["req"].as_str().unwrap());
            assert!(!own || names.contains(&needs), "{} needs {needs}", name(package));
            assert!(!own || version != "*", "{} needs {needs} of no version", name(package));
        }
    }
}

#[test]
fn readmes_list_the_features() {
    for package in &published() {
        let text = readme(package);
        let features = package["features"].as_object().unwrap();
        let default: Vec<&str> = features
            .get("default")
            .map(|list| list.as_array().unwrap().iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let actual: BTreeMap<_, _> = features
            .keys()
            .filter(|feature| *feature != "default")
            .map(|feature| (feature.as_str(), if default.contains(&feature.as_str()) { "yes" } else { "no" }))
            .collect();
        assert_eq!(table(&text), actual, "{}", name(package));
        assert_eq!(actual.is_empty(), text.contains("It has no features."), "{}", name(package));
    }
}

/// The features that a README lists, and whether they are on by default.
fn table(text: &str) -> BTreeMap<&str, &str> {
    let rows = text.lines().skip_while(|line| !line.starts_with("| feature | default |")).skip(2);
    let cells = rows.map_while(|row| {
        let mut cells = row.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?.trim_matches('`'), cells.next()?))
    });
    cells.collect()
}

#[test]
fn readmes_show_an_example_and_say_what_the_crate_is_not_for() {
    for package in &published() {
        let text = readme(package);
        assert!(text.contains("```rust") || text.contains("```sh"), "{}", name(package));
        assert!(text.contains("It is not for: "), "{}", name(package));
        let lib = folder(package).join("src/lib.rs");
        if let Ok(source) = std::fs::read_to_string(lib) {
            let first = "#![doc = include_str!(\"../README.md\")]";
            assert!(
                source.starts_with(first),
                "{}: its README is its documentation's beginning",
                name(package)
            );
        }
    }
}

#[test]
fn what_a_crate_includes_is_in_its_folder() {
    let mut seen = 0;
    for package in &published() {
        for file in sources(&folder(package).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            for included in included(&text) {
                let path = normal(&file.parent().unwrap().join(included));
                assert!(path.starts_with(folder(package)), "{} includes {included}", file.display());
                assert!(path.is_file(), "{} includes {included}", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The paths in `include_str!` and `include_bytes!`.
fn included(text: &str) -> impl Iterator<Item = &str> {
    ["include_str!(\"", "include_bytes!(\""]
        .into_iter()
        .flat_map(|call| text.split(call).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

#[test]
fn the_changelog_has_its_form() {
    let text = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let headings: Vec<_> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings.first(), Some(&"## [Unreleased]"));
    for version in &headings {
        let name = version.trim_start_matches("## ").split(']').next().unwrap();
        assert!(text.contains(&format!("\n{name}]: https://")), "{version} has no link");
    }
    let kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    for heading in text.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(kinds.contains(&heading), "{heading} is none of {kinds:?}");
    }
}
