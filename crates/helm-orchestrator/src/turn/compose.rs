//! What the model is asked: the strategy's part, and the caller's within it.

use helm_core::{Message, Part, Role, Strategy};
use helm_llm::{Capabilities, ChatRequest, Tool};

use super::{recall::Recalled, run::Turn};
use crate::error::Result;
use crate::inner::TaskRuntime;
use crate::prompt::PromptView;

impl Turn {
    /// The strategy's request for this message.
    pub(super) fn chat_request(
        &self,
        task: &TaskRuntime,
        strategy: &Strategy,
        recalled: &Recalled,
        message: &str,
    ) -> Result<ChatRequest> {
        let system = self.system(task, strategy, recalled)?;
        let model = self.inner.model(strategy)?;
        let mut request = knobs(task, strategy, model.capabilities(), self.request.chat.as_ref());
        if !system.trim().is_empty() {
            request.messages.push(Message::text(Role::System, system));
        }
        match self.own_conversation() {
            Some(messages) => request.messages.extend(messages),
            None => {
                request.messages.extend(recalled.past.messages.iter().cloned());
                request.messages.push(Message::text(Role::User, message));
            }
        }
        Ok(request)
    }

    /// The strategy's instructions, with what it recalls.
    fn system(&self, task: &TaskRuntime, strategy: &Strategy, recalled: &Recalled) -> Result<String> {
        let wanted = usize::try_from(strategy.retrieval.memories).unwrap_or(usize::MAX);
        let memories = recalled.memories.get(..wanted.min(recalled.memories.len())).unwrap_or_default();
        let view = PromptView {
            user: &self.request.user,
            task: &task.id,
            preferences: &recalled.preferences.values,
            memories,
        };
        let name = strategy.id.name().as_str();
        let mut system = task.prompts.render(name, &view)?;
        if !memories.is_empty() && !task.prompts.uses(name, "memories") {
            system.push_str("\n\nEarlier messages of this user that may help:\n- ");
            system.push_str(&memories.join("\n- "));
        }
        // Some providers take no more than one message of the system, and only as the first.
        if let Some(told) = recalled.past.told() {
            system = if system.trim().is_empty() { told } else { format!("{system}\n\n{told}") };
        }
        Ok(system)
    }

    /// The caller's own conversation as the input guards let it pass, when it keeps one.
    fn own_conversation(&self) -> Option<Vec<Message>> {
        let input = self.known.input.get();
        let chat = self.request.chat.as_ref().filter(|chat| !chat.messages.is_empty())?;
        Some(match input {
            Some(input) => input.conversation.clone(),
            None => chat.messages.clone(),
        })
    }
}

/// What is asked apart from the words: what the strategy has set holds, of two limits the smaller one, and the rest is
/// the caller's. How the caller would have the model sample is a wish, which a model without such a knob does without.
fn knobs(
    task: &TaskRuntime,
    strategy: &Strategy,
    capabilities: &Capabilities,
    chat: Option<&ChatRequest>,
) -> ChatRequest {
    let mut request = chat.map_or_else(ChatRequest::default, without_words);
    request.seed = request.seed.filter(|_| capabilities.seed);
    request.sampling.effort = request.sampling.effort.filter(|_| capabilities.effort);
    if !capabilities.sampling {
        (request.sampling.temperature, request.sampling.top_p) = (None, None);
    }
    let own = &strategy.sampling;
    let sampling = &mut request.sampling;
    sampling.temperature = own.temperature.or(sampling.temperature);
    sampling.top_p = own.top_p.or(sampling.top_p);
    sampling.effort = own.effort.clone().or(sampling.effort.take());
    let limits = [strategy.max_output_tokens, request.max_output_tokens];
    request.max_output_tokens = limits.into_iter().flatten().min();
    let taken: Vec<_> = request.tools.iter().map(|tool| tool.name.clone()).collect();
    // A name that the caller gives to a tool of its own means that one.
    request.tools.extend(own_tools(task, strategy).filter(|tool| !taken.contains(&tool.name)).cloned());
    request
}

/// The task's tools that a strategy may use.
fn own_tools<'a>(task: &'a TaskRuntime, strategy: &'a Strategy) -> impl Iterator<Item = &'a Tool> {
    let allowed = |tool: &&Tool| strategy.tools.as_ref().is_none_or(|names| names.contains(&tool.name));
    task.tools.iter().map(|handler| handler.tool()).filter(allowed)
}

fn without_words(chat: &ChatRequest) -> ChatRequest {
    let mut request = ChatRequest::default()
        .with_sampling(chat.sampling.clone())
        .with_tools(chat.tools.clone())
        .with_stop(chat.stop.clone());
    request.max_output_tokens = chat.max_output_tokens;
    request.tool_choice.clone_from(&chat.tool_choice);
    request.parallel_tool_calls = chat.parallel_tool_calls;
    request.output.clone_from(&chat.output);
    request.seed = chat.seed;
    request
}

/// What a strategy's model must be able to do for a caller's wishes: the knobs, and the messages with pictures.
pub(crate) fn wishes(
    task: &TaskRuntime,
    strategy: &Strategy,
    capabilities: &Capabilities,
    chat: &ChatRequest,
) -> ChatRequest {
    let picture = |message: &&Message| message.parts.iter().any(|part| matches!(part, Part::Image(_)));
    let mut wishes = knobs(task, strategy, capabilities, Some(chat));
    wishes.messages = chat.messages.iter().filter(picture).cloned().collect();
    wishes
}
