//! The built program as a process among others: signals, pipes, sockets and a scripted provider.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use helm_core::{TenantId, Timestamp};
use helm_orchestrator::store::sqlite::{SqliteOptions, SqliteStore};
use helm_orchestrator::store::{NewJob, Store};
use helm_testkit::{ModelServer, Reply};
use serde_json::Value;

use program::{helmctl, start};

fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    helmctl(folder, environment, arguments, "")
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// The exit code, within a time that nothing should need.
fn ended(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("the program did not end");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The environment that makes this server the model.
fn provider(url: &str) -> [(&'static str, &str); 3] {
    [("OPENAI_API_KEY", "sk-very-secret"), ("OPENAI_BASE_URL", url), ("OPENAI_MODEL", "gpt-test")]
}

fn pulls(folder: &Path) -> u64 {
    let report = run(folder, &[], &["tasks", "report", "support", "--output", "json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    report["strategies"].as_array().unwrap().iter().map(|strategy| strategy["pulls"].as_u64().unwrap()).sum()
}

#[test]
fn the_server_answers_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[], &["serve", "--listen", "127.0.0.1:0"]);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(told.read_line(&mut line).unwrap() > 0, "it never listened");
        if let Some(address) = line.trim().strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    let taken = run(folder.path(), &[], &["serve", "--listen", &address]);
    assert_eq!(taken.status.code(), Some(2));
    assert!(text(&taken.stderr).contains("something else listens there"));
    let mut stream = TcpStream::connect(&address).unwrap();
    let body = r#"{"user_id":"ana","task":"support","message":"How do I reset my router?"}"#;
    write!(stream, "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\nx-request-id: ticket-7\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"status\":\"completed\""), "{answer}");
    let url = format!("http://{address}");
    let health = || run(folder.path(), &[], &["health", "--url", &url, "--output", "json"]);
    let ready = health();
    assert_eq!(ready.status.code(), Some(0), "{}", text(&ready.stdout));
    assert!(text(&ready.stdout).contains("store ok, turns ok"), "{}", text(&ready.stdout));
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
    assert_eq!(health().status.code(), Some(1));
    let mut log = String::new();
    told.read_to_string(&mut log).unwrap();
    assert!(log.contains("request_id=ticket-7"), "{log}");
    assert_eq!(pulls(folder.path()), 1);
}

#[test]
fn health_is_asked_of_helm_alone() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["127.0.0.1:8080", "ftp://127.0.0.1", "nonsense"] {
        let wrong = run(folder.path(), &[], &["health", "--url", url]);
        assert_eq!(wrong.status.code(), Some(2), "{url}");
        assert!(text(&wrong.stderr).contains("http://127.0.0.1:8080"), "{}", text(&wrong.stderr));
    }
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let asked = run(folder.path(), &[], &["health", "--url", &url]);
    answering.join().unwrap();
    assert_eq!(asked.status.code(), Some(1));
    assert!(text(&asked.stdout).contains("not ready") && text(&asked.stdout).contains("404"));
}

#[test]
fn warnings_that_are_not_told_are_not_none() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &[], &["keys", "new", "app", "--output", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (key, entry) = (made["key"].as_str().unwrap(), made["entry"].as_str().unwrap());
    let (mut child, _told, address) = served(folder.path(), &[("HELM_API_KEYS", entry)]);
    let url = format!("http://{address}");
    let asked = |environment: &[(&str, &str)], format: &str| {
        let asked = run(folder.path(), environment, &["health", "--url", &url, "--output", format]);
        assert_eq!(asked.status.code(), Some(0), "{}", text(&asked.stdout));
        asked
    };
    let warnings = |environment: &[(&str, &str)]| {
        let health: Value = serde_json::from_slice(&asked(environment, "json").stdout).unwrap();
        health["warnings"].clone()
    };
    assert_eq!(warnings(&[("HELM_API_KEY", key)]), serde_json::json!([]));
    assert!(!text(&asked(&[("HELM_API_KEY", key)], "table").stderr).contains("not told"));
    for (environment, why) in [
        (&[][..], "there is none in HELM_API_KEY"),
        (&[("HELM_API_KEY", "hk_of_another")], "does not know the key in HELM_API_KEY"),
    ] {
        assert_eq!(warnings(environment), Value::Null);
        let told = text(&asked(environment, "table").stderr);
        assert!(told.contains("warnings are not told") && told.contains(why), "{told}");
    }
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
}

