use std::path::Path;

use serde_json::Value;

use super::error::TrainError;
use super::recipe::{Kind, Label, Recipe};
use crate::linear::{SLOTS, Sink, Word, features, folded_sentences};
use crate::profanity::ProfanityFilter;
use crate::view::TextView;

/// A text to learn from.
pub(super) struct Row {
    /// Its sentences, folded and with disguised words as they are meant.
    pub(super) sentences: Vec<String>,
    pub(super) label: bool,
    /// How much it counts.
    pub(super) weight: f64,
    /// Which of the recipe's files it is a text of; `None` for a piece of one.
    pub(super) source: Option<usize>,
    /// The score that it has without the model.
    pub(super) signal: f64,
    /// Its part in a cross-validation.
    pub(super) part: usize,
    /// Slots of both tables, and what each adds.
    pub(super) features: Vec<(usize, f64)>,
}

/// Parts of a cross-validation.
pub(super) const PARTS: usize = 5;

/// All rows of a recipe.
pub(super) fn read_all(directory: &Path, recipe: &Recipe) -> Result<Vec<Row>, TrainError> {
    let mut rows = Vec::new();
    for index in 0..recipe.sources.len() {
        read(directory, index, recipe, &mut rows)?;
    }
    Ok(rows)
}

fn read(directory: &Path, index: usize, recipe: &Recipe, rows: &mut Vec<Row>) -> Result<(), TrainError> {
    let source = &recipe.sources[index];
    let path = directory.join(format!("{}.jsonl", source.file));
    let name = path.display().to_string();
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|cause| TrainError::Unreadable { path: name.clone(), cause })?;
    for (line, json) in text.lines().enumerate() {
        add(json, index, recipe, rows)
            .ok_or_else(|| TrainError::BadLine { path: name.clone(), line: line + 1 })?;
    }
    Ok(())
}

/// Adds the rows of a line; `None` when it has none.
fn add(json: &str, index: usize, recipe: &Recipe, rows: &mut Vec<Row>) -> Option<()> {
    let source = &recipe.sources[index];
    let value: Value = serde_json::from_str(json).ok()?;
    let text = value.get("text")?.as_str()?;
    let label = match source.label {
        Label::All(label) => label,
        Label::Named(name) => value.get("labels")?.get(name)?.as_i64()? == 1,
    };
    let mut part = part_of(text);
    if source.kind == Kind::Pairs && !label {
        part = rows.last().map_or(part, |before| before.part);
    }
    if source.kind == Kind::Spans {
        let (spans, rest) = cut(text, value.get("spans")?)?;
        rows.extend(spans.iter().map(|span| row(span, true, source.weight, None, part)));
        rows.extend(rest.map(|rest| row(&rest, false, source.weight, None, part)));
    }
    let mut row = row(text, label, source.weight, Some(index), part);
    row.signal = (recipe.signal)(text);
    rows.push(row);
    Some(())
}

/// The spans of a text, and what is left of it when they are less than half.
fn cut<'t>(text: &'t str, spans: &Value) -> Option<(Vec<&'t str>, Option<String>)> {
    let (mut found, mut rest, mut at) = (Vec::new(), String::new(), 0);
    for span in spans.as_array()? {
        let place = |name: &str| usize::try_from(span.get(name)?.as_u64()?).ok();
        let (start, end) = (place("bstart")?, place("bend")?);
        if start >= at {
            found.push(text.get(start..end)?);
            rest.push_str(text.get(at..start)?);
            at = end;
        }
    }
    rest.push_str(text.get(at..)?);
    Some((found, Some(rest).filter(|rest| 2 * rest.len() > text.len())))
}

/// A text's part, by its FNV-1a hash.
fn part_of(text: &str) -> usize {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash >> 33) as usize % PARTS
}

fn row(text: &str, label: bool, weight: f64, source: Option<usize>, part: usize) -> Row {
    let (profanity, mut sentences) = (ProfanityFilter::new(), Vec::new());
    folded_sentences(&TextView::new(text), |sentence| {
        sentences.push(profanity.plain(sentence.folded, sentence.signs).into_owned());
    });
    let features = features_of(&sentences);
    Row { sentences, label, weight, source, signal: 0.0, part, features }
}

#[derive(Default)]
struct Collected {
    grams: Vec<usize>,
    words: Vec<usize>,
}

impl Sink for Collected {
    fn runs(&mut self, word: &Word) {
        word.show_runs(|slot| self.grams.push(usize::from(slot)));
    }

    fn word(&mut self, slot: u16) {
        self.words.push(SLOTS + usize::from(slot));
    }
}

fn features_of(sentences: &[String]) -> Vec<(usize, f64)> {
    let mut seen = Collected::default();
    for sentence in sentences {
        features(sentence, &mut seen);
    }
    let mut features = counted(seen.grams);
    features.extend(counted(seen.words));
    features
}

#[expect(clippy::cast_precision_loss, reason = "no text has 2^52 words")]
fn counted(mut slots: Vec<usize>) -> Vec<(usize, f64)> {
    slots.sort_unstable();
    let unit = 1.0 / (slots.len() as f64).sqrt();
    slots.chunk_by(PartialEq::eq).map(|same| (same[0], same.len() as f64 * unit)).collect()
}
