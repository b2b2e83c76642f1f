use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use helm_core::{
    EvaluatorName, ModelName, Retrieval, RewardName, StrategyId, StrategyName, TaskId, ToolName,
};
use helm_eval::RewardSpecConfig;
use helm_guardrails::GuardrailConfig;
use helm_llm::{RedactedUrl, TraceHeaders};
use helm_store::sqlite::Synchronous;
use serde::{Deserialize, Serialize};

use super::candidate::CandidateSection;
use super::checks::CheckSection;
use super::experiments::ExperimentsSection;
use super::judges::JudgeSection;
use super::limits::LimitsSection;
use super::mcp::McpSection;
use super::model_section::{EmbeddingSection, ModelSection};
use super::origin::Origin;
use super::places::Places;
use super::schema::{PolicyTable, RetrievalTable};
use super::tools::ToolSection;
use crate::task::Sticky;

/// A whole configuration, as `helm.toml` writes it. Parsed, not yet checked: [`HelmConfig::builder`] checks.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HelmConfig {
    /// Where it runs. Environment: `ENVIRONMENT`. In production logs are JSON unless `log.format` says otherwise.
    pub environment: Option<Environment>,
    /// The HTTP server.
    pub server: ServerSection,
    /// Where state is kept.
    pub store: StoreSection,
    /// Logs.
    pub log: LogSection,
    /// Metrics.
    pub metrics: MetricsSection,
    /// Traces.
    pub traces: TracesSection,
    /// What can be switched off.
    pub features: FeatureSection,
    /// Background work.
    pub background: BackgroundSection,
    /// Models by name. None: the built-in model as `main`.
    #[schemars(with = "BTreeMap<String, ModelSection>")]
    pub models: BTreeMap<ModelName, ModelSection>,
    /// Tools behind addresses, by name.
    #[schemars(with = "BTreeMap<String, ToolSection>")]
    pub tools: BTreeMap<ToolName, ToolSection>,
    /// Models that judge turns, by the name that rewards know them under.
    #[schemars(with = "BTreeMap<String, JudgeSection>")]
    pub judges: BTreeMap<EvaluatorName, JudgeSection>,
    /// Checks that guardrails leave to others, by name.
    pub checks: BTreeMap<String, CheckSection>,
    /// MCP servers, by name.
    #[schemars(with = "BTreeMap<String, McpSection>")]
    pub mcp: BTreeMap<ToolName, McpSection>,
    /// How much may be used.
    pub limits: LimitsSection,
    /// What makes texts comparable, for memories.
    pub embeddings: EmbeddingSection,
    /// Tasks by name.
    #[schemars(with = "BTreeMap<String, TaskSection>")]
    pub tasks: BTreeMap<TaskId, TaskSection>,
    /// Reward specifications by name.
    #[schemars(with = "BTreeMap<String, RewardSpecConfig>")]
    pub rewards: BTreeMap<RewardName, RewardSpecConfig>,
    /// Guardrail settings by name.
    #[schemars(with = "BTreeMap<String, GuardrailConfig>")]
    pub guardrails: BTreeMap<String, GuardrailConfig>,
    /// Running experiments.
    pub experiments: ExperimentsSection,
    /// The folder that relative paths in the file are relative to. Set by loading.
    #[serde(skip)]
    pub folder: PathBuf,
    /// What the environment and flags have said instead.
    #[serde(skip)]
    pub(super) overridden: BTreeMap<String, Origin>,
    /// Where in which file each part was written.
    #[serde(skip)]
    pub(super) places: Places,
    /// What tells models of the trace.
    #[serde(skip)]
    pub(super) trace_headers: Option<TraceHeaders>,
}

