//! The built-in demonstration model.

mod compose;
mod style;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use helm_core::{HeuristicTokenCounter, Message, ModelName, NanoUsd, Role, TokenCount, TokenCounter, Usage};

use crate::answer::{ChatEvent, ChatResponse, Finish, FinishReason};
use crate::capabilities::Capabilities;
use crate::error::Result;
use crate::model::{Call, ChatModel, ChatStream};
use crate::request::ChatRequest;
use style::Style;

/// A deterministic stand-in for a model: for demonstrations and tests, without key and network.
///
/// It answers in the manner that the system prompt asks for (briefly, step by step, warmly, formally and in
/// depth, with an example, with a question) and about the content words of the last user message. It knows
/// nothing: what it says is made up, and its capabilities say so. The same request gives the same bytes.
///
/// Its tokens are estimated, its cost is 0 since nothing is paid.
#[derive(Clone, Debug)]
pub struct BuiltinModel {
    name: ModelName,
    capabilities: Capabilities,
}

impl BuiltinModel {
    /// The model under this name.
    #[must_use]
    pub fn new(name: ModelName) -> Self {
        let capabilities = Capabilities {
            simulated: true,
            sampling: false,
            effort: false,
            tools: false,
            tool_choice: false,
            parallel_tool_calls: false,
            structured_output: false,
            images: false,
            image_urls: false,
            stop: false,
            seed: false,
            ..Capabilities::default()
        };
        Self { name, capabilities }
    }

    fn answer(&self, request: &ChatRequest) -> (String, Finish) {
        let last = |role: Role| {
            let message = request.messages.iter().rev().find(|message| message.role == role);
            message.map(Message::joined_text).unwrap_or_default()
        };
        let text = compose::compose(&Style::of(&last(Role::System)), &last(Role::User));
        let (text, reason) = bounded(text, request.max_output_tokens);
        let count = |text: &str| HeuristicTokenCounter.count(text);
        let input = request.messages.iter().map(|message| count(&message.joined_text())).sum();
        let usage = Usage::estimate(input, count(&text));
        let model = ModelName::new("helm-builtin-1").ok();
        let finish =
            Finish::new(reason).with_usage(Some(usage)).with_cost(Some(NanoUsd::ZERO)).with_model(model);
        (text, finish)
    }
}

/// Cuts a text at its limit of tokens, which count four bytes each.
fn bounded(mut text: String, limit: Option<TokenCount>) -> (String, FinishReason) {
    let limit = limit.and_then(|tokens| usize::try_from(tokens.get().saturating_mul(4)).ok());
    match limit.filter(|limit| *limit < text.len()) {
        Some(limit) => {
            text.truncate(text.floor_char_boundary(limit));
            (text, FinishReason::Length)
        }
        None => (text, FinishReason::Stop),
    }
}

#[async_trait]
impl ChatModel for BuiltinModel {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn generate(&self, request: &ChatRequest, _: &Call) -> Result<ChatResponse> {
        let (text, finish) = self.answer(request);
        Ok(ChatResponse::new(text, finish))
    }

    async fn stream(&self, request: &ChatRequest, _: &Call) -> Result<ChatStream> {
        let (text, finish) = self.answer(request);
        let words: Vec<_> =
            text.split_inclusive(' ').map(|word| Ok(ChatEvent::Delta(word.to_owned()))).collect();
        let end = stream::once(async { Ok(ChatEvent::Finished(finish)) });
        Ok(stream::iter(words).chain(end).boxed())
    }
}

#[cfg(test)]
mod tests {
    use helm_core::TenantId;

    use super::*;

    fn ask(system: &str, user: &str) -> String {
        let messages = vec![Message::text(Role::System, system), Message::text(Role::User, user)];
        let model = BuiltinModel::new(ModelName::new("main").unwrap());
        model.answer(&ChatRequest::new(messages)).0
    }

    #[test]
    fn styles_are_told_apart_and_the_question_is_met() {
        let question = "How do I reset the password of my router?";
        let brief = ask("Answer in at most two sentences.", question);
        let steps = ask("Answer step by step, as a numbered list.", question);
        let warm = ask("Be warm, friendly and encouraging.", question);
        let deep = ask("Answer formally and in depth, with an example.", question);
        let asking = ask("End with a question that leads the learner on.", question);
        assert!(brief.len() < 200 && deep.len() > 3 * brief.len());
        assert!(steps.contains("1.") && steps.contains("3."));
        assert!(warm.to_lowercase().contains("glad"));
        assert!(deep.contains("For example"));
        assert!(asking.trim_end().ends_with('?'));
        for answer in [&brief, &steps, &warm, &deep, &asking] {
            assert!(answer.contains("password") && answer.contains("router"), "{answer}");
        }
        assert_eq!(brief, ask("Answer in at most two sentences.", question));
    }

    #[tokio::test]
    async fn whole_and_streamed_answers_are_the_same_and_bounded() {
        let model = BuiltinModel::new(ModelName::new("main").unwrap());
        let request = ChatRequest::new(vec![Message::text(Role::User, "Tell me about bees")])
            .with_max_output_tokens(TokenCount::new(5));
        let call = Call::new(TenantId::single());
        let whole = model.generate(&request, &call).await.unwrap();
        assert_eq!(whole.finish.reason, FinishReason::Length);
        assert_eq!(whole.text().len(), 20);
        let events: Vec<_> = model.stream(&request, &call).await.unwrap().collect().await;
        let text: String = events
            .iter()
            .filter_map(|event| match event {
                Ok(ChatEvent::Delta(text)) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, whole.text());
        assert!(matches!(events.last(), Some(Ok(ChatEvent::Finished(_)))));
    }

    #[test]
    fn anything_can_be_asked() {
        for user in ["", "?", "日本語で", "\u{0}", &"a ".repeat(10_000)] {
            assert!(!ask("", user).is_empty());
        }
    }
}
