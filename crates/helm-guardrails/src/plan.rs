//! What is done at one stage: which detectors run, and the verdict on what they find.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use helm_core::{Category, GuardAction, Severity, Span, Stage};

use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings, Pending};
use crate::hit::{Hit, resolve};
use crate::json::Unescaped;
use crate::key::PseudonymKey;
use crate::policy::{Kinds, OnError, Rule, StagePolicy};
use crate::redact::redact;
#[cfg(feature = "vault")]
use crate::redact::redact_with;
#[cfg(feature = "remote")]
use crate::remote::Remote;
use crate::result::{GuardrailResult, Ran, RanOutcome};
#[cfg(feature = "vault")]
use crate::vault::Vault;
use crate::view::TextView;

/// What is done at one stage.
pub(crate) struct Plan {
    pub(crate) stage: Stage,
    pub(crate) policy: StagePolicy,
    /// Those that a rule listens to.
    pub(crate) detectors: Vec<Listed>,
    pub(crate) key: Option<PseudonymKey>,
    pub(crate) version: Arc<str>,
    pub(crate) timing: bool,
    #[cfg(feature = "remote")]
    pub(crate) remote: Vec<Arc<Remote>>,
    /// What ran when nothing went wrong.
    pub(crate) ran: Arc<[Ran]>,
}

/// A detector, and what is asked of it more than once.
#[derive(Clone)]
pub(crate) struct Listed {
    pub(crate) detector: Arc<dyn Detector>,
    pub(crate) id: Arc<str>,
    /// Its place among the others.
    pub(crate) order: usize,
    pub(crate) reach: Reach,
    pub(crate) lookbehind: usize,
    /// The strictest that may be done about what it finds.
    pub(crate) strictest: GuardAction,
    /// Whether what it finds may be replaced.
    pub(crate) redacts: bool,
}

/// What detectors found in a text.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    /// Where anything was found, listened to or not.
    pub(crate) spans: Vec<Span>,
    /// From where on a detector that tells is undecided.
    pub(crate) pending: Option<Pending>,
    /// What went wrong, and times where they are wanted.
    pub(crate) ran: Vec<Ran>,
}

impl Plan {
    pub(crate) fn new(
        stage: Stage,
        policy: StagePolicy,
        detectors: &[Arc<dyn Detector>],
        key: Option<PseudonymKey>,
        version: Arc<str>,
        timing: bool,
    ) -> Self {
        let wanted = detectors.iter().filter(|detector| policy.listens_to(&kinds(detector)));
        let detectors: Vec<Listed> =
            wanted.enumerate().map(|(order, detector)| Listed::new(order, detector, &policy)).collect();
        let ran = detectors.iter().map(|listed| listed.ran(RanOutcome::Done)).collect();
        Self {
            stage,
            policy,
            detectors,
            key,
            version,
            timing,
            #[cfg(feature = "remote")]
            remote: Vec::new(),
            ran,
        }
    }

    /// The verdict on a whole text.
    pub(crate) fn check(&self, text: &str) -> GuardrailResult {
        let mut found = self.scan_all(self.detectors.iter(), text);
        self.unasked(&mut found);
        self.verdict(text, found.hits, found.ran)
    }

    /// The verdict on a whole text, of which what is replaced is kept in a vault.
    #[cfg(feature = "vault")]
    pub(crate) fn pseudonymise(&self, text: &str, vault: &mut Vault) -> GuardrailResult {
        let mut found = self.scan_all(self.detectors.iter(), text);
        self.unasked(&mut found);
        resolve(&mut found.hits);
        self.concluded(found.hits, self.all_that_ran(found.ran), self.policy.monitor, |hits| {
            redact_with(text, 0, hits, |redacted, hit, value| {
                redacted.push_str(vault.placeholder(&hit.finding.entity, value));
            })
        })
    }

