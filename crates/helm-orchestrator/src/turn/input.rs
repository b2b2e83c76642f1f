//! The input guards, over everything that the user and the user's tools say.

use helm_core::{Message, Part, Role, Stage};
use helm_guardrails::GuardrailResult;

use super::run::{Stop, Turn};
use crate::inner::TaskRuntime;

/// A turn's input as the guards let it pass.
pub(super) struct Input {
    /// What the user wrote.
    pub(super) message: String,
    /// What was found in it.
    pub(super) result: GuardrailResult,
    /// The caller's own conversation, the message included; empty when it keeps none.
    pub(super) conversation: Vec<Message>,
}

impl Turn {
    /// Checks the message and, of a conversation that the caller keeps, whatever else the model would read of the
    /// user. Answers the verdict alone when one of them is refused.
    pub(super) async fn check_input(
        &self,
        task: &TaskRuntime,
    ) -> Result<Result<Input, GuardrailResult>, Stop> {
        let result = self.check(&task.guardrails, Stage::Input, &self.request.message).await?;
        if result.is_blocked() {
            return Ok(Err(result));
        }
        let message = result.text(&self.request.message).to_owned();
        let own = self.request.chat.as_ref().map(|chat| chat.messages.as_slice()).unwrap_or_default();
        let mut conversation = Vec::with_capacity(own.len());
        for said in own {
            let text = said.joined_text();
            // The message itself has been looked at.
            let known = (said.role == Role::User && text == self.request.message).then(|| result.clone());
            match self.check_message(task, said, &text, known).await? {
                Ok(said) => conversation.push(said),
                Err(refused) => return Ok(Err(refused)),
            }
        }
        Ok(Ok(Input { message, result, conversation }))
    }

    /// A message of the conversation as the guards let it pass. What the application and the model said passes.
    async fn check_message(
        &self,
        task: &TaskRuntime,
        said: &Message,
        text: &str,
        known: Option<GuardrailResult>,
    ) -> Result<Result<Message, GuardrailResult>, Stop> {
        if !matches!(said.role, Role::User | Role::Tool) {
            return Ok(Ok(said.clone()));
        }
        // What is found across the parts of a message is found in their text as a whole.
        let verdict = match known {
            Some(verdict) => verdict,
            None => self.check(&task.guardrails, stage(said), text).await?,
        };
        if verdict.is_blocked() {
            return Ok(Err(verdict));
        }
        let passed = verdict.text(text);
        if passed == text {
            return Ok(Ok(said.clone()));
        }
        Ok(Ok(match said.role {
            Role::User => rewritten(said, passed),
            _ => self.results(task, said).await?,
        }))
    }

    /// The results of tools, each as the guards let it pass.
    async fn results(&self, task: &TaskRuntime, said: &Message) -> Result<Message, Stop> {
        let mut passed = said.clone();
        for part in &mut passed.parts {
            if let Part::ToolResult(result) = part {
                let verdict = self.check(&task.guardrails, Stage::ToolResult, &result.content).await?;
                result.content = verdict.text(&result.content).to_owned();
            }
        }
        Ok(passed)
    }
}

/// The stage at which a message is looked at.
fn stage(said: &Message) -> Stage {
    match said.role {
        Role::Tool => Stage::ToolResult,
        _ => Stage::Input,
    }
}

/// A message whose texts are replaced by one; what is no text stays.
fn rewritten(said: &Message, text: &str) -> Message {
    let mut parts = vec![Part::Text { text: text.to_owned() }];
    parts.extend(said.parts.iter().filter(|part| part.as_text().is_none()).cloned());
    Message::new(said.role, parts)
}
