//! Cholesky factors of small dense matrices.

#![expect(clippy::indexing_slicing, reason = "dense linear algebra over dimensions that are fixed on entry")]

use crate::error::{Error, Result};

/// L with L Lᵀ = A, lower triangle by rows: row i has i + 1 numbers.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    dimension: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// Factors the matrix whose upper triangle by rows is `upper`, with `diagonal` added (Golub & Van Loan, alg.
    /// 4.2.1).
    pub(crate) fn new(dimension: usize, upper: &[f64], diagonal: impl Fn(usize) -> f64) -> Result<Self> {
        let mut lower = vec![0.0; dimension * (dimension + 1) / 2];
        for row in 0..dimension {
            let start = row * (row + 1) / 2;
            for column in 0..=row {
                let other = column * (column + 1) / 2;
                let entry = upper[column * dimension - column * (column + 1) / 2 + row];
                let dot: f64 =
                    lower[start..start + column].iter().zip(&lower[other..]).map(|(a, b)| a * b).sum();
                lower[start + column] = if row == column {
                    let pivot = entry + diagonal(row) - dot;
                    if pivot.is_nan() || pivot <= 0.0 {
                        return Err(Error::Singular);
                    }
                    libm::sqrt(pivot)
                } else {
                    (entry - dot) / lower[other + column]
                };
            }
        }
        Ok(Self { dimension, lower })
    }

    /// The factor of a matrix of zeros, to be filled later.
    pub(crate) fn zero(dimension: usize) -> Self {
        Self { dimension, lower: vec![0.0; dimension * (dimension + 1) / 2] }
    }

    /// Factors the matrix whose lower triangle by rows is `lower`, with `penalty` added to its diagonal, in the
    /// place of the old factor. After an error the factor is not to be used.
    pub(crate) fn refill(&mut self, lower: &[f64], penalty: f64) -> Result<()> {
        for row in 0..self.dimension {
            let start = row * (row + 1) / 2;
            for column in 0..row {
                let other = column * (column + 1) / 2;
                let (above, here) = self.lower.split_at_mut(start);
                let product = dot(&here[..column], &above[other..]);
                here[column] = (lower[start + column] - product) / above[other + column];
            }
            let here = &self.lower[start..start + row];
            let pivot = lower[start + row] + penalty - dot(here, here);
            if pivot.is_nan() || pivot <= 0.0 {
                return Err(Error::Singular);
            }
            self.lower[start + row] = libm::sqrt(pivot);
        }
        Ok(())
    }

    /// Replaces b by A⁻¹ b.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        for row in 0..self.dimension {
            let start = row * (row + 1) / 2;
            let (known, rest) = b.split_at_mut(row);
            rest[0] = (rest[0] - dot(&self.lower[start..start + row], known)) / self.lower[start + row];
        }
        for row in (0..self.dimension).rev() {
            let start = row * (row + 1) / 2;
            let value = b[row] / self.lower[start + row];
            b[row] = value;
            b[..row].iter_mut().zip(&self.lower[start..]).for_each(|(b, l)| *b -= l * value);
        }
    }

    /// L⁻¹ b.
    pub(crate) fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = Vec::with_capacity(self.dimension);
        for (row, b) in b.iter().enumerate().take(self.dimension) {
            let start = row * (row + 1) / 2;
            let dot: f64 = self.lower[start..start + row].iter().zip(&y).map(|(a, b)| a * b).sum();
            y.push((b - dot) / self.lower[start + row]);
        }
        y
    }

    /// L⁻ᵀ y.
    pub(crate) fn backward(&self, mut y: Vec<f64>) -> Vec<f64> {
        for row in (0..self.dimension).rev() {
            let start = row * (row + 1) / 2;
            let value = y[row] / self.lower[start + row];
            y[row] = value;
            y[..row].iter_mut().zip(&self.lower[start..]).for_each(|(y, l)| *y -= l * value);
        }
        y
    }

    /// ln |A|.
    pub(crate) fn ln_determinant(&self) -> f64 {
        (0..self.dimension).map(|row| 2.0 * libm::log(self.lower[row * (row + 3) / 2])).sum()
    }
}

/// Σ aᵢ bᵢ over the shorter one, in four sums side by side.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<4>();
    let (b, b_rest) = b[..length].as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [s0, s1, s2, s3] = sums;
    (s0 + s2) + (s1 + s3) + rest
}
