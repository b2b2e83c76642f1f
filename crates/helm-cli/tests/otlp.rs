//! The traces of the built program, as a collector receives them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use helm_testkit::{ModelServer, Reply};
use serde_json::Value;

/// Takes whatever is posted; where it is, and what came.
fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some((path, body)) = posted(&mut reader) {
                    assert_eq!(path, "/v1/traces");
                    sender.send(serde_json::from_slice(&body).unwrap()).unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                }
            });
        }
    });
    (address, received)
}

/// The next request's path and body.
fn posted(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, body))
}

/// A span's attribute.
fn attribute<'s>(span: &'s Value, key: &str) -> Option<&'s Value> {
    let found = span["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == key)?;
    found["value"].as_object()?.values().next()
}

/// A server that sends its traces to the collector, and where it listens.
fn serving(folder: &Path, model: &str, collector: &str) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_helmctl"));
    let mut child = helm_testkit::without_environment(&mut program)
        .current_dir(folder)
        .envs([("OPENAI_API_KEY", "sk-very-secret"), ("OPENAI_MODEL", "gpt-test"), ("LOG_LEVEL", "error")])
        .envs([("OPENAI_BASE_URL", model), ("OTEL_EXPORTER_OTLP_ENDPOINT", collector)])
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(told.read_line(&mut line).unwrap() > 0, "it never listened");
        if let Some(address) = line.trim().strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    // Whoever cannot say what goes wrong would panic.
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    (child, address)
}

/// Ends the server; all the spans that it sent.
async fn ended(mut child: Child, received: &Receiver<Value>) -> Vec<Value> {
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap().success());
    let mut spans = Vec::new();
    while let Ok(batch) = received.recv_timeout(Duration::from_secs(1)) {
        assert!(batch["resourceSpans"][0]["resource"]["attributes"].to_string().contains("helm"), "{batch}");
        for scope in batch["resourceSpans"][0]["scopeSpans"].as_array().unwrap() {
            spans.extend(scope["spans"].as_array().unwrap().iter().cloned());
        }
    }
    spans
}

