use std::collections::BTreeMap;

use helm_core::{
    AssignedBy, Category, DecisionId, DecisionMode, EvaluatorName, ExperimentKey, Probability, SegmentName,
    SourceName, SpecDigest, StrategyId, TaskId, TenantId, Timestamp, TurnStatus, UnitInterval, UserId,
    VariantName,
};
use serde::Deserialize;

use crate::spec::Event;

/// A turn that has ended, as a report needs it; the fields are those of the rows that `helmctl export` writes, of which
/// others are passed over.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct LogRow {
    /// Whose installation.
    pub tenant: TenantId,
    /// The turn's id.
    pub id: DecisionId,
    /// Who was talking.
    pub user: UserId,
    /// What kind of work.
    pub task: TaskId,
    /// The segment of users, if any.
    #[serde(default)]
    pub segment: Option<SegmentName>,
    /// The strategy that was chosen.
    #[serde(default)]
    pub strategy: Option<StrategyId>,
    /// How it was chosen.
    #[serde(default)]
    pub mode: Option<DecisionMode>,
    /// The experiment that assigned the user, if one did.
    #[serde(default)]
    pub experiment: Option<ExperimentKey>,
    /// The experiment's side.
    #[serde(default)]
    pub variant: Option<VariantName>,
    /// The share of users on that side.
    #[serde(default)]
    pub variant_share: Option<Probability>,
    /// How the user came to that side.
    #[serde(default)]
    pub assigned_by: Option<AssignedBy>,
    /// The version of the experiment's specification; 1 where it is not told.
    #[serde(default)]
    pub experiment_version: Option<u32>,
    /// What of that specification must not change, hashed.
    #[serde(default)]
    pub experiment_spec: Option<SpecDigest>,
    /// The strategies that could have been chosen.
    #[serde(default)]
    pub candidates: Vec<LogCandidate>,
    /// How it ended.
    pub status: TurnStatus,
    /// From the request to the last byte, in microseconds.
    pub latency_us: u64,
    /// From the request to the first byte of content, in microseconds.
    #[serde(default)]
    pub first_token_us: Option<u64>,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Billionths of a US dollar.
    #[serde(default)]
    pub cost_nano_usd: Option<i64>,
    /// What it earned.
    #[serde(default)]
    pub reward: Option<UnitInterval>,
    /// What evaluators said.
    #[serde(default)]
    pub scores: BTreeMap<EvaluatorName, Option<UnitInterval>>,
    /// What people and model judges said.
    #[serde(default)]
    pub feedback: Vec<LogFeedback>,
    /// How often guards found something, by category.
    #[serde(default)]
    pub violations: BTreeMap<Category, u64>,
    /// When it began.
    pub began: Timestamp,
}

/// A strategy that could have been chosen.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct LogCandidate {
    /// The strategy.
    pub strategy: StrategyId,
    /// Its probability.
    pub probability: Probability,
}

/// What somebody said of a turn.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct LogFeedback {
    /// Who said so; the user where it is not told.
    #[serde(default = "SourceName::user")]
    pub source: SourceName,
    /// From 0, bad, to 1, good.
    pub value: UnitInterval,
}

impl LogRow {
    /// What a model judge said.
    fn judged(&self, name: &EvaluatorName) -> Option<UnitInterval> {
        let said = self.feedback.iter().find(|said| said.source.as_judge() == Some(name.as_str()));
        said.map(|said| said.value)
    }

    /// What is measured of the turn; `None` where it lacks it.
    pub(super) fn measured(&self, event: &Event) -> Option<f64> {
        let seconds = |micros: u64| micros as f64 * 1e-6;
        let flag = |is: bool| Some(if is { 1.0 } else { 0.0 });
        match event {
            Event::Turn => Some(1.0),
            Event::Reward => self.reward.map(UnitInterval::get),
            Event::Latency => Some(seconds(self.latency_us)),
            Event::FirstToken => self.first_token_us.map(seconds),
            Event::Cost => self.cost_nano_usd.map(|nanos| nanos as f64 * 1e-9),
            Event::InputTokens => Some(self.input_tokens as f64),
            Event::OutputTokens => Some(self.output_tokens as f64),
            Event::Answered => flag(self.status.is_answered()),
            Event::Failed => flag(self.status.is_failure()),
            Event::Blocked => flag(self.status == TurnStatus::Blocked),
            Event::Violations => Some(self.violations.values().sum::<u64>() as f64),
            Event::Feedback => {
                let people = self.feedback.iter().filter(|said| said.source.is_person());
                let (count, sum) =
                    people.fold((0.0, 0.0), |(count, sum), said| (count + 1.0, sum + said.value.get()));
                (count > 0.0).then(|| sum / count)
            }
            Event::Score(name) => {
                let score = self.scores.get(name).copied().flatten();
                score.or_else(|| self.judged(name)).map(UnitInterval::get)
            }
        }
    }
}
