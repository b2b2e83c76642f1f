use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{PolicyName, StrategyName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auto::Auto;
use crate::error::{Error, Result};
use crate::learner::{BetaCounts, Hierarchical, Learner, NormalInverseGamma, Pooled, Ridge, RidgeOptions};
use crate::options::Options;
use crate::policy::{LearnerPolicy, Policy};
use crate::rule::{
    EpsilonGreedy, Exp3Ix, FixedWeights, InverseGap, KlUcb, Optimism, RandomRule, RandomizedUcb, Rule,
    Softmax, Thompson, TopTwoThompson, TrackAndStop, Ucb1, Ucb1Tuned,
};

/// A built-in policy: its kind with that kind's parameters, and what all kinds have. Unchecked;
/// [`PolicyConfig::build`] checks.
///
/// Written as one table, `{ kind = "thompson", width = 0.7, floor = 0.05 }`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
#[non_exhaustive]
pub struct PolicyConfig {
    /// The kind.
    pub kind: Kind,
    /// What all kinds have.
    pub options: Options,
}

/// The built-in kinds and their parameters.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Kind {
    /// The default: chooses among the policies below by what it sees. See [`Auto`].
    Auto {},
    /// Thompson sampling.
    Thompson {
        /// Which beliefs. Default: normal-inverse-gamma.
        #[serde(default)]
        learner: LearnerKind,
        /// What beliefs borrow from. Default: other users.
        #[serde(default)]
        pool: Pool,
        /// Scales the beliefs around their means. Default: 1.
        #[serde(default = "one")]
        width: f64,
    },
    /// Top-two Thompson sampling, for finding the best.
    TopTwoThompson {
        /// Which beliefs. Default: normal-inverse-gamma.
        #[serde(default)]
        learner: LearnerKind,
        /// What beliefs borrow from. Default: other users.
        #[serde(default)]
        pool: Pool,
        /// The leader's share. Default: 0.5.
        #[serde(default = "half")]
        leader: f64,
    },
    /// Track-and-Stop: finds the best with a bounded error, then plays it.
    TrackAndStop {
        /// The probability of a wrong winner. Default: 0.05.
        #[serde(default = "twentieth")]
        delta: f64,
        /// Rewards of each strategy before proportions are tracked. Default: 10.
        #[serde(default = "ten_rewards")]
        least: u32,
    },
    /// The best mean, or with probability ε any.
    EpsilonGreedy {
        /// The probability of any. Default: 0.1.
        #[serde(default = "tenth")]
        epsilon: f64,
        /// c of ε = min(ε, c K / t). Default: ε is constant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decay: Option<f64>,
        /// Which beliefs. Default: normal-inverse-gamma.
        #[serde(default)]
        learner: LearnerKind,
        /// What beliefs borrow from. Default: other users.
        #[serde(default)]
        pool: Pool,
    },
    /// Probabilities proportional to exp(mean / τ).
    Softmax {
        /// τ, in reward units. Default: 0.1.
        #[serde(default = "tenth")]
        temperature: f64,
        /// Which beliefs. Default: normal-inverse-gamma.
        #[serde(default)]
        learner: LearnerKind,
        /// What beliefs borrow from. Default: other users.
        #[serde(default)]
        pool: Pool,
    },
    /// UCB1.
    Ucb1 {},
    /// UCB1-tuned.
    Ucb1Tuned {},
    /// KL-UCB.
    KlUcb {},
    /// Exp3-IX.
    Exp3Ix {},
    /// Inverse gap weighting over beliefs, or over ridge regression where the context has features.
    SquareCb {
        /// γ0. Default: 10.
        #[serde(default = "ten")]
        gamma: f64,
        /// ρ of γ = γ0 t^ρ. Default: 0.5.
        #[serde(default = "half")]
        exponent: f64,
        /// Which beliefs. Default: ridge.
        #[serde(default = "ridge")]
        learner: LearnerKind,
        /// What beliefs borrow from; ridge borrows from nothing. Default: other users.
        #[serde(default)]
        pool: Pool,
        /// Ridge's parameters.
        #[serde(default)]
        ridge: RidgeOptions,
    },
    /// LinUCB: ridge regression and the largest upper bound.
    LinUcb {
        /// Widths above the mean. Default: 1, in standard deviations of the noise; with `noise = "unit"` this is
        /// the paper's α.
        #[serde(default = "one")]
        alpha: f64,
        /// Ridge's parameters.
        #[serde(default)]
        ridge: RidgeOptions,
    },
    /// LinTS: ridge regression and Thompson sampling.
    LinTs {
        /// Scales the beliefs around their means. Default: 0.5.
        #[serde(default = "half")]
        width: f64,
        /// Ridge's parameters.
        #[serde(default)]
        ridge: RidgeOptions,
    },
    /// Ridge regression and a randomised upper bound.
    RandUcb {
        /// The scale of the half-normal bound, in standard deviations. Default: 1.
        #[serde(default = "one")]
        width: f64,
        /// Ridge's parameters.
        #[serde(default)]
        ridge: RidgeOptions,
    },
    /// Given weights.
    Fixed {
        /// By strategy name; missing ones have none.
        weights: BTreeMap<StrategyName, f64>,
    },
    /// Every strategy equally likely.
    Random {},
}

