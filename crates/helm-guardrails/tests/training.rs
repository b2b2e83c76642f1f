//! The models that come with the crate are what the trainer makes of the corpora in `HELM_DATA_DIR`.

#![cfg(feature = "train")]
use std::path::{Path, PathBuf};

use helm_guardrails::train::{TrainError, train};

#[test]
#[ignore = "trains both models, a minute: HELM_DATA_DIR=… cargo nextest run -p helm-guardrails --features train --run-ignored all -E 'binary(training)'"]
fn training_again_gives_the_same_bytes() {
    let Some(directory) = std::env::var_os("HELM_DATA_DIR") else {
        eprintln!("skipped: HELM_DATA_DIR is not set");
        return;
    };
    let trained = train(&PathBuf::from(directory).join("guardrails")).unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for (file, bytes) in &trained.models {
        assert!(*bytes == std::fs::read(own.join(file)).unwrap(), "{file} is another");
    }
    assert_eq!(trained.figures, std::fs::read_to_string(own.join("figures.md")).unwrap());
}

#[test]
fn what_is_missing_or_is_not_a_row_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let missing = train(directory.path()).unwrap_err();
    assert!(
        matches!(&missing, TrainError::Unreadable { path, .. } if path.ends_with("toxicity.davidson.jsonl"))
    );
    std::fs::write(directory.path().join("toxicity.davidson.jsonl"), "{\"text\": \"a\", \"labels\": {}}\n")
        .unwrap();
    let bad = train(directory.path()).unwrap_err();
    assert!(matches!(bad, TrainError::BadLine { line: 1, .. }), "{bad}");
}