/// Answers one request as a server that is ready does, and gives what was asked.
fn readiness(listener: std::net::TcpListener) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 1024];
        let length = stream.read(&mut asked).unwrap();
        let body = r#"{"components":{"store":"ok"},"warnings":["a job has died"]}"#;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        text(&asked[..length])
    })
}

#[test]
fn health_is_asked_where_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    for host in ["127.0.0.1", "0.0.0.0"] {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let config = format!("[server]\nlisten = \"{host}:{port}\"\n{}", task("support"));
        std::fs::write(folder.path().join("other.toml"), config).unwrap();
        let asked = readiness(server);
        let health = run(folder.path(), &[("HELM_API_KEY", "mine")], &["health", "--config", "other.toml"]);
        assert_eq!(health.status.code(), Some(0), "{}", text(&health.stderr));
        assert!(text(&health.stdout).contains(&format!("ready http://127.0.0.1:{port}/readyz")));
        assert!(text(&health.stderr).contains("warning: a job has died"), "{}", text(&health.stderr));
        let asked = asked.join().unwrap();
        assert!(asked.starts_with("GET /readyz") && asked.contains("x-api-key: mine"), "{asked}");
    }
    let config = format!("[server]\nlisten = \"127.0.0.1:0\"\n{}", task("support"));
    std::fs::write(folder.path().join("other.toml"), config).unwrap();
    for (arguments, told) in [
        (&["health", "--config", "other.toml"][..], "--url"),
        (&["health", "--config", "absent.toml"], "absent.toml"),
    ] {
        let wrong = run(folder.path(), &[], arguments);
        assert_eq!(wrong.status.code(), Some(2));
        assert!(text(&wrong.stderr).contains(told), "{}", text(&wrong.stderr));
    }
}

