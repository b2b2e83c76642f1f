use std::sync::Arc;

use helm_core::{Category, Severity, Span, UnitInterval};

/// Finds one kind of thing in a text. Cheap, synchronous, without I/O.
pub trait Detector: Send + Sync {
    /// What it is called in results.
    fn id(&self) -> &str;

    /// The kind of thing it finds.
    fn category(&self) -> Category;

    /// How far one finding can extend, which is how much a stream must hold back.
    ///
    /// A detector of bounded reach promises more: what it finds in a part of the text is the same when the
    /// text is cut elsewhere, provided the cut lies inside no finding, behind a letter that is no capital, and
    /// before white space. [`check_detector`](crate::check_detector) tries to break the promise.
    fn reach(&self) -> Reach;

    /// Adds what it finds in `text`.
    fn scan(&self, text: &str, findings: &mut Findings);
}

impl<D: Detector + ?Sized> Detector for Arc<D> {
    fn id(&self) -> &str {
        (**self).id()
    }

    fn category(&self) -> Category {
        (**self).category()
    }

    fn reach(&self) -> Reach {
        (**self).reach()
    }

    fn scan(&self, text: &str, findings: &mut Findings) {
        (**self).scan(text, findings);
    }
}

impl<D: Detector + ?Sized> Detector for Box<D> {
    fn id(&self) -> &str {
        (**self).id()
    }

    fn category(&self) -> Category {
        (**self).category()
    }

    fn reach(&self) -> Reach {
        (**self).reach()
    }

    fn scan(&self, text: &str, findings: &mut Findings) {
        (**self).scan(text, findings);
    }
}

/// How far one finding can extend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// At most this many bytes.
    Bounded(usize),
    /// The whole text decides.
    WholeText,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The exact kind in capitals.
    pub entity: &'static str,
    /// Where, in bytes on character boundaries; `None` for a property of the whole text.
    pub span: Option<Span>,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the detector is.
    pub score: UnitInterval,
}

/// What a detector has found so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
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

    /// Adds something at `start..end`, certain and of this severity.
    pub(crate) fn span(&mut self, entity: &'static str, start: usize, end: usize, severity: Severity) {
        let span = Some(Span { start, end });
        self.push(Finding { entity, span, severity, score: UnitInterval::ONE });
    }

    /// The findings in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter()
    }

    /// The findings, taken out.
    #[must_use]
    pub fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}
