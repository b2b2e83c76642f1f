use axum::http::HeaderMap;
use helm_core::{Sampling, TokenCount};
use helm_orchestrator::llm::ChatRequest;
use helm_orchestrator::{Helm, TurnRequest};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use super::format::WireFormat;
use super::message::WireMessage;
use super::tools::{Choice, WireTool, choice};
use crate::caller::{Caller, HelmFields, Metadata};
use crate::problem::Problem;
use crate::schemas;
use crate::target::Target;
use crate::wire::{RequestLimits, TextOr, Unknown, check_stop, check_strict, conversation, within};

/// The body of a chat completion.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with model and messages")]
#[schema(as = ChatCompletionRequest)]
pub(crate) struct CompletionBody {
    /// A task as `helm/TASK`, whose policy chooses, or one strategy as `helm/TASK/STRATEGY`.
    pub(super) model: String,
    /// The whole conversation.
    messages: Vec<WireMessage>,
    /// Whether the answer comes piece by piece. Default: no.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    tools: Option<Vec<WireTool>>,
    /// Whether tools may or must be called.
    #[serde(default)]
    #[schema(inline)]
    tool_choice: Option<Choice>,
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    response_format: Option<WireFormat>,
    /// The older name of `max_completion_tokens`.
    #[serde(default)]
    #[schema(deprecated)]
    max_tokens: Option<u64>,
    /// The most tokens that the answer may have.
    #[serde(default)]
    #[schema(minimum = 1)]
    max_completion_tokens: Option<u64>,
    /// A wish: what the strategy has set holds.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    #[serde(default)]
    #[schema(schema_with = efforts)]
    reasoning_effort: Option<String>,
    #[serde(default)]
    #[schema(schema_with = stops)]
    stop: Option<TextOr<Vec<String>>>,
    #[serde(default)]
    #[schema(minimum = 0)]
    seed: Option<i64>,
    /// One answer and no more.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1)]
    n: Option<u64>,
    /// Refused when true.
    #[serde(default)]
    logprobs: Option<bool>,
    /// Text and nothing else.
    #[serde(default)]
    modalities: Option<Vec<String>>,
    #[serde(default)]
    #[schema(ignore)]
    functions: Option<IgnoredAny>,
    /// Who is talking. Default: `safety_identifier`, else `anonymous`.
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    safety_identifier: Option<String>,
    /// May name `user_id`, `conversation_id` and `segment`, too.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>)]
    metadata: Option<Metadata>,
    /// What this API has no fields for.
    #[serde(default)]
    helm: Option<HelmFields>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
#[schema(as = ChatStreamOptions)]
struct StreamOptions {
    /// Whether a last chunk tells the tokens. Default: no.
    #[serde(default)]
    include_usage: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// More texts to stop at than this are refused, as `OpenAI` does.
const MOST_STOPS: usize = 4;
/// The words for how hard a model shall think.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

impl CompletionBody {
    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// The turn that is asked for, and of whom.
    pub(super) fn turn(
        self,
        helm: &Helm,
        limits: RequestLimits,
        headers: &HeaderMap,
    ) -> Result<(TurnRequest, Target), Problem> {
        self.check(headers)?;
        limits.check_messages(self.messages.len())?;
        let target = Target::of(helm, &self.model)?;
        let named = [("safety_identifier", &self.safety_identifier), ("user", &self.user)];
        let named = named.into_iter().rev().find_map(|(param, value)| Some((param, value.as_deref()?)));
        let caller = Caller::of(self.helm.as_ref(), named, self.metadata.as_ref())?;
        let chat = self.chat(limits)?;
        Ok((caller.turn(&target, chat)?, target))
    }