impl Default for Kind {
    fn default() -> Self {
        Self::Auto {}
    }
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
    /// For rewards that depend on the context's features.
    Ridge,
}

/// What beliefs about one strategy and user borrow from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pool {
    /// Nothing: one belief a strategy, the same for all users.
    None,
    /// The other strategies; the same for all users.
    Strategies,
    /// The other users, through the user's segment if there is one: a belief of each user's own.
    #[default]
    Users,
}

impl PolicyConfig {
    /// A kind with the default options.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, options: Options::default() }
    }

    /// Sets the options.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The name that configuration uses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Auto {} => "auto",
            Kind::Thompson { .. } => "thompson",
            Kind::TopTwoThompson { .. } => "top_two_thompson",
            Kind::TrackAndStop { .. } => "track_and_stop",
            Kind::EpsilonGreedy { .. } => "epsilon_greedy",
            Kind::Softmax { .. } => "softmax",
            Kind::Ucb1 {} => "ucb1",
            Kind::Ucb1Tuned {} => "ucb1_tuned",
            Kind::KlUcb {} => "kl_ucb",
            Kind::Exp3Ix {} => "exp3_ix",
            Kind::SquareCb { .. } => "square_cb",
            Kind::LinUcb { .. } => "lin_ucb",
            Kind::LinTs { .. } => "lin_ts",
            Kind::RandUcb { .. } => "rand_ucb",
            Kind::Fixed { .. } => "fixed",
            Kind::Random {} => "random",
        }
    }

    /// Checks the parameters and makes the policy.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when one is out of range.
    pub fn build(&self) -> Result<Arc<dyn Policy>> {
        let name = PolicyName::new(self.name());
        let name = name.map_err(|error| Error::InvalidConfig { message: error.to_string() })?;
        let canonical = serde_json::to_string(self);
        let canonical = canonical.map_err(|error| Error::InvalidConfig { message: error.to_string() })?;
        if matches!(self.kind, Kind::Auto {}) {
            return Ok(Arc::new(Auto::new(name, &canonical, self.options)?));
        }
        let (learner, rule) = self.parts()?;
        Ok(Arc::new(LearnerPolicy::new(name, &canonical, learner, rule, self.options)?))
    }

    fn parts(&self) -> Result<(Box<dyn Learner>, Box<dyn Rule>)> {
        let plain = || Box::new(NormalInverseGamma::default());
        Ok(match &self.kind {
            Kind::Thompson { learner: kind, pool, width } => {
                (learner(*kind, *pool, None)?, Box::new(Thompson::new(*width)?))
            }
            Kind::TopTwoThompson { learner: kind, pool, leader } => {
                (learner(*kind, *pool, None)?, Box::new(TopTwoThompson::new(*leader)?))
            }
            Kind::TrackAndStop { delta, least } => (plain(), Box::new(TrackAndStop::new(*delta, *least)?)),
            Kind::EpsilonGreedy { epsilon, decay, learner: kind, pool } => {
                let rule = EpsilonGreedy::new(*epsilon)?;
                let rule = decay.map_or(Ok(rule), |decay| rule.decaying(decay))?;
                (learner(*kind, *pool, None)?, Box::new(rule))
            }
            Kind::Softmax { temperature, learner: kind, pool } => {
                (learner(*kind, *pool, None)?, Box::new(Softmax::new(*temperature)?))
            }
            Kind::Ucb1 {} => (plain(), Box::new(Ucb1)),
            Kind::Ucb1Tuned {} => (plain(), Box::new(Ucb1Tuned)),
            Kind::KlUcb {} => (plain(), Box::new(KlUcb)),
            Kind::Exp3Ix {} => (plain(), Box::new(Exp3Ix)),
            Kind::SquareCb { gamma, exponent, learner: kind, pool, ridge } => {
                (learner(*kind, *pool, Some(ridge))?, Box::new(InverseGap::new(*gamma, *exponent)?))
            }
            Kind::LinUcb { alpha, ridge } => {
                (Box::new(Ridge::new(ridge.clone())?), Box::new(Optimism::new(*alpha)?))
            }
            Kind::LinTs { width, ridge } => {
                (Box::new(Ridge::new(ridge.clone())?), Box::new(Thompson::new(*width)?))
            }
            Kind::RandUcb { width, ridge } => {
                (Box::new(Ridge::new(ridge.clone())?), Box::new(RandomizedUcb::new(*width)?))
            }
            Kind::Fixed { weights } => (plain(), Box::new(FixedWeights::new(weights.clone())?)),
            Kind::Auto {} | Kind::Random {} => (plain(), Box::new(RandomRule)),
        })
    }
}

