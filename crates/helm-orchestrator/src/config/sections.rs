use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use helm_core::{
    ExperimentKey, ModelName, Retrieval, RewardName, StrategyId, StrategyName, TaskId, VariantName,
};
use helm_eval::RewardSpecConfig;
use helm_guardrails::GuardrailConfig;
use helm_llm::RedactedUrl;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::places::Places;
use crate::task::Sticky;

/// A whole configuration, as `helm.toml` writes it. Parsed, not yet checked: [`HelmConfig::builder`] checks.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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
    /// What can be switched off.
    pub features: FeatureSection,
    /// Background work.
    pub background: BackgroundSection,
    /// Models by name. None: the built-in model as `main`.
    pub models: BTreeMap<ModelName, ModelSection>,
    /// Tasks by name.
    pub tasks: BTreeMap<TaskId, TaskSection>,
    /// Reward specifications by name.
    #[serde(skip_serializing)]
    pub rewards: BTreeMap<RewardName, RewardSpecConfig>,
    /// Guardrail settings by name.
    #[serde(skip_serializing)]
    pub guardrails: BTreeMap<String, GuardrailConfig>,
    /// Running experiments by key.
    pub experiments: BTreeMap<ExperimentKey, ExperimentSection>,
    /// The folder that relative paths in the file are relative to. Set by loading.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Where in which file each part was written.
    #[serde(skip)]
    pub(super) places: Places,
    /// Rewards and guardrails as they were written, to be shown.
    #[serde(skip)]
    pub(super) written: Value,
}

/// Where Helm runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On somebody's desk: logs for people.
    Development,
    /// For others: logs for programs.
    Production,
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ServerSection {
    /// Where to listen. Only loopback addresses are accepted. Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The largest request body in bytes. Default: 2 MiB.
    pub max_body_bytes: usize,
    /// How long running turns may take to end when the server stops, in seconds. Default: 20.
    pub drain_seconds: u64,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), max_body_bytes: 2 << 20, drain_seconds: 20 }
    }
}

/// Where state is kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreSection {
    /// `sqlite://PATH`, where a relative path is relative to the working directory, as everywhere but in files that
    /// the configuration includes; or `postgres://USER@HOST/DATABASE`. Environment: `DATABASE_URL`. Default:
    /// `sqlite://helm.db`.
    pub url: RedactedUrl,
    /// A Redis to cache in. Environment: `REDIS_URL`. Not used by this version, which says so.
    pub redis_url: Option<RedactedUrl>,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { url: "sqlite://helm.db".into(), redis_url: None }
    }
}

/// Logs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What can be switched off.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
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
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
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

/// A model.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelSection {
    /// Which wire format it speaks.
    pub family: ModelFamily,
    /// Where its provider is, up to and without `/chat/completions`. Default: `https://api.openai.com/v1`.
    #[serde(default)]
    pub base_url: Option<RedactedUrl>,
    /// What the provider calls it.
    #[serde(default)]
    pub model: Option<String>,
    /// The environment variable that holds its key. Default: `OPENAI_API_KEY` at OpenAI's own address, and no key
    /// elsewhere.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Dollars for a million prompt tokens. Without prices the cost of a turn is unknown, not 0.
    #[serde(default)]
    pub input_price: Option<f64>,
    /// Dollars for a million answer tokens.
    #[serde(default)]
    pub output_price: Option<f64>,
    /// How long reaching the provider may take, in seconds. Default: 5.
    #[serde(default)]
    pub connect_seconds: Option<f64>,
    /// How long the first token of a streamed answer may take, in seconds. Default: 30.
    #[serde(default)]
    pub first_token_seconds: Option<f64>,
    /// How long the next token of a streamed answer may take, in seconds. Default: 30.
    #[serde(default)]
    pub idle_seconds: Option<f64>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: CapabilitySection,
    /// Whether the limit of tokens is called `max_tokens`, as older servers do. Default: no.
    #[serde(default)]
    pub legacy_max_tokens: bool,
    /// Whether the tokens of a stream are asked for with `stream_options`. Default: yes.
    #[serde(default)]
    pub stream_usage: Option<bool>,
}

impl ModelSection {
    /// A model of this family with every default.
    #[must_use]
    pub fn new(family: ModelFamily) -> Self {
        Self {
            family,
            base_url: None,
            model: None,
            key_env: None,
            key_file: None,
            input_price: None,
            output_price: None,
            connect_seconds: None,
            first_token_seconds: None,
            idle_seconds: None,
            capabilities: CapabilitySection::default(),
            legacy_max_tokens: false,
            stream_usage: None,
        }
    }
}

/// What a model can do; a strategy that asks for more is a mistake.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CapabilitySection {
    /// Whether it can answer piece by piece. Default: yes.
    pub streaming: Option<bool>,
    /// Whether `temperature` and `top_p` may be set. Default: yes.
    pub sampling: Option<bool>,
    /// Whether `effort` may be set. Default: yes.
    pub effort: Option<bool>,
    /// The most tokens it can answer with. Default: unknown.
    pub max_output_tokens: Option<u64>,
}

/// The wire formats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelFamily {
    /// OpenAI chat completions, and whatever is compatible with them.
    OpenaiChat,
    /// The built-in demonstration model.
    Builtin,
}

/// A task.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TaskSection {
    /// The policy: a table with `kind` and that kind's parameters. Default: `{ kind = "auto" }`.
    pub policy: Option<serde_json::Value>,
    /// How long a draw holds: `decision`, `conversation` or `user`. Default: `decision`.
    pub sticky: Sticky,
    /// A name under `rewards`. Default: the standard reward.
    pub reward: Option<RewardName>,
    /// A name under `guardrails`. Default: the standard guardrails.
    pub guardrails: Option<String>,
    /// The strategy that answers when none is eligible. Default: the first by name.
    pub fallback: Option<StrategyName>,
    /// How many tokens of the conversation are sent along. Default: 2,000.
    pub history_tokens: Option<u64>,
    /// Whether messages are kept as memories. Default: no.
    pub remember: bool,
    /// The strategies by name.
    pub strategies: BTreeMap<StrategyName, StrategySection>,
}

/// A strategy.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StrategySection {
    /// A name under `models`. Default: `main`.
    pub model: Option<ModelName>,
    /// Raised whenever the prompt changes. Default: 1.
    pub version: Option<u32>,
    /// The version this one was made from.
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
    pub retrieve: Option<Retrieval>,
}

/// An experiment.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExperimentSection {
    /// The task it runs on.
    pub task: TaskId,
    /// Its variants by name, at least two.
    pub variants: BTreeMap<VariantName, VariantSection>,
}

/// A variant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VariantSection {
    /// Its share is its weight over the sum of weights. Default: 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// The strategy its users get; without it the policy chooses.
    #[serde(default)]
    pub strategy: Option<StrategyName>,
}

fn one() -> f64 {
    1.0
}
