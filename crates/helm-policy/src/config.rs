use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use helm_core::{PolicyName, StrategyName};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::floor::Floor;
use crate::learner::{BetaCounts, Hierarchical, Learner, NormalInverseGamma};
use crate::policy::{LearnerPolicy, Policy};
use crate::rule::{EpsilonGreedy, FixedWeights, RandomRule, Rule, Thompson};

/// The built-in policies and their parameters. Unchecked; [`PolicyConfig::build`] checks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PolicyConfig {
    /// The default: Thompson sampling with posteriors half as wide, over hierarchical normal-inverse-gamma.
    /// Users are met for few turns each, so full-width sampling spends too many of them.
    Auto {
        /// See [`Options::floor`].
        #[serde(default)]
        floor: Floor,
        /// See [`Options::epoch_seconds`].
        #[serde(default = "day")]
        epoch_seconds: u64,
        /// See [`Options::half_life_seconds`].
        #[serde(default)]
        half_life_seconds: Option<u64>,
    },
    /// Thompson sampling.
    Thompson {
        /// Which beliefs. Default: normal-inverse-gamma.
        #[serde(default)]
        learner: LearnerKind,
        /// Whether each user has beliefs of their own over everybody's. Default: yes.
        #[serde(default = "yes")]
        hierarchical: bool,
        /// Scales the posteriors around their means. Default: 1.
        #[serde(default = "one")]
        width: f64,
        /// See [`Options::floor`].
        #[serde(default)]
        floor: Floor,
        /// See [`Options::epoch_seconds`].
        #[serde(default = "day")]
        epoch_seconds: u64,
        /// See [`Options::half_life_seconds`].
        #[serde(default)]
        half_life_seconds: Option<u64>,
    },
    /// The best mean, or with probability ε any.
    EpsilonGreedy {
        /// The probability of any. Default: 0.1.
        #[serde(default = "tenth")]
        epsilon: f64,
        /// Which beliefs. Default: normal-inverse-gamma.
        #[serde(default)]
        learner: LearnerKind,
        /// Whether each user has beliefs of their own over everybody's. Default: yes.
        #[serde(default = "yes")]
        hierarchical: bool,
        /// See [`Options::floor`].
        #[serde(default)]
        floor: Floor,
        /// See [`Options::epoch_seconds`].
        #[serde(default = "day")]
        epoch_seconds: u64,
        /// See [`Options::half_life_seconds`].
        #[serde(default)]
        half_life_seconds: Option<u64>,
    },
    /// Given weights.
    Fixed {
        /// By strategy name; missing ones have none.
        weights: BTreeMap<StrategyName, f64>,
        /// See [`Options::floor`].
        #[serde(default)]
        floor: Floor,
    },
    /// Every strategy equally likely.
    Random {},
}

/// How a strategy's rewards become beliefs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LearnerKind {
    /// For rewards that are yes or no.
    Beta,
    /// For rewards anywhere in \[0, 1\].
    #[default]
    NormalInverseGamma,
}

/// What every policy has.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Options {
    /// The exploration that is always kept.
    pub floor: Floor,
    /// The length of the time buckets, in seconds. Default: one day.
    pub epoch_seconds: u64,
    /// After this many seconds a reward counts half. Default: never.
    pub half_life_seconds: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { floor: Floor::default(), epoch_seconds: day(), half_life_seconds: None }
    }
}

impl Options {
    /// Checks the durations.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when one is 0.
    pub fn checked(self) -> Result<Self> {
        for (parameter, seconds) in
            [("epoch_seconds", Some(self.epoch_seconds)), ("half_life_seconds", self.half_life_seconds)]
        {
            if seconds == Some(0) {
                let value = "0".to_owned();
                return Err(Error::InvalidParameter { parameter, accepted: "at least 1", value });
            }
        }
        Ok(self)
    }

    pub(crate) fn epoch(&self) -> Duration {
        Duration::from_secs(self.epoch_seconds)
    }

    pub(crate) fn half_life(&self) -> Option<Duration> {
        self.half_life_seconds.map(Duration::from_secs)
    }
}

impl Default for PolicyConfig {
    fn default() -> Self {
        let Options { floor, epoch_seconds, half_life_seconds } = Options::default();
        Self::Auto { floor, epoch_seconds, half_life_seconds }
    }
}

impl PolicyConfig {
    /// The name that configuration uses.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Auto { .. } => "auto",
            Self::Thompson { .. } => "thompson",
            Self::EpsilonGreedy { .. } => "epsilon_greedy",
            Self::Fixed { .. } => "fixed",
            Self::Random {} => "random",
        }
    }

    /// Checks the parameters and makes the policy.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when one is out of range.
    pub fn build(&self) -> Result<Arc<dyn Policy>> {
        let (learner, rule) = self.parts()?;
        let name = PolicyName::new(self.kind());
        let name = name.map_err(|error| Error::InvalidConfig { message: error.to_string() })?;
        let canonical = serde_json::to_string(self);
        let canonical = canonical.map_err(|error| Error::InvalidConfig { message: error.to_string() })?;
        Ok(Arc::new(LearnerPolicy::new(name, &canonical, learner, rule, self.options().checked()?)))
    }

    fn parts(&self) -> Result<(Box<dyn Learner>, Box<dyn Rule>)> {
        let default = || Box::new(NormalInverseGamma::default());
        Ok(match self {
            Self::Auto { .. } => {
                (learner(LearnerKind::NormalInverseGamma, true), Box::new(Thompson::new(0.5)?))
            }
            Self::Thompson { learner: kind, hierarchical, width, .. } => {
                (learner(*kind, *hierarchical), Box::new(Thompson::new(*width)?))
            }
            Self::EpsilonGreedy { epsilon, learner: kind, hierarchical, .. } => {
                (learner(*kind, *hierarchical), Box::new(EpsilonGreedy::new(*epsilon)?))
            }
            Self::Fixed { weights, .. } => (default(), Box::new(FixedWeights::new(weights.clone())?)),
            Self::Random {} => (default(), Box::new(RandomRule)),
        })
    }

    fn options(&self) -> Options {
        match *self {
            Self::Auto { floor, epoch_seconds, half_life_seconds }
            | Self::Thompson { floor, epoch_seconds, half_life_seconds, .. }
            | Self::EpsilonGreedy { floor, epoch_seconds, half_life_seconds, .. } => {
                Options { floor, epoch_seconds, half_life_seconds }
            }
            Self::Fixed { floor, .. } => Options { floor, ..Options::default() },
            Self::Random {} => Options::default(),
        }
    }
}

fn learner(kind: LearnerKind, hierarchical: bool) -> Box<dyn Learner> {
    match (kind, hierarchical) {
        (LearnerKind::Beta, false) => Box::new(BetaCounts),
        (LearnerKind::Beta, true) => Box::new(Hierarchical(BetaCounts)),
        (LearnerKind::NormalInverseGamma, false) => Box::new(NormalInverseGamma::default()),
        (LearnerKind::NormalInverseGamma, true) => Box::new(Hierarchical(NormalInverseGamma::default())),
    }
}

fn day() -> u64 {
    86_400
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn tenth() -> f64 {
    0.1
}
