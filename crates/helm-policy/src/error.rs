use helm_core::{StatsError, StrategyId};

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a policy could not decide, learn or be built. State is unchanged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No strategy is eligible.
    #[error("no strategy is eligible; the caller decides what to fall back to")]
    NothingEligible,
    /// A reward is none.
    #[error("the reward {value} is not a number from 0 to 1; map it there before it is learnt from")]
    InvalidReward {
        /// What was given.
        value: f64,
    },
    /// A pick is of another bandit.
    #[error("there is no strategy {arm}, counted from 0, among {arms}; the pick is another bandit's")]
    UnknownArm {
        /// Which one.
        arm: usize,
        /// How many there are.
        arms: usize,
    },
    /// A bandit was given a learner that it cannot keep sums for.
    #[error("this learner keeps sums of features, which a Bandit does not; use a LinearBandit, or a policy")]
    NeedsFeatures,
    /// The context has another number of features than the bandit was made for.
    #[error("{given} features where the bandit was made for {expected}")]
    WrongFeatures {
        /// How many were given.
        given: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A strategy is listed twice among the eligible ones.
    #[error("strategy {strategy} is listed twice among the eligible ones")]
    DuplicateStrategy {
        /// Which one.
        strategy: StrategyId,
    },
    /// Stored statistics cannot have come from rewards.
    #[error(
        "the statistics of {strategy} are not those of rewards in [0, 1]: {reason}; audit the learning state"
    )]
    CorruptStats {
        /// Whose statistics.
        strategy: StrategyId,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A snapshot was made from the rows of two users or segments.
    #[error("a snapshot holds the rows of one user and one segment; these belong to two")]
    MixedUsers,
    /// A snapshot of one user was used for another.
    #[error("the snapshot holds the rows of another user or segment than the context's")]
    ForeignSnapshot,
    /// A row's scope is none that this build knows.
    #[error("the scope {scope:?} is unknown to this build; upgrade helm")]
    UnknownScope {
        /// As written.
        scope: String,
    },
    /// A learner's belief is not one.
    #[error("the learner believes {posterior}; its parameters must be finite and its widths above 0")]
    InvalidPosterior {
        /// What it gave.
        posterior: String,
    },
    /// The probabilities of being best could not be integrated.
    #[error(
        "the probabilities of being best sum to {sum}, not to 1: the beliefs differ too much in width to integrate, or one is no belief"
    )]
    Integration {
        /// What they sum to.
        sum: f64,
    },
    /// A feature is too large.
    #[error("the feature {value} is beyond ±{largest}; scale features to about 1")]
    InvalidFeature {
        /// Which value.
        value: f64,
        /// The largest that is accepted.
        largest: f64,
    },
    /// A shared linear model knows no features of a strategy.
    #[error("the shared model has no features for strategy {strategy}; add them to `ridge.strategies`")]
    NoFeatures {
        /// Which strategy.
        strategy: StrategyId,
    },
    /// Packed sums have another length than their layout says.
    #[error(
        "the packed statistics have {found} components where their layout has {expected}; audit the learning state"
    )]
    WrongPackedLength {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A linear system has no solution.
    #[error(
        "the features' matrix is not positive definite; audit the learning state, or raise `ridge.penalty`"
    )]
    Singular,
    /// Statistics could not be added.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// A computed probability is not one.
    #[error(
        "the rule gave {value} as a probability; a rule must give finite numbers of at least 0 that do not all vanish"
    )]
    InvalidProbability {
        /// What it gave.
        value: f64,
    },
    /// A rule gave another number of probabilities than there are strategies.
    #[error("the rule gave {given} probabilities for {expected} strategies")]
    WrongLength {
        /// How many it gave.
        given: usize,
        /// How many there are.
        expected: usize,
    },
    /// A parameter is out of range.
    #[error("{parameter} must be {accepted}, got {value}")]
    InvalidParameter {
        /// Which one.
        parameter: &'static str,
        /// What is accepted.
        accepted: &'static str,
        /// What was given.
        value: String,
    },
    /// The configuration is not one of a policy.
    #[error("{message}")]
    InvalidConfig {
        /// What is wrong and what to do.
        message: String,
    },
    /// No policy is registered under this name.
    #[error("there is no policy {kind:?}; there are: {known}")]
    UnknownKind {
        /// What was asked for.
        kind: String,
        /// The registered names, separated by commas.
        known: String,
    },
    /// A policy is already registered under this name.
    #[error("the policy {kind:?} is registered already")]
    DuplicateKind {
        /// The name.
        kind: String,
    },
}
