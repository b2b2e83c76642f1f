use helm_core::{
    ConversationId, DecisionId, Features, ModelName, NanoUsd, Probability, Reward, Role, ScoreEntry,
    SegmentName, StrategyId, StrategyName, TaskId, ToolCall, TurnStatus, Usage, UserId, Violation,
};
use helm_llm::{ChatRequest, FinishReason, Mismatch, OutputSchema};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::semantic::SimilarTurn;

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
    /// Nothing was said in the conversation before, so nothing is looked up.
    pub(crate) begins: bool,
    /// Uses this strategy instead of letting the policy choose; teaches nothing. Default: none.
    pub strategy: Option<StrategyName>,
    /// The group of users this one belongs to, for policies that learn by group. Default: none.
    pub segment: Option<SegmentName>,
    /// Numbers that describe the turn, for contextual policies. Default: none.
    pub features: Features,
    /// Who sends the request on the user's behalf, for example the name of an API key: for limits. Default: nobody.
    pub caller: Option<Arc<str>>,
    /// What the caller wants of the model: tools of its own, a form, knobs; and messages, when it keeps the
    /// conversation itself. Default: nothing, and the conversation is the stored one.
    pub chat: Option<ChatRequest>,
    /// What is let go when the turn has come to its end.
    pub(crate) held: Option<Held>,
}

/// What a turn holds, such as a place among those that may run at once. It says nothing of what is asked.
#[derive(Clone)]
pub(crate) struct Held(#[expect(dead_code, reason = "it is held, and dropped")] Arc<dyn Any + Send + Sync>);

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
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
            begins: false,
            strategy: None,
            segment: None,
            features: Features::none(),
            caller: None,
            chat: None,
            held: None,
        })
    }

    /// A turn of a caller that keeps the conversation itself, as clients of chat APIs do. It is about the last
    /// message of the user; whatever follows that message is what the user's tools answered.
    ///
    /// What the strategy says goes first: its instructions stand before the caller's, its knobs hold where it has
    /// set them, and of two limits the smaller one does. Strategies whose model cannot do what is asked are not
    /// eligible; how to sample is a wish, which a model without such a knob does without.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidMessage`] when there is no message of the user; otherwise as for [`TurnRequest::new`].
    pub fn of_chat(user: impl AsRef<str>, task: impl AsRef<str>, chat: ChatRequest) -> Result<Self> {
        let asked = chat.messages.iter().rfind(|message| message.role == Role::User);
        let absent = || Error::InvalidMessage("is missing: send at least one of the role user".to_owned());
        let message = asked.ok_or_else(absent)?.joined_text();
        Ok(Self { chat: Some(chat), ..Self::new(user, task, message)? })
    }

    /// Asks for an answer of a form: [`TurnResponse::value`] holds it. Strategies whose model cannot be held to one are
    /// not eligible.
    #[must_use]
    pub fn with_output(mut self, output: OutputSchema) -> Self {
        self.chat.get_or_insert_default().output = Some(output);
        self
    }

    /// Continues, or begins, a conversation.
    #[must_use]
    pub fn with_conversation(mut self, conversation: ConversationId) -> Self {
        self.conversation = Some(conversation);
        self.begins = false;
        self
    }

    /// Begins a conversation that is known to be new, as one whose id was just drawn: spares looking for what was said
    /// in it before.
    #[must_use]
    pub fn with_new_conversation(self, conversation: ConversationId) -> Self {
        let mut begun = self.with_conversation(conversation);
        begun.begins = true;
        begun
    }

    /// Names who sends the request on the user's behalf.
    #[must_use]
    pub fn with_caller(mut self, name: impl Into<Arc<str>>) -> Self {
        self.caller = Some(name.into());
        self
    }

    /// Holds something until the turn has come to its end and is recorded, which may be after its caller has gone away: for
    /// those that bound how many turns run at once.
    #[must_use]
    pub fn holding(mut self, what: Arc<dyn Any + Send + Sync>) -> Self {
        self.held = Some(Held(what));
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
    /// What the caller is to do before the turn can go on: calls of tools that it brought along. It sends the
    /// conversation again with these and their results.
    pub calls: Vec<ToolCall>,
    /// The answer as a value, when the request asked for a form, or how it misses that form; `None` without a form and
    /// without a finished answer. What does not fit is recorded as a violation of category
    /// [`Schema`](helm_core::Category::Schema).
    pub value: Option<Result<serde_json::Value, Mismatch>>,
    /// Why the model stopped; `None` when it did not come to an end.
    pub finish: Option<FinishReason>,
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
    /// The turn whose answer this is, when one to a similar question was [used again](crate::SemanticCache).
    pub similar_to: Option<SimilarTurn>,
    /// Whether the answer came from the built-in demonstration model.
    pub simulated: bool,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// Which kind of failure of the model it was, if it was one.
    pub failure: Option<helm_llm::ErrorKind>,
    /// From the request to the end.
    pub latency: Duration,
}

/// What happens during a turn, in order: one `Decided` at most, any number of `Delta`, `Refusal` and `Call`, one `Ended`.
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
    /// More of the model's refusal, which takes the answer's place.
    Refusal(String),
    /// The caller is to call one of the tools that it brought along.
    Call(ToolCall),
    /// The turn is over and stored.
    Ended(Box<TurnResponse>),
}
