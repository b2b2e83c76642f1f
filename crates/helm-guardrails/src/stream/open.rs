use helm_core::Span;

use crate::detector::Reach;
use crate::hit::Hit;
use crate::plan::{Listed, Plan};
use crate::view::TextView;

/// Something that has begun, has been replaced, and has not come to its end.
pub(super) struct Open {
    hit: Hit,
    span: Span,
    listed: Listed,
    /// Its detector has been asked about the text up to here.
    asked: usize,
}

/// Its detector is asked again after this many more bytes.
const STEP: usize = 64;

impl Open {
    pub(super) fn new(hit: Hit, plan: &Plan) -> Option<Self> {
        let listed = plan.detectors.iter().find(|listed| listed.id == hit.detector)?.clone();
        let span = hit.span()?;
        Some(Self { hit, span, listed, asked: span.end })
    }

    pub(super) fn start(&self) -> usize {
        self.span.start
    }

    /// Where it ends in `text`, if it does; asked now and then, and at the end.
    pub(super) fn end(&mut self, text: &str, is_last: bool) -> Option<usize> {
        let overlap = match self.listed.reach {
            Reach::Bounded(bytes) | Reach::Tracked(bytes) => bytes,
            _ => text.len(),
        };
        if !is_last && text.len() - self.asked < STEP.max(overlap / 4) {
            return None;
        }
        let from = text.floor_char_boundary(self.asked.saturating_sub(overlap)).max(self.span.start);
        let view = TextView::new(text.get(from..)?);
        self.asked = text.len();
        let end = from + self.listed.detector.close(&self.hit.finding.entity, &view)?;
        // What was replaced cannot be given back.
        Some(text.floor_char_boundary(end).max(self.span.end))
    }

    /// The hit, which ends at `end`.
    pub(super) fn closed(mut self, end: usize, is_open: bool) -> Hit {
        self.hit.finding.span = Some(Span { start: self.span.start, end });
        self.hit.finding.is_open = is_open;
        self.hit
    }
}
