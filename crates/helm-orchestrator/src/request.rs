use helm_core::{
    ConversationId, DecisionId, Features, ModelName, NanoUsd, Probability, Reward, ScoreEntry, SegmentName,
    StrategyId, StrategyName, TaskId, TurnStatus, Usage, UserId, Violation,
};
use std::time::Duration;

use crate::error::Result;

/// One user message to be answered.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TurnRequest {
    /// Who is talking.
    pub user: UserId,
    /// What kind of work.
    pub task: TaskId,
    /// What the user wrote. At most 1 MiB by default. In what is stored of it U+FFFD stands for NUL.
    pub message: String,
    /// Continues, or begins, this conversation. Default: none, so no history.
    pub conversation: Option<ConversationId>,
    /// Uses this strategy instead of letting the policy choose; teaches nothing. Default: none.
    pub strategy: Option<StrategyName>,
    /// The group of users this one belongs to, for policies that learn by group. Default: none.
    pub segment: Option<SegmentName>,
    /// Numbers that describe the turn, for contextual policies. Default: none.
    pub features: Features,
}

impl TurnRequest {
    /// A message of `user` for `task`.
    ///
    /// # Errors
    ///
    /// Fails when `user` or `task` is not an id.
    pub fn new(user: impl AsRef<str>, task: impl AsRef<str>, message: impl Into<String>) -> Result<Self> {
        Ok(Self {
            user: UserId::new(user)?,
            task: TaskId::new(task)?,
            message: message.into(),
            conversation: None,
            strategy: None,
            segment: None,
            features: Features::none(),
        })
    }

    /// Continues, or begins, a conversation.
    #[must_use]
    pub fn with_conversation(mut self, conversation: ConversationId) -> Self {
        self.conversation = Some(conversation);
        self
    }

    /// Names the strategy to use.
    #[must_use]
    pub fn with_strategy(mut self, strategy: StrategyName) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Names the group of users this one belongs to.
    #[must_use]
    pub fn with_segment(mut self, segment: SegmentName) -> Self {
        self.segment = Some(segment);
        self
    }

    /// Describes the turn in numbers.
    #[must_use]
    pub fn with_features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }
}

/// How a turn went. Every turn that was begun ends in one of these, and it is stored.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TurnResponse {
    /// The id to give feedback by.
    pub decision_id: DecisionId,
    /// The conversation that the request named; `None` for a turn that stands alone.
    pub conversation_id: Option<ConversationId>,
    /// The task.
    pub task: TaskId,
    /// The strategy that was chosen; `None` when the input was blocked before a decision.
    pub strategy: Option<StrategyId>,
    /// The probability with which it was chosen.
    pub propensity: Option<Probability>,
    /// How the turn ended.
    pub status: TurnStatus,
    /// The answer as the guards let it pass; `None` when there is none.
    pub answer: Option<String>,
    /// The reward so far.
    pub reward: Option<Reward>,
    /// What the evaluators said.
    pub scores: Vec<ScoreEntry>,
    /// What the guards found.
    pub violations: Vec<Violation>,
    /// Tokens.
    pub usage: Usage,
    /// Money; `None` when the price is not known.
    pub cost: Option<NanoUsd>,
    /// The model as the provider names it.
    pub model: Option<ModelName>,
    /// Whether the answer came from the built-in demonstration model.
    pub simulated: bool,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// Which kind of failure of the model it was, if it was one.
    pub failure: Option<helm_llm::ErrorKind>,
    /// From the request to the end.
    pub latency: Duration,
}

/// What happens during a turn, in order: one `Decided` at most, any number of `Delta`, one `Ended`.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum TurnEvent {
    /// The strategy is chosen and the decision is durable.
    Decided {
        /// The id to give feedback by.
        decision_id: DecisionId,
        /// The strategy.
        strategy: StrategyId,
        /// The probability with which it was chosen.
        propensity: Probability,
    },
    /// More of the answer.
    Delta(String),
    /// The turn is over and stored.
    Ended(Box<TurnResponse>),
}
