//! A server of Helm under requests made from its own `OpenAPI` document by schemathesis: no answer is an error of the server,
//! and every answer is one that the document names. `tests/generated` says what is checked.
//!
//! `HELM_GENERATED_SECONDS=240` goes on for longer than the test does, `HELM_GENERATED_DATABASE=postgres://…` keeps the state
//! there instead of in a file, and `HELM_SEED` makes other requests:
//!
//! ```sh
//! HELM_GENERATED_SECONDS=240 cargo test --release -p helm-server --test generated -- --nocapture
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and shows what was asked")]

mod outside;
#[path = "outside/python.rs"]
mod python;

use std::path::Path;

use helm_core::Feedback;
use helm_orchestrator::{Helm, HelmConfig, TurnRequest};
use helm_server::{ApiKeys, ServerOptions};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use outside::{played, start, tests};
use python::python;

const KEY: &str = "hk_0a1b2c3d_0123456789abcdef0123456789abcdef";
/// How long the test takes where nobody says otherwise.
const SECONDS: &str = "25";

const CONFIG: &str = r#"
[guardrails.tests.input]
profanity = "block"
[tasks.support]
sticky = "conversation"
guardrails = "tests"
[tasks.support.strategies.concise]
system = "Answer in at most two sentences."
[tasks.support.strategies.stepwise]
system = "Answer step by step."
[tasks.writing.strategies.concise]
system = "Help in at most two sentences."
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_document_names() {
    let Some(python) = python("generated", "every_answer").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("openapi.json");
    std::fs::write(&document, helm_server::openapi()).unwrap();
    let stop = CancellationToken::new();
    let keys = ApiKeys::parse(&ApiKeys::entry("tests", KEY)).unwrap();
    let helm = helm(folder.path()).await;
    let server = start(helm.clone(), ServerOptions::default().with_keys(keys), &stop).await;
    let given = |name: &str| std::env::var(name).ok();
    let mut requests = Command::new(python);
    requests
        .arg("-u")
        .arg(tests().join("generated/run.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HELM_URL", server)
        .env("HELM_KEY", KEY)
        .env("HELM_DOCUMENT", document)
        .env("HELM_SECONDS", given("HELM_GENERATED_SECONDS").unwrap_or_else(|| SECONDS.to_owned()))
        .current_dir(folder.path());
    played(requests, 1, false).await;
    stop.cancel();
}

/// Something is known of somebody.
async fn helm(folder: &Path) -> Helm {
    let database = std::env::var("HELM_GENERATED_DATABASE").ok();
    let database = database.unwrap_or_else(|| format!("sqlite://{}", folder.join("helm.db").display()));
    let config = HelmConfig::from_toml(CONFIG, Path::new("helm.toml")).unwrap();
    let builder = config.builder(&|name| (name == "DATABASE_URL").then(|| database.clone())).unwrap();
    let helm = builder.build().await.unwrap();
    let request = TurnRequest::new("ana", "support", "How do I reset my router?".to_owned()).unwrap();
    let turn = helm.turn(request.with_conversation("c".parse().unwrap())).await.unwrap();
    helm.feedback(Feedback::rating(turn.decision_id, 4.0).unwrap()).await.unwrap();
    helm
}
