use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ModelName, NanoUsd, StrategyId, TokenCount, ToolName};

/// A named, versioned bundle of knobs that the policy may choose for a turn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Strategy {
    /// Name and version. Whoever changes the prompt raises the version.
    pub id: StrategyId,
    /// The version this one was made from, if any.
    pub parent: Option<StrategyId>,
    /// Which configured model answers.
    pub model: ModelName,
    /// The system prompt, a template over `preferences`, `user_id` and `task`. Empty: no system message.
    pub system: String,
    /// How the model samples. Default: whatever the provider does.
    pub sampling: Sampling,
    /// The most tokens an answer may have. Default: the provider's limit.
    pub max_output_tokens: Option<TokenCount>,
    /// What is recalled before the model is called. Default: nothing.
    pub retrieval: Retrieval,
    /// Which of the task's tools the model may call. Default: all.
    #[serde(default)]
    pub tools: Option<Vec<ToolName>>,
    /// How long an answer is kept for whoever asks exactly the same of the same model in the same tenant. Default: not
    /// at all.
    #[serde(default)]
    pub cache: Duration,
    /// Bounds on one turn.
    pub limits: Limits,
}

impl Strategy {
    /// A strategy with `model` and no other knob set.
    #[must_use]
    pub fn new(id: StrategyId, model: ModelName) -> Self {
        Self {
            id,
            parent: None,
            model,
            system: String::new(),
            sampling: Sampling::default(),
            max_output_tokens: None,
            retrieval: Retrieval::default(),
            tools: None,
            cache: Duration::ZERO,
            limits: Limits::default(),
        }
    }

    /// Sets the system prompt's template.
    #[must_use]
    pub fn with_system(mut self, template: impl Into<String>) -> Self {
        self.system = template.into();
        self
    }

    /// Sets the most tokens an answer may have.
    #[must_use]
    pub fn with_max_output_tokens(mut self, tokens: TokenCount) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Sets how the model samples.
    #[must_use]
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Declares the version that this one was made from.
    #[must_use]
    pub fn with_parent(mut self, parent: StrategyId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Sets how long an answer is kept for whoever asks exactly the same.
    #[must_use]
    pub fn with_cache(mut self, ttl: Duration) -> Self {
        self.cache = ttl;
        self
    }

    /// Names the task's tools that the model may call.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<ToolName>) -> Self {
        self.tools = Some(tools);
        self
    }

    /// Sets the bounds on one turn.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Sampling knobs. Not every model accepts every one: a model's capabilities say which, and a strategy that
/// asks for another is a configuration error.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Softmax temperature, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus mass in (0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Reasoning effort, in the provider's words (`low`, `medium`, `high`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
}

/// What is recalled before the model is called.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// How many memories of the user are recalled by similarity to the message.
    #[serde(default)]
    pub memories: u32,
}

/// Bounds on one turn.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// The whole turn, retries included. Default: 60 s.
    pub deadline: Duration,
    /// Rounds of tool calls. Default: 8.
    pub tool_turns: u32,
    /// Money after which no more tools are called; of models whose price is known. Default: no bound.
    pub cost: Option<NanoUsd>,
    /// How long the model may go on writing once the caller has gone away, for providers that bill the whole answer
    /// in any case: what it used is then known. Default: not at all, the call is ended.
    #[serde(default)]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(60), tool_turns: 8, cost: None, drain: Duration::ZERO }
    }
}

impl Limits {
    /// Sets the deadline of the whole turn.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many rounds of tool calls a turn may have.
    #[must_use]
    pub fn with_tool_turns(mut self, turns: u32) -> Self {
        self.tool_turns = turns;
        self
    }

    /// Sets the money after which no more tools are called.
    #[must_use]
    pub fn with_cost(mut self, most: NanoUsd) -> Self {
        self.cost = Some(most);
        self
    }

    /// Sets how long the model may go on writing once the caller has gone away.
    #[must_use]
    pub fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }
}