    /// The verdict on JSON, whose strings are looked at with their escapes undone.
    pub(crate) fn check_json(&self, raw: &str) -> GuardrailResult {
        let unescaped = Unescaped::new(raw);
        let mut found = self.scan_all(self.detectors.iter(), unescaped.text());
        self.unasked(&mut found);
        self.verdict_on_json(raw, &unescaped, found)
    }

    pub(crate) fn verdict_on_json(
        &self,
        raw: &str,
        unescaped: &Unescaped<'_>,
        mut found: Found,
    ) -> GuardrailResult {
        resolve(&mut found.hits);
        let redacted = unescaped.redact(raw, &found.hits, self.key.as_ref());
        let hits = found.hits.into_iter().map(|hit| unescaped.in_original(hit)).collect();
        self.concluded(hits, self.all_that_ran(found.ran), self.policy.monitor, |_| redacted)
    }

    /// Adds what a detector finds in `view` that a rule does not ignore.
    pub(crate) fn scan(&self, listed: &Listed, view: &TextView<'_>, found: &mut Found) {
        let began = self.timing.then(Instant::now);
        let mut findings = Findings::new();
        let went = catch_unwind(AssertUnwindSafe(|| listed.detector.scan(view, &mut findings)));
        if went.is_err() {
            found.ran.push(listed.ran(RanOutcome::Panicked));
            return found.hits.push(self.failure(&listed.id, listed.order, self.policy.on_error));
        }
        if let Some(began) = began {
            found.ran.push(Ran { took: Some(began.elapsed()), ..listed.ran(RanOutcome::Done) });
        }
        if matches!(listed.reach, Reach::Tracked(_)) {
            let pending = [found.pending, findings.undecided()];
            found.pending = pending.into_iter().flatten().min();
        }
        for finding in findings.into_vec() {
            found.spans.extend(finding.span);
            if let Some(rule) = self.policy.rule_for(&finding) {
                found.hits.push(Hit::new(finding, rule, &listed.id, listed.order));
            }
        }
    }

    /// What these detectors find in a text.
    pub(crate) fn scan_all<'a>(&self, listed: impl Iterator<Item = &'a Listed>, text: &str) -> Found {
        self.scan_view(listed, &TextView::new(text))
    }

    /// The same of a text of which there is a view.
    pub(crate) fn scan_view<'a>(
        &self,
        listed: impl Iterator<Item = &'a Listed>,
        view: &TextView<'_>,
    ) -> Found {
        let mut found = Found::default();
        listed.for_each(|listed| self.scan(listed, view, &mut found));
        found
    }

    /// Whether a text in which this was found must not pass.
    pub(crate) fn stops(&self, hits: &[Hit]) -> bool {
        !self.policy.monitor && hits.iter().any(|hit| hit.action > GuardAction::Redact)
    }

    /// A check that could not be made.
    pub(crate) fn failure(&self, check: &Arc<str>, order: usize, on_error: OnError) -> Hit {
        let action = match on_error {
            OnError::Open => GuardAction::Flag,
            OnError::Closed => GuardAction::Block,
        };
        let finding = Finding::new(Category::Remote, "CHECK_FAILED", None, Severity::Medium);
        Hit::new(finding, Rule::new(action), check, order)
    }

    pub(crate) fn too_long(&self) -> GuardrailResult {
        let finding = Finding::new(Category::Length, "TOO_LONG", None, Severity::Medium);
        let hit = Hit::new(finding, Rule::new(GuardAction::Block), &Arc::from("length"), 0);
        // It was not looked at, whatever the mode.
        self.concluded(vec![hit], Arc::from([]), false, |_| None)
    }

    /// The verdict on `text`, which everything found is acted upon for.
    pub(crate) fn verdict(&self, text: &str, mut hits: Vec<Hit>, ran: Vec<Ran>) -> GuardrailResult {
        resolve(&mut hits);
        let key = self.key.as_ref();
        self.concluded(hits, self.all_that_ran(ran), self.policy.monitor, |hits| redact(text, 0, hits, key))
    }

    /// The verdict on hits of which none is inside another. At most [`KEPT`] are kept.
    fn concluded(
        &self,
        mut hits: Vec<Hit>,
        ran: Arc<[Ran]>,
        monitor: bool,
        redacted: impl FnOnce(&[Hit]) -> Option<String>,
    ) -> GuardrailResult {
        let intended = hits.iter().map(|hit| hit.action).max().unwrap_or_default();
        let action = if monitor { intended.min(GuardAction::Flag) } else { intended };
        let redacted = if action == GuardAction::Redact { redacted(&hits) } else { None };
        let omitted = hits.len().saturating_sub(KEPT);
        hits.sort_by_key(position);
        if omitted > 0 {
            hits.sort_by_key(|hit| std::cmp::Reverse(hit.action));
            hits.truncate(KEPT);
            hits.sort_by_key(position);
        }
        let violations = hits.into_iter().map(|hit| hit.into_violation(self.stage, monitor)).collect();
        GuardrailResult {
            action,
            intended,
            violations,
            omitted: omitted as u64,
            ran,
            policy_version: Arc::clone(&self.version),
            redacted,
        }
    }

    /// The checks of `ran`, and those that have nothing to say.
    fn all_that_ran(&self, mut ran: Vec<Ran>) -> Arc<[Ran]> {
        if ran.is_empty() {
            return Arc::clone(&self.ran);
        }
        for usual in self.ran.iter() {
            if !ran.iter().any(|own| own.detector == usual.detector) {
                ran.push(usual.clone());
            }
        }
        ran.into()
    }
}

