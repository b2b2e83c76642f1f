//! What the labels around a number say about it.

use smallvec::SmallVec;

use super::entity::Entity;
use super::labels::{Label, labels};
use crate::bytes::{Token, Visitor, WIDE, before, class_at, is_alnum, run, run_back, walk};

/// How far before a number a label may end, in bytes.
pub(super) const LEFT: usize = 40;
/// How far behind a number a label may end, and how far it may begin.
pub(super) const RIGHT: usize = 56;
const BEGINS: usize = 14;
/// The score of a number with its label beside it.
const LABELLED: f64 = 0.95;
/// The score with a label that announces the numbers of many countries.
const VAGUE: f64 = 0.85;

/// A label that was found.
#[derive(Clone, Copy)]
struct Mark {
    start: usize,
    end: usize,
    label: Label,
}

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

type Marks = SmallVec<[Mark; 12]>;

/// The labels of a text around where a pass has come to.
pub(super) struct Context<'t> {
    text: &'t [u8],
    is_ascii: bool,
    /// Labels that end with a word of ASCII.
    seen: Marks,
    /// The labels behind the end that was last asked about.
    behind: (usize, Marks),
}

impl<'t> Context<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, is_ascii: text.is_ascii(), seen: Marks::new(), behind: (usize::MAX, Marks::new()) }
    }

    /// Notes the label that ends with a word.
    #[inline]
    pub(super) fn word(&mut self, token: Token) {
        if let Some((start, label)) = labels().ending(self.text, token) {
            if self.seen.len() >= self.seen.inline_size() {
                // What is so far back speaks for nothing.
                self.seen.retain(|mark| mark.end + LEFT >= start);
            }
            self.seen.push(Mark { start, end: token.end, label });
        }
    }

    /// What labels say about something of one of these kinds at `start..end`.
    pub(super) fn support(&mut self, entities: u64, start: usize, end: usize) -> Support {
        // Most numbers have no label near.
        let near = !self.is_ascii || self.seen.last().is_some_and(|mark| mark.end + LEFT >= start);
        match if near { self.ahead(entities, start) } else { Support::None } {
            Support::None => self.behind(entities, end),
            support => support,
        }
    }

    /// Whether a label is near that may speak for something of one of these kinds at `start..end`: cheaper than to ask
    /// what labels say, and wrong only by saying yes.
    pub(super) fn may_support(&mut self, entities: u64, start: usize, end: usize) -> bool {
        let near = |mark: &Mark| mark.end + LEFT >= start && mark.fits(entities);
        !self.is_ascii
            || self.seen.iter().any(near)
            || self.labels_behind(end).iter().any(|mark| mark.fits(entities))
    }

    /// Adds the labels that end beyond ASCII in `from..to`.
    fn wide(&self, marks: &mut Marks, from: usize, to: usize) {
        if self.is_ascii {
            return;
        }
        for end in from + 1..=to {
            let last = class_at(self.text, end - 1) == WIDE;
            // Inside a character, or where one ends whose last byte looks so.
            let ends = last && self.text.get(end).is_none_or(|next| next & 0xc0 != 0x80);
            if let Some((start, label)) = ends.then(|| labels().ending_wide(self.text, end)).flatten() {
                marks.push(Mark { start, end, label });
            }
        }
    }

    /// What the labels before a number say.
    fn ahead(&self, entities: u64, start: usize) -> Support {
        let near = |mark: &&Mark| mark.end <= start && mark.end + LEFT >= start;
        let near = self.seen.iter().filter(near);
        if self.is_ascii {
            return self.nearest(near.rev(), entities, start);
        }
        let mut marks: Marks = near.copied().collect();
        self.wide(&mut marks, start.saturating_sub(LEFT + 1), start);
        marks.sort_by_key(|mark| mark.end);
        self.nearest(marks.iter().rev(), entities, start)
    }

    /// The nearest label before a number speaks for it. One further off does when no other number lies between.
    fn nearest<'m>(&self, marks: impl Iterator<Item = &'m Mark>, entities: u64, start: usize) -> Support {
        let mut nearest: Option<Mark> = None;
        for mark in marks.filter(|mark| self.counts(mark, mark.end, start)) {
            if let Some(nearer) = nearest.filter(|nearer| nearer.end > mark.end) {
                if nearer.label.denies {
                    return Support::Denied;
                }
                if self.has_number(mark.end, start) {
                    return Support::None;
                }
            }
            if mark.fits(entities) {
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
    fn behind(&mut self, entities: u64, end: usize) -> Support {
        if self.labels_behind(end).is_empty() {
            return Support::None;
        }
        let fits = |mark: &&Mark| {
            mark.fits(entities) && self.counts(mark, end, mark.start) && !self.announces(mark.end)
        };
        self.behind.1.iter().find(fits).map_or(Support::None, |mark| mark.speaks(entities, mark.start - end))
    }

    /// The labels behind a number, which are looked for once.
    fn labels_behind(&mut self, end: usize) -> &Marks {
        if self.behind.0 != end {
            let room = run(self.text, end, RIGHT, |byte| !ends_sentence(byte));
            if room > 1 {
                self.behind = (end, self.marks_behind(end, room));
            } else {
                self.behind.0 = end;
                self.behind.1.clear();
            }
        }
        &self.behind.1
    }

    /// The labels in the `room` behind a number.
    fn marks_behind(&self, end: usize, room: usize) -> Marks {
        let mut words = Words { text: self.text, from: end, marks: Marks::new() };
        walk(self.text.get(end..end + room).unwrap_or_default(), &mut words);
        self.wide(&mut words.marks, end, end + room);
        words.marks.retain(|mark| (end..=end + BEGINS).contains(&mark.start));
        words.marks.sort_by_key(|mark| mark.start);
        words.marks
    }

    /// Whether a label is near enough, or plain enough, to count. Between it and the number is `from..to`.
    fn counts(&self, mark: &Mark, from: usize, to: usize) -> bool {
        if self.is_placeholder(mark.start, mark.end) {
            return false;
        }
        if !mark.label.near && !mark.label.acronym {
            return true;
        }
        let capitals = || {
            self.text.get(mark.start..mark.end).is_some_and(|text| !text.iter().any(u8::is_ascii_lowercase))
        };
        let beside = to - from <= 4 && (from..to).all(|at| !is_alnum(self.text, at));
        beside || (mark.label.acronym && capitals())
    }

    /// Whether a label is of the name that redaction puts in the place of a number, such as `[PHONE]`.
    fn is_placeholder(&self, start: usize, end: usize) -> bool {
        let name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let from = start - run_back(self.text, start, 24, name);
        let to = end + run(self.text, end, 24, name);
        let written = self.text.get(from..to).and_then(|name| std::str::from_utf8(name).ok());
        before(self.text, from) == Some(b'[')
            && matches!(self.text.get(to), Some(b']' | b'#'))
            && written.is_some_and(|name| Entity::named(name).is_some())
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

/// Whether a byte ends the sentence of a number, or begins another number.
fn ends_sentence(byte: u8) -> bool {
    matches!(byte, b'.' | b';' | b'\n' | b'|' | b'{' | b'}' | b'[') || byte.is_ascii_digit()
}

/// Finds the labels in the part of a text that begins at `from`.
struct Words<'t> {
    text: &'t [u8],
    from: usize,
    marks: Marks,
}

impl Visitor for Words<'_> {
    fn token(&mut self, token: Token) {
        let token = Token { start: token.start + self.from, end: token.end + self.from, ..token };
        // The last word of the part may go on behind it.
        let whole = !is_alnum(self.text, token.end);
        if let Some((start, label)) =
            labels().ending(self.text, token).filter(|(start, _)| whole && *start >= self.from)
        {
            self.marks.push(Mark { start, end: token.end, label });
        }
    }

    fn sign(&mut self, _: usize, _: u8) {}
}
