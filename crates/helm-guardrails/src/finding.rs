use std::borrow::Cow;

use helm_core::{Category, Severity, Span, UnitInterval};

/// One thing that was found. Never holds the text that was found.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of thing.
    pub category: Category,
    /// The exact kind in capitals.
    pub entity: Cow<'static, str>,
    /// Where, in bytes of the original on character boundaries; `None` for a property of the whole text, which is
    /// blocked where the rule says redact.
    pub span: Option<Span>,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the detector is.
    pub score: UnitInterval,
    /// Whether it has not come to its end, and takes in whatever follows; its span ends with the text.
    pub is_open: bool,
}

impl Finding {
    /// Something at `span`, of which the detector is certain.
    #[must_use]
    pub fn new(
        category: Category,
        entity: impl Into<Cow<'static, str>>,
        span: impl Into<Option<Span>>,
        severity: Severity,
    ) -> Self {
        let (entity, span) = (entity.into(), span.into());
        Self { category, entity, span, severity, score: UnitInterval::ONE, is_open: false }
    }

    /// How sure the detector is. Default: certain.
    #[must_use]
    pub fn with_score(mut self, score: UnitInterval) -> Self {
        self.score = score;
        self
    }

    /// Marks something that has begun and whose end has not come yet, such as a key block: it is redacted from its
    /// beginning on, and a stream lets nothing through until [`Detector::close`](crate::Detector::close) says where
    /// it ends. Its span must end with the text.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.is_open = true;
        self
    }
}

/// What a scan has found so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    pending: Option<Pending>,
}

/// Something that more text may change. The one that begins first counts, for nothing behind it is let through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Pending {
    pub(crate) from: usize,
    /// It stays so until the text has this many bytes.
    pub(crate) until: usize,
}

impl Findings {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// Says that something which begins at byte `from` of the original reaches the end of the text, and that more
    /// text could make it a finding, or make one longer, or change its score. A detector of
    /// [`Reach::Tracked`](crate::Reach) must say so for every such thing. What has come since the last separator
    /// is always taken for pending, so words that are decided one by one need not be told.
    pub fn pending(&mut self, from: usize) {
        self.pending_until(from, 0);
    }

    /// The same of what stays undecided at least until the text has `until` bytes: a stream does not look at it again
    /// before.
    pub fn pending_until(&mut self, from: usize, until: usize) {
        let pending = Pending { from, until };
        self.pending = Some(self.pending.map_or(pending, |earlier| earlier.min(pending)));
    }

    /// From where on something is pending.
    #[must_use]
    pub fn pending_from(&self) -> Option<usize> {
        self.pending.map(|pending| pending.from)
    }

    /// What is pending.
    pub(crate) fn undecided(&self) -> Option<Pending> {
        self.pending
    }

    /// The findings in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The findings, taken out.
    #[must_use]
    pub fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}