/// Without remote checks none is left unasked or waited for.
#[cfg(not(feature = "remote"))]
impl Plan {
    #[expect(clippy::unused_self, reason = "with the feature `remote` it has checks")]
    pub(crate) const fn unasked(&self, _: &mut Found) {}

    #[expect(clippy::unused_self, reason = "with the feature `remote` it has checks")]
    pub(crate) const fn waits_for_remote(&self) -> bool {
        false
    }
}

fn kinds(detector: &Arc<dyn Detector>) -> Kinds<'_> {
    Kinds { categories: detector.categories(), entities: detector.entities() }
}

impl Listed {
    fn new(order: usize, detector: &Arc<dyn Detector>, policy: &StagePolicy) -> Self {
        let kinds = kinds(detector);
        let strictest = policy.strictest(&kinds);
        Self {
            id: detector.id().into(),
            order,
            reach: detector.reach(),
            lookbehind: detector.lookbehind(),
            redacts: !policy.monitor && policy.redacts(&kinds),
            strictest: if policy.monitor { strictest.min(GuardAction::Flag) } else { strictest },
            detector: Arc::clone(detector),
        }
    }

    fn ran(&self, outcome: RanOutcome) -> Ran {
        Ran { detector: Arc::clone(&self.id), outcome, took: None }
    }
}

impl Found {
    pub(crate) fn add(&mut self, other: Self) {
        self.hits.extend(other.hits);
        self.spans.extend(other.spans);
        self.pending = [self.pending, other.pending].into_iter().flatten().min();
        self.ran.extend(other.ran);
    }

    /// In places of a text of which the one that was scanned begins at `by`.
    pub(crate) fn moved(mut self, by: usize) -> Self {
        self.hits = self.hits.into_iter().map(|hit| hit.moved(by)).collect();
        self.spans.iter_mut().for_each(|span| *span = Span { start: span.start + by, end: span.end + by });
        self.pending =
            self.pending.map(|Pending { from, until }| Pending { from: from + by, until: until + by });
        self
    }
}

/// The most violations that a result keeps: a text of nothing but addresses must not fill the log.
const KEPT: usize = 1_000;

fn position(hit: &Hit) -> (usize, usize) {
    hit.span().map_or((usize::MAX, 0), |span| (span.start, span.end))
}
