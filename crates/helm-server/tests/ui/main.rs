//! The dashboard in a real Chromium against servers of Helm: the cases are in `tests/ui`.
//!
//! `HELM_UI_CASES` runs some of them, `HELM_UI_TURNS=100000` stores so many turns first and holds the drawing to its figure,
//! `HELM_UI_PICTURES=FOLDER` keeps a picture of every page, and `HELM_UPDATE_SCREENSHOT=1` takes that of the documentation anew.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and reports each case"
)]

#[path = "../outside/mod.rs"]
mod outside;
mod past;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use helm_core::Feedback;
use helm_orchestrator::experiment::Spec;
use helm_orchestrator::policy::Registry;
use helm_orchestrator::store::sqlite::{SqliteOptions, SqliteStore};
use helm_orchestrator::{Helm, HelmBuilder, HelmConfig, TurnRequest};
use helm_server::{ApiKeys, ServerOptions};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use outside::{made, played, start, tests};

/// The cases that there are at least: the project holds itself to them.
const CASES: usize = 18;
const KEY: &str = "hk_0a1b2c3d_0123456789abcdef0123456789abcdef";
/// What guards find in some messages, and no page may show.
const SECRET: &str = "ana.secret@example.com";

const CONFIG: &str = r#"
[guardrails.tests]
[guardrails.tests.input]
profanity = "block"
[tasks.support]
guardrails = "tests"
[tasks.support.strategies.concise]
system = "Answer in at most two sentences."
[tasks.support.strategies.stepwise]
system = "Answer step by step."
[tasks.support.strategies.friendly]
system = "Answer warmly."
[tasks.writing.strategies.concise]
system = "Help in at most two sentences."
[tasks.writing.strategies.examples]
system = "Help with an example."
"#;

const TONE: &str = r#"[experiment]
key = "tone"
task = "writing"
mode = "sequential"
n_star = 100
[[variant]]
key = "control"
control = true
weight = 0.5
strategy = "concise"
[[variant]]
key = "warm"
weight = 0.5
strategy = "examples"
[[metric]]
key = "reward"
role = "goal"
kind = "ratio"
num = { event = "reward", agg = "sum" }
den = { event = "reward", agg = "count" }
better = "higher"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_works_in_a_browser() {
    let needs = "chromium, node, npm and its registry";
    let Some(playwright) = made(Command::new(scripts().join("install")), "the_dashboard", needs).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let keys = ApiKeys::parse(&ApiKeys::entry("tests", KEY)).unwrap();
    let filled = filled(&folder.path().join("helm.db")).await;
    let filled = start(filled, ServerOptions::default(), &stop).await;
    let empty = start(in_memory(CONFIG).build().await.unwrap(), ServerOptions::default(), &stop).await;
    let keyed = in_memory(CONFIG).build().await.unwrap();
    let keyed = start(keyed, ServerOptions::default().with_keys(keys), &stop).await;
    let some = std::env::var("HELM_UI_CASES").ok();
    let mut cases = Command::new("node");
    cases.arg(scripts().join("run.mjs")).args(&some);
    if std::env::var_os("HELM_UPDATE_SCREENSHOT").is_some() {
        cases.env("HELM_UPDATE_SCREENSHOT", scripts().join("../../docs/dashboard.png"));
    }
    cases
        .env("HELM_PLAYWRIGHT", playwright)
        .env("HELM_UI_FILLED", filled)
        .env("HELM_UI_EMPTY", empty)
        .env("HELM_UI_KEYED", keyed)
        .env("HELM_UI_KEY", KEY)
        .env("HELM_UI_SECRET", SECRET);
    played(cases, CASES, some.is_some()).await;
    stop.cancel();
}

fn scripts() -> PathBuf {
    tests().join("ui")
}

fn configured(config: &str) -> HelmBuilder {
    HelmConfig::from_toml(config, Path::new("helm.toml")).unwrap().builder(&|_| None).unwrap()
}

fn in_memory(config: &str) -> HelmBuilder {
    configured(config).store(Arc::new(helm_orchestrator::store::memory::MemoryStore::new()))
}

/// A day of turns that are made up, and a few that the built-in model answers.
async fn filled(path: &Path) -> Helm {
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(path)).await.unwrap());
    let turns = std::env::var("HELM_UI_TURNS").map_or(600, |turns| turns.parse().unwrap());
    past::fill(store.as_ref(), turns).await;
    let builder = configured(CONFIG).store(store);
    let builder = builder.experiment_of(Spec::from_toml(TONE).unwrap(), &Registry::standard()).unwrap();
    let helm = builder.build().await.unwrap();
    play(&helm).await;
    helm
}

async fn play(helm: &Helm) {
    let asked = [
        "How do I reset my password?",
        "Where is my parcel?",
        "Can I change my plan in the middle of a month?",
    ];
    for (number, message) in (0..24).zip(asked.iter().cycle()) {
        let user = ["ana", "bob", "chen", "dana"][number % 4];
        let task = if number % 3 == 2 { "writing" } else { "support" };
        let request = TurnRequest::new(user, task, (*message).to_owned()).unwrap();
        let turn =
            helm.turn(request.with_conversation(format!("talk-{user}").parse().unwrap())).await.unwrap();
        if number % 2 == 0 {
            helm.feedback(Feedback::rating(turn.decision_id, 4.0).unwrap()).await.unwrap();
        }
    }
    for message in [format!("Write to {SECRET} please."), "What a fucking mess.".to_owned()] {
        helm.turn(TurnRequest::new("bob", "support", message).unwrap()).await.unwrap();
    }
}