/// Where Helm runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On somebody's desk: logs for people.
    Development,
    /// For others: logs for programs.
    Production,
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ServerSection {
    /// Where to listen. Without keys only loopback addresses are accepted. Default: `127.0.0.1:8080`.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The largest request body in bytes. Default: 2 MiB.
    pub max_body_bytes: usize,
    /// How many requests may be in flight at once, turns that are being recorded included; what goes beyond is refused
    /// with 503. Default: 2,048.
    #[schemars(range(min = 1))]
    pub max_in_flight: usize,
    /// How many bytes their bodies may have together. Default: 128 MiB.
    #[schemars(range(min = 1))]
    pub max_in_flight_bytes: usize,
    /// How long running turns may take to end when the server stops, in seconds. Default: 20.
    pub drain_seconds: u64,
    /// The most messages that a chat API's request may have. Default: 2,048.
    pub max_messages: usize,
    /// The most tools that a request may bring along. Default: 128.
    pub max_tools: usize,
    /// The most bytes of their descriptions and schemas together. Default: 512 KiB.
    pub max_tool_bytes: usize,
    /// The file with the keys that open the API, as `NAME:HASH` a line; relative to the configuration file.
    pub keys_file: Option<PathBuf>,
    /// The environment variable with such entries, separated by commas. Default: `HELM_API_KEYS`, if it is set.
    pub keys_env: Option<String>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            max_body_bytes: 2 << 20,
            max_in_flight: 2_048,
            max_in_flight_bytes: 128 << 20,
            drain_seconds: 20,
            max_messages: 2_048,
            max_tools: 128,
            max_tool_bytes: 512 << 10,
            keys_file: None,
            keys_env: None,
        }
    }
}

/// Where state is kept.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreSection {
    /// `sqlite://PATH`, where a relative path is relative to the working directory, as everywhere but in files that
    /// the configuration includes; or `postgres://USER@HOST/DATABASE`; or `memory:`, which is forgotten with the process. Environment: `DATABASE_URL`. Default:
    /// `sqlite://helm.db`.
    #[schemars(with = "String")]
    pub url: RedactedUrl,
    /// How many connections a process holds to a PostgreSQL server at most, 3 at least; building indexes takes one
    /// more now and then. Default: three times the number of cores and two more, from 8 to 26.
    pub connections: Option<u32>,
    /// What an acknowledged write to a SQLite file survives. Default: `full`.
    pub synchronous: Survives,
    /// How many turns and judgements work with the store at once. Others wait before they begin, a second at most, and are then
    /// refused with 503. Default: 64.
    #[schemars(range(min = 1))]
    pub at_once: usize,
    /// A Redis that holds limits and kept answers of all processes together. Environment: `REDIS_URL`.
    #[schemars(with = "Option<String>")]
    pub redis_url: Option<RedactedUrl>,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            url: "sqlite://helm.db".into(),
            connections: None,
            synchronous: Survives::Full,
            at_once: 64,
            redis_url: None,
        }
    }
}

/// What an acknowledged write to a SQLite file survives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Survives {
    /// The end of the process and the loss of power.
    Full,
    /// The end of the process. After a loss of power the last turns and rewards may be missing; the file stays whole.
    Normal,
}

impl From<Survives> for Synchronous {
    fn from(survives: Survives) -> Self {
        match survives {
            Survives::Full => Self::Full,
            Survives::Normal => Self::Normal,
        }
    }
}

/// Logs.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogSection {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `helm_store=debug,info`. Environment:
    /// `LOG_LEVEL`. Default: `warn`, and `info` for the server.
    pub level: Option<String>,
    /// Default: text, and JSON in production.
    pub format: Option<LogFormat>,
}

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Traces.
#[derive(schemars::JsonSchema, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TracesSection {
    /// Where traces are sent to over OTLP/HTTP, without `/v1/traces`, for example `http://127.0.0.1:4318`. Needs a program
    /// that was built with it. Environment: `OTEL_EXPORTER_OTLP_ENDPOINT`. Default: nowhere.
    #[schemars(with = "Option<String>")]
    pub otlp: Option<RedactedUrl>,
}

/// Metrics.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MetricsSection {
    /// Of how many users the latest reward is shown, in the gauge `helm_user_reward` whose labels name them. Default: 0.
    pub user_rewards: usize,
}

/// What can be switched off.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FeatureSection {
    /// Memories: recall, remembering and embeddings. Environment: `ENABLE_VECTOR_SEARCH`. Default: on.
    pub vector_search: bool,
    /// Experiments: off, they assign nobody. Environment: `ENABLE_AB_TESTING`. Default: on.
    pub ab_testing: bool,
}

impl Default for FeatureSection {
    fn default() -> Self {
        Self { vector_search: true, ab_testing: true }
    }
}

/// Background work.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BackgroundSection {
    /// How many workers. Default: 4.
    pub workers: usize,
    /// How much work may wait for them. Default: 1,024.
    pub queue: usize,
}

impl Default for BackgroundSection {
    fn default() -> Self {
        Self { workers: 4, queue: 1_024 }
    }
}

