use super::{check, mean};
use crate::error::{Error, Result};

/// A curve from a score to the human scale: never falling, between its knots straight.
///
/// Fitted by pooling adjacent violators, then drawn towards the fitted straight line, the more the fewer ratings there
/// are: alone, the steps follow the noise of single ratings.
#[derive(Clone, PartialEq, Debug)]
pub struct Isotonic {
    /// Scores and values, rising in both.
    knots: Vec<(f64, f64)>,
}

impl Isotonic {
    /// The values of least squares that never fall, one for each of `values` in its order.
    ///
    /// Ayer et al., "An empirical distribution function for sampling with incomplete information" (1955): pool adjacent
    /// violators, in linear time. Weights are above 0.
    ///
    /// # Errors
    ///
    /// Fails for lists of different length, and values or weights that are no numbers or not above 0.
    pub fn pool(values: &[f64], weights: &[f64]) -> Result<Vec<f64>> {
        check("isotonic regression", values, weights, 0)?;
        if weights.iter().any(|weight| *weight <= 0.0) {
            return Err(Error::NotFinite { what: "a weight, which is above 0" });
        }
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        for (value, weight) in values.iter().zip(weights) {
            let mut block = (*value, *weight, 1);
            while let Some(before) = blocks.pop_if(|before| before.0 >= block.0) {
                let weight = before.1 + block.1;
                block = ((before.0 * before.1 + block.0 * block.1) / weight, weight, before.2 + block.2);
            }
            blocks.push(block);
        }
        Ok(blocks.into_iter().flat_map(|(value, _, count)| std::iter::repeat_n(value, count)).collect())
    }

    /// Fits a curve to scores and what people said. `shrinkage` is the number of ratings at which the steps and the
    /// straight line count the same; 0 keeps the steps. 30 is a good one. A line that would fall is taken as level.
    ///
    /// # Errors
    ///
    /// Fails for lists of different length, fewer than 2 ratings, values that are no numbers, and a negative shrinkage.
    pub fn fit(scores: &[f64], people: &[f64], shrinkage: f64) -> Result<Self> {
        check("a calibration curve", scores, people, 2)?;
        if !(shrinkage.is_finite() && shrinkage >= 0.0) {
            return Err(Error::NotFinite { what: "a shrinkage, which is at least 0" });
        }
        let mut pairs: Vec<(f64, f64)> = scores.iter().copied().zip(people.iter().copied()).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Equal scores are one knot.
        let tied: Vec<&[(f64, f64)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
        let of = |pick: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            tied.iter().map(|ties| mean(&ties.iter().map(pick).collect::<Vec<_>>())).collect()
        };
        let (at, values) = (of(|pair| pair.0), of(|pair| pair.1));
        let weights: Vec<f64> = tied.iter().map(|ties| ties.len() as f64).collect();
        let pooled = Self::pool(&values, &weights)?;
        let line = Line::fit(scores, people);
        let steps = scores.len() as f64 / (scores.len() as f64 + shrinkage);
        let knots = at
            .iter()
            .zip(pooled)
            .map(|(score, value)| (*score, steps * value + (1.0 - steps) * line.at(*score)));
        Ok(Self { knots: knots.collect() })
    }

    /// What a score means on the human scale: between the values of the knots beside it, and beyond the ends as at the
    /// ends. A score that is no number gives none.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.0 < score);
        let right = self.knots.get(after);
        let left = after.checked_sub(1).and_then(|before| self.knots.get(before));
        match (left, right) {
            _ if score.is_nan() => f64::NAN,
            (Some(left), Some(right)) => left.1 + (right.1 - left.1) * (score - left.0) / (right.0 - left.0),
            (Some(knot), None) | (None, Some(knot)) => knot.1,
            (None, None) => f64::NAN,
        }
    }
}

/// The line of least squares, level where it would fall.
struct Line {
    slope: f64,
    intercept: f64,
}

impl Line {
    fn fit(scores: &[f64], people: &[f64]) -> Self {
        let spread = super::variance(scores);
        let slope = if spread > 0.0 { (super::covariance(scores, people) / spread).max(0.0) } else { 0.0 };
        Self { slope, intercept: mean(people) - slope * mean(scores) }
    }

    fn at(&self, score: f64) -> f64 {
        self.slope * score + self.intercept
    }
}
