use std::sync::Arc;

use helm_core::{Category, Severity, Span, UnitInterval};

/// Finds one kind of thing in a text. Cheap, synchronous, without I/O.
pub trait Detector: Send + Sync {
    /// What it is called in results.
    fn id(&self) -> &str;

    /// The kind of thing it finds.
    fn category(&self) -> Category;

    /// What one finding depends on, which is how much a stream must hold back.
    ///
    /// A detector promises more: of bounded reach, that what it finds behind white space that lies inside no
    /// finding does not depend on what stands before it, nor on what stands further on than its reach; of a
    /// sentence, that it finds the same in each sentence alone. [`check_detector`](crate::check_detector)
    /// tries to break the promise.
    fn reach(&self) -> Reach;

    /// Adds what it finds in `text`.
    fn scan(&self, text: &str, findings: &mut Findings);

    /// What sets it apart from others of its id, such as its words. Part of the engine's
    /// [`version`](crate::GuardrailEngine::version). Default: nothing.
    fn settings(&self) -> String {
        String::new()
    }
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

    fn settings(&self) -> String {
        (**self).settings()
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

    fn settings(&self) -> String {
        (**self).settings()
    }
}

/// What one finding depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reach {
    /// At most this many bytes, not counting invisible characters and combining marks.
    Bounded(usize),
    /// One sentence: up to a full stop, an exclamation or question mark, a semicolon or the end of a line.
    /// What has no end is cut after some 400 letters.
    Sentence,
    /// The whole text decides.
    WholeText,
}

/// One thing that was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The exact kind in capitals.
    pub entity: &'static str,
    /// Where, in bytes on character boundaries; `None` for a property of the whole text, which is blocked where
    /// the rule says redact.
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
