//! What is written beside a number to say what it is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;

use super::entity::Entity;
use crate::bytes::{before, is_alnum, run, run_back};

/// How far before a number a label may end, in bytes.
const LEFT: usize = 40;
/// How far behind a number a label may end.
pub(super) const RIGHT: usize = 24;
/// How much more is scanned than is needed, so that what overlaps is small beside it.
const BLOCK: usize = 512;

/// A label that was found.
#[derive(Clone, Copy)]
struct Mark {
    start: usize,
    end: usize,
    label: Label,
}

/// What a label says.
#[derive(Clone, Copy, Default)]
struct Label {
    /// The kinds of numbers that it announces.
    exact: u64,
    /// The kinds that it may announce, being a label in many countries.
    vague: u64,
    /// It announces something that is nobody's.
    denies: bool,
    /// It counts only right beside the number.
    near: bool,
    /// It is also a word, so it counts in capitals or right beside the number.
    acronym: bool,
}

/// The score of a number with its label beside it.
const LABELLED: f64 = 0.95;
/// The score with a label that announces the numbers of many countries.
const VAGUE: f64 = 0.85;

impl Mark {
    fn fits(&self, entities: u64) -> bool {
        (self.label.exact | self.label.vague) & entities != 0
    }

    /// The nearer a label is, and of those equally near the longer, the surer.
    fn speaks(&self, entities: u64, gap: usize) -> Support {
        let score = if self.label.exact & entities == 0 { VAGUE } else { LABELLED };
        let length = (self.end - self.start).min(50);
        Support::Labelled(score - gap as f64 / 1_000.0 + length as f64 / 100_000.0)
    }
}

struct Labels {
    finder: AhoCorasick,
    labels: Vec<Label>,
    longest: usize,
}

static LABELS: LazyLock<Option<Labels>> = LazyLock::new(|| {
    let mut words: BTreeMap<String, Label> = BTreeMap::new();
    for line in include_str!("../../data/pii-labels.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((entities, labels)) = line.split_once(": ") else { continue };
        for word in labels.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            let (near, acronym) = (word.starts_with('~'), word.starts_with('^'));
            let label = Label { near, acronym, ..announced(entities) };
            for spelling in spellings(word.trim_start_matches(['~', '^'])) {
                words.entry(spelling).and_modify(|known| known.join(label)).or_insert(label);
            }
        }
    }
    let longest = words.keys().map(String::len).max().unwrap_or(0);
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
    let finder = builder.build(words.keys()).ok()?;
    Some(Labels { finder, labels: words.into_values().collect(), longest })
});

impl Label {
    /// One word may announce several kinds.
    fn join(&mut self, other: Self) {
        self.exact |= other.exact;
        self.vague |= other.vague;
        self.denies |= other.denies;
        self.near &= other.near;
        self.acronym &= other.acronym;
    }
}

fn announced(entities: &str) -> Label {
    let mut label = Label::default();
    for name in entities.split(',').map(str::trim) {
        match name {
            "NOT" => label.denies = true,
            "NATIONAL" => label.vague |= national(),
            _ => label.exact |= Entity::named(name).map_or(0, Entity::bit),
        }
    }
    label
}

/// Identity numbers with a check, which a label that names no country may announce.
fn national() -> u64 {
    use Entity::{
        BeNrn, BgEgn, BrCpf, ClRut, CnResidentId, CzRc, EsNie, EsNif, FiHetu, FrNir, HrOib, IlId, InAadhaar,
        ItFiscalCode, MxCurp, NlBsn, NoFnr, PlPesel, RoCnp, SePersonnummer, SgNric, ThId, TrTckn, UsSsn, ZaId,
    };
    let all = [
        BeNrn, BgEgn, BrCpf, ClRut, CnResidentId, CzRc, EsNie, EsNif, FiHetu, FrNir, HrOib, IlId, InAadhaar,
        ItFiscalCode, MxCurp, NlBsn, NoFnr, PlPesel, RoCnp, SePersonnummer, SgNric, ThId, TrTckn, UsSsn, ZaId,
    ];
    all.iter().fold(0, |set, entity| set | entity.bit())
}

/// A word as it may stand in a text: composed, decomposed, without accents, in capitals.
fn spellings(word: &str) -> Vec<String> {
    if word.is_ascii() {
        return vec![word.to_owned()];
    }
    let plain: String =
        word.nfd().filter(|char| !('\u{300}'..='\u{36f}').contains(char)).collect::<String>().nfc().collect();
    let composed: String = word.nfc().collect();
    let first: String = composed.chars().take(1).flat_map(char::to_uppercase).chain(composed.chars().skip(1)).collect();
    let mut all = vec![composed.to_uppercase(), first, word.nfd().collect(), plain, composed];
    all.sort();
    all.dedup();
    all
}

/// What labels say about a number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Support {
    /// Nothing.
    None,
    /// That it is what it looks like, and how surely.
    Labelled(f64),
    /// That it is nobody's.
    Denied,
}

/// The labels of a text, looked for where numbers need them, each part of the text once.
pub(super) struct Context<'t> {
    text: &'t [u8],
    marks: SmallVec<[Mark; 24]>,
    scanned: usize,
}

