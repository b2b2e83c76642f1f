use helm_core::{EvaluatorName, ScoreOutcome};

use super::scored;
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::text::{count_words, trapezoid, words};

/// Is the length right for this request?
///
/// A band of words from what was asked for: a number of words, briefness, a list, an explanation, code. Inside
/// the band the score is 1, outside it falls linearly to 0. It is unsure where the request says nothing.
#[derive(Clone, Debug)]
pub struct Length(EvaluatorName);

/// Words: zero below, full from, full to, zero above; and how sure.
type Band = (f64, f64, f64, f64, f64);

impl Length {
    /// The evaluator, called `length`.
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn new() -> Result<Self> {
        Ok(Self(EvaluatorName::new("length")?))
    }
}

impl Heuristic for Length {
    fn name(&self) -> &EvaluatorName {
        &self.0
    }

    fn measure(&self, exchange: &Exchange<'_>) -> ScoreOutcome {
        let found = count_words(exchange.response) as f64;
        let (zero_below, low, high, zero_above, confidence) = band(exchange.user);
        let value = if found == 0.0 { 0.0 } else { trapezoid(found, zero_below, low, high, zero_above) };
        // An answer that was cut off has not the length its author meant.
        let value = if exchange.finished { value } else { 0.5 * value };
        scored(value, confidence, || format!("{found} words where {low} to {high} were expected"))
    }
}

fn band(request: &str) -> Band {
    let words = words(request);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    if let Some(count) = asked_words(&words) {
        return (0.4 * count, 0.8 * count, 1.15 * count, 2.0 * count, 0.9);
    }
    if has(&["brief", "briefly", "short", "shortly", "concise", "concisely", "quick", "quickly", "sentence"])
    {
        return (0.0, 3.0, 50.0, 160.0, 0.8);
    }
    if has(&["detail", "detailed", "details", "essay", "thorough", "thoroughly", "comprehensive"]) {
        return (20.0, 120.0, 700.0, 2_000.0, 0.7);
    }
    if has(&["explain", "describe", "compare", "why", "how", "steps", "list", "code"]) {
        return (3.0, 25.0, 300.0, 1_200.0, 0.5);
    }
    (0.0, 8.0, 220.0, 1_000.0, 0.4)
}

/// The number in `in 50 words` and the like.
fn asked_words(words: &[String]) -> Option<f64> {
    let pairs = words.iter().zip(words.iter().skip(1));
    let counts =
        pairs.filter(|(_, unit)| unit.as_str() == "words").filter_map(|(number, _)| number.parse().ok());
    counts.map(|count: f64| count).find(|count| (1.0..=100_000.0).contains(count))
}
