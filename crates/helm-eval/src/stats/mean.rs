use helm_numerics::normal;

use super::bootstrap::Estimate;
use super::{check, check_one, covariance, mean, variance};
use crate::error::{Error, Result};

/// An interval for the share of yes among `total` answers.
///
/// Wilson, "Probable inference, the law of succession, and statistical inference" (1927), without continuity
/// correction. `level` is above 0 and below 1.
///
/// # Errors
///
/// Fails for no answers, more yes than answers, and a level out of range.
///
/// ```
/// let share = helm_eval::stats::wilson(9, 10, 0.95)?;
/// assert!((share.low - 0.596).abs() < 0.001 && (share.high - 0.982).abs() < 0.001);
/// # Ok::<(), helm_eval::Error>(())
/// ```
pub fn wilson(yes: u64, total: u64, level: f64) -> Result<Estimate> {
    if total == 0 || yes > total {
        return Err(Error::TooFew { what: "a share", least: yes.max(1) as usize, found: total as usize });
    }
    let z = two_sided(level)?;
    let (count, share) = (total as f64, yes as f64 / total as f64);
    let scale = 1.0 + z * z / count;
    let centre = (share + z * z / (2.0 * count)) / scale;
    let stderr = (share * (1.0 - share) / count).sqrt();
    let half = z / scale * (stderr * stderr + z * z / (4.0 * count * count)).sqrt();
    // Rounding must not exclude a share that was seen.
    let (low, high) = ((centre - half).clamp(0.0, share), (centre + half).clamp(share, 1.0));
    Ok(Estimate { value: share, low, high, stderr })
}

/// An interval for the difference of two shares of the same `total` rows: `gained` rows that became yes less `lost` rows that
/// were yes before, as a share of all. `level` is above 0 and below 1.
///
/// Agresti and Min, "Simple improved confidence intervals for comparing matched proportions" (2005): Wald's interval after half a
/// row was added to each of the four cells, so that it has a width also where no row differs.
///
/// # Errors
///
/// Fails for no rows, more rows that changed than there are, and a level out of range.
///
/// ```
/// let none = helm_eval::stats::paired_shares(0, 0, 30, 0.95)?;
/// assert!(none.value == 0.0 && (none.high - 0.061).abs() < 0.001 && none.low == -none.high);
/// # Ok::<(), helm_eval::Error>(())
/// ```
pub fn paired_shares(lost: u64, gained: u64, total: u64, level: f64) -> Result<Estimate> {
    let changed = lost.saturating_add(gained);
    if total == 0 || changed > total {
        let least = changed.max(1) as usize;
        return Err(Error::TooFew { what: "a difference of shares", least, found: total as usize });
    }
    let z = two_sided(level)?;
    let (count, value) = (total as f64 + 2.0, (gained as f64 - lost as f64) / total as f64);
    let difference = gained as f64 - lost as f64;
    let stderr = (changed as f64 + 1.0 - difference * difference / count).sqrt() / count;
    let (centre, half) = (difference / count, z * stderr);
    let (low, high) = ((centre - half).clamp(-1.0, value), (centre + half).clamp(value, 1.0));
    Ok(Estimate { value, low, high, stderr })
}

/// A mean from few labels and many scores.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct PoweredMean {
    /// The mean on the scale of the labels.
    pub mean: Estimate,
    /// How much the scores were relied on, from 0 to 1. At 0 it is the mean of the labels alone.
    pub lambda: f64,
}

/// The mean label of all answers, of which few were labelled by people and all were scored: the mean score, corrected
/// by how far scores were from labels where there are both. With scores that tell nothing it is the mean of the labels.
///
/// `labels` and `scores` go together; `unlabelled` are the scores of further answers, drawn alike. Both samples must
/// be independent draws, and scores must not have been fitted on these labels. `level` is above 0 and below 1.
///
/// Angelopoulos, Duchi and Zrnic, "PPI++: efficient prediction-powered inference" (2023), algorithm 1 for the mean with
/// the tuned lambda of equation (7), here kept from 0 to 1.
///
/// # Errors
///
/// Fails for fewer than 2 labels or unlabelled scores, for lists of different length, and values that are no numbers.
pub fn prediction_powered_mean(
    labels: &[f64],
    scores: &[f64],
    unlabelled: &[f64],
    level: f64,
) -> Result<PoweredMean> {
    check("a prediction-powered mean", labels, scores, 2)?;
    check_one("a prediction-powered mean", unlabelled, 2)?;
    let z = two_sided(level)?;
    let (few, many) = (labels.len() as f64, unlabelled.len() as f64);
    let all: Vec<f64> = scores.iter().chain(unlabelled).copied().collect();
    let spread = (1.0 + few / many) * variance(&all);
    let lambda = if spread > 0.0 { (covariance(labels, scores) / spread).clamp(0.0, 1.0) } else { 0.0 };
    let rectified: Vec<f64> =
        labels.iter().zip(scores).map(|(label, score)| label - lambda * score).collect();
    let value = lambda * mean(unlabelled) + mean(&rectified);
    let stderr = (lambda * lambda * variance(unlabelled) / many + variance(&rectified) / few).sqrt();
    let mean = Estimate { value, low: value - z * stderr, high: value + z * stderr, stderr };
    Ok(PoweredMean { mean, lambda })
}

/// One answer of many, some of which were looked at more closely.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sampled {
    /// What is known of every answer.
    pub cheap: f64,
    /// What looking closely said, and how likely it was that this answer is looked at, above 0; `None` where it was not.
    pub close: Option<(f64, f64)>,
}

/// The mean that looking closely at every answer would have had, from those that were drawn with known probabilities: the mean of
/// what is known of all, corrected by what looking closely changed, each change weighed by one over its probability.
///
/// Whatever the cheap values are worth, nothing is biased by who is looked at more often. `level` is above 0 and below 1.
///
/// Cassel, Särndal and Wretman, "Some results on generalized difference estimation and generalized regression estimation for
/// finite populations" (1976); Robins, Rotnitzky and Zhao (1994).
///
/// # Errors
///
/// Fails for fewer than 2 answers, values that are no numbers, and a probability that is not above 0 and at most 1.
pub fn sampled_mean(answers: &[Sampled], level: f64) -> Result<Estimate> {
    let is_probability = |(_, probability): (f64, f64)| probability > 0.0 && probability <= 1.0;
    if !answers.iter().filter_map(|answer| answer.close).all(is_probability) {
        return Err(Error::NotFinite {
            what: "a probability of being drawn, which is above 0 and at most 1",
        });
    }
    let corrected = |answer: &Sampled| {
        let change = answer.close.map_or(0.0, |(close, probability)| (close - answer.cheap) / probability);
        answer.cheap + change
    };
    let values: Vec<f64> = answers.iter().map(corrected).collect();
    check_one("a mean of sampled answers", &values, 2)?;
    let (z, value) = (two_sided(level)?, mean(&values));
    let stderr = (variance(&values) / values.len() as f64).sqrt();
    Ok(Estimate { value, low: value - z * stderr, high: value + z * stderr, stderr })
}

/// How many standard errors an interval of this level reaches to each side.
fn two_sided(level: f64) -> Result<f64> {
    if level > 0.0 && level < 1.0 {
        return Ok(normal::upper_quantile(0.5 * (1.0 - level)));
    }
    Err(Error::NotFinite { what: "a level, which is above 0 and below 1" })
}
