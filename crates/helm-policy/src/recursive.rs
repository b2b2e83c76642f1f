//! Ridge regression that follows each reward.

#![expect(clippy::indexing_slicing, reason = "dense linear algebra over dimensions that are fixed on entry")]

use crate::linear::{Factor, dot};

/// After so many rewards the inverse is computed anew.
const REFRESH: u32 = 1_000;
/// A reward that makes the variance of its direction so many times smaller has it computed anew at once.
const LARGEST_GROWTH: f64 = 1e8;

/// A⁻¹ and θ of one strategy, with the sums that they come from. Triangles are lower ones by rows: row i has i + 1
/// numbers.
#[derive(Clone, Debug)]
pub(crate) struct Recursive {
    penalty: f64,
    /// A⁻¹.
    inverse: Vec<f64>,
    /// Σ x xᵀ.
    squares: Vec<f64>,
    /// Σ r x.
    moment: Vec<f64>,
    theta: Vec<f64>,
    /// A⁻¹x of the update under way.
    direction: Vec<f64>,
    factor: Factor,
    since_refresh: u32,
}

impl Recursive {
    pub(crate) fn new(dimension: usize, penalty: f64) -> Self {
        let triangle = dimension * (dimension + 1) / 2;
        let mut inverse = vec![0.0; triangle];
        (0..dimension).for_each(|row| inverse[row * (row + 3) / 2] = 1.0 / penalty);
        Self {
            penalty,
            inverse,
            squares: vec![0.0; triangle],
            moment: vec![0.0; dimension],
            theta: vec![0.0; dimension],
            direction: vec![0.0; dimension],
            factor: Factor::zero(dimension),
            since_refresh: 0,
        }
    }

    pub(crate) fn dimension(&self) -> usize {
        self.theta.len()
    }

    /// θᵀx.
    pub(crate) fn mean(&self, x: &[f64]) -> f64 {
        dot(&self.theta, x)
    }

    /// xᵀA⁻¹x, above 0.
    pub(crate) fn variance(&self, x: &[f64]) -> f64 {
        let mut start = 0;
        let mut sum = 0.0;
        for (row, x_row) in x.iter().enumerate() {
            let entries = &self.inverse[start..=start + row];
            sum += x_row * (2.0 * dot(entries, &x[..row]) + entries[row] * x_row);
            start += row + 1;
        }
        sum.max(f64::MIN_POSITIVE)
    }

    /// A += x xᵀ, Σ r x += r x.
    pub(crate) fn learn(&mut self, x: &[f64], reward: f64) {
        let mut start = 0;
        for (row, x_row) in x.iter().enumerate() {
            add(&mut self.squares[start..=start + row], *x_row, x);
            start += row + 1;
        }
        add(&mut self.moment, reward, x);
        self.direct(x);
        let growth = 1.0 + dot(&self.direction, x);
        self.since_refresh += 1;
        // A step that takes nearly all of a direction's variance takes its digits too.
        let due = self.since_refresh >= REFRESH || !(1.0..LARGEST_GROWTH).contains(&growth);
        // A matrix that cannot be factored, for its features are far apart in size, is followed on.
        if due {
            if self.refresh() {
                return;
            }
            self.direct(x);
        }
        self.follow(x, reward, growth);
    }

    /// With u = A⁻¹x and s = 1 + xᵀu: A⁻¹ −= u uᵀ / s, and θ += u (r − θᵀx) / s.
    fn follow(&mut self, x: &[f64], reward: f64, growth: f64) {
        let scale = 1.0 / growth;
        let surprise = reward - self.mean(x);
        let mut start = 0;
        for row in 0..x.len() {
            let factor = -scale * self.direction[row];
            add(&mut self.inverse[start..=start + row], factor, &self.direction);
            start += row + 1;
        }
        add(&mut self.theta, scale * surprise, &self.direction);
    }

    /// direction = A⁻¹x, reading each entry of the triangle once.
    fn direct(&mut self, x: &[f64]) {
        let mut start = 0;
        for (row, x_row) in x.iter().enumerate() {
            let (entries, diagonal) = self.inverse[start..=start + row].split_at(row);
            self.direction[row] = dot(entries, x) + diagonal[0] * x_row;
            add(&mut self.direction[..row], *x_row, entries);
            start += row + 1;
        }
    }

    /// Everything anew from the sums; nothing where they cannot be factored.
    fn refresh(&mut self) -> bool {
        self.since_refresh = 0;
        if self.factor.refill(&self.squares, self.penalty).is_err() {
            return false;
        }
        for column in 0..self.dimension() {
            self.direction.fill(0.0);
            self.direction[column] = 1.0;
            self.factor.solve(&mut self.direction);
            for row in column..self.dimension() {
                self.inverse[row * (row + 1) / 2 + column] = self.direction[row];
            }
        }
        self.theta.copy_from_slice(&self.moment);
        self.factor.solve(&mut self.theta);
        true
    }
}

/// to += factor · from, as far as `to` goes.
fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}
