//! Personal data by shape, check digit and what is written beside it.

mod checks;
mod context;
mod entity;
mod labels;
pub(crate) mod net;
mod phone;
mod resolve;
mod scan;
mod shapes;
mod spelled;
mod wake;

use helm_core::{Category, UnitInterval};

use crate::bytes::{is_alnum, walk, walk_from};
use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings, Pending};
use crate::view::TextView;
use context::LEFT;
use entity::{ENTITIES, Entity};
use resolve::resolve;
use scan::{Hits, Scan};

/// Finds personal data and the numbers of persons, accounts and devices.
///
/// A candidate is decided on by its shape, its check digit where it has one, and the label beside it, such as
/// `NHS number`, in the languages of the countries that use it. A bare run of 9 to 11 digits is never reported
/// without a label, for one in ten or eleven of all numbers has the right check digit; nor is a number whose nearest
/// label says that it is an order, a hash or the like. Scores: 0.95 beside a label, 0.5 to 0.95 for what is known
/// by its shape alone. Full width and other scripts' digits, invisible characters and signs that are spelled
/// out (`[at]`, `&#64;`) are seen through.
///
/// What patterns cannot find: names of persons, places and organisations, street addresses, and whatever has
/// neither shape nor label.
#[derive(Clone, Copy, Debug)]
pub struct PiiFilter {
    wanted: u64,
}

impl Default for PiiFilter {
    fn default() -> Self {
        Self { wanted: u64::MAX }
    }
}

/// How far back what is found may depend on: a number before, its label, and in scripts of three bytes.
const LOOKBEHIND: usize = 256;

impl PiiFilter {
    /// The filter for every kind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The filter for these kinds alone, named as in results.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntity`] for a name that is not among the [entities](Detector::entities) of the filter for
    /// every kind.
    pub fn only(names: &[&str]) -> Result<Self> {
        Ok(Self { wanted: set(names)? })
    }

    /// This filter without these kinds.
    ///
    /// # Errors
    ///
    /// As for [`only`](Self::only).
    pub fn without(self, names: &[&str]) -> Result<Self> {
        Ok(Self { wanted: self.wanted & !set(names)? })
    }
}

fn set(names: &[&str]) -> Result<u64> {
    names.iter().try_fold(0, |set, name| {
        let entity =
            Entity::named(name).ok_or_else(|| Error::UnknownEntity { entity: (*name).to_owned() })?;
        Ok(set | entity.bit())
    })
}

impl Detector for PiiFilter {
    fn id(&self) -> &'static str {
        "pii"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Pii]
    }

    fn entities(&self) -> Vec<&str> {
        ENTITIES
            .iter()
            .filter(|(entity, ..)| self.wanted & entity.bit() != 0)
            .map(|(_, name, _)| *name)
            .collect()
    }

    fn reach(&self) -> Reach {
        Reach::Tracked(net::LONGEST_URL)
    }

    fn lookbehind(&self) -> usize {
        LOOKBEHIND
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        match words.is_ascii() {
            true => wake::may_hold(words.text(), words.signs()),
            false => wake::may_hold_any(words.digits().text()),
        }
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = view.digits();
        let (mut hits, pending) = find(folded.text().as_bytes(), folded.folded(view.known()));
        if let Some(Pending { from, until }) = pending {
            // No byte of the folded text is made of less than one of the original.
            let more = until.saturating_sub(folded.text().len());
            findings.pending_until(folded.original(from..from + 1).start, view.text().len() + more);
        }
        hits.retain(|hit| self.wanted & hit.entity.bit() != 0);
        for hit in resolve(hits) {
            let span = folded.original(hit.start..hit.end);
            let score = UnitInterval::clamped(hit.score).unwrap_or(UnitInterval::ONE);
            findings.push(
                Finding::new(Category::Pii, hit.entity.name(), span, hit.entity.severity()).with_score(score),
            );
        }
    }

    fn settings(&self) -> String {
        format!("{:x}", self.wanted)
    }
}

/// Where the first word begins that may be a label of something which begins at `known` or later.
fn context_start(text: &[u8], known: usize) -> usize {
    let mut at = known.saturating_sub(LEFT + 1);
    while at > 0 && is_alnum(text, at - 1) {
        at -= 1;
    }
    at
}

/// Everything that was found and does not begin before `known`, overlapping, and from where on more text could change
/// that.
fn find(text: &[u8], known: usize) -> (Hits, Option<Pending>) {
    let mut scan = Scan::new(text, known);
    walk_from(text, context_start(text, known), &mut scan);
    scan.spelled.end(text);
    let spelled = scan.spelled.pending.map(|from| Pending { from, until: 0 });
    let pending = [scan.pending, spelled].into_iter().flatten().min();
    let mut hits = scan.hits;
    if !scan.spelled.is_empty() {
        let rewritten = scan.spelled.rewritten(text);
        let mut again = Scan::new(&rewritten, 0);
        walk(&rewritten, &mut again);
        for mut hit in again.hits {
            if let Some((start, end)) = scan.spelled.original(text, hit.start, hit.end) {
                (hit.start, hit.end) = (start, end);
                hits.push(hit);
            }
        }
    }
    (hits, pending)
}
