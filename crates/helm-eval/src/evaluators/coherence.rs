use helm_core::{EvaluatorName, ScoreOutcome};

use super::{percent, scored};
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::view::{Numbers, Text, View, runs};

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
        let repeated = repeated(answer, view.runs(exchange).three.len());
        let sentences = view.signals(exchange).get("repeated_sentences").unwrap_or(0.0);
        let echo = echo(question, answer);
        let loose = if exchange.finished && ends_well(exchange.response) { 0.0 } else { 1.0 };
        let value =
            (1.0 - 0.9 * repeated) * (1.0 - 0.6 * sentences) * (1.0 - 0.5 * echo) * (1.0 - 0.25 * loose);
        let confidence = if answer.words.len() < 5 { 0.3 } else { 0.6 };
        scored(value, confidence, || {
            let (runs, sentences) = (percent(repeated), percent(sentences));
            format!("{runs} % of word runs and {sentences} % of sentences are repeated")
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

/// The share of runs of three words that stood there before.
fn repeated(text: &Text, different: usize) -> f64 {
    let all = text.words.len().saturating_sub(2);
    if all == 0 { 0.0 } else { (all - different) as f64 / all as f64 }
}

/// The share of the answer that is the question's own runs of four words.
fn echo(question: &Text, answer: &Text) -> f64 {
    let mut asked = Numbers::for_about(question.words.len());
    runs(&question.words, 4).for_each(|run| {
        asked.add(run);
    });
    let all = answer.words.len().saturating_sub(3);
    let echoed = runs(&answer.words, 4).filter(|run| asked.has(*run)).count();
    if all == 0 { 0.0 } else { echoed as f64 / all as f64 }
}

/// Whether the last character can end a text: anything but a letter, digit, comma or opening mark.
fn ends_well(text: &str) -> bool {
    let last = text.trim_end().chars().next_back();
    last.is_some_and(|last| !(last.is_alphanumeric() || ",;:([{-".contains(last)) || !last.is_ascii())
}
