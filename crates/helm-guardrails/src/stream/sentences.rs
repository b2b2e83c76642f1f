use std::ops::Range;

use helm_core::{Category, GuardAction};

use super::arrived::Arrived;
use super::spots::Look;
use crate::detector::Reach;
use crate::hit::Hit;
use crate::linear::Reading;
use crate::plan::{Found, Listed, Plan};
use crate::policy::Hold;
use crate::sentence::{Part, Parts};
use crate::view::{Heard, TextView};

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
    /// Whether one may ask the built-in models,
    has_models: bool,
    /// which have read the words that were offered.
    reading: Read,
}

/// What the built-in models have read of a sentence.
#[derive(Default)]
struct Read {
    start: usize,
    end: usize,
    reading: Reading,
}

impl Read {
    /// Nothing of the sentence that begins here.
    fn from(start: usize) -> Self {
        Self { start, end: start, reading: Reading::default() }
    }

    /// Reads words that begin at `from`, if it is there that it has stopped, and they are ASCII, of which no part of a word
    /// can change what another one folds to.
    fn hear(&mut self, words: &mut TextView<'_>, from: usize) {
        if from == self.end && words.is_ascii() {
            self.end += words.text().len();
            let added = self.reading.read_more(words.words().text());
            words.hear(Heard::All(added));
        }
    }

    /// What is known of the sentence that begins at `start`.
    fn of_sentence(&self, start: usize) -> Heard<'_> {
        match self.start == start && self.end > start {
            true => Heard::Beginning(&self.reading, self.end - start),
            false => Heard::Nothing,
        }
    }
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
            has_models: detectors.iter().any(asks_models),
            detectors,
            parts: Parts::default(),
            judged: 0,
            awake_from: None,
            reading: Read::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.detectors.is_empty()
    }

    /// What is found in the sentences that have come to an end.
    pub(super) fn judge(&mut self, plan: &Plan, arrived: &Arrived) -> Option<Found> {
        if self.is_empty() {
            return None;
        }
        let mut found = None;
        while let Some(part) = self.parts.next(arrived.text()) {
            self.judge_part(plan, arrived, part, found.get_or_insert_default());
        }
        found
    }

    /// What is found in the last sentence.
    pub(super) fn judge_rest(&mut self, plan: &Plan, arrived: &Arrived) -> Found {
        let mut found = Found::default();
        let rest = if self.is_empty() { None } else { self.parts.rest(arrived.text()) };
        if let Some(part) = rest {
            self.judge_part(plan, arrived, part, &mut found);
        }
        found
    }

    fn judge_part(&mut self, plan: &Plan, arrived: &Arrived, part: Part, found: &mut Found) {
        let Range { start, end } = part.range;
        let mut view = TextView::of_part(arrived.part(part.before), arrived.part(start..end));
        arrived.prepare(&mut view, start..end);
        view.hear(self.reading.of_sentence(start));
        let here = plan.scan_view(self.detectors.iter(), &view).moved(start);
        found.ran.extend(here.ran);
        found.hits.extend(here.hits.into_iter().filter(|hit| self.counts(hit)));
        self.judged = end;
        self.reading = Read::from(end);
        self.awake_from = self.awake_from.filter(|from| *from >= end);
    }

    /// Of scores of the whole text only what is done something about now is kept: the rest is said at the end.
    fn counts(&self, hit: &Hit) -> bool {
        hit.action > GuardAction::Flag || !self.windowed().any(|listed| listed.id == hit.detector)
    }

    fn windowed(&self) -> impl Iterator<Item = &Listed> {
        self.detectors.iter().filter(|listed| listed.reach == Reach::Windowed)
    }

    /// Offers the `words` from `looked` on, up to where the look ends, but for what has been judged; in a run there are no
    /// whole words.
    pub(super) fn hear(&mut self, arrived: &Arrived, words: &mut TextView<'_>, looked: usize, look: Look) {
        let from = looked.max(self.judged);
        if self.holds || !self.watches || self.awake_from.is_some() || from >= look.end {
            return;
        }
        if from == looked {
            self.hear_all(words, from, look);
        } else {
            let mut rest = TextView::new(arrived.part(from..look.end));
            arrived.prepare(&mut rest, from..look.end);
            self.hear_all(&mut rest, from, look);
        }
    }

    fn hear_all(&mut self, words: &mut TextView<'_>, from: usize, look: Look) {
        if self.has_models && !look.in_run {
            self.reading.hear(words, from);
        }
        if self.wakes(words, look) {
            self.awake_from = Some(from);
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

/// Whether a detector is likely to ask the built-in models.
fn asks_models(listed: &Listed) -> bool {
    listed
        .detector
        .categories()
        .iter()
        .any(|category| matches!(category, Category::Toxicity | Category::Injection))
}
