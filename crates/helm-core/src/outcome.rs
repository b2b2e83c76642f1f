use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    EvaluatorName, ModelName, NanoUsd, Probability, ScoreEntry, StrategyId, Timestamp, TokenCount, Violation,
};

/// How a turn ended. Every turn ends in exactly one of these.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnStatus {
    /// The model finished its answer.
    Completed,
    /// The answer reached its token limit.
    Length,
    /// The tool loop reached its bound.
    ToolLimit,
    /// A guard refused the input or the output.
    Blocked,
    /// The provider failed.
    UpstreamError,
    /// The deadline passed.
    Timeout,
    /// The caller went away or asked to stop.
    Cancelled,
    /// The decision could not be written, so the answer was withheld. Teaches nothing.
    StorageError,
}

impl TurnStatus {
    /// The snake-case name that logs, stores and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Length => "length",
            Self::ToolLimit => "tool_limit",
            Self::Blocked => "blocked",
            Self::UpstreamError => "upstream_error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::StorageError => "storage_error",
        }
    }

    /// Whether the model gave an answer that can be judged.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Completed | Self::Length | Self::ToolLimit)
    }

    /// Whether the turn failed for reasons that say nothing about the strategy's quality.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::UpstreamError | Self::Timeout | Self::StorageError)
    }
}

/// Tokens of a turn, as the provider reported them or as they were estimated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input: TokenCount,
    /// Tokens of the answer, those of reasoning included.
    pub output: TokenCount,
    /// How many of the prompt's tokens the provider read from its cache; `None` when it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<TokenCount>,
    /// How many of the prompt's tokens the provider wrote to its cache; `None` when it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<TokenCount>,
    /// How many of the answer's tokens were reasoning; `None` when the provider does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<TokenCount>,
    /// Whether the numbers are an estimate, not the provider's.
    pub estimated: bool,
}

impl Usage {
    /// Tokens as the provider reported them.
    #[must_use]
    pub fn reported(input: TokenCount, output: TokenCount) -> Self {
        Self { input, output, ..Self::default() }
    }

    /// Tokens as they were estimated.
    #[must_use]
    pub fn estimate(input: TokenCount, output: TokenCount) -> Self {
        Self { estimated: true, ..Self::reported(input, output) }
    }

    /// Those of two calls together.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        let both = |a: Option<TokenCount>, b: Option<TokenCount>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Self {
            input: self.input + more.input,
            output: self.output + more.output,
            cached: both(self.cached, more.cached),
            cache_write: both(self.cache_write, more.cache_write),
            reasoning: both(self.reasoning, more.reasoning),
            estimated: self.estimated || more.estimated,
        }
    }

    /// Prompt and answer together.
    #[must_use]
    pub fn total(self) -> TokenCount {
        self.input + self.output
    }
}

/// Whether a model judge is asked about a turn, which was drawn when the turn ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JudgeDraw {
    /// Which judge.
    pub judge: EvaluatorName,
    /// How likely it was.
    pub probability: Probability,
    /// Whether it was drawn.
    pub drawn: bool,
}

/// What happened when a decision was carried out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// How the turn ended.
    pub status: TurnStatus,
    /// The strategy that answered, which differs from the chosen one after a fallback; `None` when no
    /// strategy was asked.
    pub served: Option<StrategyId>,
    /// The model as the provider names it.
    pub model: Option<ModelName>,
    /// Tokens.
    pub usage: Usage,
    /// Money; `None` when the model's price is not known.
    pub cost: Option<NanoUsd>,
    /// From the turn's beginning to its end.
    pub latency: Duration,
    /// From the model call to the first content, when there was any.
    pub first_token: Option<Duration>,
    /// How many HTTP calls were made to providers.
    pub attempts: u32,
    /// What the guards found.
    pub violations: Vec<Violation>,
    /// What the evaluators said.
    pub scores: Vec<ScoreEntry>,
    /// How likely each model judge was to be asked about it, and whether it is. Whoever takes means of what judges say weighs by
    /// that: turns that are judged more often are no fair sample.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judging: Vec<JudgeDraw>,
    /// What went wrong, for people; never a secret, never an upstream body.
    pub error: Option<String>,
    /// Whether the answer came from the built-in demonstration model.
    pub simulated: bool,
    /// When the turn ended.
    pub at: Timestamp,
}

impl Outcome {
    /// An outcome with this status and nothing else known.
    #[must_use]
    pub fn new(status: TurnStatus, at: Timestamp) -> Self {
        Self {
            status,
            served: None,
            model: None,
            usage: Usage::default(),
            cost: None,
            latency: Duration::ZERO,
            first_token: None,
            attempts: 0,
            violations: Vec::new(),
            scores: Vec::new(),
            judging: Vec::new(),
            error: None,
            simulated: false,
            at,
        }
    }
}
