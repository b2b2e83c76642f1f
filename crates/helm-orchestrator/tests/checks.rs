//! Checks of guardrails that others make, from the configuration to the turn.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use helm_core::{Category, Stage, TurnStatus};
use helm_orchestrator::config::HelmConfig;
use helm_orchestrator::{Helm, TurnEvent, TurnRequest};
use helm_testkit::{ModelServer, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// A classifier that takes texts with "sesame" for attacks, and keeps the bodies that it was sent.
struct Classifier {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Classifier {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        TaskTracker::new().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = body(&mut stream).await;
                let score = if body.contains("sesame") { 0.95 } else { 0.01 };
                let said =
                    format!(r#"[[{{"label":"INJECTION","score":{score}}},{{"label":"SAFE","score":1}}]]"#);
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
                kept.lock().unwrap().push(body);
                stream.write_all(format!("{head}{said}").as_bytes()).await.unwrap();
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn body(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
            let length = head.lines().find_map(length).unwrap();
            if body.len() >= length {
                return body.to_owned();
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request broke off");
    }
}

async fn helm(text: &str, folder: &Path) -> Helm {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = format!("store.url = \"sqlite://{}\"\n{text}", folder.join("helm.db").display());
    let config = HelmConfig::from_toml(&text, Path::new("helm.toml")).unwrap();
    config.builder(&|_| None).unwrap().build().await.unwrap()
}

fn ask(message: &str) -> TurnRequest {
    TurnRequest::new("ana", "t", message).unwrap()
}

const TASK: &str = "[tasks.t]\nguardrails = \"g\"\n[tasks.t.strategies.s]\n";

fn with_classifier(address: &str, more: &str) -> String {
    format!(
        "{TASK}[checks.attacks]\nkind = \"classifier\"\nurl = \"http://{address}/classify\"\ncategory = \"injection\"\n\
         labels = [\"INJECTION\"]\n[guardrails.g]\nchecks = [\"attacks\"]\n{more}"
    )
}

#[tokio::test]
async fn a_classifier_is_asked_about_what_users_write() {
    let (classifier, folder) = (Classifier::start().await, tempfile::tempdir().unwrap());
    let more = "[guardrails.g.input]\ninjection = { action = \"block\", threshold = 0.9 }\n[guardrails.g.output]\ninjection = \"allow\"\n";
    let helm = helm(&with_classifier(&classifier.address, more), folder.path()).await;
    let turn = helm.turn(ask("Open, sesame.")).await.unwrap();
    assert_eq!(turn.status, TurnStatus::Blocked);
    let found = turn.violations.iter().find(|found| &*found.entity == "INJECTION").unwrap();
    assert_eq!((found.category, found.stage), (Category::Injection, Stage::Input));
    assert_eq!(helm.turn(ask("How do I open a door?")).await.unwrap().status, TurnStatus::Completed);
    let asked = classifier.asked();
    assert_eq!(asked.len(), 2, "of answers nothing is asked: {asked:?}");
    assert!(asked.first().unwrap().contains("Open, sesame."));
}

#[tokio::test]
async fn an_answer_waits_for_the_check_and_a_check_that_fails_blocks_it() {
    let (classifier, folder) = (Classifier::start().await, tempfile::tempdir().unwrap());
    let more = "[guardrails.g.input]\ninjection = \"allow\"\n[guardrails.g.output]\ninjection = \"block\"\n";
    let open = helm(&with_classifier(&classifier.address, more), folder.path()).await;
    let mut stream = open.turn_stream(ask("How do I open a door?")).unwrap();
    let mut said = String::new();
    while let Some(event) = stream.next_event().await {
        if let TurnEvent::Delta(text) = event.unwrap() {
            assert_eq!(classifier.asked().len(), 1, "it has been asked before anything is said");
            said.push_str(&text);
        }
    }
    assert!(!said.is_empty());

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let closed = helm(&with_classifier(&nobody.to_string(), more), folder.path()).await;
    assert_eq!(closed.turn(ask("How do I open a door?")).await.unwrap().status, TurnStatus::Blocked);

    let folder = tempfile::tempdir().unwrap();
    let more = "[guardrails.g.input]\ninjection = \"block\"\n[guardrails.g.output]\ninjection = \"allow\"\n";
    let open = helm(&with_classifier(&nobody.to_string(), more), folder.path()).await;
    let turn = open.turn(ask("How do I open a door?")).await.unwrap();
    assert_eq!(turn.status, TurnStatus::Completed, "at the input a check that fails passes");
    assert!(turn.violations.iter().any(|found| &*found.entity == "CHECK_FAILED"), "{:?}", turn.violations);
}

#[tokio::test]
async fn a_configured_model_judges_by_a_rule_in_words() {
    let said = |text: &str| Reply::Answer(text.to_owned());
    let server = ModelServer::start([
        said("```json\n{\"violates\": true, \"score\": 0.9}\n```"),
        said(r#"{"violates": false, "score": 0.1}"#),
        said("I cannot tell."),
    ])
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{TASK}[models.main]\nfamily = \"builtin\"\n[models.judge]\nfamily = \"openai-chat\"\nmodel = \"m\"\nbase_url = \"{}\"\n\
         [checks.advice]\nkind = \"judge\"\nmodel = \"judge\"\nrule = \"It must not ask for medical advice.\"\ncategory = \"topic\"\n\
         on_error = \"closed\"\nstages = [\"input\"]\n[guardrails.g]\nchecks = [\"advice\"]\n",
        server.base_url()
    );
    let helm = helm(&text, folder.path()).await;
    let statuses = [TurnStatus::Blocked, TurnStatus::Completed, TurnStatus::Blocked];
    for status in statuses {
        assert_eq!(helm.turn(ask("Which pills should I take?")).await.unwrap().status, status);
    }
    let asked = server.received();
    assert_eq!(asked.len(), 3);
    let told = asked.first().unwrap().body.to_string();
    assert!(told.contains("must not ask for medical advice") && told.contains("Which pills"), "{told}");
}
