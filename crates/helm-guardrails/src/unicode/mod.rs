//! Invisible and misleading characters.

mod invisible;
mod scripts;
mod words;

use helm_core::{Category, Severity, Span};

use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings};
use crate::view::{Signs, TextView, is_alphabetic, is_alphanumeric};
use invisible::{Beside, directs, judge, zero_width};
use scripts::{diacritic, right_to_left};
use words::Word;
pub(crate) use words::is_disguised;

/// Finds characters that hide text from a reader or mislead one.
///
/// | entity | what |
/// |---|---|
/// | `TAG_CHARACTERS` | letters of the tag block, which spell invisible text, outside a flag |
/// | `VARIATION_SELECTORS` | selectors that have nothing to select, which can carry bytes |
/// | `BIDI_CONTROL` | overrides of direction; other controls of it with nothing near that is written from right to left |
/// | `INVISIBLE` | zero-width characters inside words or in runs, fillers, a byte order mark that is not first |
/// | `PRIVATE_USE` | characters that mean what somebody wants |
/// | `STACKED_MARKS` | four and more diacritics on one letter |
/// | `MIXED_SCRIPT` | words of Latin letters and of letters that look like them |
/// | `CONTROL` | control characters other than tab and ends of lines |
///
/// What these characters are for passes: families and flags of emoji, joiners in Persian, Arabic and the scripts of
/// India, marks of direction beside Hebrew and Arabic, zero-width spaces in Thai and Khmer, soft hyphens and
/// non-breaking spaces.
///
/// A word wholly in another script, though it looks Latin, is not reported: nothing tells it from a word of its
/// language.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnicodeFilter;

impl UnicodeFilter {
    /// The filter.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Tags,
    Variation,
    Direction,
    Invisible,
    PrivateUse,
    Stacked,
    MixedScript,
    Control,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Tags,
        Self::Variation,
        Self::Direction,
        Self::Invisible,
        Self::PrivateUse,
        Self::Stacked,
        Self::MixedScript,
        Self::Control,
    ];

    const fn entity(self) -> (&'static str, Severity) {
        match self {
            Self::Tags => ("TAG_CHARACTERS", Severity::High),
            Self::Variation => ("VARIATION_SELECTORS", Severity::High),
            Self::Direction => ("BIDI_CONTROL", Severity::High),
            Self::Invisible => ("INVISIBLE", Severity::Medium),
            Self::PrivateUse => ("PRIVATE_USE", Severity::Low),
            Self::Stacked => ("STACKED_MARKS", Severity::Low),
            Self::MixedScript => ("MIXED_SCRIPT", Severity::Medium),
            Self::Control => ("CONTROL", Severity::Low),
        }
    }
}

/// How near, in bytes, a letter from right to left makes a mark of direction plausible.
const NEAR: usize = 64;
/// The longest run that one finding covers.
const REACH: usize = 1_024;
/// So many diacritics on one letter are too many.
const STACK: usize = 4;

impl Detector for UnicodeFilter {
    fn id(&self) -> &'static str {
        "unicode"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Unicode]
    }

    fn entities(&self) -> Vec<&str> {
        Kind::ALL.iter().map(|kind| kind.entity().0).collect()
    }

    fn reach(&self) -> Reach {
        Reach::Tracked(REACH)
    }

    fn lookbehind(&self) -> usize {
        NEAR
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        words.signs().has(SUSPECT)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        if view.signs().has(SUSPECT) {
            Scan::new(text, findings).run();
        }
    }
}

/// What has to be in a text for something to be found.
const SUSPECT: Signs = Signs::CONTROL.and(Signs::WIDE);

/// Whether a byte is of a control character or of a character beyond ASCII.
fn suspect(byte: u8) -> bool {
    byte >= 0x7f || (byte < 0x20 && !matches!(byte, b'\n' | b'\t' | b'\r' | 0x0c))
}

struct Scan<'s> {
    text: &'s str,
    findings: &'s mut Findings,
    /// What is being found: its kind and place.
    open: Option<(Kind, usize, usize)>,
    word: Word,
    /// The end of the last letter from right to left.
    right_to_left: Option<usize>,
    marks: usize,
    hyphen_ago: usize,
}

impl<'s> Scan<'s> {
    fn new(text: &'s str, findings: &'s mut Findings) -> Self {
        Self {
            text,
            findings,
            open: None,
            word: Word::default(),
            right_to_left: None,
            marks: 0,
            hyphen_ago: 0,
        }
    }

