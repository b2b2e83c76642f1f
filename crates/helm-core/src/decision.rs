use serde::{Deserialize, Serialize};

use crate::{
    Context, DecisionId, Epoch, ExperimentKey, PolicyHash, PolicyName, Probability, SpecDigest, StrategyId,
    Timestamp, VariantName,
};

/// Which strategy a turn uses, and the law it was drawn from. Made once, logged before the model is called.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The decision's id, which is also the turn's.
    pub id: DecisionId,
    /// What the policy knew.
    pub context: Context,
    /// What it chose.
    pub strategy: StrategyId,
    /// The probability with which the policy chooses this strategy in this state: exactly the sampling law. Of a
    /// [`Sticky`](DecisionMode::Sticky) decision: that of the draw it keeps to.
    pub propensity: Probability,
    /// How the choice came about.
    pub mode: DecisionMode,
    /// The earlier draw that this decision rests on: of a [`Sticky`](DecisionMode::Sticky) one the draw that it
    /// keeps to, of a [`Sampled`](DecisionMode::Sampled) one the draw that it replaces because that one's strategy
    /// was no longer eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn_by: Option<DecisionId>,
    /// The experiment that assigned this user, if one did.
    pub assignment: Option<Assignment>,
    /// The policy's name.
    pub policy: PolicyName,
    /// The policy's configuration, hashed.
    pub policy_hash: PolicyHash,
    /// The time bucket that the decision's reward is added to, whenever it arrives.
    pub epoch: Epoch,
    /// The eligible strategies with their probabilities, which sum to 1; empty when nothing was drawn.
    pub candidates: Vec<Candidate>,
    /// The exploration that was kept, as a total probability mass spread evenly; `None` when nothing was drawn or
    /// the policy does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Probability>,
    /// The strategies that were not eligible, and why.
    pub excluded: Vec<Exclusion>,
    /// When it was made.
    pub at: Timestamp,
}

/// Which side of which experiment a unit is on.
///
/// A unit keeps its side, so a decision's propensity is conditional on it; the side's own share stands here.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// The experiment.
    pub experiment: ExperimentKey,
    /// The side.
    pub variant: VariantName,
    /// The share of units on this side.
    pub share: Probability,
    /// How it came about.
    #[serde(default)]
    pub by: AssignedBy,
    /// The version of the experiment's specification.
    #[serde(default = "first")]
    pub version: u32,
    /// The specification that it was made under; `None` in what earlier builds wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<SpecDigest>,
}

fn first() -> u32 {
    1
}

/// How a unit came to its side of an experiment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AssignedBy {
    /// By its hash.
    #[default]
    Hash,
    /// It kept the side that it had before the shares changed.
    Sticky,
    /// The specification names it, so its outcomes are not analysed.
    Forced,
}

impl AssignedBy {
    /// The snake-case name that logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Sticky => "sticky",
            Self::Forced => "forced",
        }
    }
}

/// How a choice came about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecisionMode {
    /// Drawn from the policy's distribution: teaches the policy.
    Sampled,
    /// The conversation's or the user's draw was kept: teaches the policy, since that draw's law is known. All
    /// decisions of one draw stand or fall together, so whoever estimates from them must count by draw.
    Sticky,
    /// Nothing was eligible, so the task's fallback strategy was taken: teaches nothing.
    Fallback,
    /// The caller named the strategy: teaches nothing.
    Pinned,
    /// An experiment's variant fixed the strategy: teaches the policy, since the propensity is known.
    Assigned,
}

impl DecisionMode {
    /// Whether rewards of such decisions train the policy.
    #[must_use]
    pub const fn teaches(self) -> bool {
        matches!(self, Self::Sampled | Self::Sticky | Self::Assigned)
    }

    /// The snake-case name that logs and stores use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::Sticky => "sticky",
            Self::Fallback => "fallback",
            Self::Pinned => "pinned",
            Self::Assigned => "assigned",
        }
    }
}

/// One eligible strategy as the policy saw it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The strategy.
    pub strategy: StrategyId,
    /// The probability of choosing it.
    pub probability: Probability,
    /// Posterior mean of its reward for this user.
    pub mean: f64,
    /// Posterior standard deviation of that mean, in reward units.
    pub deviation: f64,
    /// How many rewards of this task it has.
    pub pulls: u64,
}

/// A strategy that was not eligible.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exclusion {
    /// The strategy.
    pub strategy: StrategyId,
    /// Why it was not eligible.
    pub reason: ExclusionReason,
}

/// Why a strategy was not eligible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExclusionReason {
    /// Its model lacks something the request needs.
    Capability,
    /// The tenant may not use it.
    NotAllowed,
    /// Its model is failing and its circuit breaker is open.
    BreakerOpen,
    /// Its price exceeds the budget that is left.
    Budget,
}

impl ExclusionReason {
    /// A sentence fragment for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capability => "its model lacks something the request needs",
            Self::NotAllowed => "the tenant may not use it",
            Self::BreakerOpen => "its model is failing and is being rested",
            Self::Budget => "it costs more than the budget that is left",
        }
    }
}
