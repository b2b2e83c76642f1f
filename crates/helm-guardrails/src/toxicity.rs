use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use helm_core::{Category, Severity, Span, UnitInterval};

use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings};
use crate::fold::letters;
use crate::profanity::ProfanityFilter;
use crate::sentence::sentences;
use crate::view::TextView;

/// Scores insults, threats and contempt from 0 to 1, a sentence at a time; a text's score is that of its worst
/// sentence.
///
/// In a sentence each listed phrase, and each swear word, has a weight w, and the score is 1 − Π (1 − w). An
/// insult aimed at `you` weighs more, a negated one less. A heuristic: it knows words, not meaning.
#[derive(Clone, Default)]
pub struct ToxicityFilter {
    profanity: ProfanityFilter,
}

/// Under this nothing is reported.
const REPORTED: f64 = 0.3;
/// What a swear word alone weighs.
const PROFANE: f64 = 0.45;
/// The most words in a phrase.
const LONGEST: usize = 4;

static PHRASES: LazyLock<Arc<BTreeMap<String, f64>>> = LazyLock::new(|| {
    let lines = include_str!("../data/toxicity.txt").lines();
    let entries = lines.filter_map(|line| {
        let (weight, phrase) = line.split_once('\t')?;
        Some((phrase.to_owned(), weight.parse().ok()?))
    });
    Arc::new(entries.collect())
});

impl ToxicityFilter {
    /// The filter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The filter that takes for swear words what `profanity` does.
    #[must_use]
    pub fn with_profanity(profanity: ProfanityFilter) -> Self {
        Self { profanity }
    }

    /// The score of a text, from 0 to 1.
    #[must_use]
    pub fn score(&self, text: &str) -> f64 {
        sentences(text).map(|range| self.sentence(text.get(range).unwrap_or_default())).fold(0.0, f64::max)
    }

    fn sentence(&self, sentence: &str) -> f64 {
        let folded: String =
            letters(sentence).map(|letter| if letter.char == '’' { '\'' } else { letter.char }).collect();
        let words: Vec<&str> = folded
            .split(|char: char| !(char.is_alphanumeric() || matches!(char, '\'' | '*' | '@' | '$')))
            .filter(|word| !word.is_empty())
            .collect();
        let mut passed = 1.0;
        let mut at = 0;
        while let Some(rest) = words.get(at..).filter(|rest| !rest.is_empty()) {
            let (weight, length) = self.longest(rest);
            let before = words.get(at.saturating_sub(4)..at).unwrap_or_default();
            passed *= 1.0 - aimed(weight, before);
            at += length;
        }
        1.0 - passed
    }

    /// The weight of the longest phrase that begins here, and how many words it has.
    fn longest(&self, words: &[&str]) -> (f64, usize) {
        for length in (1..=words.len().min(LONGEST)).rev() {
            let phrase = words.get(..length).unwrap_or_default().join(" ");
            if let Some(weight) = PHRASES.get(&phrase) {
                return (*weight, length);
            }
        }
        let mut found = Findings::new();
        if let Some(word) = words.first() {
            self.profanity.scan(&TextView::new(word), &mut found);
        }
        let profane = !found.is_empty();
        (if profane { PROFANE } else { 0.0 }, 1)
    }
}

/// A weight in the light of the words before: `you are an …` aims it, `not` blunts it.
fn aimed(weight: f64, before: &[&str]) -> f64 {
    let has = |words: &[&str]| before.iter().any(|word| words.contains(word));
    let blunted = if has(&["not", "never", "isn't", "aren't", "don't"]) { 0.4 * weight } else { weight };
    if has(&["you", "your", "you're", "ur", "u", "they're", "she's", "he's"]) {
        1.0 - (1.0 - blunted) * (1.0 - blunted)
    } else {
        blunted
    }
}

impl Detector for ToxicityFilter {
    fn id(&self) -> &'static str {
        "toxicity"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Toxicity]
    }

    fn entities(&self) -> Vec<&str> {
        vec!["TOXICITY"]
    }

    fn reach(&self) -> Reach {
        Reach::Sentence
    }

    fn settings(&self) -> String {
        self.profanity.settings()
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let text = view.text();
        for range in sentences(text) {
            let sentence = text.get(range.clone()).unwrap_or_default();
            let score = self.sentence(sentence);
            if let (true, Ok(known)) = (score >= REPORTED, UnitInterval::clamped(score)) {
                let start = range.end - sentence.trim_start().len();
                let span = Span { start, end: start + sentence.trim().len() };
                let found = Finding::new(Category::Toxicity, "TOXICITY", span, severity(score));
                findings.push(found.with_score(known));
            }
        }
    }
}

fn severity(score: f64) -> Severity {
    match score {
        high if high >= 0.8 => Severity::High,
        medium if medium >= 0.5 => Severity::Medium,
        _ => Severity::Low,
    }
}