fn learner(kind: LearnerKind, pool: Pool, ridge: Option<&RidgeOptions>) -> Result<Box<dyn Learner>> {
    let normal = NormalInverseGamma::default();
    Ok(match (kind, pool) {
        (LearnerKind::Beta, Pool::None) => Box::new(BetaCounts),
        (LearnerKind::Beta, Pool::Strategies) => Box::new(Pooled(BetaCounts)),
        (LearnerKind::Beta, Pool::Users) => Box::new(Hierarchical(BetaCounts)),
        (LearnerKind::NormalInverseGamma, Pool::None) => Box::new(normal),
        (LearnerKind::NormalInverseGamma, Pool::Strategies) => Box::new(Pooled(normal)),
        (LearnerKind::NormalInverseGamma, Pool::Users) => Box::new(Hierarchical(normal)),
        (LearnerKind::Ridge, _) => Box::new(Ridge::new(ridge.cloned().unwrap_or_default())?),
    })
}

/// Keys that belong to every kind.
const COMMON: [&str; 4] = ["floor", "epoch_seconds", "forget", "budget"];

impl TryFrom<Map<String, Value>> for PolicyConfig {
    type Error = Error;

    fn try_from(mut table: Map<String, Value>) -> Result<Self> {
        let refused = |error: serde_json::Error| Error::InvalidConfig { message: error.to_string() };
        let common = COMMON.iter().filter_map(|key| table.remove_entry(*key));
        let common: Map<String, Value> = common.collect();
        if !table.contains_key("kind") {
            let message = "a policy is a table with `kind`, for example { kind = \"auto\" }".to_owned();
            return Err(Error::InvalidConfig { message });
        }
        Ok(Self {
            options: serde_json::from_value(Value::Object(common)).map_err(refused)?,
            kind: serde_json::from_value(Value::Object(table)).map_err(refused)?,
        })
    }
}

impl From<PolicyConfig> for Map<String, Value> {
    /// Numbers that JSON cannot hold become null, which reading refuses.
    fn from(config: PolicyConfig) -> Self {
        let object = |value: serde_json::Result<Value>| match value {
            Ok(Value::Object(object)) => object,
            _ => Self::new(),
        };
        let mut table = object(serde_json::to_value(&config.kind));
        table.extend(object(serde_json::to_value(config.options)));
        table
    }
}

fn one() -> f64 {
    1.0
}

fn half() -> f64 {
    0.5
}

fn twentieth() -> f64 {
    0.05
}

fn ten_rewards() -> u32 {
    10
}

fn tenth() -> f64 {
    0.1
}

fn ten() -> f64 {
    10.0
}

fn ridge() -> LearnerKind {
    LearnerKind::Ridge
}
