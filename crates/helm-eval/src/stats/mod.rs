//! Statistics of agreement with people, each with its source. Plain functions of slices.
//!
//! | question | function |
//! |---|---|
//! | do two measures order answers alike? | [`spearman`], [`kendall_tau_b`] |
//! | does a score tell good from bad, or the better of two? | [`auroc`], [`pairwise_accuracy`] |
//! | is a probability what it says? | [`brier`], [`expected_calibration_error`] |
//! | what does a score mean on the human scale? | [`Isotonic`] |
//! | how sure is a figure? | [`bootstrap`], [`compare`]; of shares [`wilson`], [`paired_shares`] |
//! | how good is the system, from few labels and many scores? | [`prediction_powered_mean`] |
//! | and when some answers were judged more often than others? | [`sampled_mean`] |
//! | how far may one answer be from its score? | [`Conformal`] |
//! | does a score still say what people say? | [`Drift`] |
//!
//! Nothing here reads a clock or the system's random numbers: resampling is seeded, so a report can be made again
//! to the bit. Values that are no numbers are refused; they are never dropped.

mod bootstrap;
mod calibration;
mod conformal;
mod drift;
mod isotonic;
mod mean;
mod rank;

#[cfg(feature = "report")]
pub(crate) use bootstrap::below;
#[cfg(any(feature = "judge", feature = "report"))]
pub(crate) use bootstrap::quantile;
pub use bootstrap::{Comparison, Estimate, Resampling, bootstrap, compare};
pub use calibration::{brier, expected_calibration_error};
pub use conformal::Conformal;
pub use drift::{Drift, Moved};
pub use isotonic::Isotonic;
pub use mean::{PoweredMean, Sampled, paired_shares, prediction_powered_mean, sampled_mean, wilson};
pub use rank::{PairOutcome, auroc, kendall_tau_b, pairwise_accuracy, ranks, spearman};

use crate::error::{Error, Result};

/// All values are numbers, there are as many on both sides, and at least `least`.
pub(crate) fn check(what: &'static str, left: &[f64], right: &[f64], least: usize) -> Result<()> {
    if left.len() != right.len() {
        return Err(Error::LengthMismatch { left: left.len(), right: right.len() });
    }
    check_one(what, left, least)?;
    check_one(what, right, least)
}

pub(crate) fn check_one(what: &'static str, values: &[f64], least: usize) -> Result<()> {
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::NotFinite { what });
    }
    if values.len() < least {
        return Err(Error::TooFew { what, least, found: values.len() });
    }
    Ok(())
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample variance; 0 of fewer than two values.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if values.len() < 2 { 0.0 } else { squares / (values.len() - 1) as f64 }
}

pub(crate) fn covariance(left: &[f64], right: &[f64]) -> f64 {
    let (mean_left, mean_right) = (mean(left), mean(right));
    let products: f64 = left.iter().zip(right).map(|(l, r)| (l - mean_left) * (r - mean_right)).sum();
    if left.len() < 2 { 0.0 } else { products / (left.len() - 1) as f64 }
}

/// Shuffles, by Fisher and Yates, from a seed.
#[cfg(feature = "report")]
pub(crate) fn shuffle<T>(seed: u64, items: &mut [T]) {
    let mut random = <rand_xoshiro::SplitMix64 as rand_core::SeedableRng>::seed_from_u64(seed);
    for last in (1..items.len()).rev() {
        items.swap(last, bootstrap::below(&mut random, last + 1));
    }
}
