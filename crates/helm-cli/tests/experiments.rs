//! Experiments on the command line: checked, played, read.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::path::Path;
use std::process::Output;

use helm_orchestrator::config::StoreLocation;
use helm_orchestrator::experiment::Spec;
use helm_orchestrator::policy::Registry;
use helm_orchestrator::{HelmConfig, TurnRequest};
use helm_testkit::{ModelServer, Reply};
use serde_json::Value;
use tempfile::TempDir;

const SPEC: &str = r#"[experiment]
key = "tone"
task = "support"
mode = "fixed"
min_units = 5
[[variant]]
key = "control"
control = true
weight = 0.5
strategy = "concise"
[[variant]]
key = "warm"
weight = 0.5
strategy = "friendly"
[[metric]]
key = "reward"
role = "goal"
kind = "mean"
value = { event = "reward", agg = "mean" }
better = "higher"
"#;

fn helmctl(folder: &TempDir, arguments: &[&str]) -> Output {
    program::helmctl(folder.path(), &[], arguments, "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder(spec: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tone.toml"), spec).unwrap();
    folder
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| unreachable!("{}", text(&output.stderr)))
}

#[test]
fn a_specification_is_checked_with_all_its_mistakes() {
    let fine = folder(SPEC);
    assert!(helmctl(&fine, &["experiment", "check", "tone.toml"]).status.success());
    let wrong = folder(&SPEC.replace("weight = 0.5", "weight = 0.6").replace("\"fixed\"", "\"fix\""));
    let said = helmctl(&wrong, &["experiment", "check", "tone.toml"]);
    assert_eq!(said.status.code(), Some(1));
    let lines = text(&said.stdout);
    assert!(
        lines.contains("tone.toml, line 1, column 1: experiment: the variants' weights must sum to 1"),
        "{lines}"
    );
    assert!(lines.contains("line 4, column 8: experiment.mode: there is no \"fix\""), "{lines}");
    let data = json(&helmctl(&wrong, &["experiment", "check", "tone.toml", "--output", "json"]));
    assert_eq!(data["files"][0]["problems"][1]["line"], 4);
    let absent = helmctl(&wrong, &["experiment", "check", "nowhere.toml", "tone.toml"]);
    assert_eq!(absent.status.code(), Some(2));
    let lines = text(&absent.stdout);
    assert!(
        lines.contains("nowhere.toml, it cannot be read") && lines.contains("there is no \"fix\""),
        "{lines}"
    );
}

#[test]
fn a_folder_is_of_one_specification_and_kind_of_users() {
    let folder = folder(SPEC);
    let run = |more: &[&str]| {
        let arguments =
            ["experiment", "run", "tone.toml", "--results", "played", "--users", "2", "--turns", "1"];
        helmctl(&folder, &[&arguments, more].concat())
    };
    assert_ne!(run(&[]).status.code(), Some(2));
    for (more, said) in [
        (&["--seed", "2"][..], "the seed 1, 1 turns each, not simulated from the seed 2"),
        (&["--design", "between"], "design: paired, not between"),
        (&["--max-dollars", "-1"], "above 0"),
        (&["--max-dollars", "nan"], "above 0"),
    ] {
        let other = run(more);
        assert_eq!(other.status.code(), Some(2), "{more:?}");
        assert!(text(&other.stderr).contains(said), "{}", text(&other.stderr));
    }
    let adaptive = SPEC.replace("\"fixed\"", "\"adaptive\"").replace("weight = 0.5\n", "");
    std::fs::write(folder.path().join("adaptive.toml"), adaptive).unwrap();
    let refused = helmctl(&folder, &["experiment", "run", "adaptive.toml", "--results", "other"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stdout));
    assert!(!folder.path().join("other").exists(), "nothing was begun");
}

#[test]
fn users_are_played_under_every_variant_and_go_on_where_they_were_ended() {
    let folder = folder(SPEC);
    let run = |users: &str, more: &[&str]| {
        let arguments =
            ["experiment", "run", "tone.toml", "--results", "played", "--users", users, "--turns", "1"];
        helmctl(&folder, &[&arguments, more].concat())
    };
    let first = json(&run("6", &["--output", "json"]));
    assert_eq!((&first["variants"][0]["users"], &first["variants"][1]["turns"]), (&6.into(), &6.into()));
    let second = run("12", &["--output", "json"]);
    assert_eq!(json(&second)["variants"][0]["turns"], 12, "six were played before");
    assert!(text(&second.stdout).contains("differences of users with themselves"));
    let page = text(&run("12", &["--output", "html"]).stdout);
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"), "{page}");
    assert!(!Path::new(&folder.path().join("helm.db")).exists(), "the installation is not touched");
}

