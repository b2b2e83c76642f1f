//! A belief prepared for integration: where it lies, its density at many places, how wide a panel over it may be.

#![expect(clippy::indexing_slicing, reason = "arrays of one length")]

use std::f64::consts::PI;

use helm_numerics::{beta, student};

use super::places::{Axis, Places};
use crate::lanes::{LANES as ORDER, Lanes, exp, ln_1p};
use crate::posterior::Posterior;
use crate::special::log_odds;

/// So far from 0 the log-odds of x are as good as those of 0 or 1, and so far from its mode a beta is as good as an
/// exponential.
const STRAIGHT: f64 = 36.0;
const MARGIN: f64 = 7.0;
/// Over so much of the log-odds the map to the mean is nearly a polynomial.
const BENDS: f64 = 2.5;
/// With so many degrees of freedom Student's t is the normal distribution.
const NORMAL_DOF: f64 = 1e9;
/// Steps towards the end of a tail.
const MOST_STEPS: u32 = 1_000;

/// How small the error of a probability is to be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Precision {
    /// Against 1.
    Absolute,
    /// Against the probability itself, down to what a float can hold.
    Proportional,
}

impl Precision {
    /// Mass beyond a density's bounds, on each side, is below exp of this.
    pub(super) const fn ln_negligible(self) -> f64 {
        match self {
            Self::Absolute => -41.5,
            Self::Proportional => -690.0,
        }
    }
}

/// A belief prepared for integration.
#[derive(Clone, Copy)]
pub(super) struct Density {
    pub(super) posterior: Posterior,
    /// The logarithm of the density's constant: of a beta, its value at the mode.
    ln_constant: f64,
    /// The logarithm of the beta function, of a beta.
    ln_beta: f64,
    /// Where the density is largest on this axis, unless the axis bends it.
    mode: Option<f64>,
    /// Between these, the log-odds of a beta are anything but straight.
    bent: (f64, f64),
    pub(super) low: f64,
    pub(super) high: f64,
    /// The distribution function at the pass's present place.
    pub(super) cumulated: f64,
    /// The density at the panel's nodes, times half its width.
    pub(super) values: Lanes,
    /// The distribution function there.
    pub(super) function: Lanes,
    /// The product of the distribution functions of all densities after this one.
    pub(super) after: Lanes,
    pub(super) best: f64,
}

impl Density {
    const EMPTY: Self = Self {
        posterior: Posterior::Normal { mean: 0.0, deviation: 1.0 },
        ln_constant: 0.0,
        ln_beta: 0.0,
        mode: None,
        bent: (0.0, 0.0),
        low: 0.0,
        high: 0.0,
        cumulated: 0.0,
        values: [0.0; ORDER],
        function: [0.0; ORDER],
        after: [0.0; ORDER],
        best: 0.0,
    };

    pub(super) fn new(posterior: Posterior, axis: Axis, ln_negligible: f64) -> Self {
        let posterior = match posterior {
            Posterior::StudentT { mean, scale, dof } if dof > NORMAL_DOF => {
                Posterior::Normal { mean, deviation: scale }
            }
            other => other,
        };
        let mut density = Self { posterior, ..Self::EMPTY };
        density.ln_constant = match posterior {
            Posterior::Beta { a, b } => beta::ln_peak(a, b),
            Posterior::StudentT { scale, dof, .. } => student::ln_constant(dof) - libm::log(scale),
            Posterior::Normal { deviation, .. } => -libm::log(deviation) - 0.5 * libm::log(2.0 * PI),
        };
        if let Posterior::Beta { a, b } = posterior {
            let (ln_mode, ln_rest) = (libm::log(a / (a + b)), libm::log(b / (a + b)));
            let centre = log_odds_of(a, b);
            density.bent = ((centre - MARGIN).min(-STRAIGHT), (centre + MARGIN).max(STRAIGHT));
            density.ln_beta = a * ln_mode + b * ln_rest - density.ln_constant;
        }
        density.mode = match (posterior, axis) {
            (Posterior::Beta { a, b }, Axis::LogOdds) => Some(log_odds_of(a, b)),
            (Posterior::StudentT { mean, .. } | Posterior::Normal { mean, .. }, Axis::Line) => Some(mean),
            _ => None,
        };
        (density.low, density.high) = density.bounds(ln_negligible);
        if axis == Axis::LogOdds && !matches!(posterior, Posterior::Beta { .. }) {
            // Seen on the log-odds axis, only what lies within (0, 1) counts; the rest is integrated on the line.
            let inside = |x: f64| log_odds(x.clamp(1e-300, 1.0 - 1e-16));
            (density.low, density.high) = (inside(density.low), inside(density.high));
        }
        density
    }

