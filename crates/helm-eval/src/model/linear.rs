//! Least squares and logistic regression with a prior, small enough to solve exactly.

use crate::error::{Error, Result};

/// What is fitted: rows of equal length, a target and a weight for each, and what is known before.
///
/// The prior is normal around `mean` with `precision` in units of a rating: it counts as much as that many ratings of
/// unit variance. `signs` keep a weight at or above 0 (1), at or below 0 (-1), or free (0).
pub(crate) struct Problem<'a> {
    pub(crate) rows: &'a [Vec<f64>],
    pub(crate) targets: &'a [f64],
    pub(crate) weights: &'a [f64],
    pub(crate) mean: &'a [f64],
    pub(crate) precision: &'a [f64],
    pub(crate) signs: &'a [i8],
}

/// The mode of the posterior of Bayesian linear regression (Bishop, *Pattern Recognition and Machine Learning*, 2006,
/// equations 3.50 and 3.51), with weights of the wrong sign held at 0 and the others solved again.
pub(crate) fn fit_linear(problem: &Problem<'_>) -> Result<Vec<f64>> {
    let targets = problem.targets.to_vec();
    solve_signed(problem, problem.weights, &targets)
}

/// The mode of the posterior of logistic regression with targets from 0 to 1, by iteratively reweighted least squares
/// (Bishop, 2006, section 4.3.3); signs as in [`fit_linear`].
#[cfg(feature = "report")]
pub(crate) fn fit_logistic(problem: &Problem<'_>) -> Result<Vec<f64>> {
    let mut found = problem.mean.to_vec();
    for _ in 0..30 {
        let step = |(row, (target, weight)): (&Vec<f64>, (&f64, &f64))| {
            let logit = dot(row, &found);
            let share = 1.0 / (1.0 + (-logit).exp());
            let curvature = (share * (1.0 - share)).max(1e-4);
            (weight * curvature, logit + (target - share) / curvature)
        };
        let rows = problem.rows.iter().zip(problem.targets.iter().zip(problem.weights));
        let (weights, working): (Vec<f64>, Vec<f64>) = rows.map(step).unzip();
        let next = solve_signed(problem, &weights, &working)?;
        let change = next.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        found = next;
        if change < 1e-8 {
            break;
        }
    }
    Ok(found)
}

#[cfg(feature = "report")]
fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// Solves; while weights have the wrong sign, holds the worst at 0 and solves again.
fn solve_signed(problem: &Problem<'_>, weights: &[f64], targets: &[f64]) -> Result<Vec<f64>> {
    let size = problem.mean.len();
    let (normal, right) = normal_equations(problem, weights, targets);
    let mut is_held = vec![false; size];
    for _ in 0..=size {
        let solved = solve(&normal, &right, &is_held)?;
        let wrong = solved
            .iter()
            .zip(problem.signs)
            .zip(0..)
            .map(|((weight, sign), place)| (weight * f64::from(*sign), place));
        match wrong.filter(|(value, _)| *value < -1e-12).min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, place)) => is_held.iter_mut().skip(place).take(1).for_each(|held| *held = true),
            None => return Ok(solved),
        }
    }
    solve(&normal, &right, &is_held)
}

fn normal_equations(problem: &Problem<'_>, weights: &[f64], targets: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let size = problem.mean.len();
    let mut normal = vec![vec![0.0; size]; size];
    let mut right: Vec<f64> = problem.precision.iter().zip(problem.mean).map(|(p, m)| p * m).collect();
    for ((place, line), precision) in normal.iter_mut().enumerate().zip(problem.precision) {
        line.iter_mut().skip(place).take(1).for_each(|cell| *cell = *precision);
    }
    for ((row, weight), target) in problem.rows.iter().zip(weights).zip(targets) {
        for ((line, sum), value) in normal.iter_mut().zip(&mut right).zip(row) {
            let scaled = weight * value;
            *sum += scaled * target;
            line.iter_mut().zip(row).for_each(|(cell, other)| *cell += scaled * other);
        }
    }
    (normal, right)
}

/// Gaussian elimination with the held unknowns at 0; the matrix is symmetric and positive definite, so no pivots are
/// chosen.
fn solve(normal: &[Vec<f64>], right: &[f64], is_held: &[bool]) -> Result<Vec<f64>> {
    let free: Vec<usize> =
        is_held.iter().zip(0..).filter(|(held, _)| !**held).map(|(_, place)| place).collect();
    let at =
        |row: usize, column: usize| normal.get(row).and_then(|line| line.get(column)).copied().unwrap_or(0.0);
    let mut lines: Vec<Vec<f64>> = free
        .iter()
        .map(|row| {
            let target = right.get(*row).copied().unwrap_or(0.0);
            free.iter().map(|column| at(*row, *column)).chain([target]).collect()
        })
        .collect();
    for place in 0..lines.len() {
        let (above, below) = lines.split_at_mut(place + 1);
        let Some(pivot) = above.last() else { continue };
        let scale = pivot.get(place).copied().unwrap_or(0.0);
        if scale.is_nan() || scale <= 0.0 {
            return Err(Error::NotFinite { what: "the precision of a weight" });
        }
        for line in below {
            let factor = line.get(place).copied().unwrap_or(0.0) / scale;
            line.iter_mut().zip(pivot).skip(place).for_each(|(cell, other)| *cell -= factor * other);
        }
    }
    let mut solved = vec![0.0; right.len()];
    let mut known: Vec<f64> = vec![0.0; free.len()];
    for (place, line) in lines.iter().enumerate().rev() {
        let rest: f64 = line.iter().zip(&known).skip(place + 1).map(|(cell, value)| cell * value).sum();
        let value = (line.last().copied().unwrap_or(0.0) - rest) / line.get(place).copied().unwrap_or(1.0);
        known.iter_mut().skip(place).take(1).for_each(|cell| *cell = value);
        let target = free.get(place).copied().unwrap_or(usize::MAX);
        solved.iter_mut().skip(target).take(1).for_each(|cell| *cell = value);
    }
    if solved.iter().all(|value| value.is_finite()) {
        return Ok(solved);
    }
    Err(Error::NotFinite { what: "a fitted weight" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_ratings_the_prior_stays_and_with_many_it_goes() {
        let rows: Vec<Vec<f64>> =
            (0..400).map(|row| vec![1.0, f64::from(row % 7), f64::from(row % 3)]).collect();
        let targets: Vec<f64> = rows.iter().map(|row| 0.5 + 2.0 * row[1] - row[2]).collect();
        let weights = vec![1.0; rows.len()];
        let fit = |rows, targets, signs: [i8; 3]| {
            let (mean, precision) = ([0.0, 1.0, 1.0], [1e-6, 0.01, 0.01]);
            let problem = Problem {
                rows,
                targets,
                weights: &weights,
                mean: &mean,
                precision: &precision,
                signs: &signs,
            };
            fit_linear(&problem).unwrap()
        };
        assert_eq!(fit(&[], &[], [0; 3]), [0.0, 1.0, 1.0]);
        let near =
            |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(near(&fit(&rows, &targets, [0; 3]), &[0.5, 2.0, -1.0]));
        let signed = fit(&rows, &targets, [0, 1, 1]);
        assert!(signed[2] == 0.0 && signed[1] > 1.9, "{signed:?}");
    }
}
