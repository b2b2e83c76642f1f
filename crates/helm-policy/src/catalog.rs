//! The built-in kinds, described for people: documentation and tools read the same words.

use serde::Serialize;

/// A kind of policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct KindInfo {
    /// The name that configuration uses.
    pub kind: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Its own parameters; `floor`, `epoch_seconds`, `forget` and `budget` belong to every kind.
    pub parameters: &'static [ParameterInfo],
    /// Authors and year of its primary source.
    pub source: &'static str,
}

/// A parameter of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct ParameterInfo {
    /// The key.
    pub name: &'static str,
    /// What holds without it, as written in configuration; `-` where it must be given or is absent.
    pub default: &'static str,
}

const fn parameter(name: &'static str, default: &'static str) -> ParameterInfo {
    ParameterInfo { name, default }
}

const LEARNER: ParameterInfo = parameter("learner", "\"normal_inverse_gamma\"");
const POOL: ParameterInfo = parameter("pool", "\"users\"");
const RIDGE: ParameterInfo = parameter("ridge", "{}");

const fn kind(
    kind: &'static str,
    summary: &'static str,
    parameters: &'static [ParameterInfo],
    source: &'static str,
) -> KindInfo {
    KindInfo { kind, summary, parameters, source }
}

/// Every built-in kind, in alphabetical order.
pub const CATALOG: [KindInfo; 16] = [
    kind("auto", "chooses among the others by what it sees", &[], "see the kinds it chooses"),
    kind(
        "epsilon_greedy",
        "the best mean, or with epsilon any",
        &[parameter("epsilon", "0.1"), parameter("decay", "-"), LEARNER, POOL],
        "Auer, Cesa-Bianchi & Fischer 2002",
    ),
    kind("exp3_ix", "exponential weights against an adversary", &[], "Kocák et al. 2014; Neu 2015"),
    kind("fixed", "given weights", &[parameter("weights", "-")], "-"),
    kind("kl_ucb", "the largest bound by Bernoulli divergence", &[], "Garivier & Cappé 2011"),
    kind(
        "lin_ts",
        "ridge regression and Thompson sampling",
        &[parameter("width", "0.5"), RIDGE],
        "Agrawal & Goyal 2013",
    ),
    kind(
        "lin_ucb",
        "ridge regression and the largest upper bound",
        &[parameter("alpha", "1.0"), RIDGE],
        "Li, Chu, Langford & Schapire 2010",
    ),
    kind(
        "rand_ucb",
        "ridge regression and a randomised bound",
        &[parameter("width", "1.0"), RIDGE],
        "Vaswani et al. 2020",
    ),
    kind("random", "every strategy equally likely", &[], "-"),
    kind(
        "softmax",
        "probabilities proportional to exp(mean / temperature)",
        &[parameter("temperature", "0.1"), LEARNER, POOL],
        "Sutton & Barto 2018",
    ),
    kind(
        "square_cb",
        "inverse gap weighting",
        &[
            parameter("gamma", "10.0"),
            parameter("exponent", "0.5"),
            parameter("learner", "\"ridge\""),
            POOL,
            RIDGE,
        ],
        "Foster & Rakhlin 2020",
    ),
    kind(
        "thompson",
        "the probability of holding the largest mean",
        &[LEARNER, POOL, parameter("width", "1.0")],
        "Thompson 1933; Chapelle & Li 2011; Honda & Takemura 2014",
    ),
    kind(
        "top_two_thompson",
        "the leader or its challenger, to find the best",
        &[LEARNER, POOL, parameter("leader", "0.5")],
        "Russo 2016",
    ),
    kind(
        "track_and_stop",
        "finds the best and says when it has",
        &[parameter("delta", "0.05"), parameter("least", "10")],
        "Garivier & Kaufmann 2016",
    ),
    kind("ucb1", "the largest upper bound", &[], "Auer, Cesa-Bianchi & Fischer 2002"),
    kind("ucb1_tuned", "the largest bound by empirical variance", &[], "Auer, Cesa-Bianchi & Fischer 2002"),
];
