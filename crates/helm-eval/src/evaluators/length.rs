use helm_core::{EvaluatorName, ScoreOutcome};

use super::{scored, whole};
use crate::error::Result;
use crate::evaluator::Heuristic;
use crate::exchange::Exchange;
use crate::view::prefix;

/// Is the length right for this request?
///
/// A band of words from what was asked for: a number of words, sentences, paragraphs or items, briefness, a list, an
/// explanation, code. Inside the band the score is 1, outside it falls linearly to 0. It is unsure where the request
/// says nothing. Of a long request, the first 4 KiB are read.
///
/// Fails on requests whose wish for length is not in their words, and on those that are not in English.
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
        let found = exchange.with_shared(|view, exchange| view.response(exchange).total) as f64;
        let (zero_below, low, high, zero_above, confidence) = band(exchange.user);
        let value = if found == 0.0 { 0.0 } else { trapezoid(found, zero_below, low, high, zero_above) };
        // An answer that was cut off has not the length its author meant.
        let value = if exchange.finished { value } else { 0.5 * value };
        scored(value, confidence, || {
            let [found, low, high] = [found, low, high].map(whole);
            format!("{found} words where {low} to {high} were expected")
        })
    }
}

fn band(request: &str) -> Band {
    let request = prefix(request, 4_096).to_ascii_lowercase();
    let words: Vec<&str> =
        request.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    if let Some((low, high)) = asked(&words) {
        return (0.4 * low, 0.8 * low, 1.15 * high, 2.0 * high, 0.9);
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

/// How many words are in what may be counted: from and to.
const UNITS: [(&str, f64, f64); 8] = [
    ("words", 1.0, 1.0),
    ("sentences", 8.0, 30.0),
    ("sentence", 5.0, 30.0),
    ("paragraphs", 40.0, 130.0),
    ("paragraph", 40.0, 130.0),
    ("bullets", 4.0, 30.0),
    ("bullet", 4.0, 30.0),
    ("points", 4.0, 30.0),
];
const NUMBERS: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// The words of `in 50 words`, `two sentences` and the like.
fn asked(words: &[&str]) -> Option<(f64, f64)> {
    let mut pairs = words.iter().zip(words.iter().skip(1));
    pairs.find_map(|(number, unit)| {
        let (_, low, high) = UNITS.iter().find(|(name, ..)| name == unit)?;
        let spelled = || NUMBERS.iter().position(|name| name == number).map(|place| place as f64 + 1.0);
        let count = number.parse().ok().or_else(spelled)?;
        (1.0..=100_000.0).contains(&count).then_some((low * count, high * count))
    })
}

/// 1 inside `low..=high`, falling linearly to 0 at `zero_below` and `zero_above`.
fn trapezoid(value: f64, zero_below: f64, low: f64, high: f64, zero_above: f64) -> f64 {
    if value < low {
        ((value - zero_below) / (low - zero_below)).clamp(0.0, 1.0)
    } else if value > high {
        ((zero_above - value) / (zero_above - high)).clamp(0.0, 1.0)
    } else {
        1.0
    }
}
