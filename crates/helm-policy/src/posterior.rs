use rand_core::Rng;
use rand_distr::{Distribution, Gamma, StandardNormal};

use crate::error::{Error, Result};
use crate::sampling::uniform_of;
use helm_numerics::{beta, normal, student};

/// What is believed about a strategy's mean reward.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Posterior {
    /// A beta distribution, for rewards that are yes or no.
    Beta {
        /// Pseudo-count of successes, above 0.
        a: f64,
        /// Pseudo-count of failures, above 0.
        b: f64,
    },
    /// A shifted and scaled Student's t, for rewards of unknown variance.
    StudentT {
        /// Its centre.
        mean: f64,
        /// Its scale, above 0.
        scale: f64,
        /// Its degrees of freedom, above 0.
        dof: f64,
    },
    /// A normal distribution.
    Normal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation, above 0.
        deviation: f64,
    },
}

/// With fewer, Student's t reaches beyond what floats can tell apart.
const FEWEST_DOF: f64 = 0.2;

impl Posterior {
    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Beta { a, b } => a / (a + b),
            Self::StudentT { mean, .. } | Self::Normal { mean, .. } => mean,
        }
    }

    /// The standard deviation; the scale where Student's t has no finite one.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        match *self {
            Self::Beta { a, b } => libm::sqrt(a * b / (a + b + 1.0)) / (a + b),
            Self::StudentT { scale, dof, .. } if dof > 2.0 => scale * libm::sqrt(dof / (dof - 2.0)),
            Self::StudentT { scale, .. } => scale,
            Self::Normal { deviation, .. } => deviation,
        }
    }

    /// The probability of a mean reward of at most `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        match *self {
            Self::Beta { a, b } => beta::cdf(x, a, b),
            Self::StudentT { mean, scale, dof } => student::cdf((x - mean) / scale, dof),
            Self::Normal { mean, deviation } => normal::cdf((x - mean) / deviation),
        }
    }

    /// The density at `x`.
    #[must_use]
    pub fn pdf(&self, x: f64) -> f64 {
        match *self {
            Self::Beta { a, b } if x > 0.0 && x < 1.0 => {
                libm::exp((a - 1.0) * libm::log(x) + (b - 1.0) * libm::log1p(-x) - beta::ln_beta(a, b))
            }
            Self::Beta { .. } => 0.0,
            Self::StudentT { mean, scale, dof } => {
                let t = (x - mean) / scale;
                libm::exp(student::ln_constant(dof) - 0.5 * (dof + 1.0) * libm::log1p(t * t / dof)) / scale
            }
            Self::Normal { mean, deviation } => normal::pdf((x - mean) / deviation) / deviation,
        }
    }

    /// One draw from it.
    ///
    /// Of a beta by two gammas (Marsaglia & Tsang 2000), whose logarithms are compared where a pseudo-count is so
    /// small that a gamma may vanish.
    #[must_use]
    pub fn sample(&self, rng: &mut impl Rng) -> f64 {
        match *self {
            Self::Beta { a, b } if a >= 1.0 && b >= 1.0 => {
                let (left, right) = (gamma(a, rng), gamma(b, rng));
                left / (left + right)
            }
            Self::Beta { .. } => 1.0 / (1.0 + libm::exp(-self.sample_log_odds(rng))),
            Self::StudentT { mean, scale, dof } => {
                let normal: f64 = StandardNormal.sample(rng);
                mean + scale * normal * libm::sqrt(0.5 * dof / gamma(0.5 * dof, rng))
            }
            Self::Normal { mean, deviation } => {
                let normal: f64 = StandardNormal.sample(rng);
                mean + deviation * normal
            }
        }
    }

    /// The log-odds of one draw from a beta; NaN of another belief.
    pub(crate) fn sample_log_odds(&self, rng: &mut impl Rng) -> f64 {
        match *self {
            Self::Beta { a, b } => ln_gamma_draw(a, rng) - ln_gamma_draw(b, rng),
            _ => f64::NAN,
        }
    }

    /// The same belief, `width` times as wide around its mean. A beta stays a beta, its pseudo-counts divided by
    /// `width` squared, so that its variance grows by that factor only where it is narrow.
    #[must_use]
    pub fn scaled(&self, width: f64) -> Self {
        match *self {
            Self::Beta { a, b } => {
                let precision = 1.0 / (width * width);
                Self::Beta { a: a * precision, b: b * precision }
            }
            Self::StudentT { mean, scale, dof } => Self::StudentT { mean, scale: scale * width, dof },
            Self::Normal { mean, deviation } => Self::Normal { mean, deviation: deviation * width },
        }
    }

    /// The same belief about a reward that is smaller by `by`. A beta, which cannot leave \[0, 1\], becomes the normal
    /// of its mean and deviation.
    #[must_use]
    pub fn lowered(&self, by: f64) -> Self {
        match *self {
            Self::Beta { .. } => Self::Normal { mean: self.mean() - by, deviation: self.deviation() },
            Self::StudentT { mean, scale, dof } => Self::StudentT { mean: mean - by, scale, dof },
            Self::Normal { mean, deviation } => Self::Normal { mean: mean - by, deviation },
        }
    }

    /// Checks that it is one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPosterior`] when a parameter is not finite, or one that must be is not above 0, or
    /// Student's t has fewer than 0.2 degrees of freedom.
    pub fn checked(self) -> Result<Self> {
        let (centre, widths) = match self {
            Self::Beta { a, b } => (0.0, [a, b]),
            Self::StudentT { mean, scale, dof } => (mean, [scale, dof]),
            Self::Normal { mean, deviation } => (mean, [deviation, 1.0]),
        };
        let tails = !matches!(self, Self::StudentT { dof, .. } if dof < FEWEST_DOF);
        if tails && centre.is_finite() && widths.iter().all(|width| width.is_finite() && *width > 0.0) {
            return Ok(self);
        }
        Err(Error::InvalidPosterior { posterior: format!("{self:?}") })
    }

    /// A typical distance from the mean, finite for every belief: Student's t scale, else the deviation.
    #[must_use]
    pub fn spread(&self) -> f64 {
        match *self {
            Self::StudentT { scale, .. } => scale,
            _ => self.deviation(),
        }
    }
}

/// A draw from the gamma distribution of this shape, above 0, and scale 1.
fn gamma(shape: f64, rng: &mut impl Rng) -> f64 {
    Gamma::new(shape, 1.0).map_or(f64::NAN, |gamma| gamma.sample(rng))
}

/// The logarithm of such a draw: a gamma of shape s is one of shape s + 1 times u^(1/s).
fn ln_gamma_draw(shape: f64, rng: &mut impl Rng) -> f64 {
    if shape >= 1.0 {
        return libm::log(gamma(shape, rng));
    }
    let uniform = 1.0 - uniform_of(rng.next_u64());
    libm::log(gamma(shape + 1.0, rng)) + libm::log(uniform) / shape
}
