use std::ops::Range;

use helm_core::GuardAction;

use super::spots::Look;
use crate::detector::Reach;
use crate::hit::Hit;
use crate::plan::{Found, Listed, Plan};
use crate::policy::Hold;
use crate::sentence::{Part, Parts};
use crate::view::TextView;

/// What is judged a sentence at a time.
pub(super) struct Sentences {
    detectors: Vec<Listed>,
    parts: Parts,
    /// How much has been judged.
    judged: usize,
    /// Whether a sentence leaves only when it has been judged.
    holds: bool,
    /// Whether it is held from where a detector wakes,
    watches: bool,
    /// which was here.
    awake_from: Option<usize>,
}

impl Sentences {
    pub(super) fn new(active: &[Listed], hold: Hold) -> Self {
        let wanted = |listed: &&Listed| match listed.reach {
            Reach::Sentence => true,
            Reach::Windowed => hold != Hold::All,
            _ => false,
        };
        let detectors: Vec<Listed> = active.iter().filter(wanted).cloned().collect();
        let holds = hold == Hold::Sentence || detectors.iter().any(|listed| listed.redacts);
        Self {
            holds: holds && !detectors.is_empty(),
            watches: hold == Hold::Awake,
            detectors,
            parts: Parts::default(),
            judged: 0,
            awake_from: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.detectors.is_empty()
    }

    /// What is found in the sentences that have come to an end.
    pub(super) fn judge(&mut self, plan: &Plan, text: &str) -> Option<Found> {
        if self.is_empty() {
            return None;
        }
        let mut found = None;
        while let Some(part) = self.parts.next(text) {
            self.judge_part(plan, text, part, found.get_or_insert_default());
        }
        found
    }

    /// What is found in the last sentence.
    pub(super) fn judge_rest(&mut self, plan: &Plan, text: &str) -> Found {
        let mut found = Found::default();
        let rest = if self.is_empty() { None } else { self.parts.rest(text) };
        if let Some(part) = rest {
            self.judge_part(plan, text, part, &mut found);
        }
        found
    }

    fn judge_part(&mut self, plan: &Plan, text: &str, part: Part, found: &mut Found) {
        let Range { start, end } = part.range;
        let of = |range: Range<usize>| text.get(range).unwrap_or_default();
        let view = TextView::of_part(of(part.before), of(part.range));
        let here = plan.scan_view(self.detectors.iter(), &view).moved(start);
        found.ran.extend(here.ran);
        found.hits.extend(here.hits.into_iter().filter(|hit| self.counts(hit)));
        self.judged = end;
        self.awake_from = self.awake_from.filter(|from| *from >= end);
    }

    /// Of scores of the whole text only what is done something about now is kept: the rest is said at the end.
    fn counts(&self, hit: &Hit) -> bool {
        hit.action > GuardAction::Flag || !self.windowed().any(|listed| listed.id == hit.detector)
    }

    fn windowed(&self) -> impl Iterator<Item = &Listed> {
        self.detectors.iter().filter(|listed| listed.reach == Reach::Windowed)
    }

    /// Offers the `words` from `looked` on, up to where the look ends; in a run there are no whole words.
    pub(super) fn hear(&mut self, words: &TextView<'_>, looked: usize, look: Look) {
        if self.holds || !self.watches || self.awake_from.is_some() {
            return;
        }
        let judged = self.judged.saturating_sub(looked);
        let wakes = match words.text().get(judged..) {
            None | Some("") => false,
            Some(_) if judged == 0 => self.wakes(words, look),
            Some(rest) => self.wakes(&TextView::new(rest), look),
        };
        if wakes {
            self.awake_from = Some(looked + judged);
        }
    }

    fn wakes(&self, words: &TextView<'_>, look: Look) -> bool {
        self.detectors.iter().any(|listed| look.in_run || listed.detector.wakes(words))
    }

    /// How much may leave.
    pub(super) fn limit(&self) -> usize {
        if self.holds { self.judged } else { self.awake_from.unwrap_or(usize::MAX) }
    }
}
