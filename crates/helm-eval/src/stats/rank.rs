use std::cmp::Ordering;

use super::{check, check_one, covariance, variance};
use crate::error::{Error, Result};

/// The ranks of values, from 1; equal values share the mean of their ranks.
///
/// # Errors
///
/// [`Error::NotFinite`] when a value is no number.
pub fn ranks(values: &[f64]) -> Result<Vec<f64>> {
    check_one("a rank", values, 0)?;
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranked = Vec::with_capacity(values.len());
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let mean = ranked.len() as f64 + (ties.len() + 1) as f64 / 2.0;
        ranked.extend(ties.iter().map(|(_, place)| (*place, mean)));
    }
    ranked.sort_by_key(|(place, _)| *place);
    Ok(ranked.into_iter().map(|(_, rank)| rank).collect())
}

/// Spearman's rank correlation, from -1 to 1: Pearson's correlation of the ranks. `None` when all values of a side
/// are equal.
///
/// Spearman, "The proof and measurement of association between two things" (1904).
///
/// # Errors
///
/// Fails for lists of different length, values that are no numbers and fewer than 2 values.
///
/// ```
/// let (scores, people) = ([0.1, 0.4, 0.3], [1.0, 3.0, 2.0]);
/// assert_eq!(helm_eval::stats::spearman(&scores, &people)?, Some(1.0));
/// # Ok::<(), helm_eval::Error>(())
/// ```
pub fn spearman(left: &[f64], right: &[f64]) -> Result<Option<f64>> {
    check("Spearman's correlation", left, right, 2)?;
    let (left, right) = (ranks(left)?, ranks(right)?);
    let scale = (variance(&left) * variance(&right)).sqrt();
    Ok((scale > 0.0).then(|| (covariance(&left, &right) / scale).clamp(-1.0, 1.0)))
}

/// Kendall's tau-b, from -1 to 1, with ties taken into account. `None` when all values of a side are equal.
///
/// Kendall, "The treatment of ties in ranking problems" (1945); in time of n log n by Knight, "A computer method for
/// calculating Kendall's tau with ungrouped data" (1966).
///
/// # Errors
///
/// As [`spearman`].
pub fn kendall_tau_b(left: &[f64], right: &[f64]) -> Result<Option<f64>> {
    check("Kendall's correlation", left, right, 2)?;
    // Adding 0 makes -0 and 0 the same to the order of all numbers, too.
    let mut pairs: Vec<(f64, f64)> = left.iter().zip(right).map(|(l, r)| (l + 0.0, r + 0.0)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let count = pairs.len() as f64;
    let all = count * (count - 1.0) / 2.0;
    let tied_left = tied(pairs.chunk_by(|a, b| a.0 == b.0));
    let tied_both = tied(pairs.chunk_by(|a, b| a == b));
    let mut values: Vec<f64> = pairs.into_iter().map(|(_, right)| right).collect();
    let discordant = sort_counting_swaps(&mut values);
    let tied_right = tied(values.chunk_by(|a, b| a == b));
    let difference = all - tied_left - tied_right + tied_both - 2.0 * discordant;
    let scale = ((all - tied_left) * (all - tied_right)).sqrt();
    Ok((scale > 0.0).then(|| (difference / scale).clamp(-1.0, 1.0)))
}

/// How many pairs are equal.
fn tied<'a, T: 'a>(runs: impl Iterator<Item = &'a [T]>) -> f64 {
    runs.map(|run| run.len() as f64 * (run.len() as f64 - 1.0) / 2.0).sum()
}

/// Sorts by merging and says how many pairs were out of order.
fn sort_counting_swaps(values: &mut [f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut swaps = sort_counting_swaps(left) + sort_counting_swaps(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left_rest, mut right_rest) = (&*left, &*right);
    while let ([l, left_others @ ..], [r, right_others @ ..]) = (left_rest, right_rest) {
        if r < l {
            swaps += left_rest.len() as f64;
            merged.push(*r);
            right_rest = right_others;
        } else {
            merged.push(*l);
            left_rest = left_others;
        }
    }
    merged.extend(left_rest.iter().chain(right_rest));
    values.copy_from_slice(&merged);
    swaps
}

/// The probability that a good answer scores above a bad one, ties counted half: the area under the receiver
/// operating characteristic, from 0 to 1. `None` when there are only good or only bad answers.
///
/// Hanley and McNeil, "The meaning and use of the area under a ROC curve" (1982): the Mann-Whitney statistic.
///
/// # Errors
///
/// Fails for lists of different length and scores that are no numbers.
pub fn auroc(scores: &[f64], good: &[bool]) -> Result<Option<f64>> {
    if scores.len() != good.len() {
        return Err(Error::LengthMismatch { left: scores.len(), right: good.len() });
    }
    let ranks = ranks(scores)?;
    let positives = good.iter().filter(|good| **good).count() as f64;
    let negatives = good.len() as f64 - positives;
    let sum: f64 = ranks.iter().zip(good).filter(|(_, good)| **good).map(|(rank, _)| rank).sum();
    let wins = sum - positives * (positives + 1.0) / 2.0;
    Ok((positives > 0.0 && negatives > 0.0).then(|| wins / (positives * negatives)))
}

/// One pair of answers as a person and as a metric see it.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct PairOutcome {
    /// By how much the metric prefers the first answer; below 0 the second, 0 neither.
    pub metric: f64,
    /// By how much people prefer the first answer; below 0 the second, 0 neither.
    pub people: f64,
}

impl PairOutcome {
    /// What the metric and what people say.
    #[must_use]
    pub const fn new(metric: f64, people: f64) -> Self {
        Self { metric, people }
    }

    /// 1 when both prefer the same answer, one half when the metric prefers neither; `None` when people do not.
    #[must_use]
    pub fn agreement(self) -> Option<f64> {
        if self.people == 0.0 {
            return None;
        }
        Some(match (self.metric * self.people.signum()).partial_cmp(&0.0) {
            Some(Ordering::Greater) => 1.0,
            Some(Ordering::Equal) => 0.5,
            _ => 0.0,
        })
    }
}

/// The share of pairs in which a metric prefers the answer that people prefer, from 0 to 1. Pairs that people tie are
/// left out, those that the metric ties count half. `None` without any pair that people do not tie.
///
/// # Errors
///
/// [`Error::NotFinite`] when a preference is no number.
pub fn pairwise_accuracy(pairs: &[PairOutcome]) -> Result<Option<f64>> {
    if pairs.iter().any(|pair| !(pair.metric.is_finite() && pair.people.is_finite())) {
        return Err(Error::NotFinite { what: "a preference" });
    }
    let agreements: Vec<f64> = pairs.iter().filter_map(|pair| pair.agreement()).collect();
    Ok((!agreements.is_empty()).then(|| super::mean(&agreements)))
}
