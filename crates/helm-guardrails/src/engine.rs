use std::sync::Arc;

use helm_core::{Category, GuardAction, Stage};

use crate::builder::GuardrailBuilder;
use crate::config::scores;
use crate::pii::PiiFilter;
use crate::plan::Plan;
use crate::policy::{OnError, Rule, StagePolicy};
use crate::profanity::ProfanityFilter;
use crate::result::GuardrailResult;
use crate::secrets::SecretFilter;
use crate::stream::StreamGuard;
use crate::unicode::UnicodeFilter;

/// Writes a text anew, given its verdict; see [`GuardrailBuilder::rewrite`].
pub type Rewrite = Arc<dyn Fn(&str, &GuardrailResult) -> Option<String> + Send + Sync>;

fn standard_rule(stage: Stage, category: Category) -> Rule {
    use GuardAction::{Allow, Block, Flag, Redact};
    Rule::new(match (category, stage) {
        (Category::Toxicity, Stage::Output) => return Rule::new(Block).with_threshold(0.8),
        (Category::Pii, Stage::Input | Stage::Output) => Redact,
        (Category::Profanity, Stage::Output) => Redact,
        (Category::Profanity | Category::Toxicity, Stage::Input) => Flag,
        (Category::Pii | Category::Profanity | Category::Toxicity, _) => Allow,
        (Category::Secret, Stage::ToolCall) => Flag,
        (Category::Secret, _) => Redact,
        (Category::Injection | Category::Unicode, _) => Flag,
        (Category::Url, Stage::Output) => Redact,
        (Category::Url, Stage::ToolCall) => Block,
        (Category::Url, _) => Flag,
        _ => Block,
    })
}

/// A policy under which links are flagged where other personal data is redacted, unless it says otherwise: an answer
/// without its links is of little use.
pub(crate) fn leaving_links(policy: StagePolicy) -> StagePolicy {
    let redacts = policy.rule(Category::Pii).is_some_and(|rule| rule.action == GuardAction::Redact);
    if !redacts || policy.entities().any(|entity| entity == "URL") {
        return policy;
    }
    policy.with_entity("URL", Rule::new(GuardAction::Flag))
}

/// Checks texts against detectors and rules. Immutable; cloning is cheap. To change settings, build another.
#[derive(Clone)]
pub struct GuardrailEngine {
    inner: Arc<Inner>,
}

struct Inner {
    /// By stage, in the order of [`Stage::ALL`].
    plans: [Arc<Plan>; Stage::ALL.len()],
    max_bytes: usize,
    rewrite: Option<Rewrite>,
}

impl GuardrailEngine {
    /// Begins an engine.
    pub fn builder() -> GuardrailBuilder {
        GuardrailBuilder::default()
    }

    pub(crate) fn new(
        plans: [Arc<Plan>; Stage::ALL.len()],
        max_bytes: usize,
        rewrite: Option<Rewrite>,
    ) -> Self {
        Self { inner: Arc::new(Inner { plans, max_bytes, rewrite }) }
    }

    /// The built-in detectors and the usual rules, which are those of [`standard_policy`](Self::standard_policy).
    #[must_use]
    pub fn standard() -> Self {
        let mut builder = Self::builder()
            .detector(Arc::new(SecretFilter::new()))
            .detector(Arc::new(PiiFilter::new()))
            .detector(Arc::new(UnicodeFilter::new()))
            .detector(Arc::new(ProfanityFilter::new()));
        for stage in Stage::ALL {
            builder = builder.stage(stage, leaving_links(Self::standard_policy(stage)));
            for detector in scores(stage, &ProfanityFilter::new()) {
                builder = builder.detector_at(stage, detector);
            }
        }
        builder.assembled()
    }

    /// What is usually done at a stage, about what an engine has detectors for.
    ///
    /// | | input | output | retrieved, tool result | tool call |
    /// |---|---|---|---|---|
    /// | pii | redact | redact | allow | allow |
    /// | secret | redact | redact | redact | flag |
    /// | profanity | flag | redact | allow | allow |
    /// | toxicity | flag from 0.5 | block from 0.8 | allow | allow |
    /// | injection, unicode | flag | flag | flag | flag |
    /// | url | flag | redact | flag | block |
    /// | topic, length, language, schema, remote | block | block | block | block |
    /// | a check that fails | open | closed | open | closed |
    #[must_use]
    pub fn standard_policy(stage: Stage) -> StagePolicy {
        let leaves = !matches!(stage, Stage::Input | Stage::Retrieved | Stage::ToolResult);
        let on_error = if leaves { OnError::Closed } else { OnError::Open };
        let mut policy = StagePolicy::new().with_on_error(on_error);
        for category in Category::ALL {
            policy = policy.with_rule(category, standard_rule(stage, category));
        }
        policy
    }

    /// Checks what a user wrote.
    #[must_use]
    pub fn check_input(&self, text: &str) -> GuardrailResult {
        self.check(Stage::Input, text)
    }

    /// Checks what a model wrote.
    #[must_use]
    pub fn check_output(&self, text: &str) -> GuardrailResult {
        self.check(Stage::Output, text)
    }

