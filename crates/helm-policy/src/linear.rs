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
