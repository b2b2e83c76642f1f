//! Trains the linear models that come with the crate, to the same bytes on every machine and run: plain arithmetic in a
//! fixed order, in one thread.
//!
//! `cargo run --release -p helm-guardrails --features train --bin train-guardrail-models -- --data DIR`

#![expect(clippy::indexing_slicing, reason = "slots and folds are below the length of what they index")]

mod data;
mod error;
mod figures;
mod fit;
mod lbfgs;
mod recipe;

use std::path::Path;

pub use error::TrainError;
use figures::Judged;
use recipe::{RECIPES, Recipe};

/// What the trainer makes.
#[derive(Debug)]
pub struct Trained {
    /// The models by the names of their files.
    pub models: Vec<(&'static str, Vec<u8>)>,
    /// Tables of figures in Markdown, from a cross-validation in five parts.
    pub figures: String,
}

/// Trains all models on the files of a directory: JSON Lines of `text`, `labels` and `spans`.
///
/// # Errors
///
/// [`TrainError`] when a file is missing or a line is not a row.
pub fn train(data: &Path) -> Result<Trained, TrainError> {
    let mut trained = Trained { models: Vec::new(), figures: String::new() };
    for recipe in &RECIPES {
        let rows = data::read_all(data, recipe)?;
        let judged = cross_validated(recipe, &rows);
        let points = figures::working_points(recipe, &judged);
        trained.figures.push_str(&figures::table(recipe, &judged, &points));
        let all: Vec<&data::Row> = rows.iter().collect();
        let model = fit::model(&all, recipe.strength, &points);
        trained.models.push((recipe.file, model.to_bytes()));
    }
    Ok(trained)
}

/// Each row as a model judges it that was trained on the other parts.
fn cross_validated(recipe: &Recipe, rows: &[data::Row]) -> Vec<Judged> {
    let mut judged = Vec::new();
    for part in 0..data::PARTS {
        let others: Vec<&data::Row> = rows.iter().filter(|row| row.part != part).collect();
        let model = fit::model(&others, recipe.strength, &figures::Points::default());
        let held_out = rows.iter().filter(|row| row.part == part && row.source.is_some());
        judged.extend(held_out.map(|row| Judged::new(&model, row)));
    }
    judged
}
