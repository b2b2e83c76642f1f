//! The bill of materials has the form of CycloneDX 1.5 and says what is in the program.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::Value;

fn written() -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("sbom").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("{field}: {value}"))
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_document_has_the_form_and_tells_all() {
    let bytes = written();
    assert_eq!(bytes, written(), "the same crates give the same bytes");
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((text(&document, "bomFormat"), text(&document, "specVersion")), ("CycloneDX", "1.5"));
    assert_eq!(document["version"], 1);
    let program = &document["metadata"]["component"];
    assert_eq!((text(program, "type"), text(program, "name")), ("application", "helm-cli"));

    let components = list(&document, "components");
    assert!(components.len() > 200, "{}", components.len());
    for component in components {
        assert_eq!(text(component, "type"), "library");
        assert!(["required", "excluded"].contains(&text(component, "scope")));
        let (name, version) = (text(component, "name"), text(component, "version"));
        assert_eq!(text(component, "purl"), format!("pkg:cargo/{name}@{}", version.replace('+', "%2B")));
        assert_eq!(text(component, "purl"), text(component, "bom-ref"));
        let licences = list(component, "licenses");
        assert!(licences.len() == 1 && !text(&licences[0], "expression").contains('/'), "{component}");
        hashed(component);
    }
    connected(&document);
}

#[test]
fn whoever_has_seen_enough_is_left_alone() {
    let mut told = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let mut told = told.arg("sbom").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(told.stdout.take());
    let ended = told.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && complaint.is_empty(), "{complaint}");
}

/// What comes from a registry has its checksum; what is of this workspace has none.
fn hashed(component: &Value) {
    let hashes = list(component, "hashes");
    assert_eq!(hashes.is_empty(), text(component, "name").starts_with("helm-"), "{component}");
    for hash in hashes {
        assert_eq!(text(hash, "alg"), "SHA-256");
        let content = text(hash, "content");
        assert!(content.len() == 64 && content.bytes().all(|byte| byte.is_ascii_hexdigit()), "{content}");
    }
}

/// Each component stands once in the list of what needs what, and what is needed is there.
fn connected(document: &Value) {
    let references = list(document, "components").iter().chain([&document["metadata"]["component"]]);
    let references: Vec<_> = references.map(|component| text(component, "bom-ref")).collect();
    let known: BTreeSet<_> = references.iter().copied().collect();
    assert_eq!(known.len(), references.len(), "each reference is there once");
    let dependencies = list(document, "dependencies");
    let told: BTreeSet<_> = dependencies.iter().map(|one| text(one, "ref")).collect();
    assert_eq!((told.len(), &told), (dependencies.len(), &known));
    for needed in dependencies.iter().flat_map(|one| list(one, "dependsOn")) {
        assert!(known.contains(needed.as_str().unwrap()), "{needed}");
    }
    let names: BTreeSet<_> = list(document, "components").iter().map(|one| text(one, "name")).collect();
    for there in ["helm-core", "tokio", "ring", "sqlx-core", "cc"] {
        assert!(names.contains(there), "{there}");
    }
    for absent in ["proptest", "helm-testkit", "openssl-sys", "opentelemetry"] {
        assert!(!names.contains(absent), "{absent}");
    }
    let scope = |name: &str| {
        let found = list(document, "components").iter().find(|one| text(one, "name") == name);
        text(found.unwrap(), "scope")
    };
    assert_eq!((scope("tokio"), scope("cc")), ("required", "excluded"));
}
