use std::collections::BTreeMap;

use helm_core::{Category, GuardAction, Severity};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::finding::Finding;

/// What is done about findings of a kind.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// What is done.
    pub action: GuardAction,
    /// Findings with a lower score are ignored. From 0 to 1; default: 0.5.
    pub threshold: f64,
    /// Findings that are less bad are ignored. Default: none.
    pub severity: Severity,
    /// What a redacted span is replaced by. Default: its label.
    pub style: RedactStyle,
}

impl Rule {
    /// A rule with the defaults of the fields.
    #[must_use]
    pub const fn new(action: GuardAction) -> Self {
        Self { action, threshold: 0.5, severity: Severity::Info, style: RedactStyle::Label }
    }

    /// Ignores findings with a lower score.
    #[must_use]
    pub const fn with_threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Ignores findings that are less bad.
    #[must_use]
    pub const fn with_severity(mut self, least: Severity) -> Self {
        self.severity = least;
        self
    }

    /// Replaces redacted spans so.
    #[must_use]
    pub const fn with_style(mut self, style: RedactStyle) -> Self {
        self.style = style;
        self
    }

    fn listens_to(self, finding: &Finding) -> bool {
        self.action != GuardAction::Allow
            && finding.score.get() >= self.threshold
            && finding.severity >= self.severity
    }
}

/// What a redacted span is replaced by.
///
/// [`Hash`](Self::Hash) and [`Pseudonym`](Self::Pseudonym) write 64 bits as 16 consonants, so that what they write
/// is neither a number nor a word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum RedactStyle {
    /// `[EMAIL]`
    #[default]
    Label,
    /// Asterisks, as many as there were characters, of which the last stay: no more than a quarter of them.
    Mask {
        /// How many of the last characters stay. 0 is usual; 4 tells cards apart.
        keep: u8,
    },
    /// `[EMAIL#…]` with a piece of the SHA-256 of what was there: the same everywhere. Somebody who tries all phone
    /// numbers finds the one that was there; use a pseudonym where that matters.
    Hash,
    /// `[EMAIL#…]` with a piece of the HMAC-SHA-256 of what was there, under the engine's
    /// [key](crate::GuardrailBuilder::pseudonym_key): the same for whoever has the key.
    Pseudonym,
}

/// What is done when a check cannot be made: a detector panics, a remote check fails or does not answer in time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnError {
    /// The text passes; the failure is recorded.
    Open,
    /// The text is blocked.
    Closed,
}

/// What a stream holds back for detectors that need a sentence or the whole text and may block. What they may
/// redact is held back in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hold {
    /// From where such a detector [wakes](crate::Detector::wakes) to the end of the sentence; everything, where one
    /// needs the whole text. When something blocks after text has left, the stream stops: what has left is a prefix.
    #[default]
    Awake,
    /// Every sentence until it has been judged; everything, where a detector needs the whole text.
    Sentence,
    /// Everything until the end, so the verdict is that of the whole text.
    All,
    /// Nothing: what they find stops the stream late, and a verdict on the whole text comes when it has left.
    Nothing,
}

/// What a check looks for.
pub(crate) struct Kinds<'k> {
    pub(crate) categories: &'k [Category],
    /// Empty when it does not tell.
    pub(crate) entities: Vec<&'k str>,
}

/// What is done at one stage. Without rules nothing is looked for.
#[derive(Clone, PartialEq, Debug)]
pub struct StagePolicy {
    categories: BTreeMap<Category, Rule>,
    entities: BTreeMap<String, Rule>,
    pub(crate) on_error: OnError,
    pub(crate) monitor: bool,
    pub(crate) hold: Hold,
}

impl Default for StagePolicy {
    fn default() -> Self {
        Self {
            categories: BTreeMap::new(),
            entities: BTreeMap::new(),
            on_error: OnError::Closed,
            monitor: false,
            hold: Hold::default(),
        }
    }
}

impl StagePolicy {
    /// No rules, failing closed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is done about a category.
    #[must_use]
    pub fn with_rule(mut self, category: Category, rule: Rule) -> Self {
        self.categories.insert(category, rule);
        self
    }

    /// Sets what is done about an entity, such as `IBAN`, whatever its category's rule says. Its detector runs when
    /// a category that it looks for has a rule.
    #[must_use]
    pub fn with_entity(mut self, entity: impl Into<String>, rule: Rule) -> Self {
        self.entities.insert(entity.into(), rule);
        self
    }

    /// Sets what is done when a check fails. Default: closed.
    #[must_use]
    pub const fn with_on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Records everything and changes nothing.
    #[must_use]
    pub const fn monitored(mut self) -> Self {
        self.monitor = true;
        self
    }

    /// Sets what a stream holds back. Default: [`Hold::Awake`].
    #[must_use]
    pub const fn with_hold(mut self, hold: Hold) -> Self {
        self.hold = hold;
        self
    }

    /// The rule of a category.
    #[must_use]
    pub fn rule(&self, category: Category) -> Option<Rule> {
        self.categories.get(&category).copied()
    }

    /// The entities that have a rule of their own.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &str> {
        self.entities.keys().map(String::as_str)
    }

    /// The rules of single entities.
    pub(crate) fn entity_rules(&self) -> impl Iterator<Item = (&str, Rule)> {
        self.entities.iter().map(|(entity, rule)| (entity.as_str(), *rule))
    }

    /// The rule that a finding falls under; `None` when it is ignored.
    pub(crate) fn rule_for(&self, finding: &Finding) -> Option<Rule> {
        let own = (!self.entities.is_empty()).then(|| self.entities.get(finding.entity.as_ref())).flatten();
        let rule = own.or_else(|| self.categories.get(&finding.category)).copied()?;
        rule.listens_to(finding).then_some(rule)
    }

    /// Whether anything of these kinds may be acted upon.
    pub(crate) fn listens_to(&self, kinds: &Kinds<'_>) -> bool {
        self.strictest(kinds) > GuardAction::Allow
    }

    /// The strictest that may be done about findings of these kinds, were nothing only monitored.
    pub(crate) fn strictest(&self, kinds: &Kinds<'_>) -> GuardAction {
        self.rules_for(kinds).map(|rule| rule.action).max().unwrap_or_default()
    }

    /// Whether a span of these kinds may be replaced.
    pub(crate) fn redacts(&self, kinds: &Kinds<'_>) -> bool {
        self.rules_for(kinds).any(|rule| rule.action == GuardAction::Redact)
    }

    fn rules_for(&self, kinds: &Kinds<'_>) -> impl Iterator<Item = Rule> {
        let ruled = self.categories.iter().filter(|(category, _)| kinds.categories.contains(category));
        let has_rule = ruled.clone().next().is_some();
        // Where entities are not told, any may be meant.
        let is_told =
            |entity: &String| kinds.entities.is_empty() || kinds.entities.contains(&entity.as_str());
        let entities = self.entities.iter().filter(move |(entity, _)| has_rule && is_told(entity));
        ruled.map(|(_, rule)| *rule).chain(entities.map(|(_, rule)| *rule))
    }

    /// All rules, and what they are for.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, Rule)> {
        let categories = self.categories.iter().map(|(category, rule)| (category.as_str(), *rule));
        categories.chain(self.entity_rules())
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (kind, rule) in self.rules() {
            if !(0.0..=1.0).contains(&rule.threshold) {
                return Err(Error::InvalidThreshold { setting: kind.to_owned(), value: rule.threshold });
            }
        }
        Ok(())
    }

    pub(crate) fn uses(&self, style: RedactStyle) -> bool {
        self.rules().any(|(_, rule)| rule.style == style)
    }
}
