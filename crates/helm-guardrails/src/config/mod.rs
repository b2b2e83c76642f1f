//! Guardrails as configuration writes them.

mod filled;
mod mistakes;
mod rule;

use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{Category, GuardAction, HeuristicTokenCounter, Stage, TokenCount};
use serde::{Deserialize, Serialize};

pub use rule::{RuleConfig, StyleName};

use crate::builder::{GuardrailBuilder, MAX_BYTES};
use crate::detector::Detector;
use crate::engine::{GuardrailEngine, leaving_links};
use crate::error::{Error, Result};
use crate::injection::InjectionFilter;
use crate::key::PseudonymKey;
use crate::length::LengthLimit;
use crate::phrases::PhraseFilter;
use crate::pii::PiiFilter;
use crate::policy::{Hold, OnError, Rule, StagePolicy};
use crate::profanity::ProfanityFilter;
use crate::secrets::SecretFilter;
use crate::toxicity::ToxicityFilter;
use crate::unicode::UnicodeFilter;
use crate::url::UrlFilter;

/// Guardrails as configuration writes them. What is not said is as in [`GuardrailEngine::standard`].
///
/// ```
/// use helm_guardrails::{GuardrailConfig, GuardrailEngine};
///
/// let config: GuardrailConfig = toml::from_str(r#"
///     max_bytes = 65536
///     [input]
///     pii = "redact"
///     toxicity = { action = "block", threshold = 0.9 }
///     [output.entities]
///     CREDIT_CARD = { action = "redact", style = "mask", keep = 4 }
///     EMAIL = "allow"
/// "#)?;
/// let guard = GuardrailEngine::from_config(&config)?;
/// let text = "4111 1111 1111 1111 of ana@example.com";
/// assert_eq!(guard.check_output(text).text(text), "***************1111 of ana@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GuardrailConfig {
    /// What users write.
    pub input: StageConfig,
    /// What models write.
    pub output: StageConfig,
    /// What is found for a model to read.
    pub retrieved: StageConfig,
    /// The arguments of calls that a model makes.
    pub tool_call: StageConfig,
    /// What tools answer.
    pub tool_result: StageConfig,
    /// The longest text in bytes. Default: 1 MiB.
    pub max_bytes: Option<usize>,
    /// Record everything, change nothing. Default: no.
    pub monitor: bool,
    /// Measure how long each detector takes. Default: no.
    pub timing: bool,
    /// Words to add to the profanity lexicon, which toxicity is also judged by. Case and accents do not count.
    pub banned_words: Vec<String>,
    /// Words to take out of it.
    pub allowed_words: Vec<String>,
    /// Names of remote checks, which whoever loads the configuration adds to its [`builder`](Self::builder).
    pub checks: Vec<String>,
    /// What is said where a rule says rewrite. Default: nothing; the caller may have the text rewritten.
    pub rewrite_to: Option<String>,
    /// The environment variable that holds the key for pseudonyms; read by whoever loads the configuration.
    pub pseudonym_key_env: Option<String>,
    /// That key.
    #[serde(skip)]
    pub pseudonym_key: Option<PseudonymKey>,
}

/// What is done at a stage: by category an action, or a table of an action and its conditions.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StageConfig {
    /// About personal data.
    pub pii: Option<RuleConfig>,
    /// About keys, tokens and passwords.
    pub secret: Option<RuleConfig>,
    /// About swear words.
    pub profanity: Option<RuleConfig>,
    /// About insults, threats and hate.
    pub toxicity: Option<RuleConfig>,
    /// About attempts to override the instructions.
    pub injection: Option<RuleConfig>,
    /// About invisible or misleading characters.
    pub unicode: Option<RuleConfig>,
    /// About links that are not allowed.
    pub url: Option<RuleConfig>,
    /// About banned subjects and phrases.
    pub topic: Option<RuleConfig>,
    /// About what is too long.
    pub length: Option<RuleConfig>,
    /// About languages that are not allowed.
    pub language: Option<RuleConfig>,
    /// About what does not fit its schema.
    pub schema: Option<RuleConfig>,
    /// About what remote checks find.
    pub remote: Option<RuleConfig>,
    /// About single entities, such as `IBAN`, whatever their category's rule says.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub entities: BTreeMap<String, RuleConfig>,
    /// What is done when a check fails. Default: `open` at the input, `closed` at the output.
    pub on_error: Option<OnError>,
    /// Record everything, change nothing at this stage. Default: no.
    pub monitor: bool,
    /// The hosts that links may lead to, with all below them. Default: any.
    pub allowed_hosts: Vec<String>,
    /// The hosts that links may not lead to, with all below them. Default: none.
    pub denied_hosts: Vec<String>,
    /// Subjects by name, each with the phrases that give it away; the rule is that of `topic`. Default: none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub banned_topics: BTreeMap<String, Vec<String>>,
    /// The most characters of a text; the rule is that of `length`. Default: as many as `max_bytes` allows.
    pub max_chars: Option<usize>,
    /// The most tokens of a text, as [`HeuristicTokenCounter`] estimates them. Default: any number.
    pub max_tokens: Option<u64>,
    /// The languages that a text may be in (ISO 639-3, needs the feature `language`). Default: any.
    pub allowed_languages: Vec<String>,
    /// The JSON Schema that a text must fit, as JSON (needs the feature `schema`). Default: none.
    pub json_schema: Option<String>,
    /// What a stream holds back for detectors that need a sentence or the whole text. Default: `awake`.
    pub hold: Option<Hold>,
}