    /// Refuses what is not done here, and what would be ignored where that is not wanted.
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.n.is_some_and(|n| n != 1) {
            return Err(Problem::wrong("n", "a turn has one answer; ask for more one after the other"));
        }
        if self.logprobs == Some(true) {
            return Err(Problem::wrong("logprobs", "log probabilities of tokens are not passed on"));
        }
        if self.functions.is_some() {
            return Err(Problem::wrong("functions", "functions are gone; use tools"));
        }
        if self.modalities.as_ref().is_some_and(|kinds| kinds.iter().any(|kind| kind != "text")) {
            return Err(Problem::wrong("modalities", "answers are text only"));
        }
        if self.stream_options.is_some() && self.stream != Some(true) {
            return Err(Problem::wrong("stream_options", "is for answers with stream: true only"));
        }
        check_strict(headers, self.unknown())
    }

    fn unknown(&self) -> impl Iterator<Item = (String, &Unknown)> {
        let options = self.stream_options.as_ref().map(|options| ("stream_options", &options.unknown));
        let helm = self.helm.as_ref().map(|helm| ("helm", &helm.unknown));
        let format = self.response_format.as_ref().map(|format| ("response_format", &format.unknown));
        let top = [Some(("", &self.unknown)), options, helm, format].into_iter().flatten();
        let messages = self.messages.iter().enumerate();
        let messages = messages.map(|(index, message)| (format!("messages[{index}]"), &message.unknown));
        top.map(|(place, unknown)| (place.to_owned(), unknown)).chain(messages)
    }

    fn chat(self, limits: RequestLimits) -> Result<ChatRequest, Problem> {
        let most = self.most_tokens()?;
        let messages = self.messages.into_iter().enumerate().map(|(index, message)| message.message(index));
        let messages = conversation(messages.collect::<Result<_, _>>()?)?;
        let tools = self.tools.unwrap_or_default().into_iter().enumerate();
        let mut tools = tools.map(|(index, tool)| tool.tool(index)).collect::<Result<Vec<_>, _>>()?;
        limits.check_tools(&tools)?;
        let mut chat = ChatRequest::new(messages);
        chat.tool_choice = choice(self.tool_choice, &mut tools)?;
        chat.tools = tools;
        chat.parallel_tool_calls = self.parallel_tool_calls.filter(|_| !chat.tools.is_empty());
        chat.output = self.response_format.map(WireFormat::output).transpose()?.flatten();
        chat.max_output_tokens = most;
        chat.sampling = Sampling {
            temperature: within("temperature", self.temperature, 0.0, 2.0)?,
            top_p: within("top_p", self.top_p, 0.0, 1.0)?,
            effort: self.reasoning_effort.map(effort).transpose()?,
        };
        chat.stop = match self.stop {
            None => Vec::new(),
            Some(TextOr::Text(text)) => check_stop("stop", vec![text], MOST_STOPS)?,
            Some(TextOr::Other(texts)) => check_stop("stop", texts, MOST_STOPS)?,
        };
        chat.seed = self.seed.map(seed).transpose()?;
        Ok(chat)
    }

    fn most_tokens(&self) -> Result<Option<TokenCount>, Problem> {
        let (param, most) = match (self.max_completion_tokens, self.max_tokens) {
            (Some(new), Some(old)) if new != old => {
                let detail = "max_tokens is the older name of max_completion_tokens; give one of them";
                return Err(Problem::wrong("max_tokens", detail));
            }
            (Some(most), _) => ("max_completion_tokens", most),
            (None, Some(most)) => ("max_tokens", most),
            (None, None) => return Ok(None),
        };
        match most {
            0 => Err(Problem::wrong(param, "an answer has at least one token")),
            most => Ok(Some(TokenCount::new(most))),
        }
    }
}

fn efforts() -> Schema {
    schemas::or_null(schemas::words(&EFFORTS))
}

fn stops() -> Schema {
    schemas::or_null(schemas::text_or_texts())
}

fn effort(word: String) -> Result<String, Problem> {
    match EFFORTS.contains(&word.as_str()) {
        true => Ok(word),
        false => {
            let known = EFFORTS.join(", ");
            Err(Problem::wrong("reasoning_effort", format!("there is no effort {word:?}; there are {known}")))
        }
    }
}

fn seed(seed: i64) -> Result<u64, Problem> {
    u64::try_from(seed).map_err(|_| Problem::wrong("seed", "a seed must not be negative"))
}
