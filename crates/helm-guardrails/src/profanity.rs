use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use helm_core::{Category, PolicyHash, Severity, Span};

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::fold::{Letter, letters};
use crate::view::TextView;

/// Finds swear words of English, also when they are written in leet, masked, spaced, stretched, or with
/// invisible or foreign letters.
///
/// Whole words only: Scunthorpe, assess and cockpit are left alone. Not found: words glued to others, and
/// other languages.
#[derive(Clone)]
pub struct ProfanityFilter {
    words: Arc<BTreeSet<String>>,
}

/// The longest finding in bytes: a token of 64 letters of four bytes.
const REACH: usize = 256;
/// Longer tokens, in letters, are no words.
const LONGEST: usize = 64;
/// Single letters that are further apart, in letters, spell no word.
const LONGEST_GAP: usize = 8;
/// The longest word of the lexicon with an ending.
const LONGEST_SPACED: usize = 16;
/// What may follow a base form.
const ENDINGS: [&str; 12] = ["s", "es", "ed", "er", "ers", "in", "ing", "ings", "y", "ier", "head", "heads"];

static LEXICON: LazyLock<Arc<BTreeSet<String>>> = LazyLock::new(|| {
    let lines = include_str!("../data/profanity.txt").lines();
    Arc::new(lines.filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect())
});

impl Default for ProfanityFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfanityFilter {
    /// The filter with the built-in lexicon.
    #[must_use]
    pub fn new() -> Self {
        Self { words: Arc::clone(&LEXICON) }
    }

    /// The filter with words added and taken out. Like the text, they are compared without case and accents,
    /// and letters that look the same are the same.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidWord`] when one is not a single word of 2 to 64 letters or digits.
    pub fn with_words(added: &[String], removed: &[String]) -> Result<Self> {
        let mut words = BTreeSet::clone(&LEXICON);
        for word in added {
            words.insert(folded(word)?);
        }
        for word in removed {
            words.remove(&folded(word)?);
        }
        Ok(Self { words: Arc::new(words) })
    }

    fn is_listed(&self, word: &str) -> bool {
        if self.words.contains(word) {
            return true;
        }
        ENDINGS.iter().any(|ending| {
            let Some(stem) = word.strip_suffix(ending) else {
                return false;
            };
            // `slutty` doubles the last letter of `slut`, `fucking` does not that of `fuck`. Of the shortest
            // stems most endings make other words: `tits` is one of `tit`, `titer` is not.
            let long_enough = stem.len() > 3 || matches!(*ending, "s" | "es");
            let undoubled = stem.char_indices().next_back().and_then(|(at, last)| {
                stem.get(..at).filter(|shorter| shorter.ends_with(last) && shorter.len() > 2)
            });
            long_enough
                && (self.words.contains(stem) || undoubled.is_some_and(|stem| self.words.contains(stem)))
        })
    }

    /// A token's readings: as it is, leet resolved, stretched letters shortened, masked letters guessed.
    fn is_profane(&self, token: &str) -> bool {
        if self.is_listed(token) {
            return true;
        }
        let plain = spelled_out(token);
        if plain != token && self.is_listed(&plain) {
            return true;
        }
        if let Some(short) = unstretch(&plain) {
            let single: String = squeeze(&short);
            if self.is_listed(&short) || self.is_listed(&single) {
                return true;
            }
        }
        token.contains('*') && self.matches_mask(token)
    }

    /// `f**k` against words of its length; at least two letters must be left, one of them at an edge.
    fn matches_mask(&self, token: &str) -> bool {
        let token = &spelled_out(token);
        let shown = token.chars().filter(|char| char.is_alphabetic()).count();
        let edges = [token.chars().next(), token.chars().next_back()];
        if shown < 2 || !edges.iter().flatten().any(|char| char.is_alphabetic()) {
            return false;
        }
        let fits = |word: &String| {
            word.chars().count() == token.chars().count()
                && word.chars().zip(token.chars()).all(|(letter, shown)| shown == '*' || shown == letter)
        };
        self.words.iter().any(fits)
    }
}

impl Detector for ProfanityFilter {
    fn id(&self) -> &'static str {
        "profanity"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Profanity]
    }

    fn entities(&self) -> Vec<&str> {
        vec!["PROFANITY"]
    }

    fn reach(&self) -> Reach {
        Reach::Bounded(REACH)
    }

    fn settings(&self) -> String {
        PolicyHash::of(&format!("{:?}", self.words)).to_string()
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        let mut token = Token::default();
        let mut spaced: Vec<Token> = Vec::new();
        let end = Letter { char: ' ', start: text.len(), end: text.len() };
        for (place, letter) in letters(text).chain(std::iter::once(end)).enumerate() {
            if is_token(letter.char) {
                token.push(letter, place);
                continue;
            }
            if !token.text.is_empty() {
                if is_far(spaced.last(), &token) {
                    self.judge_spaced(&mut spaced, findings);
                }
                self.judge(std::mem::take(&mut token), &mut spaced, findings);
            }
            if !matches!(letter.char, ' ' | '.' | '-' | '_' | '\n') {
                self.judge_spaced(&mut spaced, findings);
            }
        }
        self.judge_spaced(&mut spaced, findings);
    }
}

