#![doc = include_str!("../README.md")]
//!
//! # Four layers
//!
//! Each is replaceable: *statistics* (additive integers, [`Stats`](helm_core::Stats)) → [`Learner`] (statistics to a
//! [`Posterior`] of each strategy's mean reward) → [`Rule`] (posteriors to probabilities) → [`LearnerPolicy`]
//! (eligibility, floor, sampling). Only statistics are stored; all else is computed when it is needed, so a corrected
//! learner needs no migration.
//!
//! | `kind` | law | source |
//! |---|---|---|
//! | `auto` | chooses among the rows below by what it sees, see [`Auto`] | |
//! | `thompson` | the probability of holding the largest mean | Thompson 1933; Chapelle & Li 2011; Honda & Takemura 2014 |
//! | `top_two_thompson` | the leader or the challenger | Russo 2016 |
//! | `track_and_stop` | finds the best and says when it has | Garivier & Kaufmann 2016; Krichevsky & Trofimov 1981 |
//! | `epsilon_greedy` | the best mean, or with ε, constant or falling, any | Auer, Cesa-Bianchi & Fischer 2002 |
//! | `softmax` | ∝ exp(mean / τ) | Sutton & Barto 2018 |
//! | `ucb1`, `ucb1_tuned` | the largest upper bound | Auer, Cesa-Bianchi & Fischer 2002 |
//! | `kl_ucb` | the same, by Bernoulli divergence | Garivier & Cappé 2011 |
//! | `exp3_ix` | exponential weights against an adversary | Kocák et al. 2014; Neu 2015 |
//! | `square_cb` | inverse gap weighting | Foster & Rakhlin 2020 |
//! | `lin_ucb`, `lin_ts` | ridge regression on features | Li et al. 2010; Agrawal & Goyal 2013 |
//! | `rand_ucb` | ridge regression and a randomised bound | Vaswani et al. 2020 |
//! | `fixed`, `random` | given weights, or equal ones | |
//!
//! Beliefs are Beta counts, normal-inverse-gamma, or ridge; they borrow from other strategies ([`Pooled`]) or from
//! other users and their segment ([`Hierarchical`]). Time is kept in buckets: a half-life, a window, or a speed
//! that the rewards choose ([`Forgetting`]) are weights on buckets at read time.
//!
//! Every policy gives a whole probability vector with a floor: a total exploration mass spread evenly over the
//! eligible strategies, by default `min(0.02, 0.2 / sqrt(t))` after `t` rewards of the task.

mod arm;
mod auto;
mod bandit;
mod best;
mod budget;
mod catalog;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod drift;
mod error;
mod evidence;
mod floor;
mod forget;
mod lanes;
mod learner;
mod linear;
mod linear_bandit;
mod memo;
mod options;
mod policy;
mod posterior;
mod prior;
mod recursive;
mod registry;
mod rule;
mod sampling;
mod snapshot;
mod special;

pub use arm::Arm;
pub use auto::Auto;
pub use bandit::{Bandit, Pick};
pub use budget::Budget;
pub use catalog::{CATALOG, KindInfo, ParameterInfo};
pub use config::{Kind, LearnerKind, PolicyConfig, Pool};
pub use error::{Error, Result};
pub use evidence::Evidence;
pub use floor::Floor;
pub use forget::{EpochWeights, Forgetting};
pub use learner::{
    ArmEvidence, BetaCounts, Hierarchical, Learner, Noise, NormalInverseGamma, PACKED_UNITS, Pooled, Ridge,
    RidgeOptions,
};
pub use linear_bandit::LinearBandit;
pub use options::Options;
pub use policy::{Choice, ChoiceRequest, Contribution, LearnerPolicy, Policy};
pub use posterior::Posterior;
pub use prior::{PriorEstimate, StrategyPrior, UserStats};
pub use registry::{Constructor, Registry};
pub use rule::{
    Belief, Drawn, EpsilonGreedy, Exp3Ix, FixedWeights, InverseGap, KlUcb, Optimism, RandomRule,
    RandomizedUcb, Rule, Softmax, Thompson, TopTwoThompson, TrackAndStop, Ucb1, Ucb1Tuned,
};
pub use snapshot::Snapshot;