impl StageConfig {
    fn categories(&self) -> [(Category, Option<RuleConfig>); Category::ALL.len()] {
        [
            (Category::Pii, self.pii),
            (Category::Secret, self.secret),
            (Category::Profanity, self.profanity),
            (Category::Toxicity, self.toxicity),
            (Category::Injection, self.injection),
            (Category::Unicode, self.unicode),
            (Category::Url, self.url),
            (Category::Topic, self.topic),
            (Category::Length, self.length),
            (Category::Language, self.language),
            (Category::Schema, self.schema),
            (Category::Remote, self.remote),
        ]
    }

    /// What is said here, and what is usual at `stage` where nothing is.
    fn policy(&self, stage: Stage) -> Result<StagePolicy> {
        let mut policy = GuardrailEngine::standard_policy(stage);
        for (category, given) in self.categories() {
            let Some(given) = given else { continue };
            policy = of_category(policy, category, given)?;
        }
        for (entity, given) in &self.entities {
            policy = of_entity(policy, entity, *given)?;
        }
        if let Some(on_error) = self.on_error {
            policy = policy.with_on_error(on_error);
        }
        if let Some(hold) = self.hold {
            policy = policy.with_hold(hold);
        }
        Ok(if self.monitor { policy.monitored() } else { policy })
    }
}

/// The policy with this rule for a category.
fn of_category(policy: StagePolicy, category: Category, given: RuleConfig) -> Result<StagePolicy> {
    let usual = policy.rule(category).unwrap_or(Rule::new(GuardAction::Flag));
    Ok(policy.with_rule(category, given.over(category.as_str(), usual)?))
}

/// The policy with this rule for an entity.
fn of_entity(policy: StagePolicy, entity: &str, given: RuleConfig) -> Result<StagePolicy> {
    let action = given.action.ok_or_else(|| Error::MissingAction { entity: entity.to_owned() })?;
    Ok(policy.with_entity(entity, given.over(entity, Rule::new(action))?))
}

impl StageConfig {
    /// The detectors that this stage has of its own.
    fn detectors(&self, stage: Stage, profanity: &ProfanityFilter) -> Result<Vec<Arc<dyn Detector>>> {
        let mut detectors = scores(stage, profanity);
        if !(self.allowed_hosts.is_empty() && self.denied_hosts.is_empty()) {
            let mut links = UrlFilter::new().deny(self.denied_hosts.iter().map(String::as_str))?;
            if !self.allowed_hosts.is_empty() {
                links = links.allow(self.allowed_hosts.iter().map(String::as_str))?;
            }
            detectors.push(Arc::new(links));
        }
        if !self.banned_topics.is_empty() {
            let topics =
                self.banned_topics.iter().try_fold(PhraseFilter::new(), |filter, (name, phrases)| {
                    filter.list(name, phrases.iter().map(String::as_str))
                });
            detectors.push(Arc::new(topics?));
        }
        detectors.extend(self.length_limit());
        detectors.extend(self.language_filter()?);
        detectors.extend(self.schema_filter()?);
        Ok(detectors)
    }

    fn length_limit(&self) -> Option<Arc<dyn Detector>> {
        let mut limit = LengthLimit::new();
        if let Some(most) = self.max_chars {
            limit = limit.max_chars(most);
        }
        if let Some(most) = self.max_tokens {
            limit = limit.max_tokens(Arc::new(HeuristicTokenCounter), TokenCount::new(most));
        }
        (self.max_chars.is_some() || self.max_tokens.is_some()).then(|| Arc::new(limit) as Arc<dyn Detector>)
    }

