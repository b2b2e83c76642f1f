use std::collections::BTreeMap;

use super::RowResult;
use crate::error::Result;
use crate::stats::{Comparison, Estimate, Resampling, bootstrap, compare, paired_shares, wilson};

/// The mean of a measure over a run.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// How many rows have a value of it.
    pub rows: usize,
    /// The mean of those, with an interval; without one when there are fewer than two rows.
    pub mean: f64,
    /// The interval of the mean; by Wilson's formula where every value is 0 or 1.
    pub interval: Option<Estimate>,
    /// The values, in the order of the rows.
    pub values: Vec<f64>,
}

impl Measure {
    /// Whether every value says yes or no: then the mean is a share.
    #[must_use]
    pub fn is_share(&self) -> bool {
        !self.values.is_empty() && self.values.iter().copied().all(is_yes_or_no)
    }
}

/// How far a measure of one run is from that of another, on the rows that both have.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// How many rows both runs have a value of.
    pub rows: usize,
    /// The means on those rows: of the first and of the second run.
    pub means: (f64, f64),
    /// The second less the first, with an interval; `None` with fewer than two rows.
    pub comparison: Option<Comparison>,
    /// On how many rows the runs differ.
    pub differing: usize,
    /// Whether every value of both runs is 0 or 1: then the interval is that of [`paired_shares`].
    pub is_share: bool,
}

/// The measures of a run. Intervals are of a bootstrap over rows, or [Wilson's](wilson) of measures that say yes or no.
///
/// # Errors
///
/// Fails for settings of the resampling out of range.
pub fn summary(rows: &[RowResult], resampling: Resampling) -> Result<Vec<Measure>> {
    RowResult::measures(rows).into_iter().map(|name| measure(rows, name, resampling)).collect()
}

pub(super) fn measure(rows: &[RowResult], name: String, resampling: Resampling) -> Result<Measure> {
    let values: Vec<f64> = rows.iter().filter_map(|row| row.measure(&name)).collect();
    let single: Vec<usize> = (0..values.len()).collect();
    let mean = |rows: &[usize]| mean(rows.iter().filter_map(|row| values.get(*row)).copied());
    let interval = match values.len() {
        0 | 1 => None,
        count if values.iter().copied().all(is_yes_or_no) => {
            let yes = values.iter().filter(|value| **value == 1.0).count();
            Some(wilson(yes as u64, count as u64, resampling.level)?)
        }
        _ => Some(bootstrap(&single, mean, resampling)?),
    };
    let mean = mean(&single).unwrap_or(0.0);
    Ok(Measure { name, rows: values.len(), mean, interval, values })
}

/// How the second run differs from the first, measure by measure. Rows are paired by their ids, and resampled as pairs, so
/// that what makes a row hard for both cancels out.
///
/// # Errors
///
/// Fails for settings of the resampling out of range.
pub fn differences(
    first: &[RowResult],
    second: &[RowResult],
    resampling: Resampling,
) -> Result<Vec<Difference>> {
    let mut names = RowResult::measures(second);
    let others = RowResult::measures(first);
    names.retain(|name| others.contains(name));
    names.into_iter().map(|name| difference(first, second, name, resampling)).collect()
}

pub(super) fn difference(
    first: &[RowResult],
    second: &[RowResult],
    name: String,
    resampling: Resampling,
) -> Result<Difference> {
    let earlier: BTreeMap<String, f64> =
        first.iter().filter_map(|row| Some((row.key(), row.measure(&name)?))).collect();
    let pairs: Vec<(f64, f64)> =
        second.iter().filter_map(|row| Some((*earlier.get(&row.key())?, row.measure(&name)?))).collect();
    let means = |rows: &[usize]| {
        let of = |side: fn(&(f64, f64)) -> f64| mean(rows.iter().filter_map(|row| pairs.get(*row)).map(side));
        Some((of(|pair| pair.0)?, of(|pair| pair.1)?))
    };
    let single: Vec<usize> = (0..pairs.len()).collect();
    let mut comparison = if pairs.len() < 2 { None } else { Some(compare(&single, means, resampling)?) };
    let means = means(&single).unwrap_or_default();
    let both = |pair: &(f64, f64)| is_yes_or_no(pair.0) && is_yes_or_no(pair.1);
    let is_share = !pairs.is_empty() && pairs.iter().all(both);
    let count = |is_so: fn(&(f64, f64)) -> bool| pairs.iter().filter(|pair| is_so(pair)).count();
    let (lost, won) = (count(|pair| pair.0 > pair.1), count(|pair| pair.0 < pair.1));
    if let Some(comparison) = comparison.as_mut().filter(|_| is_share) {
        let [lost, won, all] = [lost, won, pairs.len()].map(|count| count as u64);
        comparison.difference = paired_shares(lost, won, all, resampling.level)?;
    }
    Ok(Difference { name, rows: pairs.len(), means, comparison, differing: lost + won, is_share })
}

fn is_yes_or_no(value: f64) -> bool {
    value == 0.0 || value == 1.0
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}
