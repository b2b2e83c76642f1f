//! What of a conversation is sent along: its newest messages, and what those before them came to.

use helm_core::{DecisionId, Message, Role, TokenCount, TokenCounter};
use helm_store::{NewJob, StoredMessage, Summary};

use super::run::Turn;
use crate::error::Result;
use crate::inner::TaskRuntime;
use crate::summarise;

/// More messages than this are never sent along, whatever the token budget.
const MOST_MESSAGES: usize = 100;

/// The part of a conversation that a model is told.
#[derive(Default)]
pub(super) struct Past {
    /// What its beginning came to.
    pub(super) summary: Option<Summary>,
    /// Its newest messages, in the order they were said.
    pub(super) messages: Vec<Message>,
    /// The tokens of stored messages that the summary does not cover; `None` when nothing was looked up.
    uncovered: Option<TokenCount>,
}

impl Past {
    /// What the system's instructions say of it; nothing without a summary.
    pub(super) fn told(&self) -> Option<String> {
        let summary = self.summary.as_ref()?;
        Some(format!("What was said earlier in this conversation, in short:\n{}", summary.text))
    }

    /// Whether the model is told nothing of it.
    pub(super) fn is_empty(&self) -> bool {
        self.summary.is_none() && self.messages.is_empty()
    }

    fn covered(&self) -> Option<DecisionId> {
        self.summary.as_ref().map(|summary| summary.covers)
    }
}

impl Turn {
    /// Reads what was said before.
    pub(super) async fn past(&self, task: &TaskRuntime) -> Result<Past> {
        if let Some(own) = self.known.input.get().filter(|input| !input.conversation.is_empty()) {
            let messages = before_the_message(&own.conversation);
            return Ok(Past { messages, ..Past::default() });
        }
        let Some(conversation) = &self.request.conversation else {
            return Ok(Past::default());
        };
        if self.request.begins {
            return Ok(self.fitting(task, Vec::new(), None));
        }
        let (conversations, user) = (self.inner.store.conversations(), &self.request.user);
        let recent = conversations.recent(&self.tenant, user, conversation, MOST_MESSAGES);
        let summary = async {
            match task.summaries {
                Some(_) => conversations.summary(&self.tenant, user, conversation).await,
                None => Ok(None),
            }
        };
        let (stored, summary) = tokio::try_join!(recent, summary)?;
        Ok(self.fitting(task, stored, summary))
    }

    fn fitting(&self, task: &TaskRuntime, stored: Vec<StoredMessage>, summary: Option<Summary>) -> Past {
        let counter = &*self.inner.tokens;
        // A summary that does not fit, as after a change of the budget, is none.
        let summary = summary.filter(|summary| counter.count(&summary.text) <= task.history);
        let left = summarise::left(task.history, summary.as_ref(), counter);
        let covered = summary.as_ref().map(|summary| summary.covers);
        let uncovered = stored.iter().filter(|said| covered.is_none_or(|covered| said.turn > covered));
        let uncovered = uncovered.map(|said| counter.count(&said.message.joined_text())).sum();
        Past { summary, messages: within_budget(stored, left, counter), uncovered: Some(uncovered) }
    }

    /// The job that sums up what falls out of the budget once these messages are stored; `None` while nothing does.
    pub(super) fn summary_job(&self, task: &TaskRuntime, past: &Past, added: &[Message]) -> Option<NewJob> {
        task.summaries.as_ref()?;
        let conversation = self.request.conversation.as_ref()?;
        let counter = &*self.inner.tokens;
        let added: TokenCount = added.iter().map(|message| counter.count(&message.joined_text())).sum();
        let left = summarise::left(task.history, past.summary.as_ref(), counter);
        let outgrown = past.uncovered? + added > left;
        outgrown.then(|| {
            let about = summarise::About::new(&task.id, &self.request.user, conversation);
            about.job(past.covered(), self.inner.clock.now())
        })
    }
}

/// What was said before the last message of the user.
fn before_the_message(conversation: &[Message]) -> Vec<Message> {
    let last = conversation.iter().rposition(|message| message.role == Role::User).unwrap_or_default();
    let said = conversation.iter().take(last).filter(|message| message.role != Role::System);
    said.cloned().collect()
}

/// The newest messages that fit, in the order they were said. They begin with one of the user's: a tool's result
/// without its call, and an answer without what it answers, are refused by some providers.
fn within_budget(stored: Vec<StoredMessage>, budget: TokenCount, counter: &dyn TokenCounter) -> Vec<Message> {
    let mut left = budget.get();
    let mut kept: Vec<_> = stored
        .into_iter()
        .rev()
        .map_while(|stored| {
            let tokens = counter.count(&stored.message.joined_text()).get();
            left = left.checked_sub(tokens)?;
            Some(stored.message)
        })
        .collect();
    kept.reverse();
    let first = kept.iter().position(|message| message.role == Role::User).unwrap_or(kept.len());
    kept.split_off(first)
}
