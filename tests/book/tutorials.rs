//! Each page that tells to do something is followed: files are written, commands run, and what they print is compared.

use helm_testkit::skip;

use crate::blocks::blocks;
use crate::page::{Page, below, root};
use crate::services::Database;
use crate::session::{Session, model};

/// The pages that tests here follow.
const FOLLOWED: [&str; 10] = [
    "docs/policies.md",
    "docs/quickstart.md",
    "docs/tutorials/ab-test.md",
    "docs/tutorials/first-strategy.md",
    "docs/tutorials/off-policy.md",
    "docs/tutorials/openai-sdk.md",
    "docs/tutorials/own-evaluator.md",
    "docs/tutorials/own-guard.md",
    "docs/tutorials/postgres.md",
    "docs/tutorials/three-replicas.md",
];

/// What pages call PostgreSQL and Redis.
const POSTGRES: &str = "postgres://helm@localhost/helm";
const REDIS: &str = "redis://localhost";

fn follow(page: &str) {
    Session::new().follow(&Page::read(page));
}

#[test]
fn policies() {
    follow("docs/policies.md");
}

#[test]
fn quickstart() {
    follow("docs/quickstart.md");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_strategy() {
    let model = model("Cook it in twice as much water, for eighteen minutes.").await;
    let session = Session::new().with("OPENAI_BASE_URL", &model.base_url());
    session.follow(&Page::read("docs/tutorials/first-strategy.md"));
}

#[test]
fn own_evaluator() {
    follow("docs/tutorials/own-evaluator.md");
}

#[test]
fn own_guard() {
    follow("docs/tutorials/own-guard.md");
}

#[test]
fn ab_test() {
    follow("docs/tutorials/ab-test.md");
}

#[test]
fn off_policy() {
    follow("docs/tutorials/off-policy.md");
}

#[test]
fn openai_sdk() {
    let made = std::process::Command::new(root().join("tests/venv")).arg("sdk").output();
    let Some(python) = made.ok().filter(|made| made.status.success()) else {
        return skip("openai_sdk", "tests/venv failed; it needs python3 with venv, and PyPI");
    };
    let python = String::from_utf8(python.stdout).unwrap();
    let session = Session::new();
    session.program("python", &format!("#!/bin/sh\nexec {} \"$@\"\n", python.trim()));
    session.follow(&Page::read("docs/tutorials/openai-sdk.md"));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let Some(database) = Database::create("postgres").await else { return };
    let session = Session::new().rename(POSTGRES, &database.url());
    session.follow(&Page::read("docs/tutorials/postgres.md"));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas() {
    let Some(database) = Database::create("three_replicas").await else { return };
    let Some(redis) = helm_testkit::service("HELM_TEST_REDIS", "three_replicas") else { return };
    let session = Session::new().rename(POSTGRES, &database.url()).rename(REDIS, &redis);
    session.follow(&Page::read("docs/tutorials/three-replicas.md"));
}

#[test]
fn every_tutorial_is_followed() {
    let mut pages: Vec<_> = below("docs/tutorials").into_iter().map(|page| page.path).collect();
    pages.splice(0..0, ["docs/policies.md", "docs/quickstart.md"].map(str::to_owned));
    assert_eq!(pages, FOLLOWED);
}

/// Rust is compiled and run as examples of helm-testkit's documentation.
#[test]
fn rust_in_pages_is_compiled() {
    let source = std::fs::read_to_string(root().join("crates/helm-testkit/src/book.rs")).unwrap();
    for page in below("docs").iter().chain([&Page::read("README.md")]) {
        let rust = blocks(&page.text).iter().any(|block| block.language() == "rust");
        let included = source.contains(&format!("include_str!(\"../../../{}\")", page.path));
        assert_eq!(rust, included, "{}: its Rust and crates/helm-testkit/src/book.rs", page.path);
    }
}
