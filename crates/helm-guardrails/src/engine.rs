use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{Category, GuardAction, PolicyHash, Stage, Violation};

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::pii::PiiFilter;
use crate::profanity::ProfanityFilter;
use crate::redact::redact;
use crate::result::GuardrailResult;
use crate::stream::StreamGuard;
use crate::toxicity::ToxicityFilter;
use crate::view::TextView;

/// What is done about a category at a stage.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rule {
    /// What is done.
    pub action: GuardAction,
    /// Findings with a lower score are ignored. From 0 to 1.
    pub threshold: f64,
}

/// Checks texts against detectors and rules. Immutable; cloning is cheap.
#[derive(Clone)]
pub struct GuardrailEngine {
    inner: Arc<Inner>,
}

struct Inner {
    detectors: Vec<Arc<dyn Detector>>,
    rules: BTreeMap<(Stage, Category), Rule>,
    max_bytes: usize,
    monitor: bool,
    version: String,
}

/// Puts an engine together. Without rules nothing is done about anything.
#[must_use = "a builder does nothing until it is built"]
pub struct GuardrailBuilder {
    detectors: Vec<Arc<dyn Detector>>,
    rules: BTreeMap<(Stage, Category), Rule>,
    max_bytes: usize,
    monitor: bool,
}

impl Default for GuardrailBuilder {
    fn default() -> Self {
        Self { detectors: Vec::new(), rules: BTreeMap::new(), max_bytes: 1 << 20, monitor: false }
    }
}

impl GuardrailBuilder {
    /// Adds a detector.
    pub fn detector(mut self, detector: Arc<dyn Detector>) -> Self {
        self.detectors.push(detector);
        self
    }

    /// Sets what is done about a category at a stage.
    pub fn rule(mut self, stage: Stage, category: Category, rule: Rule) -> Self {
        self.rules.insert((stage, category), rule);
        self
    }