#[test]
fn a_piped_line_is_answered_before_the_next_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[], &["chat"]);
    let (mut input, mut answers) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for question in ["How do I reset my router?", "And my password?"] {
        writeln!(input, "{question}").unwrap();
        let mut line = String::new();
        while !line.contains("decision ") {
            line.clear();
            assert!(answers.read_line(&mut line).unwrap() > 0);
        }
    }
    // Between turns Ctrl-C ends the program, though more lines could come.
    signal(&child, "INT");
    assert_eq!(ended(&mut child), Some(130));
    assert_eq!(pulls(folder.path()), 2);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[], &["chat"]);
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "How do I reset my router?").unwrap();
    // The input stays open: it is the output that ends the program.
    assert_eq!(ended(&mut child), Some(0));
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(!told.contains("panicked") && !told.contains("Broken pipe"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_ends_the_turn_and_the_next_line_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let script = [Reply::Stall("It is".to_owned(), 1), Reply::Answer("Yes, it is plugged in.".to_owned())];
    let server = ModelServer::start(script).await.unwrap();
    let url = server.base_url();
    let mut child = start(folder.path(), &provider(&url), &["chat"]);
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "Is it plugged in?").unwrap();
    while server.received().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    signal(&child, "INT");
    writeln!(input, "Is it, really?").unwrap();
    drop(input);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("cancelled"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Yes, it is plugged in."), "{}", text(&output.stdout));
    assert_eq!(pulls(folder.path()), 2, "the cancelled turn is recorded, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_asks_for_whole_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server = ModelServer::start([Reply::Answer("Yes, it is plugged in.".to_owned())]).await.unwrap();
    let line = r#"{"user":"ana","task":"support","message":"Is it plugged in?"}"#;
    std::fs::write(folder.path().join("one.jsonl"), line).unwrap();
    let played = run(
        folder.path(),
        &provider(&server.base_url()),
        &["scenario", "run", "one.jsonl", "--output", "json"],
    );
    assert!(played.status.success(), "{}", text(&played.stderr));
    let played: Value = serde_json::from_slice(&played.stdout).unwrap();
    assert_eq!((&played["statuses"]["completed"], &played["simulated"]), (&1.into(), &false.into()));
    assert!(server.received()[0].body.get("stream").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_stops_when_only_a_person_can_help() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = Reply::status(401, "invalid_api_key", "Incorrect API key provided: sk-very-secret");
    let server = ModelServer::start([refusal]).await.unwrap();
    let line = r#"{"user":"ana","task":"support","message":"Is it plugged in?"}"#;
    for (lines, asked, expected) in [(10, 3, "stopped after 3 of 10"), (2, 5, "no message was answered")] {
        std::fs::write(folder.path().join("many.jsonl"), vec![line; lines].join("\n")).unwrap();
        let played = run(folder.path(), &provider(&server.base_url()), &["scenario", "run", "many.jsonl"]);
        assert_eq!(played.status.code(), Some(2));
        let told = text(&played.stderr);
        assert!(told.contains(expected) && told.contains("refused the key"), "{told}");
        assert!(!told.contains("very-secret"), "{told}");
        assert_eq!(server.received().len(), asked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_asks_each_model_once_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = ModelServer::start([Reply::Answer("Hello.".to_owned())]).await.unwrap();
    let model = |name: &str| {
        format!(
            "[models.{name}]\nfamily = \"openai-chat\"\nmodel = \"{name}\"\nbase_url = \"{}\"\n",
            server.base_url()
        )
    };
    let task = "[tasks.support.strategies.concise]\nsystem = \"Be brief.\"\n";
    std::fs::write(folder.path().join("helm.toml"), format!("{task}{}{}", model("main"), model("spare")))
        .unwrap();
    let looked = run(folder.path(), &[], &["doctor", "--live"]);
    assert!(looked.status.success(), "{}", text(&looked.stdout));
    let asked: Vec<_> = server.received().iter().map(|request| request.body["model"].clone()).collect();
    assert_eq!(asked, ["main", "spare"]);
    assert!(
        server.received().iter().all(|request| request.authorization.is_none()),
        "no key is sent unasked"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no database was made");
    let closed = format!(
        "{task}[models.main]\nfamily = \"openai-chat\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:9/v1\"\n"
    );
    std::fs::write(folder.path().join("helm.toml"), closed).unwrap();
    let looked = run(folder.path(), &[], &["doctor", "--live"]);
    assert_eq!(looked.status.code(), Some(1));
    assert!(text(&looked.stdout).contains("refused"), "the cause is told: {}", text(&looked.stdout));
}

/// A server on a free port, and all that it will have said when it ends.
fn served(folder: &Path, environment: &[(&str, &str)]) -> (Child, JoinHandle<String>, String) {
    let mut child = start(folder, environment, &["serve", "--listen", "127.0.0.1:0"]);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let (listens, address) = channel();
    // A pipe that nobody reads would fill up, and the server wait.
    let told = std::thread::spawn(move || {
        let mut all = String::new();
        loop {
            let begin = all.len();
            if told.read_line(&mut all).unwrap() == 0 {
                return all;
            }
            if let Some(address) = all[begin..].trim().strip_prefix("listening on http://") {
                listens.send(address.to_owned()).unwrap();
            }
        }
    });
    let address = address.recv_timeout(Duration::from_secs(30)).unwrap();
    (child, told, address)
}

/// What the server answers, or nothing when it is not there.
fn ask(address: &str, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Waits until the server answers so.
fn wait_for(address: &str, path: &str, holds: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = ask(address, "GET", path, "").unwrap();
        if holds(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn task(name: &str) -> String {
    format!("[tasks.{name}.strategies.concise]\nsystem = \"Be brief.\"\n")
}

#[test]
fn a_changed_configuration_is_taken_and_a_wrong_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.toml");
    std::fs::write(&path, task("support")).unwrap();
    let (mut child, told, address) = served(folder.path(), &[]);
    assert!(ask(&address, "GET", "/helm/v1/tasks", "").unwrap().contains("[\"support\"]"));
    std::fs::write(&path, task("support") + &task("tutor")).unwrap();
    wait_for(&address, "/helm/v1/tasks", |answer| answer.contains("[\"support\",\"tutor\"]"));
    let chat = r#"{"user_id":"ana","task":"tutor","message":"What is a prime?"}"#;
    assert!(ask(&address, "POST", "/chat", chat).unwrap().contains("\"status\":\"completed\""));
    std::fs::write(&path, task("support") + "[tasks.support]\nunheard_of = 1\n").unwrap();
    let refused = "helm_config_reload_total{outcome=\"refused\"} 1";
    wait_for(&address, "/metrics", |answer| answer.contains(refused));
    assert!(ask(&address, "GET", "/helm/v1/tasks", "").unwrap().contains("tutor"), "the present one stays");
    // A wrong one is not read again and again, but when somebody asks for it.
    signal(&child, "HUP");
    wait_for(&address, "/metrics", |answer| answer.contains("outcome=\"refused\"} 2"));
    std::fs::write(&path, task("tutor")).unwrap();
    wait_for(&address, "/helm/v1/tasks", |answer| answer.contains("[\"tutor\"]"));
    wait_for(&address, "/metrics", |answer| answer.contains("outcome=\"taken\"} 2"));
    // Without its file it would be another server.
    std::fs::remove_file(&path).unwrap();
    wait_for(&address, "/metrics", |answer| answer.contains("outcome=\"refused\"} 3"));
    assert!(ask(&address, "GET", "/helm/v1/tasks", "").unwrap().contains("[\"tutor\"]"), "it stays");
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
    let log = told.join().unwrap();
    assert!(
        log.contains("refused") && log.contains("unheard_of") && log.contains("helm.toml is gone"),
        "{log}"
    );
}

/// As long as file and server differ, and no longer.
#[test]
fn what_only_a_start_takes_is_said_while_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.toml");
    std::fs::write(&path, task("support")).unwrap();
    let (mut child, told, address) = served(folder.path(), &[]);
    let other = "[server]\ndrain_seconds = 9\n".to_owned() + &task("support");
    for (taken, text) in [(1, other.clone()), (2, other + &task("tutor")), (3, task("support"))] {
        std::fs::write(&path, text).unwrap();
        let counted = format!("outcome=\"taken\"}} {taken}");
        wait_for(&address, "/metrics", |answer| answer.contains(&counted));
    }
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
    let log = told.join().unwrap();
    assert_eq!(log.matches("wait for the next start").count(), 2, "{log}");
}

/// What is hidden of an address counts, and stays hidden.
#[test]
fn another_password_waits_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("helm.toml");
    let config = |secret: &str| {
        let redis = format!("[store]\nredis_url = \"redis://:{secret}@127.0.0.1:1\"\n");
        let embeddings = format!(
            "[embeddings]\nfamily = \"openai\"\nmodel = \"m\"\ndimensions = 3\nbase_url = \"http://127.0.0.1:1/v1?key={secret}\"\n"
        );
        redis + &embeddings + &task("support")
    };
    std::fs::write(&path, config("hunter-one")).unwrap();
    let (mut child, told, address) = served(folder.path(), &[]);
    std::fs::write(&path, config("hunter-two")).unwrap();
    wait_for(&address, "/metrics", |answer| answer.contains("outcome=\"taken\"} 1"));
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
    let log = told.join().unwrap();
    let waits = log.lines().find(|line| line.contains("wait for the next start")).unwrap_or_default();
    assert!(waits.contains("store") && waits.contains("embeddings"), "{log}");
    assert!(!log.contains("hunter"), "{log}");
}

#[test]
fn a_stop_under_load_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("helm.toml"),
        "[server]\ndrain_seconds = 8\n".to_owned() + &task("support"),
    )
    .unwrap();
    let (mut child, _told, address) = served(folder.path(), &[]);
    let talking = (0..6).map(|user| {
        let address = address.clone();
        std::thread::spawn(move || {
            let body =
                format!(r#"{{"user_id":"user-{user}","task":"support","message":"What is a prime?"}}"#);
            let mut acknowledged = Vec::new();
            while let Some(answer) = ask(&address, "POST", "/chat", &body) {
                if !answer.starts_with("HTTP/1.1 200") {
                    break;
                }
                let id = answer.split("\"decision_id\":\"").nth(1).unwrap()[..36].to_owned();
                acknowledged.push(id);
            }
            acknowledged
        })
    });
    let talking: Vec<_> = talking.collect();
    std::thread::sleep(Duration::from_millis(1500));
    signal(&child, "TERM");
    let told = Instant::now();
    assert_eq!(ended(&mut child), Some(0));
    assert!(told.elapsed() < Duration::from_secs(9), "{:?}", told.elapsed());
    let acknowledged: Vec<String> = talking.into_iter().flat_map(|one| one.join().unwrap()).collect();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let log = text(&run(folder.path(), &[], &["export"]).stdout);
    for id in &acknowledged {
        let row = log.lines().find(|row| row.contains(id)).unwrap_or_else(|| panic!("{id} is lost"));
        assert!(row.contains("completed"), "{row}");
    }
    let checked = run(folder.path(), &[], &["policy", "rebuild", "--task", "support", "--check"]);
    assert!(checked.status.success(), "{}", text(&checked.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = ModelServer::start([Reply::Stall("It is".to_owned(), 1)]).await.unwrap();
    let url = server.base_url();
    let (mut child, _told, address) = served(folder.path(), &provider(&url));
    let body = r#"{"user_id":"ana","task":"support","message":"Is it plugged in?","stream":true}"#;
    let asking = std::thread::spawn(move || ask(&address, "POST", "/chat", body));
    while server.received().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(&child, "TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(child.try_wait().unwrap().is_none(), "the turn may end");
    signal(&child, "TERM");
    let told = Instant::now();
    assert_eq!(ended(&mut child), Some(130));
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    drop(asking.join());
}

#[test]
fn each_value_says_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("helm.toml"),
        "[background]\nworkers = 7\n".to_owned() + &task("support"),
    )
    .unwrap();
    let environment = [("LOG_LEVEL", "debug"), ("OPENAI_API_KEY", "sk-very-secret")];
    let arguments = ["config", "show", "--origin", "--output", "json", "--database", "sqlite://x.db"];
    let shown = run(folder.path(), &environment, &arguments);
    assert!(!text(&shown.stdout).contains("very-secret"));
    let settings: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let of = |key: &str| {
        let found = settings.as_array().unwrap().iter().find(|setting| setting["key"] == key);
        found.unwrap_or_else(|| panic!("{key} is not there")).clone()
    };
    assert_eq!(
        (&of("background.workers")["value"], &of("background.workers")["origin"]["line"]),
        (&7.into(), &2.into())
    );
    assert_eq!(of("tasks.support.strategies.concise.system")["origin"]["file"], "helm.toml");
    assert_eq!(of("log.level")["origin"]["variable"], "LOG_LEVEL");
    assert_eq!(of("models.main.family")["origin"]["variable"], "OPENAI_API_KEY");
    assert_eq!(of("store.url")["origin"]["flag"], "--database");
    assert_eq!(of("background.queue")["origin"]["kind"], "default");
    let elsewhere = tempfile::tempdir().unwrap();
    let shown = run(elsewhere.path(), &[], &["config", "show", "--origin"]);
    assert!(
        text(&shown.stdout).contains("default") && !text(&shown.stdout).contains("helm.toml"),
        "{}",
        text(&shown.stdout)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_dies_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("helm.db"))).await.unwrap();
    let job = |kind: &str, body: Value| NewJob {
        kind: kind.to_owned(),
        dedupe: kind.to_owned(),
        body,
        run_at: Timestamp::from_micros(9),
        max_attempts: 1,
    };
    let (eu, now) = ("eu".parse().unwrap(), Timestamp::from_micros(9));
    let jobs = [job("default_reward", serde_json::json!({})), job("turn_deadline", serde_json::json!({}))];
    store.jobs().enqueue(&eu, &jobs).await.unwrap();
    // Whoever held this one was never heard of again.
    let held = store.jobs().claim(now, Duration::from_secs(1), 9, &["turn_deadline"]).await.unwrap();
    assert_eq!(held.len(), 1);
    store.close().await;
    let (mut child, told, address) = served(folder.path(), &[]);
    let warned = "dead jobs, whose work is not done: 2; `helmctl jobs list --tenant eu`";
    wait_for(&address, "/health", |answer| answer.contains(warned));
    let health = run(folder.path(), &[], &["health", "--url", &format!("http://{address}")]);
    assert!(health.status.success() && text(&health.stderr).contains(warned), "{}", text(&health.stderr));
    let listed = run(folder.path(), &[], &["jobs", "list"]);
    assert!(
        text(&listed.stderr).contains("2 are dead (2 of eu), over all tenants"),
        "{}",
        text(&listed.stderr)
    );
    signal(&child, "TERM");
    assert_eq!(ended(&mut child), Some(0));
    let log = told.join().unwrap();
    for (kind, why) in [("default_reward", "its body: "), ("turn_deadline", "without a word")] {
        let died = log.lines().find(|line| line.contains("a job has died") && line.contains(kind));
        let died = died.unwrap_or_else(|| panic!("{kind}: {log}"));
        assert!(died.contains("WARN") && died.contains("eu") && died.contains(why), "{died}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_jobs_are_listed_brought_back_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("helm.db"))).await.unwrap();
    let (tenant, now) = (TenantId::single(), Timestamp::from_micros(9));
    let job = |number: u32| NewJob {
        kind: "odd".to_owned(),
        dedupe: format!("odd:{number}"),
        body: serde_json::json!({ "n": number }),
        run_at: now,
        max_attempts: 1,
    };
    store.jobs().enqueue(&tenant, &[job(1), job(2), job(3)]).await.unwrap();
    for held in store.jobs().claim(now, Duration::from_secs(9), 9, &["odd"]).await.unwrap() {
        assert!(store.jobs().fail(&held, "it broke", now).await.unwrap());
    }
    store.close().await;
    let json = |arguments: &[&str]| -> Value {
        let output = run(folder.path(), &[], &[arguments, &["--output", "json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let looked = run(folder.path(), &[], &["doctor"]);
    let warned = "dead jobs, whose work is not done: 3; `helmctl jobs list`";
    assert!(looked.status.success() && text(&looked.stdout).contains(warned), "{}", text(&looked.stdout));
    let listed = json(&["jobs", "list"]);
    assert_eq!(listed["dead_of"]["default"], 3);
    assert_eq!((&listed["counts"]["dead"], listed["dead"].as_array().unwrap().len()), (&3.into(), 3));
    let id = listed["dead"][0]["id"].to_string();
    let shown = json(&["jobs", "show", &id]);
    assert_eq!(
        (&shown["kind"], &shown["error"], &shown["body"]),
        (&"odd".into(), &"it broke".into(), &"{\"n\":3}".into())
    );
    let half = run(folder.path(), &[], &["jobs", "drop", &id, "99"]);
    assert_eq!(half.status.code(), Some(2));
    assert_eq!(json(&["jobs", "list"])["counts"]["dead"], 3, "nothing is done by half");
    assert_eq!(json(&["jobs", "replay", &id, &id])["changed"], 1);
    assert_eq!(json(&["jobs", "list"])["counts"]["waiting"], 1);
    assert_eq!(json(&["jobs", "drop", "--all", "--kind", "other"])["changed"], 0);
    assert_eq!(json(&["jobs", "drop", "--all", "--tenant", "elsewhere"])["changed"], 0);
    assert_eq!(json(&["jobs", "drop", "--all", "--kind", "odd"])["changed"], 2);
    assert_eq!(json(&["jobs", "list"])["counts"]["dead"], 0);
    for (wrong, expected) in [
        (&["jobs", "show", &id][..], "jobs list"),
        (&["jobs", "drop", &id], "jobs list"),
        (&["jobs", "replay"], "--all"),
    ] {
        let refused = run(folder.path(), &[], wrong);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(expected), "{}", text(&refused.stderr));
    }
}
