use std::fmt;
use std::str::FromStr;

use super::RowResult;
use super::summary::{Difference, Measure, difference, measure};
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
/// [unknown](Verdict::Unknown). Only a limit at the end of a scale, such as `errors<=0` or `exact>=1`, is asked of each row,
/// for no sample could tell it of answers that are still to come.
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
    /// How many rows of the run have no value of the measure, and so no say: those that failed, and those where an evaluator
    /// could not judge.
    pub missing: usize,
}

/// With fewer rows the spread of a measure is hardly known. Shares of yes and no have intervals that need no such bound.
const LEAST_ROWS: usize = 10;

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
    /// side, otherwise unknown. With fewer than 10 rows the interval is the measure's whole scale, unless the measure says yes
    /// or no (0 or 1) in every row; a run in which no row differs from the baseline is not below it, and not above.
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
        let missing = rows.iter().filter(|row| row.measure(&self.measure).is_none()).count();
        if !rows.is_empty() && missing == rows.len() {
            let known = RowResult::measures(rows).join(", ");
            return refuse(format!("{self}: no row has a value of {}; there are: {known}", self.measure));
        }
        let judgement = match self.bound {
            Bound::Absolute { above, inclusive, limit } => {
                let found = measure(rows, self.measure.clone(), resampling)?;
                let limit = Limit { limit, above, inclusive };
                limit.of_mean(&found, scale(&self.measure))
            }
            Bound::Relative { above, lenient, margin } => {
                let Some(baseline) = baseline else {
                    return refuse(format!("{self}: name the results of the baseline"));
                };
                let found = difference(baseline, rows, self.measure.clone(), resampling)?;
                let limit = if above == lenient { -margin } else { margin };
                Limit { limit, above, inclusive: lenient }.of_difference(&found, scale(&self.measure))
            }
        };
        Ok(Judgement { missing, ..judgement })
    }
}

/// Between which values a measure is.
fn scale(measure: &str) -> (f64, f64) {
    match measure {
        "seconds" | "dollars" => (0.0, f64::INFINITY),
        _ => (0.0, 1.0),
    }
}

/// Which side of which number is the right one.
#[derive(Clone, Copy)]
struct Limit {
    limit: f64,
    above: bool,
    inclusive: bool,
}

impl Limit {
    fn of_mean(self, found: &Measure, (least, most): (f64, f64)) -> Judgement {
        let end = if self.above { most } else { least };
        if self.inclusive && self.limit == end && found.rows > 0 {
            let all = found.values.iter().all(|value| self.holds(*value));
            let verdict = if all { Verdict::Met } else { Verdict::NotMet };
            return self.judgement(verdict, found.interval, found.rows);
        }
        let is_told = found.rows >= LEAST_ROWS || found.is_share();
        self.judged(found.interval, found.rows, is_told, (least, most))
    }

    fn of_difference(self, found: &Difference, (least, most): (f64, f64)) -> Judgement {
        let interval = found.comparison.map(|comparison| comparison.difference);
        let is_enough = found.rows >= LEAST_ROWS;
        if self.inclusive && is_enough && found.differing == 0 {
            return self.judgement(Verdict::Met, interval, found.rows);
        }
        self.judged(interval, found.rows, is_enough || found.is_share, (least - most, most - least))
    }

    /// By the interval where it tells something, and else by all that is possible.
    fn judged(
        self,
        interval: Option<Estimate>,
        rows: usize,
        is_told: bool,
        possible: (f64, f64),
    ) -> Judgement {
        let ends = interval.filter(|_| is_told).map_or(possible, |interval| (interval.low, interval.high));
        let verdict = match (self.holds(ends.0), self.holds(ends.1)) {
            (true, true) => Verdict::Met,
            (false, false) => Verdict::NotMet,
            _ => Verdict::Unknown,
        };
        self.judgement(verdict, interval, rows)
    }

    fn holds(self, value: f64) -> bool {
        // Means of the same numbers in another order differ in the last bits.
        let slack = 1e-12 * (1.0 + self.limit.abs());
        match (self.above, self.inclusive) {
            (true, true) => value >= self.limit - slack,
            (true, false) => value > self.limit + slack,
            (false, true) => value <= self.limit + slack,
            (false, false) => value < self.limit - slack,
        }
    }

    fn judgement(self, verdict: Verdict, estimate: Option<Estimate>, rows: usize) -> Judgement {
        Judgement { verdict, estimate, limit: self.limit, rows, missing: 0 }
    }
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
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-.:/".contains(char))
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
