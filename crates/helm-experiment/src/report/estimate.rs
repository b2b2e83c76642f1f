//! What is known of an effect, as reports tell it.

use helm_core::VariantName;
use serde::Serialize;

use crate::analysis::{Better, Interval};

/// What a metric says of a variant beside the control.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The variant.
    pub variant: VariantName,
    /// The effect, or why there is none.
    pub effect: Effect,
}

/// An effect, or why there is none.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Effect {
    /// There is one.
    Estimated(Box<Estimate>),
    /// There is none.
    Undefined {
        /// Why.
        reason: String,
    },
}

impl Effect {
    /// The estimate, if there is one.
    #[must_use]
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Estimated(estimate) => Some(estimate),
            Self::Undefined { .. } => None,
        }
    }
}

/// An effect with what is known of it. An end of an interval that is absent has no bound.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The treatment's value less the control's.
    pub difference: f64,
    /// Its standard error; absent where the method has none.
    pub error: Option<f64>,
    /// The interval of level 1 − alpha.
    pub interval: Bounds,
    /// The interval that holds together with those of the other comparisons of this role (Bonferroni's).
    pub together: Bounds,
    /// The probability of such a difference were there none; absent where the method gives none.
    pub p: Option<f64>,
    /// Its natural logarithm, which is there when `p` is too small for a number.
    pub ln_p: Option<f64>,
    /// The probability adjusted for the other comparisons of this role.
    pub adjusted_p: Option<f64>,
    /// The natural logarithm of the e-value, where the method has one.
    pub ln_e: Option<f64>,
    /// The change relative to the control.
    pub lift: Relative,
    /// The share of the variance that a covariate took off.
    pub variance_reduction: Option<f64>,
    /// As a belief: the probability that the treatment has more, and what choosing it loses on average.
    pub belief: Option<Believed>,
    /// Of a guardrail with a margin: the probability of so good a difference were it worse by the margin.
    pub non_inferiority: Option<NotWorse>,
    /// What can be said of it.
    pub found: Found,
    /// The difference that would be found in four of five cases with as many users.
    pub detectable: Option<f64>,
    /// How it was computed.
    pub method: String,
}

/// An interval; an end that is absent has no bound.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Bounds {
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl From<Interval> for Bounds {
    fn from(Interval { low, high }: Interval) -> Self {
        let finite = |end: f64| end.is_finite().then_some(end);
        Self { low: finite(low), high: finite(high) }
    }
}

/// A change relative to the control.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Relative {
    /// As a share of the control's value, with Fieller's interval for one look.
    Estimated {
        /// The change.
        value: f64,
        /// The lower end of the interval.
        low: f64,
        /// The upper end of the interval.
        high: f64,
    },
    /// The control's value may be 0, so the interval has no bounds.
    Unbounded {
        /// The change.
        value: f64,
    },
    /// There is none.
    Undefined,
}

/// What is believed of a difference.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Believed {
    /// The probability that the treatment has more.
    pub chance_above: f64,
    /// What choosing the treatment loses on average, in the metric's unit and by its direction.
    pub risk: f64,
}

/// Whether a guardrail is at most its margin worse.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct NotWorse {
    /// The margin in the metric's unit.
    pub margin: f64,
    /// The probability of so good a difference were it worse by the margin; absent where only a bound is known.
    pub p: Option<f64>,
    /// Whether it is shown.
    pub holds: bool,
}

/// What can be said of a difference, at the level of the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Found {
    /// The treatment is better.
    Better,
    /// The treatment is worse.
    Worse,
    /// It may be either.
    Open,
}

impl Estimate {
    pub(super) fn new(difference: f64, method: impl Into<String>) -> Self {
        let none = Bounds { low: None, high: None };
        Self {
            difference,
            error: None,
            interval: none,
            together: none,
            p: None,
            ln_p: None,
            adjusted_p: None,
            ln_e: None,
            lift: Relative::Undefined,
            variance_reduction: None,
            belief: None,
            non_inferiority: None,
            found: Found::Open,
            detectable: None,
            method: method.into(),
        }
    }

    /// Which side of 0 an interval lies on.
    pub(super) fn side(&self, bounds: Bounds, better: Better) -> Found {
        let is_above = bounds.low.is_some_and(|low| low > 0.0);
        let is_below = bounds.high.is_some_and(|high| high < 0.0);
        match (is_above, is_below, better) {
            (true, _, Better::Higher) | (_, true, Better::Lower) => Found::Better,
            (true, _, Better::Lower) | (_, true, Better::Higher) => Found::Worse,
            _ => Found::Open,
        }
    }

    /// The direction of the difference.
    pub(super) fn direction(&self, better: Better) -> Found {
        match (self.difference > 0.0, self.difference < 0.0, better) {
            (true, _, Better::Higher) | (_, true, Better::Lower) => Found::Better,
            (true, _, Better::Lower) | (_, true, Better::Higher) => Found::Worse,
            _ => Found::Open,
        }
    }
}
