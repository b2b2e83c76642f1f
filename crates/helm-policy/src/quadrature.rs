//! The probability that each of several independent posteriors holds the largest mean.

use crate::posterior::Posterior;

/// Nodes and weights of the 8-point Gauss-Legendre rule on \[-1, 1\] (Abramowitz & Stegun, table 25.4), the
/// positive half.
const NODES: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// Panels end where one of the densities changes its shape.
const BREAKS: [f64; 7] = [0.0, 1.0, 2.5, 5.0, 9.0, 30.0, 300.0];

/// A posterior is taken as certainly below or above a point this many spreads away from its centre, where
/// that is true to 1e-16 for the normal and the beta.
const CERTAIN: f64 = 40.0;

/// P(strategy i has the largest mean) = ∫ f_i(z) Π_{j≠i} F_j(z) dz, by Gauss-Legendre on panels.
pub(crate) fn probability_of_best(posteriors: &[Posterior]) -> Vec<f64> {
    let mut best = vec![0.0; posteriors.len()];
    let points = panel_points(posteriors);
    let mut values = Values::new(posteriors.len());
    for panel in points.windows(2) {
        let &[low, high] = panel else { continue };
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
        for (node, weight) in NODES {
            for z in [middle - half * node, middle + half * node] {
                values.add(posteriors, z, weight * half, &mut best);
            }
        }
    }
    best
}

fn panel_points(posteriors: &[Posterior]) -> Vec<f64> {
    let mut points = Vec::with_capacity(posteriors.len() * BREAKS.len() * 2);
    for posterior in posteriors {
        let (low, high) = posterior.support();
        let (mean, spread) = (posterior.mean(), posterior.spread());
        let heavy = matches!(posterior, Posterior::StudentT { dof, .. } if *dof < 60.0);
        for step in BREAKS.into_iter().take(if heavy { BREAKS.len() } else { 5 }) {
            points.push((mean - step * spread).clamp(low, high));
            points.push((mean + step * spread).clamp(low, high));
        }
        if low.is_finite() {
            points.extend([low, high]);
        }
    }
    points.sort_by(f64::total_cmp);
    points.dedup();
    points
}

/// Distribution functions at one node, and their running products from both sides.
struct Values {
    cdf: Vec<f64>,
    after: Vec<f64>,
}

impl Values {
    fn new(count: usize) -> Self {
        Self { cdf: vec![0.0; count], after: vec![1.0; count] }
    }

    /// Adds weight · f_i(z) · Π_{j≠i} F_j(z) to each strategy. The product without one factor is that of the
    /// factors before it times that of the factors after it: no division, so no loss where a factor vanishes.
    fn add(&mut self, posteriors: &[Posterior], z: f64, weight: f64, best: &mut [f64]) {
        for (cdf, posterior) in self.cdf.iter_mut().zip(posteriors) {
            *cdf = cdf_at(posterior, z);
        }
        let mut product = 1.0;
        for (after, cdf) in self.after.iter_mut().zip(&self.cdf).rev() {
            *after = product;
            product *= cdf;
        }
        let mut before = 1.0;
        for (((best, posterior), after), cdf) in
            best.iter_mut().zip(posteriors).zip(&self.after).zip(&self.cdf)
        {
            let others = before * after;
            if others > 0.0 {
                *best += weight * posterior.pdf(z) * others;
            }
            before *= cdf;
        }
    }
}

fn cdf_at(posterior: &Posterior, z: f64) -> f64 {
    let distance = (z - posterior.mean()) / posterior.spread();
    match posterior {
        Posterior::StudentT { .. } => posterior.cdf(z),
        _ if distance > CERTAIN => 1.0,
        _ if distance < -CERTAIN => 0.0,
        _ => posterior.cdf(z),
    }
}
