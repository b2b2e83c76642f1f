use helm_core::{
    ConversationId, Decision, DecisionId, Message, Outcome, Reward, TaskId, TenantId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Memory, NewJob, PreferenceChange, Result};

/// A finished turn and everything that becomes visible with it.
#[derive(Clone, Debug)]
pub struct TurnRecord {
    /// The turn's id, which is its decision's id when a decision was made.
    pub id: DecisionId,
    /// Whose installation.
    pub tenant: TenantId,
    /// Who was talking.
    pub user: UserId,
    /// What kind of work.
    pub task: TaskId,
    /// The conversation, if any.
    pub conversation: Option<ConversationId>,
    /// What the user wrote, as the input guards let it pass.
    pub input: String,
    /// What was answered, as the output guards let it pass; `None` when nothing was.
    pub output: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// When the turn began.
    pub began: Timestamp,
    /// Messages to append to the conversation, in order. Ignored without a conversation.
    pub messages: Vec<Message>,
    /// Changes to the user's preferences.
    pub preferences: Vec<PreferenceChange>,
    /// Memories to keep for the user.
    pub memories: Vec<Memory>,
    /// Follow-up work.
    pub jobs: Vec<NewJob>,
}

impl TurnRecord {
    /// A digest of everything in the record: two turns of one id are the same turn when theirs are equal.
    pub(crate) fn digest(&self) -> Result<[u8; 32], serde_json::Error> {
        let Self {
            id,
            tenant,
            user,
            task,
            conversation,
            input,
            output,
            outcome,
            began,
            messages,
            preferences,
            memories,
            jobs,
        } = self;
        let who = (id, tenant, user, task, conversation, began);
        let what = (input, output, outcome, messages, preferences, memories, jobs);
        Ok(Sha256::digest(serde_json::to_vec(&(who, what))?).into())
    }

    /// Refuses a turn that is not of its decision's user and task: its preferences and messages would be
    /// another user's. Of a user who was forgotten meanwhile the decision has a pseudonym, which nobody is told.
    pub(crate) fn check_against(&self, backend: &'static str, decision: &Decision) -> Result<()> {
        let context = &decision.context;
        if self.user == context.user && self.task == context.task {
            return Ok(());
        }
        let message = format!(
            "the decision {} is of another user or task, or its user was forgotten meanwhile",
            self.id
        );
        Err(Error::new(ErrorKind::Conflict, backend, "commit_turn", message))
    }

    pub(crate) fn conflict(&self, backend: &'static str) -> Error {
        let message = format!("another turn is stored under the id {}", self.id);
        Error::new(ErrorKind::Conflict, backend, "commit_turn", message)
    }
}

/// What a write did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Applied {
    /// It was new.
    Fresh,
    /// It had been applied before; nothing changed.
    Duplicate,
    /// It replaced an earlier value of the same source.
    Corrected,
}

/// What [`Store::commit_turn`](crate::Store::commit_turn) did.
#[derive(Clone, PartialEq, Debug)]
pub struct TurnReceipt {
    /// `Fresh` or `Duplicate`.
    pub applied: Applied,
    /// The decision's reward after the commit.
    pub reward: Option<Reward>,
}

/// What [`Store::record_feedback`](crate::Store::record_feedback) did.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedbackReceipt {
    /// What was done.
    pub applied: Applied,
    /// The task the decision belongs to.
    pub task: TaskId,
    /// The decision's reward after the commit.
    pub reward: Option<Reward>,
}