    /// Sets the longest text that is accepted, in bytes; a longer one is blocked. Default: 1 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// In monitor mode everything is recorded and nothing is changed.
    pub fn monitor(mut self) -> Self {
        self.monitor = true;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error`] when a threshold or length is out of range or two detectors share an id.
    pub fn build(self) -> Result<GuardrailEngine> {
        if self.max_bytes == 0 {
            return Err(Error::InvalidLength);
        }
        for rule in self.rules.values() {
            if !(0.0..=1.0).contains(&rule.threshold) {
                return Err(Error::InvalidThreshold { setting: "threshold", value: rule.threshold });
            }
        }
        for (index, detector) in self.detectors.iter().enumerate() {
            if self.detectors.iter().take(index).any(|earlier| earlier.id() == detector.id()) {
                return Err(Error::DuplicateDetector { id: detector.id().to_owned() });
            }
        }
        Ok(self.assembled())
    }

    fn assembled(self) -> GuardrailEngine {
        let parts: Vec<_> = self.detectors.iter().map(|part| (part.id(), part.settings())).collect();
        let canonical = format!("{parts:?} {:?} {} {}", self.rules, self.max_bytes, self.monitor);
        let version = PolicyHash::of(&canonical).to_string();
        let Self { detectors, rules, max_bytes, monitor } = self;
        GuardrailEngine { inner: Arc::new(Inner { detectors, rules, max_bytes, monitor, version }) }
    }
}

impl GuardrailEngine {
    /// Begins an engine.
    pub fn builder() -> GuardrailBuilder {
        GuardrailBuilder::default()
    }

    /// The built-in detectors and the usual rules: personal data is redacted on both sides; profanity is
    /// flagged in the input and redacted in the output; toxicity is flagged in the input from 0.5, and blocks
    /// the output from 0.8.
    #[must_use]
    pub fn standard() -> Self {
        let rule = |action, threshold| Rule { action, threshold };
        let rules = [
            ((Stage::Input, Category::Pii), rule(GuardAction::Redact, 0.5)),
            ((Stage::Input, Category::Profanity), rule(GuardAction::Flag, 0.5)),
            ((Stage::Input, Category::Toxicity), rule(GuardAction::Flag, 0.5)),
            ((Stage::Output, Category::Pii), rule(GuardAction::Redact, 0.5)),
            ((Stage::Output, Category::Profanity), rule(GuardAction::Redact, 0.5)),
            ((Stage::Output, Category::Toxicity), rule(GuardAction::Block, 0.8)),
        ];
        let detectors: Vec<Arc<dyn Detector>> = vec![
            Arc::new(PiiFilter::new()),
            Arc::new(ProfanityFilter::new()),
            Arc::new(ToxicityFilter::new()),
        ];
        GuardrailBuilder { detectors, rules: BTreeMap::from(rules), ..GuardrailBuilder::default() }
            .assembled()
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
        if text.len() > self.inner.max_bytes {
            return GuardrailResult::too_long(stage, &self.inner.version);
        }
        self.verdict(text, self.violations(stage, text, |_| true))
    }

    /// Begins checking a text that arrives in pieces.
    #[must_use]
    pub fn stream(&self, stage: Stage) -> StreamGuard {
        StreamGuard::new(self.clone(), stage)
    }

    /// The hash of the settings.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    pub(crate) fn max_bytes(&self) -> usize {
        self.inner.max_bytes
    }

    /// How much a stream must hold back for detectors of bounded reach, in visible bytes.
    pub(crate) fn hold_back(&self, stage: Stage) -> usize {
        let bounded = self.active(stage).filter_map(|detector| match detector.reach() {
            Reach::Bounded(bytes) | Reach::Tracked(bytes) => Some(bytes),
            _ => None,
        });
        bounded.max().unwrap_or(0)
    }

    /// Whether a detector of this reach may redact or block at this stage.
    pub(crate) fn may_change(&self, stage: Stage, reach: Reach) -> bool {
        let mut detectors = self.active(stage).filter(|detector| detector.reach() == reach);
        let changes = |category: &Category| {
            self.rule(stage, *category).is_some_and(|rule| rule.action > GuardAction::Flag)
        };
        !self.inner.monitor && detectors.any(|detector| detector.categories().iter().any(changes))
    }

    /// The detectors that a rule of this stage listens to.
    fn active(&self, stage: Stage) -> impl Iterator<Item = &Arc<dyn Detector>> {
        let is_ruled = move |category: &Category| self.rule(stage, *category).is_some();
        self.inner.detectors.iter().filter(move |detector| detector.categories().iter().any(is_ruled))
    }

    fn rule(&self, stage: Stage, category: Category) -> Option<Rule> {
        let rule = self.inner.rules.get(&(stage, category)).copied();
        rule.filter(|rule| rule.action != GuardAction::Allow)
    }

    /// What the wanted detectors find that a rule does not ignore.
    pub(crate) fn violations(
        &self,
        stage: Stage,
        text: &str,
        wanted: impl Fn(Reach) -> bool,
    ) -> Vec<Violation> {
        let view = TextView::new(text);
        let mut violations = Vec::new();
        for detector in self.active(stage).filter(|detector| wanted(detector.reach())) {
            let mut findings = Findings::new();
            detector.scan(&view, &mut findings);
            violations.extend(findings.into_vec().into_iter().filter_map(|finding| {
                let rule = self.rule(stage, finding.category)?;
                (finding.score.get() >= rule.threshold).then(|| Violation {
                    stage,
                    category: finding.category,
                    action: self.action(rule, &finding),
                    entity: finding.entity.into_owned(),
                    span: finding.span,
                    severity: finding.severity,
                    score: finding.score,
                    detector: detector.id().to_owned(),
                })
            }));
        }
        violations
    }

    /// What cannot be replaced because it has no place is refused, not let through.
    fn action(&self, rule: Rule, finding: &Finding) -> GuardAction {
        match rule.action {
            _ if self.inner.monitor => GuardAction::Flag,
            GuardAction::Redact if finding.span.is_none() => GuardAction::Block,
            action => action,
        }
    }

    /// The verdict on `text`. Everything found is acted upon; at most [`KEPT`] violations are kept.
    pub(crate) fn verdict(&self, text: &str, mut violations: Vec<Violation>) -> GuardrailResult {
        let action = violations.iter().map(|violation| violation.action).max().unwrap_or_default();
        let redacted = if action == GuardAction::Block { None } else { redact(text, &violations) };
        let omitted = violations.len().saturating_sub(KEPT);
        if omitted > 0 {
            violations.sort_by_key(|violation| std::cmp::Reverse(violation.action));
            violations.truncate(KEPT);
        }
        violations.sort_by_key(position);
        GuardrailResult {
            action,
            violations,
            omitted: omitted as u64,
            policy_version: self.inner.version.clone(),
            redacted,
        }
    }
}

/// The most violations that a result keeps: a text of nothing but addresses must not fill the log.
const KEPT: usize = 1_000;

fn position(violation: &Violation) -> (usize, usize) {
    violation.span.map_or((usize::MAX, 0), |span| (span.start, span.end))
}
