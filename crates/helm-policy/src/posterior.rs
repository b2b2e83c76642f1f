use crate::error::{Error, Result};
use crate::special::{beta_cdf, ln_beta, ln_student_t_constant, normal_cdf, normal_pdf, student_t_cdf};

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
            Self::Beta { a, b } => beta_cdf(x, a, b),
            Self::StudentT { mean, scale, dof } => student_t_cdf((x - mean) / scale, dof),
            Self::Normal { mean, deviation } => normal_cdf((x - mean) / deviation),
        }
    }

    /// The density at `x`.
    #[must_use]
    pub fn pdf(&self, x: f64) -> f64 {
        match *self {
            Self::Beta { a, b } if x > 0.0 && x < 1.0 => {
                libm::exp((a - 1.0) * libm::log(x) + (b - 1.0) * libm::log1p(-x) - ln_beta(a, b))
            }
            Self::Beta { .. } => 0.0,
            Self::StudentT { mean, scale, dof } => {
                let t = (x - mean) / scale;
                libm::exp(ln_student_t_constant(dof) - 0.5 * (dof + 1.0) * libm::log1p(t * t / dof)) / scale
            }
            Self::Normal { mean, deviation } => normal_pdf((x - mean) / deviation) / deviation,
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
    /// [`Error::InvalidPosterior`] when a parameter is not finite, or one that must be is not above 0.
    pub fn checked(self) -> Result<Self> {
        let (centre, widths) = match self {
            Self::Beta { a, b } => (0.0, [a, b]),
            Self::StudentT { mean, scale, dof } => (mean, [scale, dof]),
            Self::Normal { mean, deviation } => (mean, [deviation, 1.0]),
        };
        if centre.is_finite() && widths.iter().all(|width| width.is_finite() && *width > 0.0) {
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
