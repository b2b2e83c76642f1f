//! The JSON Schema of the configuration is the one that is checked in, and says what the parser says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use helm_orchestrator::HelmConfig;
use helm_orchestrator::config::TEMPLATE;
use helm_orchestrator::llm::Schema;
use serde_json::Value;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    let path = docs().join("helm.schema.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&HelmConfig::schema()).unwrap());
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if made != kept && std::env::var_os("HELM_UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(made == kept, "docs/helm.schema.json is out of date; HELM_UPDATE_SCHEMA=1 updates it");
}

/// Whether parser and schema take a text.
fn taken(text: &str) -> (bool, bool) {
    let parsed = HelmConfig::from_toml(text, Path::new("helm.toml")).is_ok();
    let value: Value = toml::from_str(text).unwrap();
    (parsed, Schema::new(HelmConfig::schema()).unwrap().check(&value).is_ok())
}

/// The TOML of a document that is a configuration and no other file.
fn blocks(text: &str) -> Vec<&str> {
    let fenced = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    fenced.collect()
}

#[test]
fn what_is_shipped_is_taken() {
    assert_eq!(taken(TEMPLATE), (true, true));
    let documented = std::fs::read_to_string(docs().join("configuration.md")).unwrap();
    let blocks = blocks(&documented);
    assert!(blocks.len() > 3);
    for block in blocks {
        assert_eq!(taken(block), (true, true), "{block}");
    }
    let manifest = std::fs::read_to_string(docs().join("ops/kubernetes/helm.yaml")).unwrap();
    let indented = manifest.split("  helm.toml: |\n").nth(1).unwrap().split("---").next().unwrap();
    let config: String = indented.lines().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(taken(&config), (true, true), "{config}");
}

#[test]
fn what_has_no_meaning_is_refused() {
    for wrong in [
        "unheard_of = 1",
        "[server]\nlisten_on = \"x\"",
        "[store]\nurl = 5",
        "[models.main]\nmodel = \"x\"",
        "[models.main]\nfamily = \"telepathy\"",
        "[models.main]\nfamily = \"builtin\"\ncapabilities = { flies = true }",
        "[tasks.support]\nstrategy = {}",
        "[tasks.support.strategies.a]\nprompt = \"x\"",
        "[tasks.support.strategies.a]\nretrieve = { documents = 1 }",
        "[tasks.support]\nsticky = \"for ever\"",
        "[rewards.r]\nterms = []\nweights = 1",
        "[rewards.r]\nterms = [{ evaluator = \"relevance\" }]",
        "[guardrails.g.input]\npii = \"explode\"",
        "[guardrails.g.input]\npii = { action = \"redact\", how = 1 }",
        "[guardrails.g]\nmonitoring = true",
        "[background]\nworkers = -1",
        "[limits.tenant]\nrequests = 1",
    ] {
        assert_eq!(taken(wrong), (false, false), "{wrong}");
    }
}
