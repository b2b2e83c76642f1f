use axum::http::HeaderMap;
use helm_core::{Sampling, TokenCount};
use helm_orchestrator::llm::ChatRequest;
use helm_orchestrator::{Helm, TurnRequest};
use serde::Deserialize;
use utoipa::ToSchema;

use super::content::{Content, WireMessage, system};
use super::tools::{WireChoice, WireOutput, WireTool};
use crate::caller::{Caller, HelmFields, Metadata};
use crate::problem::Problem;
use crate::target::Target;
use crate::wire::{RequestLimits, Unknown, check_stop, check_strict, conversation, within};

/// The body of a request for a message.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with model, max_tokens and messages")]
#[schema(as = MessageRequest)]
pub(crate) struct MessageBody {
    /// A task as `helm/TASK`, whose policy chooses, or one strategy as `helm/TASK/STRATEGY`.
    model: String,
    /// The most tokens that the answer may have.
    #[schema(minimum = 1)]
    max_tokens: u64,
    /// The whole conversation.
    messages: Vec<WireMessage>,
    /// The instructions, in texts.
    #[serde(default)]
    #[schema(inline)]
    system: Option<Content>,
    /// Whether the answer comes piece by piece. Default: no.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    #[serde(default)]
    tools: Option<Vec<WireTool>>,
    #[serde(default)]
    tool_choice: Option<WireChoice>,
    #[serde(default)]
    stop_sequences: Option<Vec<String>>,
    /// A wish: what the strategy has set holds.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    temperature: Option<f64>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    #[serde(default)]
    output_config: Option<WireOutput>,
    /// May name `user_id`, `conversation_id` and `segment`.
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

/// More texts to stop at than this are refused.
const MOST_STOPS: usize = 16;
/// The words for how hard a model shall think.
pub(super) const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

impl MessageBody {
    /// The turn that is asked for, and of whom.
    pub(super) fn turn(
        self,
        helm: &Helm,
        limits: RequestLimits,
        headers: &HeaderMap,
    ) -> Result<(TurnRequest, Target), Problem> {
        check_strict(headers, self.unknown())?;
        limits.check_messages(self.messages.len())?;
        let target = Target::of(helm, &self.model)?;
        let caller = Caller::of(self.helm.as_ref(), None, self.metadata.as_ref())?;
        let chat = self.chat(limits)?;
        Ok((caller.turn(&target, chat)?, target))
    }

    fn unknown(&self) -> impl Iterator<Item = (String, &Unknown)> {
        let output = self.output_config.as_ref().map(|output| ("output_config", &output.unknown));
        let helm = self.helm.as_ref().map(|helm| ("helm", &helm.unknown));
        let top = [Some(("", &self.unknown)), output, helm].into_iter().flatten();
        top.map(|(place, unknown)| (place.to_owned(), unknown)).chain(of_messages(&self.messages))
    }

    fn chat(self, limits: RequestLimits) -> Result<ChatRequest, Problem> {
        if self.max_tokens == 0 {
            return Err(Problem::wrong("max_tokens", "an answer has at least one token"));
        }
        let mut chat = asked(self.system, self.messages, self.tools, limits)?;
        chat.parallel_tool_calls = self.tool_choice.as_ref().and_then(WireChoice::parallel);
        chat.tool_choice = self.tool_choice.map(|choice| choice.choice(&chat.tools)).transpose()?;
        chat.max_output_tokens = Some(TokenCount::new(self.max_tokens));
        chat.stop = check_stop("stop_sequences", self.stop_sequences.unwrap_or_default(), MOST_STOPS)?;
        let effort = self.output_config.as_ref().and_then(|output| output.effort.clone());
        chat.sampling = Sampling {
            temperature: within("temperature", self.temperature, 0.0, 1.0)?,
            top_p: within("top_p", self.top_p, 0.0, 1.0)?,
            effort: effort.map(known_effort).transpose()?,
        };
        chat.output = self.output_config.map(WireOutput::output).transpose()?.flatten();
        Ok(chat)
    }
}

/// The body of a request to count tokens: of a message's, what the model would read.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with model and messages")]
#[schema(as = CountTokensRequest)]
pub(crate) struct CountBody {
    /// A task as `helm/TASK`, whose policy chooses, or one strategy as `helm/TASK/STRATEGY`.
    model: String,
    messages: Vec<WireMessage>,
    /// The instructions, in texts.
    #[serde(default)]
    #[schema(inline)]
    system: Option<Content>,
    #[serde(default)]
    tools: Option<Vec<WireTool>>,
    #[serde(default)]
    tool_choice: Option<WireChoice>,
    #[serde(default)]
    output_config: Option<WireOutput>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl CountBody {
    /// What is to be counted, once it is known that it could be asked.
    pub(super) fn chat(
        self,
        helm: &Helm,
        limits: RequestLimits,
        headers: &HeaderMap,
    ) -> Result<ChatRequest, Problem> {
        check_strict(headers, self.unknown())?;
        limits.check_messages(self.messages.len())?;
        Target::of(helm, &self.model)?;
        let mut chat = asked(self.system, self.messages, self.tools, limits)?;
        self.tool_choice.map(|choice| choice.choice(&chat.tools)).transpose()?;
        chat.output = self.output_config.map(WireOutput::output).transpose()?.flatten();
        Ok(chat)
    }

    fn unknown(&self) -> impl Iterator<Item = (String, &Unknown)> {
        let output = self.output_config.as_ref().map(|output| ("output_config".to_owned(), &output.unknown));
        std::iter::once((String::new(), &self.unknown)).chain(output).chain(of_messages(&self.messages))
    }
}

/// What the model would read: instructions, conversation and tools.
fn asked(
    instructions: Option<Content>,
    said: Vec<WireMessage>,
    tools: Option<Vec<WireTool>>,
    limits: RequestLimits,
) -> Result<ChatRequest, Problem> {
    let mut messages = Vec::with_capacity(said.len() + 1);
    messages.extend(instructions.map(system).transpose()?.flatten());
    for (index, message) in said.into_iter().enumerate() {
        messages.extend(message.messages(index)?);
    }
    let tools = tools.unwrap_or_default().into_iter().enumerate();
    let tools = tools.map(|(index, tool)| tool.tool(index)).collect::<Result<Vec<_>, _>>()?;
    limits.check_tools(&tools)?;
    Ok(ChatRequest::new(conversation(messages)?).with_tools(tools))
}

/// The places of messages whose unknown fields are to be looked at, and these.
fn of_messages(messages: &[WireMessage]) -> impl Iterator<Item = (String, &Unknown)> {
    let messages = messages.iter().enumerate();
    messages.map(|(index, message)| (format!("messages[{index}]"), &message.unknown))
}

fn known_effort(word: String) -> Result<String, Problem> {
    match EFFORTS.contains(&word.as_str()) {
        true => Ok(word),
        false => {
            let known = EFFORTS.join(", ");
            Err(Problem::wrong(
                "output_config.effort",
                format!("there is no effort {word:?}; there are {known}"),
            ))
        }
    }
}
