//! Bandit learning: which strategy, with what exact probability, and what a reward teaches.
//!
//! Pure and deterministic: no I/O, no clock, no global random source. Four layers, each replaceable:
//! *statistics* (additive integers, [`Stats`](helm_core::Stats)) → [`Learner`] (statistics to a [`Posterior`] of
//! each strategy's mean reward) → [`Rule`] (posteriors to probabilities) → [`LearnerPolicy`] (eligibility, floor,
//! sampling). Only statistics are stored; all else is computed when it is needed, so a corrected learner needs
//! no migration.
//!
//! | `kind` | rule | learner | source |
//! |---|---|---|---|
//! | `auto` | Thompson, posterior width 0.5 | hierarchical normal-inverse-gamma | see the rows below |
//! | `thompson` | Thompson sampling, exact probabilities | `beta` or `normal_inverse_gamma` | Thompson 1933; Chapelle & Li 2011; Honda & Takemura 2014 |
//! | `epsilon_greedy` | the best mean, or with ε any | as above | Auer, Cesa-Bianchi & Fischer 2002 |
//! | `fixed` | given weights | none | - |
//! | `random` | uniform | none | - |
//!
//! Every policy gives a whole probability vector with a floor: a total exploration mass spread evenly over the
//! eligible strategies, by default `min(0.02, 0.2 / sqrt(t))` after `t` rewards of the task.
//!
//! # Examples
//!
//! ```
//! use helm_core::{Context, DecisionId, StrategyId, TaskId, TenantId, Timestamp, UserId};
//! use helm_policy::{ChoiceRequest, PolicyConfig, Snapshot};
//!
//! let policy = PolicyConfig::default().build()?;
//! let at = Timestamp::from_micros(1_000_000);
//! let context = Context::new(TenantId::single(), UserId::new("ana")?, TaskId::new("support")?, at);
//! let eligible: Vec<StrategyId> = vec!["concise@1".parse()?, "thorough@1".parse()?];
//! let choice = policy.choose(&ChoiceRequest {
//!     id: DecisionId::from_bytes([7; 16]),
//!     context: &context,
//!     eligible: &eligible,
//!     snapshot: &Snapshot::default(),
//!     now: at,
//! })?;
//! assert!((choice.propensity.get() - 0.5).abs() < 1e-9, "nothing is known yet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is not for: keeping state, reading clocks, or deciding what a reward is.

mod config;
mod error;
mod floor;
mod learner;
mod policy;
mod posterior;
mod prior;
mod quadrature;
mod registry;
mod rule;
mod sampling;
mod snapshot;
mod special;

pub use config::{LearnerKind, Options, PolicyConfig};
pub use error::{Error, Result};
pub use floor::Floor;
pub use learner::{BetaCounts, Evidence, Hierarchical, Learner, NormalInverseGamma};
pub use policy::{Choice, ChoiceRequest, Contribution, LearnerPolicy, Policy};
pub use posterior::Posterior;
pub use prior::{PriorEstimate, StrategyPrior, UserStats};
pub use registry::{Constructor, Registry};
pub use rule::{EpsilonGreedy, FixedWeights, RandomRule, Rule, Thompson};
pub use snapshot::Snapshot;
