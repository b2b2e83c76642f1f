use std::ops::Range;

use helm_core::{GuardAction, Span};

use super::arrived::Arrived;
use super::piece::Piece;
use super::place::{Covered, back, behind_separator};
use crate::detector::Reach;
use crate::finding::Pending;
use crate::hit::Hit;
use crate::plan::{Found, Listed, Plan};
use crate::view::TextView;

/// Detectors of bounded reach, and what they must see again.
pub(super) struct Spots {
    spots: Vec<Spot>,
    /// Behind a separator; what stands before it matters only as context.
    anchor: usize,
    /// Behind the last separator that has arrived.
    separated: usize,
    /// Words up to here have been offered to detectors that sleep.
    looked: usize,
    /// When a separator has arrived behind this, it is time to look.
    next: usize,
    /// When this much has arrived without one, too.
    next_in_run: usize,
    /// Where an open finding ended: something may reach from it over the cut.
    glued: Option<usize>,
}

struct Spot {
    listed: Listed,
    /// Whether something may have begun behind the cut.
    awake: bool,
}

/// A look at the text up to `end`.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) end: usize,
    /// Whether `end` is not behind a separator: there has been none for long.
    pub(super) in_run: bool,
}

/// A look needs this many bytes of words that have not been let through.
const STEP: usize = 23;
/// What is looked behind is seen again after this share of it.
const SHARE: usize = 4;
/// Of so many bytes held as many more are waited for; of more, half as many.
const MUCH: usize = 192;
/// A run without a separator of this many bytes is looked at, and again when it is a quarter longer.
const RUN: usize = 1_024;
/// A detector must see what follows its longest finding: two characters.
pub(crate) const LOOK_AHEAD: usize = 8;