impl<'t> Context<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, marks: SmallVec::new(), scanned: 0 }
    }

    /// What labels say about something of one of these kinds at `start..end`. Calls must come in the order of
    /// `start`.
    pub(super) fn support(&mut self, entities: u64, start: usize, end: usize) -> Support {
        self.look(start.saturating_sub(LEFT), end + RIGHT);
        match self.ahead(entities, start) {
            Support::None => self.behind(entities, end),
            support => support,
        }
    }

    /// Finds the labels from `from` on, at least to `to`.
    fn look(&mut self, from: usize, to: usize) {
        let to = to.min(self.text.len());
        let Some(labels) = LABELS.as_ref().filter(|_| self.scanned < to) else {
            return;
        };
        self.marks.retain(|mark| mark.end >= from);
        let begin = from.max(self.scanned).saturating_sub(labels.longest);
        let end = self.text.len().min(to.max(from + BLOCK));
        let part = self.text.get(begin..end).unwrap_or_default();
        for found in labels.finder.find_overlapping_iter(part) {
            let (start, end) = (begin + found.start(), begin + found.end());
            let Some(label) = labels.labels.get(found.pattern().as_usize()).copied() else { continue };
            let counts = self.is_whole(start, end) && !self.is_placeholder(start, end);
            if end > self.scanned && end >= from && counts {
                self.marks.push(Mark { start, end, label });
            }
        }
        self.scanned = end;
    }

    /// Whether a label is not a part of a longer word. `userSSN` and `user_ssn` are no words.
    fn is_whole(&self, start: usize, end: usize) -> bool {
        let letter = |at: usize| self.text.get(at).copied().unwrap_or(b' ');
        let begins = !is_alnum(self.text, start)
            || start == 0
            || !is_alnum(self.text, start - 1)
            || (letter(start).is_ascii_uppercase() && letter(start - 1).is_ascii_lowercase());
        let plural = letter(end) == b's' && !is_alnum(self.text, end + 1);
        begins && (!is_alnum(self.text, end.saturating_sub(1)) || !is_alnum(self.text, end) || plural)
    }

    /// Whether a label is the name in what redaction puts in the place of a number, such as `[PHONE]`.
    fn is_placeholder(&self, start: usize, end: usize) -> bool {
        let name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let from = start - run_back(self.text, start, 24, name);
        let to = end + run(self.text, end, 24, name);
        before(self.text, from) == Some(b'[')
            && matches!(self.text.get(to), Some(b']' | b'#'))
            && self.text.get(start..end).is_some_and(|label| label.iter().copied().all(name))
    }

    /// The nearest label before a number speaks for it. One further off does when no other number lies between.
    fn ahead(&self, entities: u64, start: usize) -> Support {
        let mut nearest: Option<Mark> = None;
        for mark in self.marks.iter().rev().filter(|mark| mark.end <= start && mark.end + LEFT >= start) {
            if !self.counts(mark, mark.end, start) {
                continue;
            }
            let fits = mark.fits(entities);
            if let Some(nearer) = nearest.filter(|nearer| nearer.end > mark.end) {
                if nearer.label.denies {
                    return Support::Denied;
                }
                if self.has_number(mark.end, start) {
                    return Support::None;
                }
            }
            if fits {
                return mark.speaks(entities, start - mark.end);
            }
            // Of labels that end together one may fit and another not.
            if nearest.is_none_or(|nearer| mark.label.denies && nearer.end == mark.end) {
                nearest = Some(*mark);
            }
        }
        if nearest.is_some_and(|mark| mark.label.denies) { Support::Denied } else { Support::None }
    }

    /// A label behind a number speaks for it when no sentence ends between and it does not announce another one.
    fn behind(&self, entities: u64, end: usize) -> Support {
        let reach = |mark: &&Mark| mark.start >= end && mark.end <= end + RIGHT;
        for mark in self.marks.iter().filter(reach).filter(|mark| mark.fits(entities)) {
            let between = self.text.get(end..mark.start).unwrap_or_default();
            let ends = |byte: &u8| matches!(byte, b'.' | b';' | b'\n' | b'|' | b'{' | b'}' | b'[') || byte.is_ascii_digit();
            if between.iter().any(ends) {
                break;
            }
            if self.counts(mark, end, mark.start) && !self.announces(mark.end) {
                return mark.speaks(entities, mark.start - end);
            }
        }
        Support::None
    }

    /// Whether a label is near enough, or plain enough, to count. Between it and the number is `from..to`.
    fn counts(&self, mark: &Mark, from: usize, to: usize) -> bool {
        if !mark.label.near && !mark.label.acronym {
            return true;
        }
        let capitals = || {
            self.text.get(mark.start..mark.end).is_some_and(|text| !text.iter().any(u8::is_ascii_lowercase))
        };
        let beside = to - from <= 4 && (from..to).all(|at| !is_alnum(self.text, at));
        beside || (mark.label.acronym && capitals())
    }

    /// Whether a label is followed by what separates it from its own number.
    fn announces(&self, end: usize) -> bool {
        let rest = self.text.get(end..).unwrap_or_default();
        let sign = rest.iter().take(6).find(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b')' | b']' | b'#'));
        sign.is_some_and(|byte| matches!(byte, b':' | b'=') || byte.is_ascii_digit() || *byte == b'+')
    }

    fn has_number(&self, from: usize, to: usize) -> bool {
        let between = self.text.get(from..to).unwrap_or_default();
        // What was redacted was a number too.
        let redacted = |pair: &[u8]| matches!(pair, b"**" | [b'[', b'A'..=b'Z']);
        between.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4 || between.windows(2).any(redacted)
    }
}
