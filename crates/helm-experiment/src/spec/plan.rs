//! What a specification says of who is assigned, and to what.

use std::collections::BTreeMap;

use helm_core::{Probability, StrategyName, Timestamp, UserId, VariantName};
use serde::Serialize;

/// One side of an experiment.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct SpecVariant {
    /// Its name.
    pub name: VariantName,
    /// The share of users that it gets; those of all variants sum to 1.
    pub weight: Probability,
    /// Whether the others are compared with it.
    pub control: bool,
    /// What its users get.
    pub treatment: Treatment,
}

/// What the users of a variant get.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Treatment {
    /// Always this strategy.
    Strategy(StrategyName),
    /// What a policy chooses.
    Policy {
        /// Among these strategies; empty for all of the task's.
        strategies: Vec<StrategyName>,
        /// The policy, a table with `kind` as a task has one; `None` for the task's own.
        policy: Option<serde_json::Value>,
    },
}

impl Treatment {
    /// Whether two policies choose among a strategy that is the same: each would learn from the other's users.
    pub(super) fn shares_state_with(&self, other: &Self) -> bool {
        let (Self::Policy { strategies: own, .. }, Self::Policy { strategies: others, .. }) = (self, other)
        else {
            return false;
        };
        own.is_empty() || others.is_empty() || own.iter().any(|strategy| others.contains(strategy))
    }
}

/// How units become places between 0 and 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hash {
    /// Helm's own, without steps.
    #[default]
    Helm,
    /// GrowthBook's first one.
    GrowthbookV1,
    /// GrowthBook's second one.
    GrowthbookV2,
}

/// A part of a space that experiments divide among themselves: no user is in two experiments whose parts are apart.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Namespace {
    /// The space.
    pub id: String,
    /// From where to where between 0 and 1, without the end.
    pub range: (f64, f64),
}

/// Users whom no experiment that names it assigns.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Holdout {
    /// Its name; the same users are held out wherever it is named.
    pub key: String,
    /// How many they are, as a share.
    pub share: f64,
}

/// From when on how many take part. Raising the coverage moves nobody who takes part already.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct RampStep {
    /// From this moment on,
    pub from: Timestamp,
    /// this share of users.
    pub coverage: f64,
}

/// What a user must be to take part.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Condition {
    /// What is looked at.
    pub attribute: Attribute,
    /// Whether it must be one of the values, or none of them.
    pub is_in: bool,
    /// The values.
    pub values: Vec<String>,
}

/// What is known of a user before a turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attribute {
    /// The group of users that the application names.
    Segment,
    /// The user's id.
    User,
}

/// Who is assigned, and to what.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Assigning {
    pub(crate) salt: String,
    pub(crate) hash: Hash,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) holdout: Option<Holdout>,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) ramp: Vec<RampStep>,
    pub(crate) all: Vec<Condition>,
    pub(crate) force: BTreeMap<UserId, VariantName>,
    pub(crate) sticky: bool,
    /// Played offline: everybody gets this variant.
    #[serde(skip)]
    pub(crate) only: Option<VariantName>,
}

impl Assigning {
    /// Everybody takes part at all times.
    pub(crate) fn everybody(salt: String, hash: Hash) -> Self {
        Self {
            salt,
            hash,
            namespace: None,
            holdout: None,
            start: None,
            end: None,
            ramp: Vec::new(),
            all: Vec::new(),
            force: BTreeMap::new(),
            sticky: false,
            only: None,
        }
    }
}
