use std::collections::BTreeMap;

use crate::error::Result;
use crate::stats::{
    Estimate, PairOutcome, Resampling, auroc, bootstrap, expected_calibration_error, pairwise_accuracy,
    spearman,
};

/// A row that a fit did not see: what was said of it, and what people say.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) group: String,
    pub(super) request: u64,
    /// Which fit it was tested with: values of different fits are not ranked among each other.
    pub(super) fit: usize,
    pub(super) value: f64,
    pub(super) truth: f64,
}

fn resampling() -> Resampling {
    Resampling::default().with_resamples(1_000)
}

/// A figure of tested rows, resampled by request.
pub(super) fn estimate(tested: &[Tested], statistic: impl Fn(&[&Tested]) -> Option<f64>) -> Result<Estimate> {
    let clusters: Vec<u64> = tested.iter().map(|row| row.request).collect();
    let of = |rows: &[usize]| statistic(&rows.iter().filter_map(|row| tested.get(*row)).collect::<Vec<_>>());
    bootstrap(&clusters, of, resampling())
}

/// The mean over fits, by size, of a figure.
fn by_fit(tested: &[&Tested], statistic: impl Fn(&[&Tested]) -> Option<f64>) -> Option<f64> {
    let mut fits: BTreeMap<usize, Vec<&Tested>> = BTreeMap::new();
    tested.iter().for_each(|row| fits.entry(row.fit).or_default().push(row));
    let mut sum = 0.0;
    for rows in fits.values() {
        sum += statistic(rows)? * rows.len() as f64;
    }
    (!tested.is_empty()).then(|| sum / tested.len() as f64)
}

fn columns(tested: &[&Tested]) -> (Vec<f64>, Vec<f64>) {
    tested.iter().map(|row| (row.value, row.truth)).unzip()
}

pub(super) fn rank_agreement(tested: &[&Tested]) -> Option<f64> {
    by_fit(tested, |rows| {
        let (values, truths) = columns(rows);
        spearman(&values, &truths).ok().flatten()
    })
}

pub(super) fn separation(tested: &[&Tested]) -> Option<f64> {
    by_fit(tested, |rows| {
        let good: Vec<bool> = rows.iter().map(|row| row.truth > 0.5).collect();
        auroc(&columns(rows).0, &good).ok().flatten()
    })
}

/// The mean accuracy over groups, of pairs whose value is the difference for the preferred answer.
pub(super) fn accuracy(tested: &[&Tested]) -> Option<f64> {
    let mut groups: BTreeMap<&str, Vec<PairOutcome>> = BTreeMap::new();
    for row in tested {
        groups.entry(&row.group).or_default().push(PairOutcome::new(row.value, row.truth));
    }
    let accuracies: Option<Vec<f64>> =
        groups.values().map(|pairs| pairwise_accuracy(pairs).ok().flatten()).collect();
    accuracies.filter(|values| !values.is_empty()).map(|values| crate::stats::mean(&values))
}

pub(super) fn calibration(tested: &[&Tested]) -> Option<f64> {
    let happened: Vec<bool> = tested.iter().map(|row| row.truth > 0.5).collect();
    expected_calibration_error(&columns(tested).0, &happened, 10).ok()
}

/// The mean value of what is true.
pub(super) fn mean_of_true(tested: &[&Tested]) -> Option<f64> {
    let values: Vec<f64> = tested.iter().filter(|row| row.truth > 0.5).map(|row| row.value).collect();
    (!values.is_empty()).then(|| crate::stats::mean(&values))
}
