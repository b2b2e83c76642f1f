use std::fmt;
use std::str::FromStr;

use super::RowResult;
use super::summary::{difference, measure};
use crate::error::{Error, Result};
use crate::stats::{Estimate, Resampling};

/// What a run must show of a measure's mean.
///
/// | written | holds when |
/// |---|---|
/// | `relevance>=0.9` | the mean is at least .9; also `>`, `<=`, `<` |
/// | `reward not-below baseline by 0.02` | the mean is at most .02 under that of the baseline, on the same rows |
/// | `reward above baseline` | it is above that of the baseline; also `above baseline by 0.05` |
/// | `seconds not-above baseline by 0.5`, `dollars below baseline` | the same downwards |
///
/// It is judged by the interval of the mean or difference, not by the mean alone: with too few rows it is
/// [unknown](Verdict::Unknown).
///
/// ```
/// use helm_eval::dataset::Condition;
///
/// let condition: Condition = "reward not-below baseline by 0.02".parse()?;
/// assert_eq!(condition.to_string(), "reward not-below baseline by 0.02");
/// assert!("reward about 3".parse::<Condition>().is_err());
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    measure: String,
    bound: Bound,
}

/// The side of a limit that a mean must be on.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Bound {
    /// The mean of the run, and whether the limit itself is enough.
    Absolute {
        /// Whether it must be above, and not below.
        above: bool,
        /// Whether the limit itself is enough.
        inclusive: bool,
        /// The limit.
        limit: f64,
    },
    /// The mean less that of the baseline.
    Relative {
        /// Whether it must be above, and not below.
        above: bool,
        /// Whether it may miss the baseline by the margin (`not-below`), and need not exceed it by that (`above`).
        lenient: bool,
        /// The margin, at least 0.
        margin: f64,
    },
}

/// Whether a condition holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It does.
    Met,
    /// It does not.
    NotMet,
    /// There is too little data to tell.
    Unknown,
}

/// A condition, judged.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Judgement {
    /// Whether it holds.
    pub verdict: Verdict,
    /// The mean, or the difference from the baseline, that it was judged by; `None` without two rows.
    pub estimate: Option<Estimate>,
    /// The limit that the estimate was held against.
    pub limit: f64,
    /// How many rows it rests on.
    pub rows: usize,
}

impl Condition {
    /// Which measure it is of.
    #[must_use]
    pub fn measure(&self) -> &str {
        &self.measure
    }

    /// What is asked of it.
    #[must_use]
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// Whether it needs a baseline.
    #[must_use]
    pub const fn is_relative(&self) -> bool {
        matches!(self.bound, Bound::Relative { .. })
    }

    /// Judges a run: met when the whole interval is on the right side of the limit, not met when it is on the wrong
    /// side, otherwise unknown. A measure without spread, such as an accuracy of 1 on every row, is judged by its mean.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] when no row has a value of the measure, or a baseline is needed and there is none; and
    /// for settings of the resampling out of range.
    pub fn judge(
        &self,
        rows: &[RowResult],
        baseline: Option<&[RowResult]>,
        resampling: Resampling,
    ) -> Result<Judgement> {
        let refuse = |message: String| Err(Error::InvalidSpec { message });
        if !rows.is_empty() && rows.iter().all(|row| row.measure(&self.measure).is_none()) {
            let known = RowResult::measures(rows).join(", ");
            return refuse(format!("{self}: no row has a value of {}; there are: {known}", self.measure));
        }
        match self.bound {
            Bound::Absolute { above, inclusive, limit } => {
                let found = measure(rows, self.measure.clone(), resampling)?;
                Ok(judged(found.interval, found.rows, limit, above, inclusive))
            }
            Bound::Relative { above, lenient, margin } => {
                let Some(baseline) = baseline else {
                    return refuse(format!("{self}: name the results of the baseline"));
                };
                let found = difference(baseline, rows, self.measure.clone(), resampling)?;
                let limit = if above == lenient { -margin } else { margin };
                let interval = found.comparison.map(|comparison| comparison.difference);
                Ok(judged(interval, found.rows, limit, above, lenient))
            }
        }
    }
}

fn judged(estimate: Option<Estimate>, rows: usize, limit: f64, above: bool, inclusive: bool) -> Judgement {
    // Means of the same numbers in another order differ in the last bits.
    let slack = 1e-12 * (1.0 + limit.abs());
    let holds = |value: f64| match (above, inclusive) {
        (true, true) => value >= limit - slack,
        (true, false) => value > limit + slack,
        (false, true) => value <= limit + slack,
        (false, false) => value < limit - slack,
    };
    let verdict = match estimate {
        Some(Estimate { low, high, .. }) if holds(low) && holds(high) => Verdict::Met,
        Some(Estimate { low, high, .. }) if !holds(low) && !holds(high) => Verdict::NotMet,
        _ => Verdict::Unknown,
    };
    Judgement { verdict, estimate, limit, rows }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measure = &self.measure;
        match self.bound {
            Bound::Absolute { above, inclusive, limit } => {
                let (sign, equal) = (if above { ">" } else { "<" }, if inclusive { "=" } else { "" });
                write!(f, "{measure}{sign}{equal}{limit}")
            }
            Bound::Relative { above, lenient, margin } => {
                let side = match (above, lenient) {
                    (true, true) => "not-below",
                    (true, false) => "above",
                    (false, true) => "not-above",
                    (false, false) => "below",
                };
                write!(f, "{measure} {side} baseline")?;
                if margin > 0.0 { write!(f, " by {margin}") } else { Ok(()) }
            }
        }
    }
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = absolute(text).or_else(|| relative(text));
        parsed.ok_or_else(|| Error::InvalidSpec {
            message: format!(
                "{text:?} is no condition; write one such as \"relevance>=0.9\" or \"reward not-below baseline by 0.02\""
            ),
        })
    }
}

fn is_measure(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-.".contains(char))
}

fn absolute(text: &str) -> Option<Condition> {
    let place = text.find(['<', '>'])?;
    let (measure, rest) = text.split_at_checked(place)?;
    let above = rest.starts_with('>');
    let rest = rest.get(1..)?;
    let (inclusive, limit) = match rest.strip_prefix('=') {
        Some(limit) => (true, limit),
        None => (false, rest),
    };
    let limit: f64 = limit.trim().parse().ok().filter(|limit: &f64| limit.is_finite())?;
    let measure = measure.trim();
    is_measure(measure).then(|| Condition {
        measure: measure.to_owned(),
        bound: Bound::Absolute { above, inclusive, limit },
    })
}

fn relative(text: &str) -> Option<Condition> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (measure, side, margin) = match *words {
        [measure, side, "baseline"] => (measure, side, 0.0),
        [measure, side, "baseline", "by", margin] => (measure, side, margin.parse().ok()?),
        _ => return None,
    };
    let (above, lenient) = match side {
        "not-below" => (true, true),
        "above" => (true, false),
        "not-above" => (false, true),
        "below" => (false, false),
        _ => return None,
    };
    let fits = is_measure(measure) && f64::is_finite(margin) && margin >= 0.0;
    fits.then(|| Condition { measure: measure.to_owned(), bound: Bound::Relative { above, lenient, margin } })
}