    /// Checks a text.
    #[must_use]
    pub fn check(&self, stage: Stage, text: &str) -> GuardrailResult {
        let plan = self.plan(stage);
        if text.len() > self.inner.max_bytes {
            return plan.too_long();
        }
        let result = plan.check(text);
        let Some(rewrite) = self.inner.rewrite.as_ref().filter(|_| result.action == GuardAction::Rewrite)
        else {
            return result;
        };
        match rewrite(text, &result).filter(|anew| anew.len() <= self.inner.max_bytes) {
            Some(anew) => passing(result, &anew, &plan.check(&anew)),
            None => result,
        }
    }

    /// Checks JSON, such as the arguments of a tool call: what its strings mean, not how they are escaped. Spans are
    /// places of `raw`; what is replaced stays JSON, a number becoming a string. What is not JSON is checked as text
    /// with the escapes of JSON. Nothing is rewritten.
    ///
    /// ```
    /// use helm_core::Stage;
    /// use helm_guardrails::GuardrailEngine;
    ///
    /// let guard = GuardrailEngine::standard();
    /// let arguments = r#"{"to": "ana\u0040example.com", "n": 1}"#;
    /// let result = guard.check_json(Stage::Output, arguments);
    /// assert_eq!(result.text(arguments), r#"{"to": "[EMAIL]", "n": 1}"#);
    /// ```
    #[must_use]
    pub fn check_json(&self, stage: Stage, raw: &str) -> GuardrailResult {
        let plan = self.plan(stage);
        if raw.len() > self.inner.max_bytes {
            return plan.too_long();
        }
        plan.check_json(raw)
    }

    /// Checks a text and puts placeholders of `vault` where the rules say redact, whatever their style, so that what a
    /// model writes about them can be [restored](crate::Vault::restore). Nothing is rewritten.
    #[cfg(feature = "vault")]
    #[must_use]
    pub fn pseudonymise(&self, stage: Stage, text: &str, vault: &mut crate::Vault) -> GuardrailResult {
        let plan = self.plan(stage);
        if text.len() > self.inner.max_bytes {
            return plan.too_long();
        }
        plan.pseudonymise(text, vault)
    }

    /// Checks a text, remote checks included. Without them this is [`check`](Self::check).
    ///
    /// # Cancellation safety
    ///
    /// Nothing is left half done; what was asked of remote checks has been asked.
    #[cfg(feature = "remote")]
    pub async fn check_async(&self, stage: Stage, text: &str) -> GuardrailResult {
        let plan = self.plan(stage);
        if text.len() > self.inner.max_bytes {
            return plan.too_long();
        }
        let result = plan.check_async(text).await;
        let Some(rewrite) = self.inner.rewrite.as_ref().filter(|_| result.action == GuardAction::Rewrite)
        else {
            return result;
        };
        match rewrite(text, &result).filter(|anew| anew.len() <= self.inner.max_bytes) {
            Some(anew) => passing(result, &anew, &plan.check_async(&anew).await),
            None => result,
        }
    }

    /// Checks JSON as [`check_json`](Self::check_json) does, remote checks included.
    ///
    /// # Cancellation safety
    ///
    /// As of [`check_async`](Self::check_async).
    #[cfg(feature = "remote")]
    pub async fn check_json_async(&self, stage: Stage, raw: &str) -> GuardrailResult {
        let plan = self.plan(stage);
        if raw.len() > self.inner.max_bytes {
            return plan.too_long();
        }
        plan.check_json_async(raw).await
    }

    /// Begins checking a text that arrives in pieces.
    #[must_use]
    pub fn stream(&self, stage: Stage) -> StreamGuard {
        StreamGuard::new(Arc::clone(self.plan(stage)), self.inner.max_bytes)
    }

    /// Begins checking JSON that arrives in pieces, as [`check_json`](Self::check_json) does. It is held back until its
    /// end: half of a call is of no use to anybody.
    #[must_use]
    pub fn stream_json(&self, stage: Stage) -> StreamGuard {
        StreamGuard::of_json(Arc::clone(self.plan(stage)), self.inner.max_bytes)
    }

    /// The hash of the settings.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.plan(Stage::Input).version
    }

    /// What looks at texts of a stage, in order.
    pub fn detectors(&self, stage: Stage) -> impl Iterator<Item = &str> {
        self.plan(stage).detectors.iter().map(|listed| listed.id.as_ref())
    }

    pub(crate) fn plan(&self, stage: Stage) -> &Arc<Plan> {
        let [input, output, retrieved, tool_call, tool_result] = &self.inner.plans;
        match stage {
            Stage::Input => input,
            Stage::Retrieved => retrieved,
            Stage::ToolCall => tool_call,
            Stage::ToolResult => tool_result,
            // What a stage of tomorrow is, is judged as what leaves is judged.
            _ => output,
        }
    }
}

/// The verdict on a text that was written anew, which passes if the verdict on that lets it.
fn passing(mut result: GuardrailResult, anew: &str, again: &GuardrailResult) -> GuardrailResult {
    if !again.is_blocked() {
        result.redacted = Some(again.text(anew).to_owned());
    }
    result
}
