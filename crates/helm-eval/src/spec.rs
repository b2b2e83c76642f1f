use std::time::Duration;

use helm_core::{EvaluatorName, RewardName, RewardSpecId, UnitInterval};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::learned::LearnedWeights;

/// How scores, feedback and prices make a reward. Checked; made by [`RewardSpecConfig::build`].
#[derive(Clone, PartialEq, Debug)]
pub struct RewardSpec {
    pub(crate) id: RewardSpecId,
    pub(crate) config: RewardSpecConfig,
}

/// A reward specification as configuration writes it.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RewardSpecConfig {
    /// Raised whenever the meaning changes. Default: 1.
    #[serde(default = "first")]
    pub version: u32,
    /// What counts, and how much.
    pub terms: Vec<Term>,
    /// How terms are combined. Default: the weighted mean.
    #[serde(default)]
    pub combine: Combine,
    /// The weights of [`Combine::Learned`], as [`learn`](crate::learn) fits them. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedWeights>,
    /// Whose weights count. Default: the configured ones.
    #[serde(default)]
    pub weights: Weights,
    /// Limits that a mean cannot hide. Default: none.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// What money and time cost, in reward units. Default: nothing.
    #[serde(default)]
    pub price: Price,
    /// The weight of people's judgement against the evaluators' when both are there, from 0 to 1. Default:
    /// 0.8.
    #[serde(default = "people_first")]
    pub human_weight: f64,
    /// The share of the terms' weight that must be present, from 0 to 1; below it there is no reward without
    /// a person's judgement. Default: 0.5.
    #[serde(default = "half")]
    pub min_coverage: f64,
    /// The reward of a decision that nobody and nothing has judged in time. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultReward>,
}

/// One evaluator's part.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Which evaluator.
    #[cfg_attr(feature = "json-schema", schemars(with = "String"))]
    pub evaluator: EvaluatorName,
    /// How much it counts, above 0. Multiplied by the score's confidence.
    pub weight: f64,
    /// What happens when there is no score. Default: the term is dropped.
    #[serde(default)]
    pub missing: Missing,
}

/// What happens when there is no score.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// The others carry its weight.
    #[default]
    Drop,
    /// It counts as this value.
    Neutral(#[cfg_attr(feature = "json-schema", schemars(with = "f64"))] UnitInterval),
    /// There is no reward.
    Block,
}

/// How terms are combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Combine {
    /// The weighted arithmetic mean.
    #[default]
    Weighted,
    /// The weighted geometric mean: one term at 0 makes it 0.
    Geometric,
    /// The worst term.
    Min,
    /// As people rated: by the weights in [`RewardSpecConfig::learned`]. Confidences do not count.
    Learned,
}

/// Whose weights count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Weights {
    /// The configured ones.
    #[default]
    Configured,
    /// The configured ones until weights learned from people's ratings order answers clearly better; then those, as ratings
    /// come in. Only with [`Combine::Weighted`].
    Learned,
}

/// A limit that a mean cannot hide.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Which evaluator.
    #[cfg_attr(feature = "json-schema", schemars(with = "String"))]
    pub evaluator: EvaluatorName,
    /// A score below this closes the gate.
    #[cfg_attr(feature = "json-schema", schemars(with = "f64"))]
    pub at_least: UnitInterval,
    /// The most that the reward can be behind a closed gate, whatever people say. Default: 0.
    #[serde(default)]
    #[cfg_attr(feature = "json-schema", schemars(with = "f64"))]
    pub cap: UnitInterval,
    /// What happens when the turn was evaluated and there is no score. Default: there is no reward.
    #[serde(default)]
    pub missing: GateMissing,
}

/// What a gate does without a score.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateMissing {
    /// There is no reward, whatever people say.
    #[default]
    NoReward,
    /// The gate is closed.
    Closed,
    /// The gate is open.
    Open,
}

/// What money and time cost.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Reward lost for a dollar.
    pub per_dollar: f64,
    /// Reward lost for a second.
    pub per_second: f64,
}

/// The reward of silence.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DefaultReward {
    /// What silence is worth.
    #[cfg_attr(feature = "json-schema", schemars(with = "f64"))]
    pub value: UnitInterval,
    /// After how many seconds.
    pub after_seconds: u64,
}

impl RewardSpec {
    /// Coherence 4, specificity 3, groundedness 3, preference 2, length 2, relevance 1, safety 1, with safety as a gate at
    /// 0.3; people's judgement weighs 0.8; no prices, no default.
    ///
    /// This is version 2. Version 1 weighed relevance 3, coherence 1, length 1, safety 1, which ordered answers hardly better than
    /// chance; figures of both are in `models/figures.md`. No weights without people's ratings are good everywhere: learn
    /// your own with [`learn`](crate::learn).
    ///
    /// # Errors
    ///
    /// Never, unless this crate is broken.
    pub fn standard() -> Result<Self> {
        let term = |name, weight| {
            Ok::<_, Error>(Term { evaluator: EvaluatorName::new(name)?, weight, missing: Missing::Drop })
        };
        let gate = Gate {
            evaluator: EvaluatorName::new("safety")?,
            at_least: UnitInterval::new(0.3)?,
            cap: UnitInterval::ZERO,
            missing: GateMissing::NoReward,
        };
        let config = RewardSpecConfig {
            version: 2,
            terms: vec![
                term("relevance", 1.0)?,
                term("coherence", 4.0)?,
                term("length", 2.0)?,
                term("safety", 1.0)?,
                term("specificity", 3.0)?,
                term("preference", 2.0)?,
                term("groundedness", 3.0)?,
            ],
            combine: Combine::default(),
            learned: None,
            weights: Weights::default(),
            gates: vec![gate],
            price: Price::default(),
            human_weight: people_first(),
            min_coverage: half(),
            default: None,
        };
        config.build(&RewardName::new("default")?)
    }

