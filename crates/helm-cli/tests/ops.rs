//! The files of `docs/ops/` say what the program takes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ops")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(ops().join(name)).unwrap()
}

/// A text between two others.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    text.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).unwrap().0
}

#[test]
fn kubernetes_configuration_is_one() {
    let manifest = read("kubernetes/helm.yaml");
    let indented = between(&manifest, "  helm.toml: |\n", "---");
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let made = Command::new(env!("CARGO_BIN_EXE_helmctl"))
        .args(["keys", "new", "app", "--output", "json"])
        .output()
        .unwrap();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    std::fs::write(&keys, made["entry"].as_str().unwrap()).unwrap();
    let config: String = indented.lines().map(|line| format!("{}\n", line.trim())).collect();
    let config = config.replace("/etc/helm-keys/keys", keys.to_str().unwrap());
    std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    let checked = Command::new(env!("CARGO_BIN_EXE_helmctl"))
        .current_dir(folder.path())
        .args(["config", "check"])
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn commands_are_the_programs_own() {
    let files = ["Dockerfile", "helm.service", "kubernetes/helm.yaml"];
    for (file, command) in files.into_iter().zip([
        &["serve", "--listen", "0.0.0.0:8080"][..],
        &["serve", "--config", "/etc/helm/helm.toml"],
        &["serve", "--config", "/etc/helm/helm.toml"],
    ]) {
        let text = read(file).replace(['"', ','], "");
        assert!(text.contains(&command.join(" ")), "{file} runs {command:?}");
        let asked = Command::new(env!("CARGO_BIN_EXE_helmctl")).args(command).arg("--help").output().unwrap();
        assert!(asked.status.success(), "{command:?}");
    }
    assert!(read("Dockerfile").contains(r#"["helmctl", "health", "--url", "http://127.0.0.1:8080"]"#));
}

#[test]
fn alerts_lead_to_what_to_do() {
    let operations = std::fs::read_to_string(ops().join("../operations.md")).unwrap();
    let headings: Vec<_> = operations
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let rules = read("rules.yml");
    let alerts = rules.matches("- alert: ").count();
    let links: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: docs/operations.md#")).collect();
    assert!(alerts > 5 && links.len() == alerts, "each alert has its link");
    for part in ["summary: ", "description: ", "severity: "] {
        assert_eq!(rules.matches(part).count(), alerts, "each alert has its {part}");
    }
    for link in links {
        assert!(headings.iter().any(|heading| heading == link), "docs/operations.md has no {link}");
    }
}
