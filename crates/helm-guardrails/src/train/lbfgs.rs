//! Limited-memory BFGS (Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization"),
//! in plain arithmetic of a fixed order, so that it takes the same way on every machine.

/// How many steps are remembered.
const MEMORY: usize = 8;
/// A step must gain this share of what the slope promises (Armijo).
const GAIN: f64 = 1e-4;

/// Minimises a smooth convex function from `start`; `function` fills the gradient and returns the value.
///
/// Ends after `steps`, or when the gradient has shrunk to `tolerance` of what it was.
pub(super) fn minimise(
    start: Vec<f64>,
    steps: usize,
    tolerance: f64,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut at = start;
    let mut gradient = vec![0.0; at.len()];
    let mut value = function(&at, &mut gradient);
    let goal = tolerance * dot(&gradient, &gradient).sqrt();
    let mut memory: Vec<Step> = Vec::new();
    for _ in 0..steps {
        if dot(&gradient, &gradient).sqrt() <= goal {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        let mut length = if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt() } else { 1.0 };
        let (next, next_gradient, next_value) = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let mut next_gradient = vec![0.0; at.len()];
            let next_value = function(&next, &mut next_gradient);
            if next_value <= value + GAIN * length * slope {
                break (next, next_gradient, next_value);
            }
            length *= 0.5;
            if length < 1e-12 {
                return at;
            }
        };
        let moved = difference(&next, &at);
        let turned = difference(&next_gradient, &gradient);
        let curvature = dot(&moved, &turned);
        if curvature > 0.0 {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push(Step { moved, turned, curvature });
        }
        (at, gradient, value) = (next, next_gradient, next_value);
    }
    at
}

struct Step {
    moved: Vec<f64>,
    turned: Vec<f64>,
    curvature: f64,
}

/// The two loops of L-BFGS.
fn direction(gradient: &[f64], memory: &[Step]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::new();
    for step in memory.iter().rev() {
        let share = dot(&step.moved, &direction) / step.curvature;
        add(&mut direction, -share, &step.turned);
        shares.push(share);
    }
    if let Some(last) = memory.last() {
        let scale = last.curvature / dot(&last.turned, &last.turned);
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (step, share) in memory.iter().zip(shares.iter().rev()) {
        let correction = dot(&step.turned, &direction) / step.curvature;
        add(&mut direction, share - correction, &step.moved);
    }
    direction
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

fn difference(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(l, r)| l - r).collect()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(t, w)| *t += times * w);
}
