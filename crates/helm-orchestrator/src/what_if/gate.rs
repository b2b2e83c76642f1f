use helm_experiment::analysis::{Answer, Interval, Refusal};
use serde::{Deserialize, Serialize};

use super::read::WhatIf;
use crate::error::{Error, Result};

/// What the one that waits must show.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct GateOptions {
    /// How often, at most, a candidate is raised that is no better, over all looks together; and dropped that is no worse.
    /// Default: 0.05.
    pub alpha: f64,
    /// How many of the candidate's own decisions the log must be worth. Default: 50.
    pub min_effective: f64,
    /// How many users must have been seen, or decisions where no users are known. Default: 100.
    pub min_users: u64,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self { alpha: 0.05, min_effective: 50.0, min_users: 100 }
    }
}

impl GateOptions {
    /// With another level.
    #[must_use]
    pub const fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// With other least numbers of decisions and of users.
    #[must_use]
    pub const fn with_least(mut self, effective: f64, users: u64) -> Self {
        (self.min_effective, self.min_users) = (effective, users);
        self
    }
}

/// What is to be done with a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateVerdict {
    /// It earns more than what is live: raise it.
    Raise,
    /// It earns less: drop it.
    RollBack,
    /// It may earn either more or less: wait.
    NotYet,
    /// The log cannot tell, or not yet.
    TooLittle,
}

/// A candidate beside what is live.
///
/// The bounds hold at all looks together, approximately, since they are of users by an asymptotic confidence sequence; so the
/// gate may be asked after every turn. Rewards may have come late: turns without one do not count yet.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Gate {
    /// What is to be done.
    pub verdict: GateVerdict,
    /// Why, in a sentence.
    pub because: String,
    /// The mean reward of what is live.
    pub live: f64,
    /// What the candidate would have earned more, a decision.
    pub gain: Option<f64>,
    /// What the gain lies above, but with probability alpha at all looks together;
    pub low: Option<f64>,
    /// and below.
    pub high: Option<f64>,
    /// Decisions that were looked at.
    pub decisions: usize,
    /// Users, or decisions where no users are known.
    pub users: u64,
    /// How many of the candidate's own decisions the log is worth.
    pub effective: f64,
    /// How many turns say nothing, by why.
    pub left_out: Vec<(&'static str, usize)>,
}

impl Gate {
    /// Judges a candidate by a log that was read for it.
    ///
    /// # Errors
    ///
    /// When alpha is not between 0 and ½.
    pub fn new(read: &WhatIf, options: &GateOptions) -> Result<Self> {
        let diagnostics = read.log.diagnostics();
        let mut gate = Self {
            verdict: GateVerdict::TooLittle,
            because: String::new(),
            live: read.earned,
            gain: None,
            low: None,
            high: None,
            decisions: diagnostics.as_ref().map_or(0, |found| found.count),
            users: read.log.unit_count(),
            effective: diagnostics.map_or(0.0, |found| found.effective),
            left_out: read.left_out.clone(),
        };
        match gate.looked(read, options) {
            Ok((gain, bounds)) => gate.settle(gain, bounds),
            Err(refusal) if refusal.is_undefined() => gate.because = read.explain(&refusal),
            Err(refusal) => return Err(Error::config("the gate", refusal.to_string())),
        }
        if gate.gain.is_some() && gate.users < options.min_users {
            gate.verdict = GateVerdict::TooLittle;
            gate.because = format!("{} users of {} have been seen", gate.users, options.min_users);
        }
        Ok(gate)
    }

    /// What it would have earned more, with what bounds that at all looks together.
    #[must_use]
    pub fn bounds(&self) -> Option<[f64; 3]> {
        Some([self.gain?, self.low?, self.high?])
    }

    fn looked(&self, read: &WhatIf, options: &GateOptions) -> Answer<(f64, Interval)> {
        read.log.check(options.min_effective)?;
        let gain = match read.log.gain() {
            // Whoever would have done the same every time gains nothing, surely.
            Err(Refusal::ZeroVariance) => return Ok((0.0, Interval { low: 0.0, high: 0.0 })),
            gain => gain?,
        };
        Ok((gain.value, read.log.bounds_at_any_time(&gain, options.alpha)?))
    }

    fn settle(&mut self, gain: f64, bounds: Interval) {
        (self.gain, self.low, self.high) = (Some(gain), Some(bounds.low), Some(bounds.high));
        let shown = format!("{:+.4} to {:+.4}", bounds.low, bounds.high);
        (self.verdict, self.because) = match bounds {
            Interval { low, .. } if low > 0.0 => {
                (GateVerdict::Raise, format!("it earns more than what is live: {shown} a decision"))
            }
            Interval { high, .. } if high < 0.0 => {
                (GateVerdict::RollBack, format!("it earns less than what is live: {shown} a decision"))
            }
            _ => (GateVerdict::NotYet, format!("it may earn either more or less: {shown} a decision")),
        };
    }
}
