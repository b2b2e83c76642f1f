//! Tools of MCP servers, as a program and behind an address.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use helm_core::{TenantId, UserId};
use helm_llm::{McpConfig, McpPlace, McpServer, Secret, ToolContext, ToolHandler};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp_server.py");

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    fn notes(&self, what: &str) -> usize {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().filter(|line| *line == what).count()
    }
}

fn as_program(log: &Path) -> McpConfig {
    let command = ["python3", SERVER, "stdio", log.to_str().unwrap()].map(str::to_owned).to_vec();
    let environment = vec![("GIVEN".to_owned(), Secret::new("12345"))];
    McpConfig::new("files".parse().unwrap(), McpPlace::Program { command, environment })
}

fn context() -> ToolContext {
    ToolContext::new(TenantId::single(), UserId::new("ana").unwrap())
}

fn named<'a>(tools: &'a [Arc<dyn ToolHandler>], name: &str) -> &'a Arc<dyn ToolHandler> {
    tools.iter().find(|tool| tool.tool().name.as_str() == name).unwrap()
}

async fn call(tools: &[Arc<dyn ToolHandler>], name: &str, arguments: Value) -> Result<String, String> {
    named(tools, name).call(arguments, &context()).await.map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn the_tools_of_a_program_are_called() {
    let folder = Folder::new();
    let tools = McpServer::tools(as_program(&folder.log())).await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.tool().name.to_string()).collect();
    assert_eq!(names, ["files_add", "files_environment", "files_fail_ing", "files_sleep", "files_die"]);
    let add = named(&tools, "files_add").tool();
    assert_eq!(
        (add.description.as_str(), &add.parameters.value()["required"]),
        ("Adds.", &json!(["a", "b"]))
    );
    assert_eq!(call(&tools, "files_add", json!({ "a": 2, "b": 3 })).await, Ok("5".to_owned()));
    assert_eq!(call(&tools, "files_fail_ing", json!({})).await, Err("not today".to_owned()));
    let environment = call(&tools, "files_environment", json!({})).await.unwrap();
    assert!(environment.contains("GIVEN") && environment.contains("PATH"), "{environment}");
    assert!(!environment.contains("CARGO"), "nothing else is handed on: {environment}");
    assert_eq!(folder.notes("begins"), 1);
}

#[tokio::test]
async fn a_call_ends_in_time_and_is_cancelled_at_the_server() {
    let folder = Folder::new();
    let mut config = as_program(&folder.log());
    config.timeout = Duration::from_millis(200);
    let tools = McpServer::tools(config).await.unwrap();
    let late = call(&tools, "files_sleep", json!({})).await.unwrap_err();
    assert!(late.contains("in time"), "{late}");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cancelled = named(&tools, "files_sleep").call(json!({}), &context().with_cancel(cancel)).await;
    assert!(cancelled.unwrap_err().to_string().contains("cancelled"));
    for _ in 0..100 {
        if folder.notes("notifications/cancelled") > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the server was not told");
}

#[tokio::test]
async fn a_server_that_dies_is_started_again() {
    let folder = Folder::new();
    let tools = McpServer::tools(as_program(&folder.log())).await.unwrap();
    call(&tools, "files_die", json!({})).await.unwrap_err();
    for _ in 0..100 {
        if call(&tools, "files_add", json!({ "a": 1, "b": 1 })).await.is_ok() {
            assert_eq!(folder.notes("begins"), 2);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come back");
}

#[tokio::test]
async fn what_cannot_be_had_says_so() {
    let nowhere = McpPlace::Program { command: vec!["/does/not/exist".to_owned()], environment: Vec::new() };
    let error = McpServer::tools(McpConfig::new("files".parse().unwrap(), nowhere)).await.err().unwrap();
    assert!(error.to_string().contains("files"), "{error}");
    let folder = Folder::new();
    let mut config = as_program(&folder.log());
    config.tools = Some(vec!["add".to_owned(), "absent".to_owned()]);
    let error = McpServer::tools(config.clone()).await.err().unwrap().to_string();
    assert!(error.contains("\"absent\"") && error.contains("add"), "{error}");
    config.tools = Some(vec!["add".to_owned()]);
    assert_eq!(McpServer::tools(config).await.unwrap().len(), 1);
}

/// Ends when its standard input does, so with the test.
struct Served(Child, String);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn served(log: &Path) -> Served {
    let mut child = Command::new("python3")
        .args([SERVER, "http", log.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
    Served(child, format!("http://127.0.0.1:{}/mcp", port.trim()))
}

#[tokio::test]
async fn the_tools_behind_an_address_are_called() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Folder::new();
    let server = served(&folder.log());
    let at = |key: &str| {
        let place = McpPlace::Address { url: server.1.as_str().into(), key: Some(Secret::new(key)) };
        let mut config = McpConfig::new("web".parse().unwrap(), place);
        config.timeout = Duration::from_secs(2);
        config
    };
    let tools = McpServer::tools(at("sesame")).await.unwrap();
    assert_eq!(call(&tools, "web_add", json!({ "a": 2, "b": 3 })).await, Ok("5".to_owned()));
    let refused = McpServer::tools(at("wrong-key")).await.err().unwrap().to_string();
    assert!(!refused.contains("wrong-key"), "{refused}");
    drop(server);
    let gone = call(&tools, "web_add", json!({ "a": 2, "b": 3 })).await.unwrap_err();
    assert!(!gone.is_empty() && !gone.contains("sesame"), "{gone}");
}