    /// Where nearly all of the mass lies, on the belief's own axis.
    pub(super) fn bounds(&self, ln_negligible: f64) -> (f64, f64) {
        let wide = libm::sqrt(-2.0 * ln_negligible);
        match self.posterior {
            Posterior::Beta { a, b } => (-beta_reach(b, a, ln_negligible), beta_reach(a, b, ln_negligible)),
            Posterior::StudentT { mean, scale, dof } => {
                let mut reach = 9.0;
                let constant = student::ln_constant(dof);
                let ln_tail = |u: f64| {
                    constant - 0.5 * (dof + 1.0) * libm::log1p(u * u / dof) + libm::log(u / dof.min(u))
                };
                while ln_tail(reach) > 0.78 * ln_negligible && reach < 1e60 {
                    reach *= 1.5;
                }
                (mean - reach * scale, mean + reach * scale)
            }
            Posterior::Normal { mean, deviation } => {
                (mean - 1.01 * wide * deviation, mean + 1.01 * wide * deviation)
            }
        }
    }

    /// The density at the places on the axis.
    pub(super) fn at(&self, places: &Places) -> Lanes {
        let mut exponent = [0.0; ORDER];
        let parts = exponent.iter_mut().zip(0..ORDER);
        match self.posterior {
            Posterior::Beta { a, b } if a + b < 1e5 => {
                let at = |k: usize| a * places.ln_x[k] + b * places.ln_rest[k] - self.ln_beta;
                parts.for_each(|(exponent, k)| *exponent = at(k));
            }
            Posterior::Beta { a, b } => {
                // From the mode outwards, where a and b are too large for the logarithms' last digits.
                let centre = log_odds_of(a, b);
                let at = |k: usize| self.ln_constant + ln_fall(a, b, places.at[k] - centre);
                parts.for_each(|(exponent, k)| *exponent = at(k));
            }
            Posterior::StudentT { mean, scale, dof } => {
                let tail = ln_1p(places.x.map(|x| {
                    let u = (x - mean) / scale;
                    u * u / dof
                }));
                let kernel = |k: usize| self.ln_constant - 0.5 * (dof + 1.0) * tail[k];
                parts.for_each(|(exponent, k)| *exponent = kernel(k) + places.ln_jacobian[k]);
            }
            Posterior::Normal { mean, deviation } => parts.for_each(|(exponent, k)| {
                let u = (places.x[k] - mean) / deviation;
                *exponent = self.ln_constant - 0.5 * u * u + places.ln_jacobian[k];
            }),
        }
        exp(exponent)
    }

    /// How wide a panel may be that begins at this place of the axis, where the mean is x and 1 − x is `rest`.
    pub(super) fn step(&self, at: f64, (x, rest): (f64, f64), axis: Axis) -> f64 {
        match self.posterior {
            Posterior::Beta { a, b } => {
                let slope = (a * rest - b * x).abs();
                let step = panel(slope, libm::sqrt((a + b) * x * rest));
                let (left, right) = self.bent;
                match at {
                    _ if at > right => 0.6 * step,
                    _ if at < left - 1.0 => (0.6 * step).min(left - at),
                    _ => step.min(BENDS),
                }
            }
            Posterior::StudentT { mean, scale, dof } => on_axis(x, axis, mean, scale, |u| {
                let slope = (dof + 1.0) * u.abs() / (dof + u * u);
                let curvature = libm::sqrt((dof + 1.0) / (dof + u * u));
                panel(slope, curvature).min(0.8 * libm::sqrt(u * u + dof))
            }),
            Posterior::Normal { mean, deviation } => {
                on_axis(x, axis, mean, deviation, |u| panel(u.abs(), 1.0))
            }
        }
    }