    fn run(mut self) {
        let (mut at, mut before) = (0, None);
        while let Some(char) = self.char_at(at) {
            let mut next = at + char.len_utf8();
            if char == '\u{1f3f4}'
                && let Some(length) = flag(self.text.get(next..).unwrap_or_default())
            {
                next += length;
            }
            self.char(at, char, before, self.char_at(next));
            (at, before) = (next, Some(char));
            if let Some(further) = self.skip(at) {
                (at, before) = (further, self.char_before(further));
            }
        }
        // A vertical tab ends words, and a run may go on behind it.
        if let Some((_, start, end)) = self.open
            && end == self.text.len()
        {
            self.findings.pending(start);
        }
        self.end_word(self.text.len());
        self.close();
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    fn char_before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    /// Where, between words, the last word begins before the next character that is worth a look: what lies between is
    /// of no interest.
    fn skip(&mut self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes().get(at..)?;
        if self.hyphen_ago > 0 || !self.word.is_empty() || bytes.first().is_none_or(|byte| suspect(*byte)) {
            return None;
        }
        let plain = bytes.iter().position(|byte| suspect(*byte)).unwrap_or(bytes.len());
        let word = bytes.iter().take(plain).rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if plain == word {
            return None;
        }
        self.marks = 0;
        Some(at + plain - word)
    }

    fn char(&mut self, at: usize, char: char, before: Option<char>, after: Option<char>) {
        let end = at + char.len_utf8();
        if right_to_left(char) && !directs(char) {
            self.right_to_left = Some(end);
        }
        let beside = Beside {
            before,
            after,
            right_to_left: directs(char) && self.near_right_to_left(at, end),
            hyphen_ago: self.hyphen_ago,
        };
        self.hyphen_ago = match char {
            '\u{ad}' => 1,
            _ if self.hyphen_ago > 0 && is_alphanumeric(char) => self.hyphen_ago + 1,
            _ => 0,
        };
        if let Some(kind) = judge(char, beside) {
            self.add(kind, at, end);
        }
        self.stack(char, at, end);
        if is_alphabetic(char) {
            self.word.letter(at, char);
        } else if !diacritic(char) && !zero_width(char) {
            self.end_word(at);
        }
    }

    fn stack(&mut self, char: char, at: usize, end: usize) {
        self.marks = if diacritic(char) { self.marks + 1 } else { 0 };
        if self.marks == STACK {
            // The marks before it belong to the same stack.
            let before = self.text.get(..end).unwrap_or_default();
            let start = before.char_indices().rev().take(STACK).last().map_or(at, |(start, _)| start);
            self.add(Kind::Stacked, start, end);
        } else if self.marks > STACK {
            self.add(Kind::Stacked, at, end);
        }
    }

    fn near_right_to_left(&mut self, at: usize, end: usize) -> bool {
        if self.right_to_left.is_some_and(|last| last + NEAR >= at) {
            return true;
        }
        let ahead = self.text.get(end..).unwrap_or_default();
        let near =
            ahead.char_indices().take_while(|(place, _)| *place < NEAR).any(|(_, char)| right_to_left(char));
        if !near && ahead.len() < NEAR {
            self.findings.pending(at);
        }
        near
    }

    fn end_word(&mut self, at: usize) {
        if self.word.is_mixed() {
            self.close();
            self.push(Kind::MixedScript, self.word.start(), at);
        }
        self.word = Word::default();
    }

    /// Adds something, to what is being found where it goes on.
    fn add(&mut self, kind: Kind, start: usize, end: usize) {
        match &mut self.open {
            Some((open, from, to)) if *open == kind && *to == start && end - *from <= REACH => *to = end,
            _ => {
                self.close();
                self.open = Some((kind, start, end));
            }
        }
    }

    fn close(&mut self) {
        if let Some((kind, start, end)) = self.open.take() {
            self.push(kind, start, end);
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let (entity, severity) = kind.entity();
        self.findings.push(Finding::new(Category::Unicode, entity, Span { start, end }, severity));
    }
}

/// How long the tags of a flag are, as England's: from three to six letters or digits and the tag that ends them
/// (Unicode TS 51, annex C).
fn flag(after: &str) -> Option<usize> {
    let tag = |char: char| matches!(char, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let count = after.chars().take(7).take_while(|char| tag(*char)).count();
    let ends = after.chars().nth(count) == Some('\u{e007f}');
    ((3..=6).contains(&count) && ends).then_some(4 * (count + 1))
}
