/// Why there is no number. What is undefined is a property of the data; the others are mistakes of the caller.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing varies, so nothing can be told apart.
    #[error("undefined: no value differs from the others")]
    ZeroVariance,
    /// Arms of one value each differ, or pairs all by as much: how much of it is chance is not known.
    #[error(
        "undefined: the arms differ, and nothing spreads within them; without any spread there is no error to tell by"
    )]
    ConstantArms,
    /// Fewer than two units in an arm.
    #[error("undefined: an arm has fewer than 2 units")]
    TooFewUnits,
    /// Fewer than two users in an arm, however many turns they had.
    #[error("undefined: an arm has fewer than 2 users")]
    TooFewClusters,
    /// A log holds too little of what another policy would have done.
    #[error("undefined: the log is worth {effective:.1} decisions of that policy, and {least} are needed")]
    TooFewEffective {
        /// How many it is worth.
        effective: f64,
        /// How many are needed.
        least: f64,
    },
    /// Another policy would have chosen what the log could not.
    #[error(
        "undefined: {:.2} % of that policy's choices could not have been made where the log was; nothing can be said of them",
        100.0 * share
    )]
    OutsideSupport {
        /// The share of its choices.
        share: f64,
    },
    /// A ratio's denominators sum to 0.
    #[error("undefined: the denominators of an arm sum to 0")]
    ZeroDenominator,
    /// A relative change of 0.
    #[error("undefined: the control's mean is 0, so there is no relative change; the absolute one stands")]
    ZeroBaseline,
    /// Nobody took part.
    #[error("undefined: there are no units")]
    NoUnits,
    /// A value is infinite or no number.
    #[error("value {row} is not finite; leave it out or correct it")]
    NotFinite {
        /// Its place, from 0.
        row: usize,
    },
    /// A value lies outside of what a method holds for.
    #[error("value {row} is {value} and must lie from 0 to 1; scale the values to that range")]
    OutOfUnit {
        /// Its place, from 0.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// A level, a power or a quantile is none.
    #[error("{name} must lie between 0 and 1, without them, and is {value}")]
    NoShare {
        /// What it is called.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// A number that must be above 0 is not.
    #[error("{name} must be a finite number above 0, and is {value}")]
    NotPositive {
        /// What it is called.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// More successes than trials.
    #[error("{successes} successes in {trials} trials")]
    MoreSuccessesThanTrials {
        /// The successes.
        successes: u64,
        /// The trials.
        trials: u64,
    },
    /// Two lists of one value a unit have different lengths.
    #[error("pairs need as many values on both sides, and there are {left} and {right}")]
    Unpaired {
        /// How many there are on one side,
        left: usize,
        /// and on the other.
        right: usize,
    },
    /// Units were seen in more than one arm.
    #[error("{} were in more than one arm: {}", units.len(), units.join(", "))]
    UnitsInSeveralArms {
        /// Which, sorted.
        units: Vec<String>,
    },
    /// Somebody is in an arm that should get nobody.
    #[error("arm {arm} has units and a weight of 0")]
    TrafficWithoutWeight {
        /// The arm, from 0.
        arm: usize,
    },
    /// What was given cannot be used together or at all, such as weights that are negative or looks out of order.
    #[error("{name}: {why}")]
    Unusable {
        /// What they are called.
        name: &'static str,
        /// What is wrong with them.
        why: &'static str,
    },
    /// An arm was played that could not be played.
    #[error("row {row}: the arm that was played had a propensity of 0")]
    ZeroPropensity {
        /// The row, from 0.
        row: usize,
    },
    /// Propensities of a row are no probabilities.
    #[error("row {row}: the propensities do not sum to 1")]
    NoPropensities {
        /// The row, from 0.
        row: usize,
    },
}

impl Refusal {
    /// Whether the data leave it undefined, and nobody has made a mistake.
    #[must_use]
    pub const fn is_undefined(&self) -> bool {
        matches!(
            self,
            Self::ZeroVariance
                | Self::ConstantArms
                | Self::TooFewUnits
                | Self::TooFewClusters
                | Self::TooFewEffective { .. }
                | Self::OutsideSupport { .. }
                | Self::ZeroDenominator
                | Self::ZeroBaseline
                | Self::NoUnits
        )
    }
}

/// A number, or why there is none.
pub type Answer<T> = Result<T, Refusal>;

/// A share that is neither 0 nor 1.
pub(crate) fn share(name: &'static str, value: f64) -> Answer<f64> {
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(Refusal::NoShare { name, value }) }
}

pub(super) fn positive(name: &'static str, value: f64) -> Answer<f64> {
    if value > 0.0 && value < f64::INFINITY { Ok(value) } else { Err(Refusal::NotPositive { name, value }) }
}
