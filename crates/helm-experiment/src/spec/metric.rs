//! What is compared between variants.

use std::fmt;
use std::str::FromStr;

use helm_core::EvaluatorName;
use serde::{Serialize, Serializer};

use crate::analysis::Better;

/// What is compared between variants.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Metric {
    /// Its name in reports.
    pub key: String,
    /// What it decides.
    pub role: Role,
    /// How turns make a value, and values a comparison.
    pub kind: MetricKind,
    /// Whether more or less of it is better.
    #[serde(serialize_with = "better")]
    pub better: Better,
    /// Of a guardrail: how much worse it may be. Without one, it must not be found worse.
    pub margin: Option<Margin>,
    /// What was known of users before they took part.
    pub covariate: Option<Covariate>,
}

fn better<S: Serializer>(better: &Better, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match better {
        Better::Higher => "higher",
        Better::Lower => "lower",
    })
}

/// What a metric decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The verdict rests on it.
    Goal,
    /// It must not become worse.
    Guardrail,
    /// It is only looked at.
    Secondary,
}

/// How turns make a value, and values a comparison.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MetricKind {
    /// The mean of a value of each user: all users weigh the same.
    Mean {
        /// The user's value.
        value: Measure,
    },
    /// The share of users of whom a measure is above 0.
    Share {
        /// The measure.
        value: Measure,
    },
    /// A sum over a sum, such as reward a turn: users weigh as much as they do.
    Ratio {
        /// What is summed above the line,
        num: Measure,
        /// and below it.
        den: Measure,
    },
    /// A quantile over turns, those of a user taken together.
    Quantile {
        /// What is measured of a turn.
        event: Event,
        /// Which quantile.
        q: f64,
    },
    /// Whether users tend to have more, by ranks of a value of each.
    Rank {
        /// The user's value.
        value: Measure,
    },
}

/// One number of a user: an event of turns, taken together.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Measure {
    /// What is measured of a turn.
    pub event: Event,
    /// How the turns' numbers become one. Turns without the event are left out.
    pub agg: Aggregate,
}

/// How the numbers of a user's turns become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// How many there are.
    Count,
    /// Their mean; a user without any has no value.
    Mean,
    /// The greatest; a user without any has no value.
    Max,
}

/// What is measured of a turn. Some turns lack some of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// 1 for every turn: `turn`.
    Turn,
    /// What it earned, from 0 to 1: `reward`.
    Reward,
    /// From the request to the last byte: `latency_seconds`.
    Latency,
    /// From the request to the first byte of content: `first_token_seconds`.
    FirstToken,
    /// What the provider asks for it: `cost_dollars`.
    Cost,
    /// Tokens of the prompt: `input_tokens`.
    InputTokens,
    /// Tokens of the answer: `output_tokens`.
    OutputTokens,
    /// 1 if the model gave an answer, else 0: `answered`.
    Answered,
    /// 1 if the provider or the store failed, else 0: `failed`.
    Failed,
    /// 1 if a guard refused it, else 0: `blocked`.
    Blocked,
    /// How often guards found something: `violations`.
    Violations,
    /// What people said of it, from 0 to 1, on average, model judges not counted: `feedback`.
    Feedback,
    /// What an evaluator or a model judge said, from 0 to 1: `score:NAME`.
    Score(EvaluatorName),
}

/// All but scores, by their names.
const EVENTS: [(&str, Event); 12] = [
    ("turn", Event::Turn),
    ("reward", Event::Reward),
    ("latency_seconds", Event::Latency),
    ("first_token_seconds", Event::FirstToken),
    ("cost_dollars", Event::Cost),
    ("input_tokens", Event::InputTokens),
    ("output_tokens", Event::OutputTokens),
    ("answered", Event::Answered),
    ("failed", Event::Failed),
    ("blocked", Event::Blocked),
    ("violations", Event::Violations),
    ("feedback", Event::Feedback),
];

impl FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(name) = text.strip_prefix("score:") {
            return name.parse().map(Self::Score).map_err(|error: helm_core::Error| error.to_string());
        }
        let found = EVENTS.iter().find(|(name, _)| *name == text);
        found.map(|(_, event)| event.clone()).ok_or_else(|| {
            let known = EVENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            format!("there is no event {text:?}; write one of: {known}, score:NAME")
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score(name) => write!(f, "score:{name}"),
            other => {
                f.write_str(EVENTS.iter().find(|(_, event)| event == other).map_or("", |(name, _)| name))
            }
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How much worse a guardrail may be.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Margin {
    /// In the metric's own unit.
    Absolute(f64),
    /// As a share of the control's value.
    Relative(f64),
}

/// What was known of users before they took part, which takes noise off a metric (CUPED).
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Covariate {
    /// Of the turns before the first exposure.
    pub measure: Measure,
    /// How many days before it are looked at.
    pub days: f64,
}
