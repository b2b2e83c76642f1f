//! Findings that a rule listens to, and which of those that overlap count.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{Category, GuardAction, Span, Stage, Violation};
use smallvec::SmallVec;

use crate::finding::Finding;
use crate::policy::Rule;

/// A finding that a rule listens to.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) finding: Finding,
    pub(crate) rule: Rule,
    /// What the rule asks for.
    pub(crate) action: GuardAction,
    pub(crate) detector: Arc<str>,
    /// The place of its detector among the others.
    pub(crate) order: usize,
}

impl Hit {
    pub(crate) fn new(finding: Finding, rule: Rule, detector: &Arc<str>, order: usize) -> Self {
        let action = match rule.action {
            // What cannot be replaced because it has no place is refused, not let through.
            GuardAction::Redact if finding.span.is_none() => GuardAction::Block,
            action => action,
        };
        Self { finding, rule, action, detector: Arc::clone(detector), order }
    }

    pub(crate) fn span(&self) -> Option<Span> {
        self.finding.span
    }

    /// The surest of findings that overlap counts, then the longest, then that of the first detector.
    pub(crate) fn rank(&self) -> (u64, usize, Reverse<usize>) {
        let length = self.span().map_or(0, |span| span.end - span.start);
        // Scores are from 0 to 1, where the order of the bits is the order of the numbers.
        (self.finding.score.get().to_bits(), length, Reverse(self.order))
    }

    /// As a part of the text's that begins at `by`.
    pub(crate) fn moved(mut self, by: usize) -> Self {
        if let Some(span) = &mut self.finding.span {
            *span = Span { start: span.start + by, end: span.end + by };
        }
        self
    }

    pub(crate) fn into_violation(self, stage: Stage, monitor: bool) -> Violation {
        Violation {
            stage,
            category: self.finding.category,
            entity: self.finding.entity.into_owned(),
            span: self.finding.span,
            severity: self.finding.severity,
            score: self.finding.score,
            action: if monitor { GuardAction::Flag } else { self.action },
            detector: self.detector.as_ref().to_owned(),
        }
    }
}

/// Drops what lies inside a surer or longer finding of its category about which no less is done; of equals the first
/// stays. What only overlaps stays, so no part of it is lost.
pub(crate) fn resolve(hits: &mut Vec<Hit>) {
    if hits.len() < 2 {
        return;
    }
    // A stable sort: of equals the first stays first.
    hits.sort_by_key(|hit| Reverse(hit.rank()));
    if are_apart(hits) {
        return;
    }
    let mut kept: BTreeMap<(Category, GuardAction), Cover> = BTreeMap::new();
    hits.retain(|hit| {
        let (category, Some(span)) = (hit.finding.category, hit.span()) else {
            return true;
        };
        let mut covers = kept.range((category, hit.action)..=(category, GuardAction::Block));
        let stays = !covers.any(|(_, cover)| cover.holds(span));
        if stays {
            kept.entry((category, hit.action)).or_default().add(span);
        }
        stays
    });
}

/// Whether no two touch the same byte.
fn are_apart(hits: &[Hit]) -> bool {
    let mut spans: SmallVec<[Span; 16]> = hits.iter().filter_map(Hit::span).collect();
    spans.sort_unstable();
    spans.array_windows().all(|[one, next]| one.start < one.end && one.end <= next.start)
}

/// Spans of which none lies inside another: ends by starts, both increasing.
#[derive(Default)]
struct Cover(BTreeMap<usize, usize>);

impl Cover {
    /// Whether a span lies inside one that is there.
    fn holds(&self, span: Span) -> bool {
        self.0.range(..=span.start).next_back().is_some_and(|(_, end)| *end >= span.end)
    }

    /// Adds a span that lies inside none.
    fn add(&mut self, span: Span) {
        while let Some((start, _)) = self.0.range(span.start..).next().filter(|(_, end)| **end <= span.end) {
            let start = *start;
            self.0.remove(&start);
        }
        self.0.insert(span.start, span.end);
    }
}
