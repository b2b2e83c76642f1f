//! Student's t distribution, and the noncentral one.

use crate::beta::{Tails, ln_beta};
use crate::normal;

/// The logarithm of the normalising constant of the density with `dof` degrees of freedom.
#[must_use]
pub fn ln_constant(dof: f64) -> f64 {
    -ln_beta(0.5, 0.5 * dof) - 0.5 * libm::log(dof)
}

/// The density at `t`.
#[must_use]
pub fn pdf(t: f64, dof: f64) -> f64 {
    libm::exp(ln_pdf(t, dof))
}

fn ln_pdf(t: f64, dof: f64) -> f64 {
    ln_constant(dof) - 0.5 * (dof + 1.0) * libm::log1p(t * t / dof)
}

/// The probability of at most `t`.
#[must_use]
pub fn cdf(t: f64, dof: f64) -> f64 {
    sf(-t, dof)
}

/// The probability of more than `t`.
#[must_use]
pub fn sf(t: f64, dof: f64) -> f64 {
    if is_nearly_normal(t, dof) {
        return normal::sf(normal_of(t, dof));
    }
    if t < 0.0 { 1.0 - half(t, dof).lower() * 0.5 } else { 0.5 * half(t, dof).lower() }
}

/// The logarithm of the probability of more than `t`.
#[must_use]
pub fn ln_sf(t: f64, dof: f64) -> f64 {
    if is_nearly_normal(t, dof) {
        return normal::ln_sf(normal_of(t, dof));
    }
    if t < 0.0 {
        return libm::log1p(-0.5 * half(t, dof).lower());
    }
    half(t, dof).ln_lower() - std::f64::consts::LN_2
}

/// Whether Fisher and Cornish's expansion (1937; Abramowitz & Stegun 26.7.5) in four terms is exact to 1e-14: then it is
/// better than the continued fraction, which loses digits with the root of `dof`.
fn is_nearly_normal(t: f64, dof: f64) -> bool {
    dof >= 1e4 && 11.0 * libm::log(t.abs()) < 5.0 * libm::log(dof) - 23.0
}

/// The `t` that is exceeded as often as the normal `z`.
fn of_normal(z: f64, dof: f64) -> f64 {
    let square = z * z;
    let terms = [
        (square + 1.0) / 4.0,
        ((5.0 * square + 16.0) * square + 3.0) / 96.0,
        (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0,
        ((((79.0 * square + 776.0) * square + 1_482.0) * square - 1_920.0) * square - 945.0) / 92_160.0,
    ];
    z + z * terms.iter().rev().fold(0.0, |sum, term| (sum + term) / dof)
}

/// The normal `z` that is exceeded as often as `t`.
fn normal_of(t: f64, dof: f64) -> f64 {
    // The two are close, and the way from one to the other is smooth.
    (0..6).fold(t, |z, _| z + (t - of_normal(z, dof)) / (1.0 + (3.0 * z * z + 1.0) / (4.0 * dof)))
}

/// |T| exceeds |t| with the probability of I_x(dof/2, ½) at x = dof / (dof + t²).
fn half(t: f64, dof: f64) -> Tails {
    let square = t * t;
    let sum = dof + square;
    Tails::of(dof / sum, square / sum, 0.5 * dof, 0.5)
}

/// The `t` that is not exceeded with probability `p`.
#[must_use]
pub fn quantile(p: f64, dof: f64) -> f64 {
    if p > 0.5 { upper_quantile(1.0 - p, dof) } else { -upper_quantile(p, dof) }
}

/// The `t` that is exceeded with probability `q`: Newton's method on the logarithm of the tail, from the normal
/// quantile.
#[must_use]
pub fn upper_quantile(q: f64, dof: f64) -> f64 {
    match q {
        q if !(0.0..=1.0).contains(&q) || dof.is_nan() || dof <= 0.0 => f64::NAN,
        q if q > 0.5 => -upper_quantile(1.0 - q, dof),
        0.0 => f64::INFINITY,
        0.5 => 0.0,
        q => upper_root(q, dof),
    }
}

/// Steps below this share of the root may be of the tail's rounding.
const ROUNDED: f64 = 1e-12;

fn upper_root(q: f64, dof: f64) -> f64 {
    let target = libm::log(q);
    let z = normal::upper_quantile(q);
    // Hill's first correction; for few degrees of freedom the tail's power law.
    let near = of_normal(z, dof);
    if is_nearly_normal(near, dof) {
        return near;
    }
    let far = libm::exp((ln_constant(dof) + 0.5 * (dof - 1.0) * libm::log(dof) - target) / dof);
    if dof < 3.0 && far > 1e150 {
        return f64::INFINITY;
    }
    let mut t = if dof < 3.0 { near.max(far) } else { near };
    let mut moved = f64::INFINITY;
    for _ in 0..100 {
        let tail = ln_sf(t, dof);
        // d ln sf / dt = −pdf / sf; ln sf is concave, or convex far out, so steps are bounded.
        let step = (tail - target) / libm::exp(ln_pdf(t, dof) - tail);
        let next = (t + step).clamp(0.25 * t, 4.0 * t);
        let before = std::mem::replace(&mut moved, (next - t).abs());
        // Close by, Newton's steps shrink as their squares do, until they are no more than the tail's last digits.
        let is_noise = moved <= ROUNDED * t && moved >= 0.5 * before;
        if moved <= 4.0 * f64::EPSILON * t || is_noise {
            return next;
        }
        t = next;
    }
    t
}

/// The probability of more than `t` of a noncentral t variable: (Z + shift) / √(χ²/dof).
///
/// Integrated over the root of χ²/dof by Simpson's rule, where all but 1e-16 of its mass lies.
#[must_use]
pub fn noncentral_sf(t: f64, dof: f64, shift: f64) -> f64 {
    const STEPS: u32 = 2_000;
    let spread = libm::sqrt(0.5 / dof);
    let (low, high) = ((1.0 - 9.0 * spread).max(0.0), 1.0 + 12.0 * spread);
    let width = (high - low) / f64::from(STEPS);
    // The density of S = √(χ²/dof): 2 (dof/2)^(dof/2) / Γ(dof/2) · s^(dof−1) e^(−dof s²/2).
    let constant = std::f64::consts::LN_2 + 0.5 * dof * libm::log(0.5 * dof) - libm::lgamma(0.5 * dof);
    let at = |step: u32| {
        let s = low + width * f64::from(step);
        if s <= 0.0 {
            return 0.0;
        }
        let density = constant + (dof - 1.0) * libm::log(s) - 0.5 * dof * s * s;
        libm::exp(density) * normal::sf(t * s - shift)
    };
    let weighted = |step: u32| match step {
        0 | STEPS => at(step),
        odd if odd % 2 == 1 => 4.0 * at(odd),
        even => 2.0 * at(even),
    };
    (0..=STEPS).map(weighted).sum::<f64>() * width / 3.0
}