#[test]
fn a_log_is_read_from_a_file_and_from_the_database_alike() {
    let folder = folder(SPEC);
    std::fs::write(
        folder.path().join("helm.toml"),
        "experiments = [\"tone.toml\"]\n[tasks.support.strategies]\nconcise = {}\nfriendly = {}\n",
    )
    .unwrap();
    let scene = |user: u32| {
        format!(
            "{{\"user\":\"u{user}\",\"task\":\"support\",\"message\":\"How do I reset it?\",\"ratings\":{{\"friendly\":{}}}}}",
            user % 5 + 1
        )
    };
    let scenes: Vec<_> = (0..30).map(scene).collect();
    std::fs::write(folder.path().join("talk.jsonl"), scenes.join("\n")).unwrap();
    assert!(helmctl(&folder, &["scenario", "run", "talk.jsonl"]).status.success());
    assert!(helmctl(&folder, &["export", "--to", "log.jsonl"]).status.success());
    let live = helmctl(&folder, &["experiment", "analyze", "tone", "--output", "json"]);
    let file =
        helmctl(&folder, &["experiment", "analyze", "tone.toml", "--log", "log.jsonl", "--output", "json"]);
    assert_eq!(text(&live.stdout), text(&file.stdout), "{}", text(&live.stderr));
    assert!(
        text(&helmctl(&folder, &["experiment", "analyze", "tone"]).stdout).starts_with("# Experiment tone")
    );
    let unknown = helmctl(&folder, &["experiment", "analyze", "tune"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("the configured ones are: tone"), "{}", text(&unknown.stderr));
    let columns = helmctl(&folder, &["experiment", "analyze", "tone", "--log", "log.parquet"]);
    assert!(
        columns.status.code() == Some(2) && text(&columns.stderr).contains("only JSON lines are read"),
        "{}",
        text(&columns.stderr)
    );
    let page = helmctl(&folder, &["tasks", "list", "--output", "html"]);
    assert_eq!(page.status.code(), Some(2), "only reports are pages");
}

/// Both strategies ask the same scripted model.
fn models(server: &ModelServer, more: &str, tokens: &str) -> String {
    format!(
        "[models.main]\nfamily = \"openai-chat\"\nbase_url = \"{}\"\nmodel = \"gpt-x\"\nkey_env = \"KEY\"\n{more}\n\
         [tasks.support]\nhistory_tokens = 250\n[tasks.support.strategies]\nconcise = {{ {tokens} }}\nfriendly = {{ {tokens} }}\n",
        server.base_url()
    )
}

async fn played(folder: &TempDir, users: &str, more: &[&str]) -> Output {
    let path = folder.path().to_owned();
    let fixed = ["experiment", "run", "tone.toml", "--results", "played", "--turns", "1", "--users", users];
    let arguments: Vec<String> = fixed.iter().chain(more).map(ToString::to_string).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program::helmctl(&path, &[("KEY", "k")], &arguments, "")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_may_spend_holds_from_the_first_turn_on() {
    let server = ModelServer::choosing(|_| Reply::Answer("Hold the button for ten seconds.".to_owned()))
        .await
        .unwrap();
    let folder = folder(SPEC);
    let configure = |more: &str, tokens: &str| {
        std::fs::write(folder.path().join("helm.toml"), models(&server, more, tokens)).unwrap();
    };
    let refused = async |told: &str| {
        let output = played(&folder, "2", &["--max-dollars", "1"]).await;
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        assert!(text(&output.stderr).contains(told), "{told}: {}", text(&output.stderr));
    };
    configure("", "max_output_tokens = 50");
    refused("what the model main costs is not known; give it input_price and output_price").await;
    let prices = "input_price = 1000.0\noutput_price = 1000.0";
    configure(prices, "");
    refused("nothing bounds an answer of the strategy concise@1; give it max_output_tokens").await;
    configure(prices, "max_output_tokens = 50");
    // Some 1,600 bytes of prompt and 50 tokens of answer at a tenth of a cent each.
    let stopped = played(&folder, "2", &["--max-dollars", "0.5"]).await;
    assert!(text(&stopped.stderr).contains("stopped at $0.0000"), "{}", text(&stopped.stderr));
    assert!(server.received().is_empty(), "nothing was asked");
    let begun = played(&folder, "2", &["--max-dollars", "2.5"]).await;
    assert_ne!(begun.status.code(), Some(2), "{}", text(&begun.stderr));
    assert_eq!(server.received().len(), 4, "turns cost less than what is set aside for them");
}

#[tokio::test]
async fn a_rating_that_was_lost_is_asked_for_again() {
    let config = "[tasks.support.strategies]\nconcise = {}\nfriendly = {}\n";
    let prepared = || {
        let folder = folder(SPEC);
        std::fs::write(folder.path().join("helm.toml"), config).unwrap();
        folder
    };
    let rows = |folder: &TempDir| -> Vec<Value> {
        let exported = helmctl(folder, &["export", "--database", "sqlite://played/0-control.db"]);
        text(&exported.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let whole = prepared();
    played(&whole, "2", &[]).await;
    let second = rows(&whole).into_iter().nth(1).unwrap();
    // The first user was played; of the second the turn was, and then the run died.
    let folder = prepared();
    played(&folder, "1", &[]).await;
    let database = folder.path().join("played/0-control.db");
    let config = HelmConfig::load(Some(&folder.path().join("helm.toml")), &|_| None).unwrap();
    let location = StoreLocation::parse(&format!("sqlite://{}", database.display()).as_str().into()).unwrap();
    let spec = Spec::from_toml(SPEC).unwrap().offline(Some(&"control".parse().unwrap()));
    let builder = config.builder(&|_| None).unwrap().store(location.open().await.unwrap());
    let helm = builder.experiment_of(spec, &Registry::standard()).unwrap().build().await.unwrap();
    let request =
        TurnRequest::new(second["user"].as_str().unwrap(), "support", "How do I reset it?").unwrap();
    let turn = helm.turn(request.with_conversation("experiment".parse().unwrap())).await.unwrap();
    assert!(turn.status.is_answered());
    helm.shutdown(std::time::Duration::from_secs(5)).await;
    drop(helm);
    assert_eq!(rows(&folder)[1]["feedback"].as_array().unwrap().len(), 0);
    let report = json(&played(&folder, "2", &["--output", "json"]).await);
    assert_eq!(report["variants"][0]["turns"], 2, "the turn is not played again: {report}");
    let kept = rows(&folder);
    assert_eq!((kept.len(), kept[1]["feedback"].as_array().unwrap().len()), (2, 1), "{kept:?}");
}
