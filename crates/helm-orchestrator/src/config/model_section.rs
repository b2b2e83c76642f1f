use std::path::PathBuf;

use helm_llm::RedactedUrl;
use helm_llm::codec::AnthropicVersion;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A model.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelSection {
    /// Which wire format it speaks.
    pub family: ModelFamily,
    /// Where its provider is, up to and without the wire format's own path, such as `/chat/completions`. Default:
    /// `https://api.openai.com/v1`, `https://api.anthropic.com/v1`, `http://127.0.0.1:11434`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub base_url: Option<RedactedUrl>,
    /// What the provider calls it.
    #[serde(default)]
    pub model: Option<String>,
    /// The environment variable that holds its key. Default: `OPENAI_API_KEY` at OpenAI's own address,
    /// `ANTHROPIC_API_KEY` at Anthropic's, and no key elsewhere.
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
    /// Dollars for a million prompt tokens that the provider reads from its cache. Default: as the others.
    #[serde(default)]
    pub cached_input_price: Option<f64>,
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
    /// More fields for every request, such as `top_k` or `options`; they replace none that Helm sets. Not for
    /// secrets. Default: none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Whether the limit of tokens is called `max_tokens`, as older servers do. Of `openai-chat`. Default: no.
    #[serde(default)]
    pub legacy_max_tokens: bool,
    /// Whether the tokens of a stream are asked for with `stream_options`. Of `openai-chat`. Default: yes.
    #[serde(default)]
    pub stream_usage: Option<bool>,
    /// Whether instructions have the role `developer`. Of `openai-chat` and `openai-responses`. Default: no.
    #[serde(default)]
    pub developer_role: Option<bool>,
    /// Whether `strict` may be sent with tools and forms. Of `openai-chat`. Default: yes.
    #[serde(default)]
    pub strict: Option<bool>,
    /// Whether a tool may be named in `tool_choice`, which some servers take as a word only. Of `openai-chat`.
    /// Default: yes.
    #[serde(default)]
    pub named_tool_choice: Option<bool>,
    /// The dated version of the wire format: `2023-06-01` or `2026-10-21`. Of `anthropic`. Default: the later one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub version: Option<AnthropicVersion>,
    /// The most tokens of an answer for strategies that do not say; the wire format wants a number. Of `anthropic`.
    /// Default: 4,096.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// Whether its provider is told which trace a request is a part of, in the header `traceparent`. Of models behind an
    /// address, where `traces.otlp` is set. Default: no.
    #[serde(default)]
    pub propagate_trace: bool,
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
            cached_input_price: None,
            connect_seconds: None,
            first_token_seconds: None,
            idle_seconds: None,
            capabilities: CapabilitySection::default(),
            extra: Map::new(),
            legacy_max_tokens: false,
            stream_usage: None,
            developer_role: None,
            strict: None,
            named_tool_choice: None,
            version: None,
            max_tokens: None,
            propagate_trace: false,
        }
    }
}

/// What a model can do; a strategy that asks for more is a mistake. Default: all that its wire format can say; to
/// claim more than that is a mistake, too.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CapabilitySection {
    /// Whether it can answer piece by piece.
    pub streaming: Option<bool>,
    /// Whether `temperature` and `top_p` may be set.
    pub sampling: Option<bool>,
    /// Whether `effort` may be set.
    pub effort: Option<bool>,
    /// Whether it can be given tools.
    pub tools: Option<bool>,
    /// Whether it can be told to call some tool, or a certain one.
    pub tool_choice: Option<bool>,
    /// Whether it may call several tools in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// Whether its answer can be held to a JSON Schema.
    pub structured_output: Option<bool>,
    /// Whether it can read pictures that are sent along.
    pub images: Option<bool>,
    /// Whether it fetches pictures by their address.
    pub image_urls: Option<bool>,
    /// Whether texts to stop at may be set.
    pub stop: Option<bool>,
    /// Whether a seed may be set.
    pub seed: Option<bool>,
    /// The most tokens it can answer with. Default: unknown.
    pub max_output_tokens: Option<u64>,
}

/// The wire formats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelFamily {
    /// OpenAI chat completions, and whatever is compatible with them.
    OpenaiChat,
    /// OpenAI responses.
    OpenaiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Ollama's own chat.
    Ollama,
    /// The built-in demonstration model.
    Builtin,
}

impl ModelFamily {
    /// The name that configuration files use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::Builtin => "builtin",
        }
    }
}

/// What makes texts comparable, for memories.
#[derive(Clone, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct EmbeddingSection {
    /// Where embeddings come from. Default: the built-in ones.
    pub family: EmbeddingFamily,
    /// Of the family `local`: the folder of the model, relative to the configuration file.
    pub path: Option<PathBuf>,
    /// Where the provider is, up to and without `/embeddings`. Default: `https://api.openai.com/v1`.
    #[schemars(with = "Option<String>")]
    pub base_url: Option<RedactedUrl>,
    /// What the provider calls the model.
    pub model: Option<String>,
    /// The length of its vectors.
    pub dimensions: Option<usize>,
    /// Whether the provider is asked for vectors of that length, which not every model can. Default: no.
    pub ask_dimensions: bool,
    /// The environment variable that holds the key. Default: `OPENAI_API_KEY` at OpenAI's own address, and no key
    /// elsewhere.
    pub key_env: Option<String>,
    /// The file that holds the key.
    pub key_file: Option<PathBuf>,
    /// How many texts are sent in one request, from 1 to 2,048. Default: 128.
    pub batch: Option<usize>,
    /// How long one request may take, in seconds. Default: 10.
    pub timeout_seconds: Option<f64>,
}

/// Where embeddings come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EmbeddingFamily {
    /// Hashed words and pieces of words: needs nothing, and knows no synonyms.
    #[default]
    Builtin,
    /// OpenAI embeddings, and whatever is compatible with them.
    Openai,
    /// A sentence encoder of the BERT family from a folder, run in this process.
    Local,
}
