use helm_core::{EvaluatorName, ScoreOutcome};

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::view::{Text, View, all_grams, share};

/// Does it hang together?
///
/// Starts at 1 and loses for repeated runs of three words, for repeated sentences, for echoing the question,
/// and for an end that is none. Looks at the first 4,096 words.
///
/// Fails on fluent nonsense, and on what is repeated on purpose, such as a refrain.
#[derive(Clone, Debug)]
pub struct Coherence(EvaluatorName);

impl Coherence {
    /// The evaluator, called `coherence`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self(EvaluatorName::new("coherence")?))
    }

    fn judge(view: &View, exchange: &Exchange<'_>) -> ScoreOutcome {
        let (question, answer) = (view.user(exchange), view.response(exchange));
        if answer.words.is_empty() {
            return scored(0.0, 1.0, || "there is no answer".to_owned());
        }
        let repeated = repeated(answer, 3);
        let sentences = view.signals(exchange).get("repeated_sentences").unwrap_or(0.0);
        let echo = echo(question, answer);
        let loose = if exchange.finished && ends_well(exchange.response) { 0.0 } else { 1.0 };
        let value =
            (1.0 - 0.9 * repeated) * (1.0 - 0.6 * sentences) * (1.0 - 0.5 * echo) * (1.0 - 0.25 * loose);
        let confidence = if answer.words.len() < 5 { 0.3 } else { 0.6 };
        scored(value, confidence, || {
            let (runs, sentences) = (100.0 * repeated, 100.0 * sentences);
            format!("{runs:.0} % of word runs and {sentences:.0} % of sentences are repeated")
        })
    }
}

impl Heuristic for Coherence {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        exchange.with_shared(Self::judge)
    }
}

/// The share of runs of words that stood there before.
fn repeated(text: &Text, length: usize) -> f64 {
    let mut grams = all_grams(&text.words, length);
    let all = grams.len();
    grams.sort_unstable();
    grams.dedup();
    if all == 0 { 0.0 } else { (all - grams.len()) as f64 / all as f64 }
}

/// The share of the answer that is the question's own runs of four words.
fn echo(question: &Text, answer: &Text) -> f64 {
    let [mut asked, mut answered] = [question, answer].map(|text| all_grams(&text.words, 4));
    asked.sort_unstable();
    answered.sort_unstable();
    share(&answered, &asked)
}

/// Whether the last character can end a text: anything but a letter, digit, comma or opening mark.
fn ends_well(text: &str) -> bool {
    let last = text.trim_end().chars().next_back();
    last.is_some_and(|last| !(last.is_alphanumeric() || ",;:([{-".contains(last)) || !last.is_ascii())
}