    #[cfg(feature = "language")]
    fn language_filter(&self) -> Result<Option<Arc<dyn Detector>>> {
        if self.allowed_languages.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(crate::LanguageFilter::allowing(&self.allowed_languages)?)))
    }

    #[cfg(not(feature = "language"))]
    fn language_filter(&self) -> Result<Option<Arc<dyn Detector>>> {
        match self.allowed_languages.is_empty() {
            true => Ok(None),
            false => Err(Error::NotBuilt { setting: "allowed_languages", feature: "language" }),
        }
    }

    #[cfg(feature = "schema")]
    fn schema_filter(&self) -> Result<Option<Arc<dyn Detector>>> {
        let Some(schema) = &self.json_schema else {
            return Ok(None);
        };
        let schema =
            serde_json::from_str(schema).map_err(|error| Error::InvalidSchema { why: error.to_string() })?;
        Ok(Some(Arc::new(crate::SchemaFilter::new(&schema)?)))
    }

    #[cfg(not(feature = "schema"))]
    fn schema_filter(&self) -> Result<Option<Arc<dyn Detector>>> {
        match &self.json_schema {
            None => Ok(None),
            Some(_) => Err(Error::NotBuilt { setting: "json_schema", feature: "schema" }),
        }
    }
}

/// The detectors of every stage.
fn everywhere(profanity: &ProfanityFilter) -> GuardrailBuilder {
    GuardrailEngine::builder()
        .detector(Arc::new(SecretFilter::new()))
        .detector(Arc::new(PiiFilter::new()))
        .detector(Arc::new(UnicodeFilter::new()))
        .detector(Arc::new(profanity.clone()))
}

/// The detectors that score what a text says. What a model writes streams, so it is judged sentence by sentence; other
/// texts are judged as a whole too, and for attempts to instruct the model that reads them.
pub(crate) fn scores(stage: Stage, profanity: &ProfanityFilter) -> Vec<Arc<dyn Detector>> {
    let toxicity = ToxicityFilter::with_profanity(profanity.clone());
    match stage {
        Stage::Output => vec![Arc::new(toxicity)],
        Stage::Input | Stage::Retrieved | Stage::ToolResult => {
            vec![Arc::new(toxicity.of_whole_texts()), Arc::new(InjectionFilter::new().of_whole_texts())]
        }
        _ => vec![Arc::new(toxicity.of_whole_texts())],
    }
}

impl GuardrailConfig {
    fn stage(&self, stage: Stage) -> &StageConfig {
        match stage {
            Stage::Input => &self.input,
            Stage::Retrieved => &self.retrieved,
            Stage::ToolCall => &self.tool_call,
            Stage::ToolResult => &self.tool_result,
            _ => &self.output,
        }
    }
}

impl GuardrailEngine {
    /// Makes an engine from configuration.
    ///
    /// # Errors
    ///
    /// [`Error`] when a rule, a threshold, a length or a word is refused.
    pub fn from_config(config: &GuardrailConfig) -> Result<Self> {
        match config.checks.first() {
            Some(name) => Err(Error::MissingCheck { name: name.clone() }),
            None => config.builder()?.build(),
        }
    }
}

impl GuardrailConfig {
    /// What the configuration says, for more to be added, such as the remote checks that it names.
    ///
    /// # Errors
    ///
    /// [`Error`] when a rule, a threshold or a word is refused.
    pub fn builder(&self) -> Result<GuardrailBuilder> {
        let profanity = ProfanityFilter::with_words(&self.banned_words, &self.allowed_words)?;
        let mut builder = everywhere(&profanity).max_bytes(self.max_bytes.unwrap_or(MAX_BYTES));
        for stage in Stage::ALL {
            let given = self.stage(stage);
            builder = builder.stage(stage, leaving_links(given.policy(stage)?));
            for detector in given.detectors(stage, &profanity)? {
                builder = builder.detector_at(stage, detector);
            }
        }
        if self.monitor {
            builder = builder.monitor();
        }
        if self.timing {
            builder = builder.timing();
        }
        if let Some(key) = &self.pseudonym_key {
            builder = builder.pseudonym_key(key.clone());
        }
        if let Some(text) = self.rewrite_to.clone() {
            builder = builder.rewrite(Arc::new(move |_, _| Some(text.clone())));
        }
        Ok(builder)
    }
}