impl ProfanityFilter {
    fn judge(&self, token: Token, spaced: &mut Vec<Token>, findings: &mut Findings) {
        if token.text.chars().count() == 1 {
            spaced.push(token);
            return;
        }
        self.judge_spaced(spaced, findings);
        if token.text.chars().count() > LONGEST {
            return;
        }
        let trimmed = token.text.trim_matches(['*', '!', '$', '@', '+']);
        if self.is_profane(trimmed) || self.is_profane(&token.text) {
            findings.push(profane(token.start, token.end));
        }
    }

    /// Single letters in a row that spell words of at least three, the longest word at each place.
    fn judge_spaced(&self, spaced: &mut Vec<Token>, findings: &mut Findings) {
        let mut rest = spaced.as_slice();
        while rest.len() > 2 {
            let spells = |length: &usize| {
                let word: String = rest.iter().take(*length).map(|token| token.text.as_str()).collect();
                let letters = word.chars().filter(|char| char.is_alphabetic()).count();
                2 * letters > *length && self.is_listed(&word.chars().map(unleet).collect::<String>())
            };
            let length = (3..=rest.len().min(LONGEST_SPACED)).rev().find(spells);
            let last = length.and_then(|length| rest.get(length - 1));
            if let (Some(first), Some(last)) = (rest.first(), last) {
                findings.push(profane(first.start, last.end));
            }
            rest = rest.get(length.unwrap_or(1)..).unwrap_or_default();
        }
        spaced.clear();
    }
}

fn profane(start: usize, end: usize) -> Finding {
    Finding::new(Category::Profanity, "PROFANITY", Span { start, end }, Severity::Low)
}

/// Characters in a row that may be a word.
#[derive(Default)]
struct Token {
    text: String,
    start: usize,
    end: usize,
    /// Its first and last place in the folded text, where invisible characters take none.
    first: usize,
    last: usize,
}

impl Token {
    fn push(&mut self, letter: Letter, place: usize) {
        if self.text.is_empty() {
            (self.start, self.first) = (letter.start, place);
        }
        self.text.push(letter.char);
        (self.end, self.last) = (letter.end, place);
    }

    fn gap_after(&self, before: &Self) -> usize {
        self.first - before.last
    }
}

/// Whether the gap before a token ends a row of single letters.
fn is_far(before: Option<&Token>, token: &Token) -> bool {
    before.is_some_and(|before| token.gap_after(before) > LONGEST_GAP)
}

/// A word as the lexicon holds it.
fn folded(word: &str) -> Result<String> {
    let folded: String = letters(word).map(|letter| letter.char).collect();
    let length = folded.chars().count();
    if (2..=LONGEST).contains(&length) && folded.chars().all(char::is_alphanumeric) {
        return Ok(folded);
    }
    Err(Error::InvalidWord { word: word.to_owned() })
}

/// A token with leet resolved. With more digits than letters it is a number with a unit and stays as it is.
fn spelled_out(token: &str) -> String {
    let letters = token.chars().filter(|char| char.is_alphabetic()).count();
    let digits = token.chars().filter(char::is_ascii_digit).count();
    if letters == 0 || digits > letters {
        return token.to_owned();
    }
    token.chars().map(unleet).collect()
}

fn is_token(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '*' | '@' | '$' | '!' | '+')
}

fn unleet(char: char) -> char {
    match char {
        '4' | '@' => 'a',
        '8' => 'b',
        '3' => 'e',
        '6' | '9' => 'g',
        '1' | '!' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '2' => 'z',
        other => other,
    }
}

/// Runs of three and more letters shortened to two; `None` when there is none.
fn unstretch(word: &str) -> Option<String> {
    let mut short = String::with_capacity(word.len());
    let mut run = 0;
    let mut last = None;
    for char in word.chars() {
        run = if last == Some(char) { run + 1 } else { 1 };
        last = Some(char);
        if run <= 2 {
            short.push(char);
        }
    }
    (short.len() < word.len()).then_some(short)
}

/// Runs shortened to one letter.
fn squeeze(word: &str) -> String {
    let mut single = String::with_capacity(word.len());
    for char in word.chars() {
        if !single.ends_with(char) {
            single.push(char);
        }
    }
    single
}
