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
            Self::Beta { a, b } => (a * b / (a + b + 1.0)).sqrt() / (a + b),
            Self::StudentT { scale, dof, .. } if dof > 2.0 => scale * (dof / (dof - 2.0)).sqrt(),
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
                ((a - 1.0) * x.ln() + (b - 1.0) * libm::log1p(-x) - ln_beta(a, b)).exp()
            }
            Self::Beta { .. } => 0.0,
            Self::StudentT { mean, scale, dof } => {
                let t = (x - mean) / scale;
                (ln_student_t_constant(dof) - 0.5 * (dof + 1.0) * libm::log1p(t * t / dof)).exp() / scale
            }
            Self::Normal { mean, deviation } => normal_pdf((x - mean) / deviation) / deviation,
        }
    }

    /// The same belief, `width` times as wide around its mean. A beta stays a beta: its pseudo-counts are
    /// divided by `width` squared.
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

    /// Where the belief can be at all.
    pub(crate) fn support(&self) -> (f64, f64) {
        match self {
            Self::Beta { .. } => (0.0, 1.0),
            Self::StudentT { .. } | Self::Normal { .. } => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// A typical distance from the mean, for placing panels.
    pub(crate) fn spread(&self) -> f64 {
        match *self {
            Self::StudentT { scale, .. } => scale,
            _ => self.deviation(),
        }
    }
}
