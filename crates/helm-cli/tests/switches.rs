//! What the plain names of the environment switch, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use helm_testkit::{ModelServer, Reply};
use serde_json::Value;

const TASK: &str = r#"
[tasks.support]
remember = true
[tasks.support.strategies.concise]
system = "Be brief. Remember: {{ memories }}"
retrieve = { memories = 3 }
[tasks.support.strategies.friendly]
system = "Be warm. Remember: {{ memories }}"
retrieve = { memories = 3 }
"#;

const EXPERIMENT: &str = r#"
[experiments.tone]
task = "support"
variants.control = { strategy = "concise" }
variants.warm = { strategy = "friendly" }
"#;

/// Everything that Helm itself can say.
const DEBUG: &str =
    "info,helm_server=debug,helm_orchestrator=debug,helm_llm=debug,helm_store=debug,helmctl=debug";

const SECRET: &str = "sk-very-secret-key-of-somebody";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The environment that makes this server the model, with more.
fn with<'e>(url: &'e str, more: &[(&'e str, &'e str)]) -> Vec<(&'e str, &'e str)> {
    let provider = [("OPENAI_API_KEY", SECRET), ("OPENAI_BASE_URL", url), ("OPENAI_MODEL", "gpt-test")];
    provider.iter().chain(more).copied().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_vector_search_nothing_is_embedded_and_nothing_recalled() {
    for (switch, embeds) in [("true", true), ("false", false)] {
        let folder = tempfile::tempdir().unwrap();
        let server = ModelServer::start([Reply::Answer("Fine.".to_owned())]).await.unwrap();
        let embeddings = format!(
            "[embeddings]\nfamily = \"openai\"\nmodel = \"e\"\ndimensions = 3\nbase_url = \"{}\"\n",
            server.base_url()
        );
        std::fs::write(folder.path().join("helm.toml"), embeddings + TASK).unwrap();
        let url = server.base_url();
        let environment = with(&url, &[("ENABLE_VECTOR_SEARCH", switch)]);
        // Each in a conversation of its own: without memories there is nothing to have it from.
        for said in ["My quokka drinks green tea\n", "What does my quokka drink?\n"] {
            let chat = program::helmctl(folder.path(), &environment, &["chat", "--user", "ana"], said);
            assert!(chat.status.success(), "{}", text(&chat.stderr));
        }
        let received = server.received();
        let (embedded, asked): (Vec<_>, Vec<_>) =
            received.iter().partition(|request| request.path.ends_with("/embeddings"));
        assert_eq!(!embedded.is_empty(), embeds, "{switch}");
        assert_eq!(asked.len(), 2, "{switch}");
        let instructions = asked[1].body["messages"][0]["content"].to_string();
        assert_eq!(instructions.contains("quokka"), embeds, "{switch}: {instructions}");
        let exported = program::helmctl(folder.path(), &[], &["users", "export", "ana"], "");
        let exported: Value = serde_json::from_slice(&exported.stdout).unwrap();
        assert_eq!(exported["memories"].as_array().unwrap().is_empty(), !embeds, "{switch}");
    }
}

#[test]
fn without_ab_testing_nobody_is_assigned() {
    for (switch, assigns) in [("on", true), ("off", false)] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("helm.toml"), EXPERIMENT.to_owned() + TASK).unwrap();
        let environment = [("ENABLE_AB_TESTING", switch)];
        let scene =
            |user| format!(r#"{{"user":"user-{user}","task":"support","message":"What is a prime?"}}"#);
        let scenes = (0..8).map(scene).collect::<Vec<_>>().join("\n");
        std::fs::write(folder.path().join("talk.jsonl"), scenes).unwrap();
        let played = program::helmctl(folder.path(), &environment, &["scenario", "run", "talk.jsonl"], "");
        assert!(played.status.success(), "{}", text(&played.stderr));
        let rows = lines(&program::helmctl(folder.path(), &environment, &["export"], ""));
        assert_eq!(rows.len(), 8);
        for row in &rows {
            assert_eq!(row["mode"] == "assigned", assigns, "{switch}: {row}");
            for column in ["experiment", "variant", "assigned_by", "experiment_version"] {
                assert_eq!(row[column].is_null(), !assigns, "{switch}: {row}");
            }
        }
        for format in ["json", "table"] {
            let assign = ["experiment", "assign", "tone", "--unit", "user-1", "--output", format];
            let told = program::helmctl(folder.path(), &environment, &assign, "");
            let told = text(&told.stdout);
            assert_eq!(told.contains("A/B testing is off"), !assigns, "{switch}: {told}");
            assert_eq!(
                ["control", "warm"].iter().any(|name| told.contains(name)),
                assigns,
                "{switch}: {told}"
            );
        }
        let report = ["experiment", "analyze", "tone", "--output", "json"];
        let report = program::helmctl(folder.path(), &environment, &report, "");
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        let users = report["variants"].as_array().unwrap().iter().map(|side| side["users"].as_u64().unwrap());
        assert_eq!(users.sum::<u64>(), if assigns { 8 } else { 0 }, "{switch}: {report}");
    }
}