/// A task.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TaskSection {
    /// The policy: a table with `kind` and that kind's parameters. Default: `{ kind = "auto" }`.
    #[schemars(with = "Option<PolicyTable>")]
    pub policy: Option<serde_json::Value>,
    /// A policy that waits to take its place. Default: none.
    pub candidate: Option<CandidateSection>,
    /// How long a draw holds: `decision`, `conversation` or `user`. Default: `decision`.
    pub sticky: Sticky,
    /// A name under `rewards`. Default: `default`, which is the standard reward unless there is a `[rewards.default]`.
    #[schemars(with = "Option<String>")]
    pub reward: Option<RewardName>,
    /// A name under `guardrails`. Default: the standard guardrails.
    pub guardrails: Option<String>,
    /// The strategies that answer in the place of one whose model fails before its first word, in this order; the
    /// first also answers when none is eligible. A name, or a list of names. Default: all, by name.
    pub fallback: Option<Fallback>,
    /// Names under `tools` of what the models may call. Default: none.
    #[schemars(with = "Vec<String>")]
    pub tools: Vec<ToolName>,
    /// Names under `mcp` of servers whose tools the models may call. Default: none.
    #[schemars(with = "Vec<String>")]
    pub mcp: Vec<ToolName>,
    /// How many tokens of the conversation are sent along. Default: 2,000.
    pub history_tokens: Option<u64>,
    /// The model that sums up what of a conversation is no longer sent along; a name under `models`. Default: none.
    #[schemars(with = "Option<String>")]
    pub summary_model: Option<ModelName>,
    /// Whether messages are kept as memories. Default: no.
    pub remember: bool,
    /// The strategies by name.
    #[schemars(with = "BTreeMap<String, StrategySection>")]
    pub strategies: BTreeMap<StrategyName, StrategySection>,
}

/// A strategy.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StrategySection {
    /// A name under `models`. Default: `main`.
    #[schemars(with = "Option<String>")]
    pub model: Option<ModelName>,
    /// Raised whenever the prompt changes. Default: 1.
    pub version: Option<u32>,
    /// The version this one was made from.
    #[schemars(with = "Option<String>")]
    pub parent: Option<StrategyId>,
    /// The system prompt template.
    pub system: Option<String>,
    /// The file that holds the system prompt template, relative to the configuration file.
    pub system_file: Option<PathBuf>,
    /// Softmax temperature.
    pub temperature: Option<f64>,
    /// Nucleus mass.
    pub top_p: Option<f64>,
    /// Reasoning effort.
    pub effort: Option<String>,
    /// The most tokens an answer may have.
    pub max_output_tokens: Option<u64>,
    /// How long a turn may take, retries included, in seconds up to a day. Default: 60.
    pub deadline_seconds: Option<f64>,
    /// What is recalled.
    #[schemars(with = "Option<RetrievalTable>")]
    pub retrieve: Option<Retrieval>,
    /// How long an answer is kept for whoever asks exactly the same, in seconds. Default: not at all.
    pub cache_seconds: Option<f64>,
    /// When an answer is used again for a question that means the same. Default: never.
    pub semantic_cache: Option<SemanticCacheSection>,
    /// Which of the task's tools the model may call. Default: all.
    #[schemars(with = "Option<Vec<String>>")]
    pub tools: Option<Vec<ToolName>>,
    /// How many rounds of tool calls a turn may have. Default: 8.
    pub tool_turns: Option<u32>,
    /// Dollars after which a turn calls no more tools; of models whose prices are known. Default: no bound.
    pub max_dollars: Option<f64>,
    /// How long the model may go on writing once the caller has gone away, in seconds: for providers that bill the
    /// whole answer in any case. Default: the call is ended at once.
    pub drain_seconds: Option<f64>,
}

/// When an answer is used again for a question that means the same.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SemanticCacheSection {
    /// How similar the questions' embeddings must be at least, as a cosine from 0 to 1. Default: 0.97.
    pub similarity: Option<f64>,
    /// How long an answer is used again, in seconds. Default: 3,600.
    pub seconds: Option<f64>,
}

/// One strategy or several.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Fallback {
    /// One.
    One(#[schemars(with = "String")] StrategyName),
    /// Several, in order.
    Several(#[schemars(with = "Vec<String>")] Vec<StrategyName>),
}

impl Fallback {
    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<StrategyName> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Several(names) => names.clone(),
        }
    }
}
