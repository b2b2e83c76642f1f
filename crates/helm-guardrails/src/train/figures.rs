//! How good the models are on texts that they have not seen.

use std::fmt::Write;

use super::data::Row;
use super::fit::logistic_loss;
use super::lbfgs::minimise;
use super::recipe::{Kind, Recipe};
use crate::linear::{LinearModel, Sums};

/// A row as a model judges it that has not seen it.
pub(super) struct Judged {
    source: usize,
    label: bool,
    /// z of the whole text, and of the sentence with the greatest.
    whole: f64,
    part: f64,
    /// What it has without the model, as a logit.
    signal: f64,
}

/// Where scores are 0.5, and how steep they are there.
pub(super) struct Points {
    pub(super) whole: f64,
    pub(super) part: f64,
    pub(super) slope: f64,
}

impl Default for Points {
    fn default() -> Self {
        Self { whole: 0.0, part: 0.0, slope: 1.0 }
    }
}

impl Judged {
    pub(super) fn new(model: &LinearModel, row: &Row) -> Self {
        let (mut all, mut part) = (Sums::default(), f64::NEG_INFINITY);
        for sentence in &row.sentences {
            let sums = model.read(sentence);
            if !sums.is_empty() {
                all.add(sums);
                part = part.max(model.z(sums));
            }
        }
        let whole = model.z(all);
        Self {
            source: row.source.unwrap_or_default(),
            label: row.label,
            whole,
            part,
            signal: libm::log(row.signal / (1.0 - row.signal)),
        }
    }

    /// How far above the working points.
    fn margin(&self, points: &Points) -> f64 {
        (self.whole - points.whole).max(self.part - points.part)
    }

    fn score(&self, points: &Points) -> f64 {
        (points.slope * self.margin(points)).max(self.signal)
    }
}

/// The points at which, of the harmless prompts, the recipe's share has a score of 0.5 and more. The slope is that of
/// Platt 1999, "Probabilistic outputs for support vector machines".
pub(super) fn working_points(recipe: &Recipe, judged: &[Judged]) -> Points {
    let harmless: Vec<&Judged> = judged.iter().filter(|row| is_harmless(recipe, row)).collect();
    let at =
        |score: &dyn Fn(&Judged) -> f64| quantile(harmless.iter().map(|row| score(row)), recipe.false_alarms);
    let mut points = Points { whole: 0.0, part: recipe.part_above, slope: 1.0 };
    let limit = at(&|row| row.margin(&points));
    points.whole += limit;
    points.part += limit;
    points.slope = slope(recipe, judged, &points);
    points
}

fn is_harmless(recipe: &Recipe, row: &Judged) -> bool {
    recipe.sources[row.source].kind == Kind::Harmless && !row.label
}

/// What only this share of the values is greater than.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "of a small number"
)]
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let above = (values.len() as f64 * share) as usize;
    values[values.len() - 1 - above.min(values.len() - 1)]
}

/// The slope that fits the labels best; every file that was learned from counts the same.
#[expect(clippy::cast_precision_loss, reason = "of a small number")]
fn slope(recipe: &Recipe, judged: &[Judged], points: &Points) -> f64 {
    let learned: Vec<&Judged> = judged.iter().filter(|row| recipe.sources[row.source].weight > 0.0).collect();
    let size = |source| learned.iter().filter(|row| row.source == source).count() as f64;
    let sizes: Vec<f64> = (0..recipe.sources.len()).map(size).collect();
    let fitted = minimise(vec![1.0], 50, 1e-6, |slope, gradient| {
        gradient[0] = 0.0;
        let cost = learned.iter().map(|row| {
            let margin = if row.label { row.margin(points) } else { -row.margin(points) };
            let (cost, pull) = logistic_loss(slope[0] * margin);
            gradient[0] += pull * margin / sizes[row.source];
            cost / sizes[row.source]
        });
        cost.sum()
    });
    fitted[0]
}

/// The figures of a model in Markdown.
pub(super) fn table(recipe: &Recipe, judged: &[Judged], points: &Points) -> String {
    let mut table = format!("\n## {}\n\n", recipe.name);
    table.push_str(
        "| file | learned | texts | positive | AUC | of positive >= 0.5 | of others >= 0.5 | >= 0.8 |\n",
    );
    table.push_str("|---|---|---|---|---|---|---|---|\n");
    for (index, source) in recipe.sources.iter().enumerate() {
        let rows: Vec<&Judged> = judged.iter().filter(|row| row.source == index).collect();
        let positive = rows.iter().filter(|row| row.label).count();
        let learned = if source.weight > 0.0 { "yes" } else { "no" };
        let auc = auc(rows.iter().map(|row| (row.score(points), row.label)));
        let auc = auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.4}"));
        // 0.8 is where the odds are 4.
        let shares = [
            share(&rows, true, points, 0.0),
            share(&rows, false, points, 0.0),
            share(&rows, false, points, libm::log(4.0)),
        ];
        let [hit, alarm, high] = shares
            .map(|share| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", 100.0 * share)));
        let count = rows.len();
        let _ = writeln!(
            table,
            "| {} | {learned} | {count} | {positive} | {auc} | {hit} | {alarm} | {high} |",
            source.file
        );
    }
    let counts = |row: &&Judged| {
        let source = &recipe.sources[row.source];
        source.weight > 0.0 && source.kind != Kind::Aside
    };
    let learned: Vec<&Judged> = judged.iter().filter(counts).collect();
    let limit = quantile(learned.iter().filter(|row| !row.label).map(|row| row.score(points)), 0.01);
    let found = share(&learned, true, points, limit).unwrap_or_default();
    let all = auc(learned.iter().map(|row| (row.score(points), row.label))).unwrap_or_default();
    let _ = writeln!(
        table,
        "\nAll that the model is for and has learned from: AUC {all:.4}, recall at 1 % false alarms {:.1} %.",
        100.0 * found
    );
    table
}

/// The share of the rows of a label that are above a logit.
#[expect(clippy::cast_precision_loss, reason = "of a small number")]
fn share(rows: &[&Judged], label: bool, points: &Points, above: f64) -> Option<f64> {
    let of_label = rows.iter().filter(|row| row.label == label);
    let count = of_label.clone().count();
    let found = of_label.filter(|row| row.score(points) > above).count();
    (count > 0).then(|| found as f64 / count as f64)
}

/// The area under the ROC curve: how often a positive has the greater score, ties counting half.
#[expect(clippy::cast_precision_loss, reason = "of a small number")]
fn auc(scored: impl Iterator<Item = (f64, bool)>) -> Option<f64> {
    let mut scored: Vec<(f64, bool)> = scored.collect();
    scored.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut below, mut won, mut positives) = (0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|left, right| left.0 == right.0) {
        let positive = tied.iter().filter(|row| row.1).count() as f64;
        let negative = tied.len() as f64 - positive;
        won += positive * (below + 0.5 * negative);
        below += negative;
        positives += positive;
    }
    (below > 0.0 && positives > 0.0).then(|| won / (below * positives))
}
