use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{RewardName, UnitInterval};

/// What a decision earned: one number for the policy, and the parts it was made from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reward {
    /// From 0, worst, to 1, best.
    pub value: UnitInterval,
    /// Standard error of the value where the parts allow one, in reward units.
    pub stderr: Option<f64>,
    /// The share of the specification's weight that was present.
    pub coverage: UnitInterval,
    /// What it rests on so far.
    pub stage: RewardStage,
    /// The specification that composed it.
    pub spec: RewardSpecId,
    /// The parts, so that another specification can be evaluated on old logs.
    pub components: Vec<RewardComponent>,
}

/// How far a reward has matured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RewardStage {
    /// The configured default after the task's reward window ended in silence.
    Default,
    /// From inline evaluators.
    Provisional,
    /// A model judge has spoken.
    Judged,
    /// A person has spoken.
    Human,
}

impl RewardStage {
    /// The snake-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Provisional => "provisional",
            Self::Judged => "judged",
            Self::Human => "human",
        }
    }
}

/// A reward specification and its version, written `name@version`, or `name@version+weights` under weights that were learned
/// from people since.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RewardSpecId {
    /// The specification's name.
    pub name: RewardName,
    /// Raised whenever its meaning changes.
    pub version: u32,
    /// Which of the weights learned from people, counted from 1; `None` under the configured ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<u64>,
}

impl RewardSpecId {
    /// A version of a specification under its configured weights.
    #[must_use]
    pub fn new(name: RewardName, version: u32) -> Self {
        Self { name, version, weights: None }
    }
}

impl fmt::Display for RewardSpecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)?;
        self.weights.map_or(Ok(()), |weights| write!(f, "+{weights}"))
    }
}

/// One part of a reward.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RewardComponent {
    /// What it is: an evaluator's name, `feedback:SOURCE`, or a price.
    pub name: String,
    /// Its value before weighting.
    pub value: f64,
    /// The weight it had in this composition; the weights of all parts sum to 1, prices excepted.
    pub weight: f64,
}
