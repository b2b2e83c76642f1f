//! Tools of MCP servers. All that is known of `rmcp` is known here.

use std::fmt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use helm_core::ToolName;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, Tool as Offered};
use rmcp::service::{Peer, RoleClient, RunningService, ServiceExt};
use rmcp::transport::child_process::TokioChildProcess;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::handler::{ToolContext, ToolFailure, ToolHandler};
use crate::http::endpoint;
use crate::redacted::RedactedUrl;
use crate::request::Tool;
use crate::schema::Schema;
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// How long a server may take to begin.
const BEGINNING: Duration = Duration::from_secs(20);
/// How long one that cannot be reached is left alone, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// What programs are told of this process's environment in any case.
const ENVIRONMENT: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ"];
/// The longest name that all providers take.
const LONGEST_NAME: usize = 64;

/// Where an MCP server is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum McpPlace {
    /// A program that is started here and spoken to over its standard input and output.
    Program {
        /// The program and its arguments.
        command: Vec<String>,
        /// Variables for its environment beside `PATH` and the like; it is told of no others.
        environment: Vec<(String, Secret)>,
    },
    /// An address that is spoken to over HTTP.
    Address {
        /// Where.
        url: RedactedUrl,
        /// Sent as a bearer token.
        key: Option<Secret>,
    },
}

/// An MCP server, and what is used of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct McpConfig {
    /// What its tools' names begin with.
    pub name: ToolName,
    /// Where it is.
    pub place: McpPlace,
    /// Which of its tools are used, by its own names. Default: all.
    pub tools: Option<Vec<String>>,
    /// How long one call may take. Default: 30 s.
    pub timeout: Duration,
}

impl McpConfig {
    /// A server of which all tools are used.
    #[must_use]
    pub fn new(name: ToolName, place: McpPlace) -> Self {
        Self { name, place, tools: None, timeout: Duration::from_secs(30) }
    }
}

/// Why the tools of an MCP server cannot be had. Holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("the MCP server {server}: {why}")]
pub struct McpError {
    server: ToolName,
    why: String,
}

/// An MCP server that is spoken to for as long as somebody holds it or one of its tools. One that has gone away is
/// reached again with the next call; while that fails, it is left alone for longer and longer, up to a minute, and calls
/// of its tools fail at once.
pub struct McpServer {
    config: McpConfig,
    line: Mutex<Line>,
}

type Running = RunningService<RoleClient, ()>;

/// The connection, or when it may be made again.
enum Line {
    Open(Running),
    Closed { failures: u32, until: Option<Instant> },
}

impl McpServer {
    /// Reaches a server and asks for its tools: each is called `SERVER_TOOL`, with what no name may have replaced by
    /// `_`. Those without a usable name or schema are left out, which the log says.
    ///
    /// # Errors
    ///
    /// [`McpError`] when it cannot be reached, or has not a tool that the configuration names.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub async fn tools(config: McpConfig) -> Result<Vec<Arc<dyn ToolHandler>>, McpError> {
        let line = Mutex::new(Line::Closed { failures: 0, until: None });
        let server = Arc::new(Self { config, line });
        let wrong = |why| McpError { server: server.config.name.clone(), why };
        let peer = server.peer().await.map_err(|failure| wrong(failure.to_string()))?;
        let offered = tokio::time::timeout(BEGINNING, peer.list_all_tools()).await;
        let offered = offered.map_err(|_| wrong("it does not say which tools it has".to_owned()))?;
        let offered =
            offered.map_err(|error| wrong(format!("it does not say which tools it has: {error}")))?;
        let wanted = server.config.tools.as_deref();
        let absent =
            wanted.into_iter().flatten().find(|name| !offered.iter().any(|tool| tool.name == **name));
        if let Some(absent) = absent {
            let known = offered.iter().map(|tool| &*tool.name).collect::<Vec<_>>().join(", ");
            return Err(wrong(format!("it has no tool {absent:?}; it has: {known}")));
        }
        let is_wanted =
            |tool: &&Offered| wanted.is_none_or(|names| names.iter().any(|name| *name == tool.name));
        let handlers = offered.iter().filter(is_wanted).filter_map(|tool| server.handler(tool));
        Ok(handlers.collect())
    }

    fn handler(self: &Arc<Self>, offered: &Offered) -> Option<Arc<dyn ToolHandler>> {
        let told = self.told(offered).inspect_err(|why| {
            tracing::warn!(server = %self.config.name, tool = %offered.name, why, "a tool is left out");
        });
        let (tool, name) = (told.ok()?, offered.name.to_string());
        Some(Arc::new(McpTool { tool, name, server: Arc::clone(self) }))
    }

    /// What a model is told of a tool.
    fn told(&self, offered: &Offered) -> Result<Tool, String> {
        let name = format!("{}_{}", self.config.name, offered.name);
        let usable = |char: char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' };
        let name: String = name.chars().map(usable).collect();
        if name.len() > LONGEST_NAME {
            return Err(format!("the name {name} is longer than {LONGEST_NAME} characters"));
        }
        let name = ToolName::new(name).map_err(|error| error.to_string())?;
        let schema = Schema::new(Value::Object((*offered.input_schema).clone()));
        let description = offered.description.as_deref().or(offered.title.as_deref()).unwrap_or_default();
        Ok(Tool::new(name, description, schema.map_err(|error| error.to_string())?))
    }

    /// Whom to speak to; reached again when it has gone away. Those who ask meanwhile wait for the same attempt.
    async fn peer(&self) -> Result<Peer<RoleClient>, ToolFailure> {
        let mut line = self.line.lock().await;
        let failures = match &*line {
            Line::Open(running) if !running.is_closed() && !running.is_transport_closed() => {
                return Ok(running.peer().clone());
            }
            Line::Open(_) => 0,
            Line::Closed { until: Some(until), .. } if Instant::now() < *until => return Err(away()),
            Line::Closed { failures, .. } => *failures,
        };
        let reached = tokio::time::timeout(BEGINNING, self.reach()).await;
        match reached.unwrap_or_else(|_| Err("it does not answer".to_owned())) {
            Ok(running) => {
                let peer = running.peer().clone();
                *line = Line::Open(running);
                Ok(peer)
            }
            Err(why) => {
                tracing::warn!(server = %self.config.name, why, "an MCP server cannot be reached");
                let pause = PAUSES.0.saturating_mul(1 << failures.min(10)).min(PAUSES.1);
                let until = Some(Instant::now() + pause);
                *line = Line::Closed { failures: failures.saturating_add(1), until };
                Err(away())
            }
        }
    }

    async fn reach(&self) -> Result<Running, String> {
        let failed = |error: rmcp::service::ClientInitializeError| self.scrubbed(&error.to_string());
        match &self.config.place {
            McpPlace::Program { command, environment } => {
                let program = program(command, environment)?;
                ().serve(program).await.map_err(failed)
            }
            McpPlace::Address { url, key } => ().serve(address(url, key.as_ref())?).await.map_err(failed),
        }
    }

    /// A message without keys and without the address, which may hold some.
    fn scrubbed(&self, text: &str) -> String {
        match &self.config.place {
            McpPlace::Program { environment, .. } => {
                Scrubber::knowing(environment.iter().map(|(_, value)| value)).text(text)
            }
            McpPlace::Address { url, key } => {
                let text = text.replace(url.expose(), &url.to_string());
                let known = Scrubber::knowing(key);
                let url = url::Url::parse(url.expose());
                url.map_or(known.clone(), |url| known.and_those_of(&url)).text(&text)
            }
        }
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("McpServer").field(&self.config.name).finish()
    }
}