/// Asks for a path with this header.
fn asked(address: &str, path: &str, header: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n\r\n").unwrap();
    assert!(std::io::read_to_string(&mut stream).unwrap().starts_with("HTTP/1.1 200"), "{path}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_one_trace_through_every_layer() {
    let folder = tempfile::tempdir().unwrap();
    let model = ModelServer::start([Reply::Answer("Yes, it is plugged in.".to_owned())]).await.unwrap();
    let (collector, received) = collector();
    let (child, address) = serving(folder.path(), &model.base_url(), &collector);
    let answer = tokio::task::spawn_blocking(move || {
        let body = r#"{"user_id":"zephyrine","task":"support","message":"Is my quokka plugged in?"}"#;
        asked(&address, "/helm/v1/users/zephyrine/preferences", "accept: */*");
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.contains("\"status\":\"completed\""), "{answer}");
    let spans = ended(child, &received).await;
    let find = |name: &str| {
        spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| {
            let names: Vec<_> = spans.iter().map(|span| &span["name"]).collect();
            panic!("no span {name}, but {names:?}")
        })
    };
    let turn = find("invoke_agent support");
    let request = spans.iter().find(|span| span["spanId"] == turn["parentSpanId"]).unwrap();
    assert_eq!(request["name"], "request");
    assert!(
        spans.iter().all(|span| span["events"].as_array().is_none_or(Vec::is_empty)),
        "no words of others"
    );
    for part in ["recall", "chat", "evaluate", "commit"] {
        let part = find(part);
        assert_eq!(part["traceId"], turn["traceId"], "{part}");
        assert_eq!(part["parentSpanId"], turn["spanId"], "{part}");
    }
    assert_eq!(attribute(turn, "gen_ai.operation.name").unwrap(), "invoke_agent");
    assert_eq!(attribute(turn, "gen_ai.agent.name").unwrap(), "support");
    assert_eq!(attribute(turn, "helm.status").unwrap(), "completed");
    assert!(attribute(turn, "helm.strategy").is_some() && attribute(turn, "helm.reward").is_some());
    assert_eq!(attribute(find("chat"), "gen_ai.request.model").unwrap(), "gpt-test");
    let all = serde_json::to_string(&spans).unwrap();
    for secret in ["very-secret", "quokka", "zephyrine"] {
        assert!(!all.contains(secret), "{secret} is in a trace");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_a_part_of_its_callers_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    let folder = tempfile::tempdir().unwrap();
    let model = ModelServer::start([Reply::Answer("Yes.".to_owned())]).await.unwrap();
    let (collector, received) = collector();
    let (child, address) = serving(folder.path(), &model.base_url(), &collector);
    let asking = tokio::task::spawn_blocking(move || {
        let given = format!("traceparent: 00-{TRACE}-{SPAN}-01");
        asked(&address, "/helm/v1/tasks", &given);
        let body = r#"{"user_id":"ana","task":"support","message":"Is it plugged in?"}"#;
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{given}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        assert!(std::io::read_to_string(&mut stream).unwrap().contains("\"status\":\"completed\""));
        for wrong in [
            "traceparent: 00-zzz-1-01".to_owned(),
            format!("traceparent: 00-{TRACE}-0000000000000000-01"),
            format!("traceparent: 00-{}-{SPAN}-01", "0".repeat(32)),
            "traceparent: ".to_owned(),
        ] {
            asked(&address, "/livez", &wrong);
        }
    });
    asking.await.unwrap();
    let spans = ended(child, &received).await;
    let requests = |path: &str| {
        let requests = spans.iter().filter(|span| span["name"] == "request");
        requests.filter(|span| attribute(span, "path").is_some_and(|at| at == path)).collect::<Vec<_>>()
    };
    for path in ["/helm/v1/tasks", "/chat"] {
        let [request] = requests(path)[..] else { panic!("{path}") };
        assert_eq!((&request["traceId"], &request["parentSpanId"]), (&TRACE.into(), &SPAN.into()), "{path}");
    }
    let turn = spans.iter().find(|span| span["name"] == "invoke_agent support").unwrap();
    assert_eq!((&turn["traceId"], &turn["parentSpanId"]), (&TRACE.into(), &requests("/chat")[0]["spanId"]));
    let own = requests("/livez");
    assert_eq!(own.len(), 4);
    for request in own {
        assert!(
            request["traceId"] != TRACE && request["parentSpanId"].as_str().is_none_or(str::is_empty),
            "{request}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_told_of_the_trace_where_its_table_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let model = ModelServer::start([Reply::Answer("Yes.".to_owned())]).await.unwrap();
    let table = |name: &str, more: &str| {
        let url = model.base_url();
        format!("[models.{name}]\nfamily = \"openai-chat\"\nmodel = \"{name}\"\nbase_url = \"{url}\"\n{more}")
    };
    let config = table("told", "propagate_trace = true\n")
        + &table("untold", "")
        + "[tasks.support.strategies.told]\nmodel = \"told\"\n[tasks.support.strategies.untold]\nmodel = \"untold\"\n";
    std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    let (collector, received) = collector();
    let (child, address) = serving(folder.path(), &model.base_url(), &collector);
    let asking = tokio::task::spawn_blocking(move || {
        for strategy in ["told", "untold"] {
            let body = format!(
                r#"{{"user_id":"ana","task":"support","message":"Is it on?","strategy":"{strategy}"}}"#
            );
            let mut stream = TcpStream::connect(&address).unwrap();
            write!(stream, "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntracestate: mine=secret\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
            assert!(std::io::read_to_string(&mut stream).unwrap().contains("\"status\":\"completed\""));
        }
    });
    asking.await.unwrap();
    let spans = ended(child, &received).await;
    let told = |name: &str| {
        let asked = model.received();
        let asked = asked.iter().find(|asked| asked.body["model"] == name).unwrap();
        assert!(!asked.headers.contains_key("tracestate"));
        asked.headers.get("traceparent").cloned()
    };
    let is_told = |span: &&Value| {
        span["name"] == "chat" && attribute(span, "gen_ai.request.model").is_some_and(|model| model == "told")
    };
    let span = spans.iter().find(is_told).unwrap();
    let (trace, id) = (span["traceId"].as_str().unwrap(), span["spanId"].as_str().unwrap());
    assert_eq!(told("told"), Some(format!("00-{trace}-{id}-01")));
    assert_eq!(told("untold"), None);
}
