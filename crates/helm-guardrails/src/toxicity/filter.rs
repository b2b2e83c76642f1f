use std::borrow::Cow;
use std::sync::Arc;

use helm_core::{Category, Severity, Span, UnitInterval};

use super::threats::{SCORE, threatens};
use crate::detector::{Detector, Reach};
use crate::finding::{Finding, Findings};
use crate::linear::{Both, LinearModel, Scored, Sentence, Sums, folded_sentences, trimmed};
use crate::profanity::ProfanityFilter;
use crate::view::{Signs, TextView};

/// Scores insults, threats and contempt from 0 to 1 with a linear model of words and letters, which sees disguised
/// swear words as what they are, and with phrases that threaten.
///
/// As a detector it judges a sentence at a time, so that it holds in a stream; [`of_whole_texts`](Self::of_whole_texts) and
/// [`score`](Self::score) see the text as a whole too, and find more. A score of 0.5 is not an even chance: it is where about one of two hundred harmless prompts lies. English
/// only; it knows words, not meaning: implicit hate is at chance. Figures and limits: `models/README.md`.
///
/// In a stream it wakes where some words are toxic alone, so of a sentence that is blocked what stands before them has
/// left: about a quarter of it on the data that the model was made from, and nearly all of one in
/// fifty; on other data of one in seven.
/// [`Hold::Sentence`](crate::Hold) lets no sentence leave that has not been judged.
///
/// ```
/// use helm_guardrails::ToxicityFilter;
///
/// let filter = ToxicityFilter::new();
/// assert!(filter.score("You are a pathetic idiot.") > 0.8);
/// assert!(filter.score("How do I kill a process?") < 0.5);
/// ```
#[derive(Clone, Default)]
pub struct ToxicityFilter {
    profanity: ProfanityFilter,
    model: Option<Arc<LinearModel>>,
    whole: bool,
}

/// Under this nothing is reported.
const REPORTED: f64 = 0.3;
/// Words of which z is as great may make a sentence toxic: the score is 0.3.
const STIRS: f64 = -0.847_297_860_387_203_6;

impl ToxicityFilter {
    /// The filter with the model that comes with the crate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The filter that sees through disguises of the words of `profanity`. To it, words that were added there are
    /// insults, and those that were taken out are not there.
    #[must_use]
    pub fn with_profanity(profanity: ProfanityFilter) -> Self {
        Self { profanity, ..Self::default() }
    }

    /// The score of threatening phrases alone.
    #[cfg(feature = "train")]
    pub(crate) fn phrases(text: &str) -> f64 {
        let mut score = 0.0;
        folded_sentences(&TextView::new(text), |sentence| {
            if threatens(sentence.folded) {
                score = SCORE;
            }
        });
        score
    }

    /// The filter with another model.
    #[must_use]
    pub fn with_model(mut self, model: LinearModel) -> Self {
        self.model = Some(Arc::new(model));
        self
    }

    fn model(&self) -> &LinearModel {
        self.model.as_deref().unwrap_or_else(|| LinearModel::toxicity())
    }

    /// The detector that judges a text as a whole: it reports at most one finding, without a span. For texts that do
    /// not stream: a stream must hold them back.
    #[must_use]
    pub fn of_whole_texts(mut self) -> Self {
        self.whole = true;
        self
    }

    /// The score of a text, from 0 to 1: the greater of its own and that of its worst sentence.
    #[must_use]
    pub fn score(&self, text: &str) -> f64 {
        self.score_of(&TextView::new(text))
    }

    fn score_of(&self, view: &TextView<'_>) -> f64 {
        let (mut scored, mut worst) = (Scored::default(), 0.0_f64);
        folded_sentences(view, |sentence| worst = worst.max(self.judge(sentence, &mut scored)));
        worst.max(scored.score(self.model()))
    }

    /// The score of a sentence.
    fn judge(&self, sentence: &Sentence<'_>, scored: &mut Scored) -> f64 {
        let plain = self.profanity.plain(sentence.folded, sentence.signs);
        let sums = match (&self.model, &plain) {
            (None, Cow::Borrowed(_)) => sentence.both().toxicity,
            _ => self.sums(&plain),
        };
        let score = scored.add(self.model(), sums);
        let is_threat = sums.alarms && threatens(&plain) || self.threatens_across(sentence);
        if is_threat { score.max(SCORE) } else { score }
    }

    /// The sums of a folded text that is not shared with other detectors.
    fn sums(&self, plain: &str) -> Sums {
        self.model.as_ref().map_or_else(|| Both::read(plain).toxicity, |own| own.read(plain))
    }

    /// Whether a threat began before the cut of a long sentence.
    fn threatens_across(&self, sentence: &Sentence<'_>) -> bool {
        let mut is_threat = false;
        sentence.across(|across| {
            let threatens = |folded: &str| threatens(&self.profanity.plain(folded, Signs::ANY));
            is_threat = threatens(across.folded()) && !threatens(&across.folded_before());
        });
        is_threat
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
        if self.whole { Reach::WholeText } else { Reach::Sentence }
    }

    /// A sentence is toxic by some of its words, of which the first wakes it.
    fn wakes(&self, words: &TextView<'_>) -> bool {
        let plain = self.profanity.plain(words.words().text(), words.signs());
        let sums = match (&self.model, &plain) {
            (None, Cow::Borrowed(_)) => words.both().toxicity,
            _ => self.sums(&plain),
        };
        sums.alarms || self.model().part_reaches(sums, STIRS)
    }

    fn settings(&self) -> String {
        let model = self.model.as_ref().map(|model| model.fingerprint());
        format!("{} {model:?} {}", self.profanity.settings(), self.whole)
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        if self.whole {
            return push(findings, self.score_of(view), None);
        }
        let mut scored = Scored::default();
        folded_sentences(view, |sentence| {
            let score = self.judge(sentence, &mut scored);
            if score >= REPORTED {
                push(findings, score, Some(sentence.original(trimmed(sentence.folded))));
            }
        });
    }
}

fn push(findings: &mut Findings, score: f64, span: Option<Span>) {
    let severity = match score {
        high if high >= 0.8 => Severity::High,
        medium if medium >= 0.5 => Severity::Medium,
        _ => Severity::Low,
    };
    if let (true, Ok(known)) = (score >= REPORTED, UnitInterval::clamped(score)) {
        findings.push(Finding::new(Category::Toxicity, "TOXICITY", span, severity).with_score(known));
    }
}