fn away() -> ToolFailure {
    ToolFailure::new("the tool cannot be reached now")
}

fn program(command: &[String], environment: &[(String, Secret)]) -> Result<TokioChildProcess, String> {
    let (program, arguments) = command.split_first().ok_or("it has no command")?;
    let mut command = tokio::process::Command::new(program);
    // A server is somebody else's program: keys of this process are none of its business.
    let usual = ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.args(arguments).env_clear().envs(usual).kill_on_drop(true);
    command.envs(environment.iter().map(|(name, value)| (name, value.expose())));
    let spawned = TokioChildProcess::builder(command).stderr(Stdio::null()).spawn();
    spawned.map(|(program, _)| program).map_err(|error| format!("{program} cannot be started: {error}"))
}

fn address(
    url: &RedactedUrl,
    key: Option<&Secret>,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, String> {
    // Whoever answers cannot send requests, and the key in them, elsewhere.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.connect_timeout(Duration::from_secs(5)).build().map_err(|error| error.to_string())?;
    let url = endpoint(url, &[]).map_err(|error| error.replace("base_url", "url"))?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
    if let Some(key) = key {
        config = config.auth_header(key.expose());
    }
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// A tool of a server.
struct McpTool {
    tool: Tool,
    /// What the server calls it.
    name: String,
    server: Arc<McpServer>,
}

impl McpTool {
    async fn ask(&self, arguments: Value) -> Result<String, ToolFailure> {
        let mut params = CallToolRequestParams::new(self.name.clone());
        if let Value::Object(fields) = arguments {
            params = params.with_arguments(fields);
        }
        let peer = self.server.peer().await?;
        // Dropped before it is answered, the call is cancelled at the server.
        let answered = peer.call_tool(params).await.map_err(|error| {
            let why = self.server.scrubbed(&error.to_string());
            tracing::warn!(tool = %self.tool.name, why, "an MCP server did not answer a call");
            ToolFailure::new(format!("the tool failed: {why}"))
        })?;
        let text = text(&answered);
        if answered.is_error == Some(true) { Err(ToolFailure::new(text)) } else { Ok(text) }
    }
}

/// What a model is told of a result.
fn text(result: &CallToolResult) -> String {
    let parts = result.content.iter().map(|part| match part {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(_) => "(a picture)".to_owned(),
        ContentBlock::Audio(_) => "(a recording)".to_owned(),
        other => serde_json::to_string(other).unwrap_or_default(),
    });
    let text = parts.collect::<Vec<_>>().join("\n");
    match &result.structured_content {
        Some(value) if text.is_empty() => value.to_string(),
        _ => text,
    }
}

#[async_trait]
impl ToolHandler for McpTool {
    fn tool(&self) -> &Tool {
        &self.tool
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<String, ToolFailure> {
        let limit = Instant::now() + self.server.config.timeout;
        let until = context.deadline.map_or(limit, |deadline| deadline.min(limit));
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => Err(ToolFailure::new("the call was cancelled")),
            () = tokio::time::sleep_until(until) => Err(ToolFailure::new("no answer in time")),
            answered = self.ask(arguments) => answered,
        }
    }
}
