use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use helm_core::{Category, PolicyHash, UnitInterval};

use super::lexicon::{Class, Lexicon};
use super::scan::{LONGEST, may_hold, scan};
use super::spaced::LONGEST_GAP;
use unicode_normalization::char::is_combining_mark;

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::view::{Signs, TextView};

/// Finds swear words, slurs and sexual words of English, also when they are written in leet, masked, spaced,
/// stretched, glued to other words, or with invisible or foreign letters.
///
/// | words | severity | score |
/// |---|---|---|
/// | slurs | high | 1 |
/// | obscene ones | medium | 1 |
/// | of sex and the body, which may be meant soberly | low | 0.75 |
/// | mild curses | low | 0.6 |
///
/// A threshold of 0.7 leaves mild curses alone, one of 0.8 sober words too. Words that only hold one, such as
/// Scunthorpe and cockpit, are left alone also when they are disguised. It knows no context and no other language.
///
/// ```
/// use helm_guardrails::ProfanityFilter;
///
/// let filter = ProfanityFilter::new();
/// assert_eq!(filter.score("what the f**k"), 1.0);
/// assert_eq!(filter.score("Scunthorpe has a c0ckp1t museum"), 0.0);
/// ```
#[derive(Clone)]
pub struct ProfanityFilter {
    words: Arc<BTreeMap<String, Class>>,
    lexicon: Arc<Lexicon>,
    /// Whether words were added or taken out.
    has_own: bool,
}

#[expect(clippy::expect_used, reason = "the words come with the crate")]
static BUILT_IN: LazyLock<ProfanityFilter> =
    LazyLock::new(|| ProfanityFilter::of(Lexicon::built_in()).expect("a lexicon of some hundred words"));

impl Default for ProfanityFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfanityFilter {
    /// The filter with the built-in lexicon.
    #[must_use]
    pub fn new() -> Self {
        BUILT_IN.clone()
    }

    /// The filter with words added, which count as obscene, and taken out; one that is in both lists is out. Like the text, they are compared without
    /// case and accents, and letters that look the same are the same.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidWord`] when one is not a single word of 2 to 63 bytes of letters or digits;
    /// [`Error::LexiconTooLarge`] when there are millions.
    pub fn with_words(added: &[String], removed: &[String]) -> Result<Self> {
        if added.is_empty() && removed.is_empty() {
            return Ok(Self::new());
        }
        let mut words = Lexicon::built_in();
        for word in added {
            words.insert(folded(word)?, Class::Banned);
        }
        for word in removed {
            words.insert(folded(word)?, Class::Allowed);
        }
        Self::of(words)
    }

    fn of(words: BTreeMap<String, Class>) -> Result<Self> {
        let lexicon = Arc::new(Lexicon::new(&words)?);
        let has_own = words.values().any(|class| matches!(class, Class::Banned | Class::Allowed));
        Ok(Self { words: Arc::new(words), lexicon, has_own })
    }

    /// The score of the worst word of a text; 0 when there is none.
    #[must_use]
    pub fn score(&self, text: &str) -> f64 {
        let mut score = 0.0_f64;
        scan(&self.lexicon, TextView::new(text).words().text(), |_, entry| {
            score = score.max(entry.class.score());
        });
        score
    }
}

impl ProfanityFilter {
    /// A folded text, of one that has these signs, with disguised words as they are meant: `f**k` as the word that it is.
    pub(crate) fn plain<'t>(&self, folded: &'t str, signs: Signs) -> Cow<'t, str> {
        if !self.has_own && !signs.has(DISGUISES) {
            return Cow::Borrowed(folded);
        }
        let bytes = folded.as_bytes();
        let is_disguised = || has_sign(bytes) && bytes.array_windows().any(may_disguise);
        if !(self.has_own || is_disguised()) {
            return Cow::Borrowed(folded);
        }
        let (mut plain, mut from) = (String::new(), 0);
        scan(&self.lexicon, folded, |place, entry| {
            let written = folded.get(place.clone()).unwrap_or_default();
            let is_own = matches!(entry.class, Class::Banned | Class::Allowed);
            if is_own || written.bytes().any(|byte| !byte.is_ascii_alphabetic()) {
                plain.push_str(folded.get(from..place.start).unwrap_or_default());
                plain.push_str(entry.reading());
                from = place.end;
            }
        });
        if from == 0 {
            return Cow::Borrowed(folded);
        }
        plain.push_str(folded.get(from..).unwrap_or_default());
        Cow::Owned(plain)
    }
}

/// Without these no word is disguised.
const DISGUISES: Signs = Signs::of_each(b"0*@$#_%").and(Signs::WIDE);

/// Whether one of two bytes in a row may stand for a letter or hide one, and the other is a letter or does so too.
fn may_disguise(pair: &[u8; 2]) -> bool {
    let [first, second] = *pair;
    (is_sign(first) && second.is_ascii_lowercase()) || (first.is_ascii_lowercase() && is_sign(second))
}

/// Whether there is a sign. Without a branch a byte, so many are looked at in one step.
fn has_sign(bytes: &[u8]) -> bool {
    bytes.chunks(64).any(|part| part.iter().fold(false, |found, byte| found | is_sign(*byte)))
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'*' | b'@' | b'$' | b'#' | b'_' | b'%')
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
        // A character folds to one byte or to no fewer bytes than it has, but for some of three bytes: full width
        // and mathematical letters, of which one has four.
        Reach::Tracked(4 * (LONGEST + 1))
    }

    fn lookbehind(&self) -> usize {
        // Two letters and what is between them.
        4 * (2 + 2 * LONGEST_GAP)
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        !words.is_ascii() || may_hold(&self.lexicon, words.words().text())
    }

    fn settings(&self) -> String {
        PolicyHash::of(&format!("{:?}", self.words)).to_string()
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let words = view.words();
        let pending = scan(&self.lexicon, words.text(), |place, entry| {
            if entry.class == Class::Allowed {
                return;
            }
            let mut span = words.original(place);
            let rest = view.text().get(span.end..).unwrap_or_default();
            let marks = rest.chars().take_while(|char| is_combining_mark(*char));
            span.end += marks.map(char::len_utf8).sum::<usize>();
            let score = UnitInterval::clamped(entry.class.score()).unwrap_or(UnitInterval::ONE);
            findings.push(
                Finding::new(Category::Profanity, "PROFANITY", span, entry.class.severity())
                    .with_score(score),
            );
        });
        if let Some(at) = pending {
            findings.pending(words.original(at..at + 1).start);
        }
    }
}

/// A word as the lexicon holds it.
fn folded(word: &str) -> Result<String> {
    let view = TextView::new(word);
    let folded = view.words().text();
    if (2..=LONGEST).contains(&folded.len()) && folded.chars().all(is_letter) {
        return Ok(folded.to_owned());
    }
    Err(Error::InvalidWord { word: word.to_owned() })
}

/// Letters and digits of scripts that put spaces between words.
fn is_letter(char: char) -> bool {
    char.is_alphanumeric() && u32::from(char) < 0x2000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_text_lacks_disguises_nothing(text in "[ -~]{0,16}|[fuckshitab]{1,3}[!-~]{0,2}[ckshitab]{1,3}|[a4@s5$h1!i7t+]{3,6}") {
            let filter = ProfanityFilter::new();
            prop_assert_eq!(filter.plain(&text, Signs::of(&text)), filter.plain(&text, Signs::ANY));
        }
    }
}