    /// Name and version.
    #[must_use]
    pub fn id(&self) -> &RewardSpecId {
        &self.id
    }

    /// As configuration writes it.
    #[must_use]
    pub fn config(&self) -> &RewardSpecConfig {
        &self.config
    }

    /// Whether weights learned from people take the place of its own as ratings come in.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.config.weights == Weights::Learned
    }

    /// The same under weights that were learned from people: its id says under which.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] when they are not of its terms.
    pub fn with_weights(&self, number: u64, weights: LearnedWeights) -> Result<Self> {
        let mut config = self.config.clone();
        (config.combine, config.learned, config.weights) =
            (Combine::Learned, Some(weights), Weights::Configured);
        let mut spec = config.build(&self.id.name)?;
        spec.id.weights = Some(number);
        Ok(spec)
    }

    /// The evaluators it names.
    pub fn evaluators(&self) -> impl Iterator<Item = &EvaluatorName> {
        let terms = self.config.terms.iter().map(|term| &term.evaluator);
        terms.chain(self.config.gates.iter().map(|gate| &gate.evaluator))
    }

    /// After what time silence gets the default; `None` without a default.
    #[must_use]
    pub fn default_after(&self) -> Option<Duration> {
        self.config.default.map(|default| Duration::from_secs(default.after_seconds))
    }
}

impl RewardSpecConfig {
    /// Checks the specification and names it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] when it has neither terms nor people's weight, names an evaluator twice, or a
    /// number is out of range.
    pub fn build(&self, name: &RewardName) -> Result<RewardSpec> {
        let refuse = |message: String| Err(Error::InvalidSpec { message });
        if self.terms.is_empty() && self.human_weight <= 0.0 {
            return refuse("a reward needs at least one term or a human_weight above 0".to_owned());
        }
        for (index, term) in self.terms.iter().enumerate() {
            if !(term.weight.is_finite() && term.weight > 0.0) {
                return refuse(format!(
                    "the weight of {} must be a number above 0, got {}",
                    term.evaluator, term.weight
                ));
            }
            if self.terms.iter().take(index).any(|earlier| earlier.evaluator == term.evaluator) {
                return refuse(format!("the evaluator {} has two terms; give it one", term.evaluator));
            }
        }
        for (setting, value) in [("human_weight", self.human_weight), ("min_coverage", self.min_coverage)] {
            if !(0.0..=1.0).contains(&value) {
                return refuse(format!("{setting} must be a number from 0 to 1, got {value}"));
            }
        }
        for (setting, value) in [("per_dollar", self.price.per_dollar), ("per_second", self.price.per_second)]
        {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(format!("price.{setting} must be a number of at least 0, got {value}"));
            }
        }
        self.check_learned()?;
        let id = RewardSpecId::new(name.clone(), self.version);
        Ok(RewardSpec { id, config: self.clone() })
    }
}

impl RewardSpecConfig {
    /// Learned weights are there when they are asked for, are of the terms, and are numbers.
    fn check_learned(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::InvalidSpec { message });
        if self.weights == Weights::Learned && self.combine != Combine::Weighted {
            return refuse(
                "weights = \"learned\" begins with the weighted mean; leave out `combine`, or `weights`"
                    .to_owned(),
            );
        }
        let Some(learned) = &self.learned else {
            return match self.combine {
                Combine::Learned => refuse("combine = \"learned\" needs weights in `learned`".to_owned()),
                _ => Ok(()),
            };
        };
        if learned.strategies.values().any(|off| !off.is_finite()) {
            return refuse("learned.strategies must be numbers".to_owned());
        }
        if !learned.intercept.is_finite() {
            return refuse("learned.intercept must be a number".to_owned());
        }
        for term in &learned.terms {
            let name = &term.evaluator;
            if !(term.weight.is_finite() && term.weight >= 0.0 && term.centre.is_finite()) {
                return refuse(format!("the learned weight of {name} must be a number of at least 0"));
            }
            if !self.terms.iter().any(|configured| configured.evaluator == *name) {
                return refuse(format!(
                    "there is a learned weight of {name}, but no term; learn the weights again"
                ));
            }
        }
        for term in &self.terms {
            if learned.terms.iter().filter(|fitted| fitted.evaluator == term.evaluator).count() != 1 {
                return refuse(format!(
                    "{} needs exactly one learned weight; learn the weights again",
                    term.evaluator
                ));
            }
        }
        if learned.terms.iter().all(|term| term.weight <= 0.0) {
            return refuse("all learned weights are 0; keep the configured ones".to_owned());
        }
        Ok(())
    }
}

fn first() -> u32 {
    1
}

fn people_first() -> f64 {
    0.8
}

fn half() -> f64 {
    0.5
}