    /// The same panel where the density is small against its mode: the error of its running integral grows with the
    /// ninth power of the width, and may be as much larger as the density is smaller where it is largest within.
    pub(super) fn widened(&self, at: f64, step: f64, precision: Precision) -> f64 {
        let (Some(mode), Precision::Absolute) = (self.mode, precision) else { return step };
        let before = self.fall(at - mode);
        let most = step.max(self.widest(at, mode));
        let wider = |end: f64| match (at < mode) == (end < mode) {
            true => (step * growth(before.min(self.fall(end - mode)))).min(most),
            false => step,
        };
        // Towards the mode a wider panel ends higher up: what a first guess allows, the second one checks.
        wider(at + wider(at + step))
    }

    /// How wide a panel may be at most that begins here, however small the density: where Student's t falls slowly its
    /// poles limit a polynomial, and on the log-odds axis those of the map to the mean do.
    fn widest(&self, at: f64, mode: f64) -> f64 {
        match self.posterior {
            Posterior::StudentT { scale, dof, .. } => {
                let away = at - mode;
                0.6 * libm::sqrt(away * away + scale * scale * dof)
            }
            Posterior::Beta { .. } if at < self.bent.0 || at > self.bent.1 => 0.0,
            Posterior::Beta { .. } => BENDS,
            Posterior::Normal { .. } => f64::INFINITY,
        }
    }

    /// By how much the density's logarithm is below its mode's, so far away from it, or less.
    fn fall(&self, away: f64) -> f64 {
        match self.posterior {
            Posterior::Beta { a, b } => -ln_fall(a, b, away),
            // ln(1 + t) is at least 2 t / (2 + t).
            Posterior::StudentT { scale, dof, .. } => {
                let squared = (away / scale).powi(2);
                (dof + 1.0) * squared / (2.0 * dof + squared)
            }
            Posterior::Normal { deviation, .. } => 0.5 * (away / deviation).powi(2),
        }
    }
}

/// How much wider a panel may be over which the density is below exp(-fall) of its mode.
fn growth(fall: f64) -> f64 {
    // At most exp(fall / 10).
    (1.0 + fall.clamp(0.0, 20.0) / 40.0).powi(4)
}

/// A panel over which exp of a function of this slope and root curvature, and its running integral, are
/// polynomials to 1e-9.
fn panel(slope: f64, curvature: f64) -> f64 {
    1.0 / (slope / 4.2 + curvature / 1.5)
}

/// The step of a location-scale density, on either axis.
fn on_axis(x: f64, axis: Axis, mean: f64, scale: f64, step: impl Fn(f64) -> f64) -> f64 {
    let on_line = scale * step((x - mean) / scale);
    match axis {
        Axis::Line => on_line,
        // dy = dx / (x (1 − x)), and the map itself bends over a few units.
        Axis::LogOdds => (on_line / (x * (1.0 - x)).max(1e-300)).min(1.5),
    }
}

fn log_odds_of(a: f64, b: f64) -> f64 {
    libm::log(a / b)
}

/// How far to the right of 0 on the log-odds axis Beta(a, b) reaches: the tail beyond decays at least as
/// exp(-b y). The density is log-concave, so Newton's steps from outside never pass the root.
fn beta_reach(a: f64, b: f64, ln_negligible: f64) -> f64 {
    let mode = log_odds_of(a, b);
    let deviation = 1.0 / libm::sqrt(a / (a + b) * b);
    let peak = beta::ln_peak(a, b);
    let mut y = mode + 1.05 * libm::sqrt(-2.0 * ln_negligible) * deviation - 1.1 * ln_negligible / b;
    // Where the tail falls as exp(-exp(y)) each step comes nearer by only about 1.
    for _ in 0..MOST_STEPS {
        let value = peak + ln_fall(a, b, y - mode);
        let slope = b / (1.0 + libm::exp(-y)) - a / (1.0 + libm::exp(y));
        let over = ln_negligible - value;
        if over <= 1.0 || slope <= 0.0 {
            break;
        }
        y -= over / slope;
    }
    y
}

/// ln of Beta(a, b)'s density on the log-odds axis, `step` away from its mode, less that at the mode: written from
/// either side so that no two large numbers cancel.
fn ln_fall(a: f64, b: f64, step: f64) -> f64 {
    if step > 0.0 {
        -b * step - (a + b) * libm::log1p(b / (a + b) * libm::expm1(-step))
    } else {
        a * step - (a + b) * libm::log1p(a / (a + b) * libm::expm1(step))
    }
}
