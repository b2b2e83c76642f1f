//! What both backends do to preferences and vectors.

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::preference::{PreferenceChange, Preferences};
use crate::vector::{Hit, Memory};

/// Applies `changes` and raises the revision. Nothing is changed when one does not fit.
pub(crate) fn apply_preferences(
    backend: &'static str,
    before: &Preferences,
    changes: &[PreferenceChange],
) -> Result<Preferences> {
    let mut after = before.clone();
    for change in changes {
        match change {
            PreferenceChange::Set { name, value } => {
                after.values.insert(checked(backend, name)?, value.clone());
            }
            PreferenceChange::Remove { name } => {
                after.values.remove(name);
            }
            PreferenceChange::Increment { name, by } => {
                let count = after.values.get(name).map_or(Some(0), Value::as_i64);
                let count = count.and_then(|count| count.checked_add(*by)).ok_or_else(|| {
                    let message =
                        format!("the preference {name:?} is not an integer that {by} can be added to");
                    Error::new(ErrorKind::Invalid, backend, "apply_preferences", message)
                })?;
                after.values.insert(checked(backend, name)?, count.into());
            }
        }
    }
    after.revision += 1;
    Ok(after)
}

fn checked(backend: &'static str, name: &str) -> Result<String> {
    if !name.is_empty() && name.len() <= 128 && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let message = "a preference's name has 1 to 128 bytes and no control characters";
    Err(Error::new(ErrorKind::Invalid, backend, "apply_preferences", message))
}

/// Refuses what cannot be compared by its angle, or not with a collection of length `expected`.
pub(crate) fn check_embedding(backend: &'static str, vector: &[f32], expected: Option<usize>) -> Result<()> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Invalid, backend, "vectors", message));
    if vector.iter().any(|part| !part.is_finite()) {
        return refuse("an embedding holds NaN or infinity".to_owned());
    }
    if vector.iter().all(|part| *part == 0.0) {
        return refuse("an embedding is empty or all zeros, so it has no direction".to_owned());
    }
    match expected {
        Some(expected) if expected != vector.len() => {
            let found = vector.len();
            refuse(format!("the collection's embeddings have {expected} components, this one has {found}"))
        }
        _ => Ok(()),
    }
}

/// The `k` memories most similar to `query`, best first, ties by id.
pub(crate) fn nearest(memories: Vec<Memory>, query: &[f32], k: usize) -> Vec<Hit> {
    let hits =
        memories.into_iter().map(|memory| Hit { similarity: cosine(&memory.embedding, query), memory });
    let mut hits: Vec<_> = hits.collect();
    hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.memory.id.cmp(&b.memory.id)));
    hits.truncate(k);
    hits
}

/// Summed in double precision, so that the order of components does not show.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let (mut dot, mut left, mut right) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        dot += x * y;
        left += x * x;
        right += y * y;
    }
    (dot / (left.sqrt() * right.sqrt())).clamp(-1.0, 1.0) as f32
}
