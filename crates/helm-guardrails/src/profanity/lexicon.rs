use std::collections::BTreeMap;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::{Builder, DFA};
use aho_corasick::{Anchored, MatchKind, StartKind};
use helm_core::Severity;
use smallvec::SmallVec;

use crate::error::{Error, Result};

use super::spelling::{EDGE, letter, skeleton};

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Contempt for a group of people.
    Slur,
    /// What most would not say in company.
    Obscene,
    /// A word of sex or the body, which may be meant soberly.
    Sexual,
    /// A curse that many do not mind.
    Mild,
    /// A word that is meant soberly more often than not.
    Sober,
    /// A word that the user has added.
    Banned,
    /// A word that the user has taken out.
    Allowed,
}

impl Class {
    fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "slur" => Self::Slur,
            "obscene" => Self::Obscene,
            "sexual" => Self::Sexual,
            "mild" => Self::Mild,
            "sober" => Self::Sober,
            _ => return None,
        })
    }

    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Slur => Severity::High,
            Self::Obscene | Self::Banned => Severity::Medium,
            Self::Sexual | Self::Mild => Severity::Low,
            Self::Sober | Self::Allowed => Severity::Info,
        }
    }

    /// How sure it is that a word of this class is meant so.
    pub(super) fn score(self) -> f64 {
        match self {
            Self::Slur | Self::Obscene | Self::Banned => 1.0,
            Self::Sexual => 0.75,
            Self::Mild => 0.6,
            Self::Sober => 0.4,
            Self::Allowed => 0.0,
        }
    }
}

/// A word of the lexicon.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) word: String,
    pub(super) class: Class,
}

/// The words, and an automaton that finds tokens worth a closer look.
pub(super) struct Lexicon {
    entries: Vec<Entry>,
    automaton: DFA,
    start: StateID,
    /// For words with hidden letters: by their length and first letter.
    shapes: BTreeMap<(usize, u8), Vec<usize>>,
}

impl Entry {
    /// What the toxicity model is to read: it knows no word that a user has added.
    pub(super) fn reading(&self) -> &str {
        match self.class {
            Class::Banned => "asshole",
            Class::Allowed => "",
            _ => &self.word,
        }
    }
}

/// Words of at least so many letters are also looked for inside others.
const INSIDE: usize = 4;

impl Lexicon {
    /// The words of the lexicon that comes with the crate.
    pub(super) fn built_in() -> BTreeMap<String, Class> {
        let lines = include_str!("../../data/profanity.txt").lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                line.split_once('\t').and_then(|(word, class)| Some((word.to_owned(), Class::parse(class)?)))
            })
            .collect()
    }

    /// The lexicon of these words.
    ///
    /// # Errors
    ///
    /// [`Error::LexiconTooLarge`] when no automaton can hold them.
    pub(super) fn new(words: &BTreeMap<String, Class>) -> Result<Self> {
        let entries: Vec<Entry> =
            words.iter().map(|(word, class)| Entry { word: word.clone(), class: *class }).collect();
        let patterns = entries.iter().map(|entry| {
            let mut pattern = skeleton(entry.word.as_bytes()).into_vec();
            if entry.word.len() < INSIDE {
                pattern.insert(0, EDGE);
            }
            pattern
        });
        let too_large = |_| Error::LexiconTooLarge { words: words.len() };
        let automaton = Builder::new()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .build(patterns)
            .map_err(too_large)?;
        let start =
            automaton.start_state(Anchored::No).map_err(|_| Error::LexiconTooLarge { words: words.len() })?;
        let start = automaton.next_state(Anchored::No, start, EDGE);
        let mut shapes = BTreeMap::<_, Vec<usize>>::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(first) = entry.word.bytes().next() {
                shapes.entry((entry.word.len(), first)).or_default().push(index);
            }
        }
        Ok(Self { entries, automaton, start, shapes })
    }

    /// Begins reading a token.
    #[inline]
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch { lexicon: self, state: self.start, before: EDGE, suspects: false }
    }

    /// Whether a token may hold a word. Most hold none.
    pub(super) fn suspects(&self, token: &[u8]) -> bool {
        let mut watch = self.watch();
        token.iter().filter_map(|byte| letter(*byte)).for_each(|letter| watch.read(letter));
        watch.suspects
    }

    /// The words that a token may hold, and the byte of the token at which each may begin.
    pub(super) fn candidates<'l>(&'l self, token: &[u8], mut found: impl FnMut(&'l Entry, usize)) {
        let mut state = self.start;
        // Where each letter of the skeleton begins.
        let mut starts: SmallVec<[usize; 32]> = SmallVec::new();
        let mut before = EDGE;
        for (at, byte) in token.iter().enumerate() {
            let Some(letter) = letter(*byte).filter(|letter| *letter != before) else {
                continue;
            };
            before = letter;
            starts.push(at);
            state = self.automaton.next_state(Anchored::No, state, letter);
            if !self.automaton.is_match(state) {
                continue;
            }
            for index in 0..self.automaton.match_len(state) {
                let pattern = self.automaton.match_pattern(state, index);
                let length = self.automaton.pattern_len(pattern);
                let Some(entry) = self.entries.get(pattern.as_usize()) else {
                    continue;
                };
                let edge = usize::from(entry.word.len() < INSIDE);
                let start = starts.len().checked_sub(length - edge).and_then(|first| starts.get(first));
                if let Some(start) = start {
                    found(entry, *start);
                }
            }
        }
    }

    /// The words of this length that begin with this letter.
    pub(super) fn of_shape(&self, length: usize, first: u8) -> impl Iterator<Item = &Entry> {
        self.shapes.get(&(length, first)).into_iter().flatten().filter_map(|index| self.entries.get(*index))
    }
}

/// Reads a token a letter at a time, and tells whether it may hold a word. All text passes here.
pub(super) struct Watch<'l> {
    lexicon: &'l Lexicon,
    state: StateID,
    before: u8,
    pub(super) suspects: bool,
}

impl Watch<'_> {
    /// Takes the next letter of the skeleton.
    #[inline]
    pub(super) fn read(&mut self, letter: u8) {
        if letter != self.before {
            self.before = letter;
            self.state = self.lexicon.automaton.next_state(Anchored::No, self.state, letter);
            self.suspects |= self.lexicon.automaton.is_match(self.state);
        }
    }
}
