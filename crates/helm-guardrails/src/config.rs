use std::sync::Arc;

use helm_core::{Category, GuardAction, Stage};
use serde::Deserialize;

use crate::engine::{GuardrailEngine, Rule};
use crate::error::Result;
use crate::pii::PiiFilter;
use crate::profanity::ProfanityFilter;
use crate::toxicity::ToxicityFilter;

/// Guardrails as configuration writes them. What is not said is as in [`GuardrailEngine::standard`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GuardrailConfig {
    /// What users write.
    pub input: StageConfig,
    /// What models write.
    pub output: StageConfig,
    /// The longest text in bytes. Default: 1 MiB.
    pub max_bytes: Option<usize>,
    /// Record everything, change nothing. Default: no.
    pub monitor: bool,
    /// Words to add to the profanity lexicon, which toxicity is also judged by. Case and accents do not count.
    pub banned_words: Vec<String>,
    /// Words to take out of it.
    pub allowed_words: Vec<String>,
}

/// What is done at a stage: `allow`, `flag`, `redact` or `block`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StageConfig {
    /// About personal data.
    pub pii: Option<GuardAction>,
    /// About profanity.
    pub profanity: Option<GuardAction>,
    /// About toxicity.
    pub toxicity: Option<GuardAction>,
    /// From which score toxicity counts, from 0 to 1.
    pub toxicity_threshold: Option<f64>,
}

impl GuardrailEngine {
    /// Makes an engine from configuration.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when a threshold, a length or a word is refused.
    pub fn from_config(config: &GuardrailConfig) -> Result<Self> {
        let profanity = ProfanityFilter::with_words(&config.banned_words, &config.allowed_words)?;
        let mut builder = Self::builder()
            .detector(Arc::new(PiiFilter::new()))
            .detector(Arc::new(profanity.clone()))
            .detector(Arc::new(ToxicityFilter::with_profanity(profanity)))
            .max_bytes(config.max_bytes.unwrap_or(1 << 20));
        let standard = [
            (Stage::Input, config.input, GuardAction::Flag, GuardAction::Flag, 0.5),
            (Stage::Output, config.output, GuardAction::Redact, GuardAction::Block, 0.8),
        ];
        for (stage, given, profanity, toxicity, threshold) in standard {
            let rule = |given: Option<GuardAction>, usual, threshold| Rule {
                action: given.unwrap_or(usual),
                threshold,
            };
            let threshold = given.toxicity_threshold.unwrap_or(threshold);
            builder = builder
                .rule(stage, Category::Pii, rule(given.pii, GuardAction::Redact, 0.5))
                .rule(stage, Category::Profanity, rule(given.profanity, profanity, 0.5))
                .rule(stage, Category::Toxicity, rule(given.toxicity, toxicity, threshold));
        }
        if config.monitor {
            builder = builder.monitor();
        }
        builder.build()
    }
}
