use std::collections::{BTreeMap, BTreeSet};

use helm_core::{EvaluatorName, ScoreOutcome};

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::text::{sentences, words};

/// Does it hang together?
///
/// Starts at 1 and loses for repeated runs of three words, for repeated sentences, for echoing the question,
/// and for an end that is none.
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
}

impl Heuristic for Coherence {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let answer = words(exchange.response);
        if answer.is_empty() {
            return scored(0.0, 1.0, || "there is no answer".to_owned());
        }
        let repeated = repeated_trigrams(&answer);
        let sentences = repeated_sentences(exchange.response);
        let echo = echo(&words(exchange.user), &answer);
        let loose = if exchange.finished && ends_well(exchange.response) { 0.0 } else { 1.0 };
        let value =
            (1.0 - 0.9 * repeated) * (1.0 - 0.6 * sentences) * (1.0 - 0.5 * echo) * (1.0 - 0.25 * loose);
        let confidence = if answer.len() < 5 { 0.3 } else { 0.6 };
        scored(value, confidence, || {
            format!(
                "{:.0} % of word runs and {:.0} % of sentences are repeated",
                100.0 * repeated,
                100.0 * sentences
            )
        })
    }
}

/// The share of runs of three words that stood there before.
fn repeated_trigrams(words: &[String]) -> f64 {
    let mut seen = BTreeSet::new();
    let runs = words.len().saturating_sub(2);
    let repeated = words.windows(3).filter(|run| !seen.insert(*run)).count();
    if runs == 0 { 0.0 } else { repeated as f64 / runs as f64 }
}

/// The share of sentences that stood there before.
fn repeated_sentences(text: &str) -> f64 {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    sentences(text).for_each(|sentence| *counts.entry(sentence).or_default() += 1);
    let total: u32 = counts.values().sum();
    if total == 0 { 0.0 } else { f64::from(total - counts.len() as u32) / f64::from(total) }
}

/// The share of the answer that is the question's own runs of four words.
fn echo(question: &[String], answer: &[String]) -> f64 {
    let asked: BTreeSet<_> = question.windows(4).collect();
    let runs = answer.len().saturating_sub(3);
    let echoed = answer.windows(4).filter(|run| asked.contains(run)).count();
    if runs == 0 { 0.0 } else { echoed as f64 / runs as f64 }
}

/// Whether the last character can end a text: anything but a letter, digit, comma or opening mark.
fn ends_well(text: &str) -> bool {
    let last = text.trim_end().chars().next_back();
    last.is_some_and(|last| !(last.is_alphanumeric() || ",;:([{-".contains(last)) || !last.is_ascii())
}
