//! How a specification wants its log to be read.

use serde::Serialize;

use super::plan::Attribute;
use crate::analysis::Spending;

/// When one may look, which says what an interval promises.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Once.
    Fixed,
    /// At any time; the interval is relatively tightest at `n_star` users in all variants together.
    Sequential {
        /// So many users.
        n_star: u64,
    },
    /// At planned shares of a planned number of users.
    GroupSequential {
        /// How many users there will be in the end.
        planned: u64,
        /// At which shares of them one looks.
        looks: Vec<f64>,
        /// How the error is spent.
        #[serde(serialize_with = "named")]
        spending: Spending,
    },
    /// As a belief; not to be stopped at.
    Bayes {
        /// The deviation of the normal belief about the effect before, around 0; without one, nothing is believed.
        prior_deviation: Option<f64>,
    },
    /// What a learning policy's own draws say of the strategies that the variants name; nobody is assigned.
    Adaptive {
        /// At any time instead of once, relatively tightest at so many decisions.
        n_star: Option<u64>,
    },
}

fn named<S: serde::Serializer>(spending: &Spending, serializer: S) -> Result<S::Ok, S::Error> {
    match spending {
        Spending::Power(power) => serializer.collect_str(&format_args!("power({power})")),
        Spending::ObrienFleming => serializer.serialize_str("obrien_fleming"),
    }
}

/// How comparisons are made to hold together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Together {
    /// Each for itself.
    None,
    /// Times their number.
    Bonferroni,
    /// Holm's method: none is wrong but with probability alpha.
    Holm,
    /// Benjamini and Hochberg's: a share of alpha is wrong.
    Bh,
}

/// When to ship.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShipIf {
    /// One goal at least is better and no guardrail is worse.
    AnyGoalBetterAndNoGuardrailWorse,
    /// All goals are better and no guardrail is worse.
    AllGoalsBetterAndNoGuardrailWorse,
    /// No goal and no guardrail is worse: for what is wanted for other reasons.
    NothingWorse,
}

/// How the log is read.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct AnalysisPlan {
    /// When one may look.
    pub mode: Mode,
    /// How often a claim may be wrong.
    pub alpha: f64,
    /// Users that each variant must have before anything is concluded.
    pub min_units: u64,
    /// Of goals.
    pub goal: Together,
    /// Of secondary metrics.
    pub secondary: Together,
    /// How long it runs at least before a verdict, in days.
    pub min_days: f64,
    /// When to ship.
    pub ship_if: ShipIf,
    /// Below this probability the variants' numbers of users are no accident.
    pub srm_alpha: f64,
    /// By what users are looked at in parts.
    pub segments: Vec<Attribute>,
    /// How many parts at most.
    pub max_levels: u64,
}
