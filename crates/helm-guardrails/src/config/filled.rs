//! The defaults of what nobody has said, written out to be shown.

use helm_core::{Category, Stage};

use super::{GuardrailConfig, RuleConfig, StageConfig, StyleName};
use crate::builder::MAX_BYTES;
use crate::engine::leaving_links;
use crate::policy::{RedactStyle, Rule, StagePolicy};

impl GuardrailConfig {
    /// The same configuration with every rule and number written out that holds where nobody has said another. A stage with
    /// a rule that is refused is left as it is.
    #[must_use]
    pub fn filled(&self) -> Self {
        Self {
            input: self.input.filled(Stage::Input),
            output: self.output.filled(Stage::Output),
            retrieved: self.retrieved.filled(Stage::Retrieved),
            tool_call: self.tool_call.filled(Stage::ToolCall),
            tool_result: self.tool_result.filled(Stage::ToolResult),
            max_bytes: Some(self.max_bytes.unwrap_or(MAX_BYTES)),
            ..self.clone()
        }
    }
}

impl StageConfig {
    fn filled(&self, stage: Stage) -> Self {
        match self.policy(stage) {
            Ok(policy) => self.with_rules_of(&leaving_links(policy)),
            Err(_) => self.clone(),
        }
    }

    fn with_rules_of(&self, policy: &StagePolicy) -> Self {
        let rule = |category| policy.rule(category).map(RuleConfig::from);
        let entities = policy.entity_rules().map(|(entity, rule)| (entity.to_owned(), rule.into()));
        Self {
            pii: rule(Category::Pii),
            secret: rule(Category::Secret),
            profanity: rule(Category::Profanity),
            toxicity: rule(Category::Toxicity),
            injection: rule(Category::Injection),
            unicode: rule(Category::Unicode),
            url: rule(Category::Url),
            topic: rule(Category::Topic),
            length: rule(Category::Length),
            language: rule(Category::Language),
            schema: rule(Category::Schema),
            remote: rule(Category::Remote),
            entities: entities.collect(),
            on_error: Some(policy.on_error),
            hold: Some(policy.hold),
            ..self.clone()
        }
    }
}

impl From<Rule> for RuleConfig {
    fn from(rule: Rule) -> Self {
        let (style, keep) = match rule.style {
            RedactStyle::Label => (StyleName::Label, None),
            RedactStyle::Mask { keep } => (StyleName::Mask, Some(keep)),
            RedactStyle::Hash => (StyleName::Hash, None),
            RedactStyle::Pseudonym => (StyleName::Pseudonym, None),
        };
        Self {
            action: Some(rule.action),
            threshold: Some(rule.threshold),
            severity: Some(rule.severity),
            style: Some(style),
            keep,
        }
    }
}