/// What a server says on standard error, from its start to its end, of one turn and one look.
fn logged(folder: &Path, environment: &[(&str, &str)], message: &str) -> Vec<String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut child = program::start(folder, environment, &["serve", "--listen", &port]);
    let told = BufReader::new(child.stderr.take().unwrap());
    let reading = std::thread::spawn(move || told.lines().map(Result::unwrap).collect::<Vec<_>>());
    let mut stream = (0..500).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        TcpStream::connect(&port).ok()
    });
    let stream = stream.as_mut().unwrap();
    let body =
        serde_json::json!({ "user_id": "zephyrine", "task": "support", "message": message }).to_string();
    write!(stream, "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    std::io::read_to_string(stream).unwrap();
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    reading.join().unwrap()
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object())
}

#[test]
fn environment_and_level_choose_how_much_is_logged_and_how() {
    for (file, environment, json, requests) in [
        ("", &[][..], false, true),
        ("", &[("ENVIRONMENT", "development")], false, true),
        ("", &[("ENVIRONMENT", "production")], true, true),
        ("environment = \"production\"\n[log]\nformat = \"text\"\n", &[], false, true),
        ("[log]\nformat = \"json\"\nlevel = \"error\"\n", &[("LOG_LEVEL", "info")], true, true),
        ("", &[("LOG_LEVEL", "warn")], false, false),
        ("", &[("LOG_LEVEL", "WARNING"), ("ENVIRONMENT", "production")], true, false),
        ("", &[("LOG_LEVEL", "helm_server=warn,info")], false, false),
        ("", &[("LOG_LEVEL", "off")], false, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("helm.toml"), file.to_owned() + TASK).unwrap();
        let lines = logged(folder.path(), environment, "What is a prime?");
        let case = format!("{file:?} {environment:?}: {lines:#?}");
        assert_eq!(lines.iter().any(|line| is_json(line)), json && requests, "{case}");
        assert!(!json || lines.iter().all(|line| is_json(line)), "{case}");
        let told = lines.iter().filter(|line| line.contains("request_id"));
        assert_eq!(told.count() > 0, requests, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_for_programs_is_json_to_the_last_line_and_tells_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = Reply::status(401, "invalid_api_key", &format!("Incorrect API key provided: {SECRET}"));
    let server = ModelServer::start([refusal]).await.unwrap();
    std::fs::write(folder.path().join("helm.toml"), TASK).unwrap();
    let url = server.base_url();
    let made = program::helmctl(folder.path(), &[], &["keys", "new", "app", "--output", "json"], "");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (key, entry) = (made["key"].as_str().unwrap(), made["entry"].as_str().unwrap());
    let more = [("ENVIRONMENT", "production"), ("LOG_LEVEL", DEBUG), ("HELM_API_KEYS", entry)];
    let environment = with(&url, &more);
    // Without the key the turn is refused, and with none at all it fails at the provider.
    let guarded = logged(folder.path(), &environment, "My quokka is called Marsupial");
    let open: Vec<_> = environment.iter().filter(|(name, _)| *name != "HELM_API_KEYS").copied().collect();
    let failed = logged(folder.path(), &open, "My quokka is called Marsupial");
    for line in guarded.iter().chain(&failed) {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for part in ["timestamp", "level", "target"] {
            assert!(event[part].is_string(), "{part}: {line}");
        }
        assert!(event["fields"]["message"].is_string(), "{line}");
        let hash = entry.rsplit(':').next().unwrap();
        for secret in [SECRET, key, hash, "quokka", "Marsupial", "zephyrine"] {
            assert!(!line.contains(secret), "{secret}: {line}");
        }
    }
    let said = |text: &str| failed.iter().any(|line| line.contains(text));
    assert!(
        said("listening on http://") && said("stopping") && said("the model did not answer"),
        "{failed:#?}"
    );
}
