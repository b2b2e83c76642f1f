//! Logistic regression with a penalty on the squares of the weights, and its weights as small whole numbers.

use super::data::Row;
use super::figures::Points;
use super::lbfgs::minimise;
use crate::linear::{LinearModel, Parameters, SLOTS};

/// Steps of the minimisation, and to what share the gradient is to shrink.
const STEPS: usize = 60;
const TOLERANCE: f64 = 1e-3;
/// Where the bias stands among the weights.
const BIAS: usize = 2 * SLOTS;

/// The model of these rows.
pub(super) fn model(rows: &[&Row], strength: f64, points: &Points) -> LinearModel {
    let weights = fitted(rows, strength);
    let (grams, gram) = whole_numbers(&weights[..SLOTS]);
    let (words, word) = whole_numbers(&weights[SLOTS..BIAS]);
    let slope = points.slope;
    let parameters = Parameters {
        bias: slope * (weights[BIAS] - points.whole),
        part_bias: slope * (weights[BIAS] - points.part),
        gram: slope * gram,
        word: slope * word,
    };
    LinearModel::new(grams, words, parameters)
}

fn fitted(rows: &[&Row], strength: f64) -> Vec<f64> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.weight > 0.0).copied().collect();
    let total: f64 = rows.iter().map(|row| row.weight).sum();
    minimise(vec![0.0; BIAS + 1], STEPS, TOLERANCE, |weights, gradient| {
        gradient.fill(0.0);
        let mut loss = 0.0;
        for row in &rows {
            let share = row.weight / total;
            let z =
                weights[BIAS] + row.features.iter().map(|(slot, value)| weights[*slot] * value).sum::<f64>();
            let sign = if row.label { 1.0 } else { -1.0 };
            let (cost, slope) = logistic_loss(sign * z);
            loss += share * cost;
            let pull = share * sign * slope;
            row.features.iter().for_each(|(slot, value)| gradient[*slot] += pull * value);
            gradient[BIAS] += pull;
        }
        let free = weights.iter().zip(gradient).take(BIAS);
        let squares: f64 = free
            .map(|(weight, gradient)| {
                *gradient += strength * weight;
                weight * weight
            })
            .sum();
        loss + 0.5 * strength * squares
    })
}

/// ln(1 + exp(−margin)) and its slope.
pub(super) fn logistic_loss(margin: f64) -> (f64, f64) {
    let small = libm::exp(-margin.abs());
    let cost = libm::log1p(small) + (-margin).max(0.0);
    let slope = if margin > 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
    (cost, -slope)
}

/// Weights in steps of a 127th of the greatest, and that step.
#[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
fn whole_numbers(weights: &[f64]) -> (Box<[i8; SLOTS]>, f64) {
    let greatest = weights.iter().fold(0.0_f64, |greatest, weight| greatest.max(weight.abs()));
    let step = if greatest > 0.0 { greatest / 127.0 } else { 1.0 };
    let mut whole = Box::new([0; SLOTS]);
    whole.iter_mut().zip(weights).for_each(|(whole, weight)| *whole = (weight / step).round() as i8);
    (whole, step)
}