impl Spots {
    pub(super) fn new(active: &[Listed]) -> Self {
        let bounded = |listed: &&Listed| matches!(listed.reach, Reach::Bounded(_) | Reach::Tracked(_));
        let spots = active.iter().filter(bounded).cloned();
        Self {
            spots: spots.map(|listed| Spot { listed, awake: false }).collect(),
            anchor: 0,
            separated: 0,
            looked: 0,
            next: STEP,
            next_in_run: RUN,
            glued: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spots.is_empty()
    }

    /// Notes that the text has grown to `text` by `chunk`.
    pub(super) fn arrived(&mut self, text: &str, chunk: &str, piece: &Piece) {
        let begin = text.len() - chunk.len();
        let separated = match piece.is_wide() {
            true => behind_separator(text, begin, text.len()),
            false => (piece.separated > 0).then_some(begin + piece.separated),
        };
        self.separated = separated.unwrap_or(self.separated);
    }

    /// The look that it is time for.
    pub(super) fn due(&self, text: &str, cut: usize) -> Option<Look> {
        if self.separated >= self.next && self.separated > cut {
            return Some(Look { end: self.separated, in_run: false });
        }
        let run = text.len() - self.separated.max(self.anchor);
        let is_long = run >= RUN && text.len() >= self.next_in_run;
        is_long.then_some(Look { end: text.len(), in_run: true })
    }

    /// What has not been offered to detectors that sleep.
    pub(super) fn words(&self, look: Look) -> Range<usize> {
        self.looked..look.end
    }

    /// Offers the [`words`](Self::words) to detectors that sleep.
    pub(super) fn wake(&mut self, words: &TextView<'_>, look: Look) {
        for spot in self.spots.iter_mut().filter(|spot| !spot.awake) {
            spot.awake = look.in_run || spot.listed.detector.wakes(words);
        }
        if !look.in_run {
            self.looked = look.end;
        }
    }

    /// What detectors that are awake find behind the cut, in places of the whole text.
    pub(super) fn look(&self, plan: &Plan, arrived: &Arrived, cut: usize, look: Look) -> Found {
        let text = arrived.text();
        if self.awake().next().is_none() {
            return Found::default();
        }
        // What ends before the cut is known. Nothing reaches over it, but what touches an open finding's end.
        let is_glued = self.glued == Some(cut);
        // A cut in a run has parted what depends on each other.
        let known = if is_glued { 0 } else { cut.min(self.anchor) };
        let mut found = Found::default();
        let mut next = self.awake().map(|listed| listed.lookbehind).min();
        while let Some(lookbehind) = next {
            let from = match lookbehind {
                0 => self.anchor,
                bytes => behind_separator(text, 0, back(text, self.anchor, bytes)).unwrap_or(0),
            };
            let mut part = TextView::new(arrived.part(from..look.end));
            arrived.prepare(&mut part, from..look.end);
            part.know(known.saturating_sub(from));
            let alike = self.awake().filter(|listed| listed.lookbehind == lookbehind);
            found.add(plan.scan_view(alike, &part).moved(from));
            let further =
                self.awake().map(|listed| listed.lookbehind).filter(|further| *further > lookbehind);
            next = further.min();
        }
        let is_new = |span: Span| span.start >= cut || (is_glued && span.end > cut);
        found.hits.retain(|hit| hit.span().is_none_or(is_new));
        found.spans.retain(|span| is_new(*span));
        found
    }

    fn awake(&self) -> impl Iterator<Item = &Listed> {
        self.spots.iter().filter(|spot| spot.awake).map(|spot| &spot.listed)
    }

    /// Up to where what was found is what the whole text would show.
    pub(super) fn decided(&self, text: &str, look: Look, found: &Found) -> usize {
        let held = self.awake().filter_map(|listed| match listed.reach {
            Reach::Bounded(bytes) => Some(bytes),
            // What is pending is told in whole words only.
            Reach::Tracked(bytes) => look.in_run.then_some(bytes),
            _ => None,
        });
        let held = held.max().map_or(look.end, |bytes| back(text, look.end, bytes + LOOK_AHEAD));
        let decided = found.pending.map_or(held, |pending| held.min(pending.from));
        // Whatever follows is taken in by what is open.
        match open(&found.hits).and_then(Hit::span) {
            Some(span) if span.start <= decided => look.end,
            _ => decided,
        }
    }

    /// The last place up to `limit` for a cut that lies inside nothing that was found and nothing of `redacted`.
    pub(super) fn place(
        text: &str,
        cut: usize,
        mut limit: usize,
        look: Look,
        found: &Found,
        redacted: &[Hit],
    ) -> Option<usize> {
        let others = redacted.iter().filter(|hit| hit.action == GuardAction::Redact).filter_map(Hit::span);
        let covered = Covered::new(found.spans.iter().copied().chain(others).collect());
        loop {
            let place = match look.in_run || limit == look.end {
                true => text.floor_char_boundary(limit),
                false => behind_separator(text, cut, limit)?,
            };
            match covered.start_around(place) {
                _ if place <= cut => return None,
                Some(start) => limit = start,
                None => return Some(place),
            }
        }
    }

    /// Notes how far this look, which found something pending or not, has let the text through.
    pub(super) fn released(&mut self, text: &str, look: Look, pending: Option<Pending>, cut: usize) {
        let held = look.end.saturating_sub(cut);
        let until = pending.map_or(0, |pending| pending.until);
        if !look.in_run && held == 0 {
            self.spots.iter_mut().for_each(|spot| spot.awake = false);
        }
        self.next = until.max(look.end + self.step(held));
        self.next_in_run = text.len() + (text.len() - self.anchor) / 4;
        if !look.in_run && behind_separator(text, self.anchor, cut) == Some(cut) {
            self.anchor = cut;
        }
    }

    /// How many bytes a look is worth while so many are held: as many as it sees again, and a share of what it looks
    /// behind. Where much is held, half of that, so as not to hold twice as much.
    fn step(&self, held: usize) -> usize {
        let again = self.awake().map(|listed| listed.lookbehind).max().unwrap_or(0) / SHARE;
        STEP.max(again).max(held.min(MUCH.max(held / 2)))
    }

    /// Goes on behind an open finding that began at `start` and has ended at `end`.
    pub(super) fn resume(&mut self, text: &str, start: usize, end: usize) {
        self.anchor = behind_separator(text, start, end).unwrap_or(start);
        (self.looked, self.next, self.next_in_run) = (self.anchor, end + STEP, end + RUN);
        self.glued = Some(end);
        self.spots.iter_mut().for_each(|spot| spot.awake = true);
    }
}

/// The first that takes in whatever follows.
pub(super) fn open(hits: &[Hit]) -> Option<&Hit> {
    hits.iter().filter(|hit| takes_all(hit)).min_by_key(|hit| hit.span())
}

/// Whether whatever follows is a part of it, and replaced.
pub(super) fn takes_all(hit: &Hit) -> bool {
    hit.finding.is_open && hit.action == GuardAction::Redact
}
