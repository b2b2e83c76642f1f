use std::collections::BTreeMap;
use std::time::Duration;

use helm_core::{
    AssignedBy, Assignment, Category, ConversationId, Decision, DecisionId, DecisionMode, EvaluatorName,
    ExperimentKey, Features, ModelName, Outcome, PolicyHash, PolicyName, Probability, RewardStage,
    SegmentName, SpecDigest, StrategyId, TaskId, TenantId, Timestamp, TurnStatus, UnitInterval, UserId,
    VariantName,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::log::FeedbackEntry;

/// The version of [`TurnRow`] that this build makes. It grows when a field changes its meaning or goes away, not
/// when one is added.
pub const ROW_FORMAT: u32 = 1;

/// One turn that has ended, flat: context, decision, outcome, reward and feedback.
///
/// What belongs to the decision is absent when the turn ended before one was made. The row serialises as one JSON
/// object with these names; moments are RFC 3339 in UTC.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TurnRow {
    /// [`ROW_FORMAT`] of the build that made it.
    pub format: u32,
    /// Whose installation.
    pub tenant: TenantId,
    /// The turn's id, which is its decision's: a UUID of version 7.
    pub id: DecisionId,
    /// Who was talking.
    pub user: UserId,
    /// What kind of work.
    pub task: TaskId,
    /// The conversation, if any.
    pub conversation: Option<ConversationId>,
    /// The segment of users it was decided for, if any.
    pub segment: Option<SegmentName>,
    /// The strategy that was chosen, as `name@version`.
    pub strategy: Option<StrategyId>,
    /// The probability with which it was chosen.
    pub propensity: Option<Probability>,
    /// How it was chosen.
    pub mode: Option<DecisionMode>,
    /// The policy that chose.
    pub policy: Option<PolicyName>,
    /// The hash of that policy's configuration.
    pub policy_hash: Option<PolicyHash>,
    /// The experiment that assigned the strategy, if one did.
    pub experiment: Option<ExperimentKey>,
    /// The experiment's side.
    pub variant: Option<VariantName>,
    /// The share of users on that side.
    #[serde(default)]
    pub variant_share: Option<Probability>,
    /// How the user came to that side.
    #[serde(default)]
    pub assigned_by: Option<AssignedBy>,
    /// The version of the experiment's specification.
    #[serde(default)]
    pub experiment_version: Option<u32>,
    /// What of that specification must not change, hashed.
    #[serde(default)]
    pub experiment_spec: Option<SpecDigest>,
    /// The strategies that could have been chosen, with their probabilities.
    pub candidates: Vec<CandidateRow>,
    /// Which list of features it is: equal numbers mean equal lists. Written as text, for it may have 20 digits.
    #[serde(serialize_with = "number_as_text", deserialize_with = "number_from_text")]
    pub feature_schema: Option<u64>,
    /// The values of the features, in the order of the schema.
    pub features: Vec<f64>,
    /// How it ended.
    pub status: TurnStatus,
    /// The strategy that answered, when it was another one too: after a fallback.
    pub served: Option<StrategyId>,
    /// The model that answered.
    pub model: Option<ModelName>,
    /// Whether the answer was made up by the built-in demonstration model.
    pub simulated: bool,
    /// How often a model was called.
    pub attempts: u32,
    /// From the request to the last byte, in microseconds.
    pub latency_us: u64,
    /// From the request to the first byte of content, in microseconds.
    pub first_token_us: Option<u64>,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Billionths of a US dollar; absent when the model's price is not known.
    pub cost_nano_usd: Option<i64>,
    /// From 0, bad, to 1, good; absent while there is not enough evidence.
    pub reward: Option<UnitInterval>,
    /// What the reward rests on.
    pub reward_stage: Option<RewardStage>,
    /// What evaluators said, from 0, bad, to 1, good; `None` where one could not judge.
    pub scores: BTreeMap<EvaluatorName, Option<UnitInterval>>,
    /// Current judgements of people and model judges, one for each source, sorted by source.
    pub feedback: Vec<FeedbackEntry>,
    /// How often guards found something, by category.
    pub violations: BTreeMap<Category, u64>,
    /// When the turn began.
    pub began: Timestamp,
    /// When it had ended.
    pub ended: Timestamp,
    /// What the user wrote, as the input guards let it pass. Only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What was answered, as the output guards let it pass. Only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// A strategy that could have been chosen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CandidateRow {
    /// The strategy, as `name@version`.
    pub strategy: StrategyId,
    /// Its probability.
    pub probability: Probability,
}

/// What a row shows of a decision, read without the rest of it.
#[derive(Deserialize)]
pub(crate) struct Decided {
    context: DecidedFor,
    strategy: StrategyId,
    propensity: Probability,
    mode: DecisionMode,
    assignment: Option<Assignment>,
    policy: PolicyName,
    policy_hash: PolicyHash,
    candidates: Vec<CandidateRow>,
}

#[derive(Deserialize)]
struct DecidedFor {
    segment: Option<SegmentName>,
    features: Features,
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        let candidates = decision.candidates.into_iter().map(|candidate| CandidateRow {
            strategy: candidate.strategy,
            probability: candidate.probability,
        });
        Self {
            context: DecidedFor { segment: decision.context.segment, features: decision.context.features },
            strategy: decision.strategy,
            propensity: decision.propensity,
            mode: decision.mode,
            assignment: decision.assignment,
            policy: decision.policy,
            policy_hash: decision.policy_hash,
            candidates: candidates.collect(),
        }
    }
}

/// What a backend has read of a turn that has ended; feedback comes after.
pub(crate) struct Finished {
    pub(crate) tenant: TenantId,
    pub(crate) id: DecisionId,
    pub(crate) user: UserId,
    pub(crate) task: TaskId,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) decision: Option<Decided>,
    pub(crate) outcome: Outcome,
    pub(crate) reward: Option<UnitInterval>,
    pub(crate) stage: Option<RewardStage>,
    pub(crate) began: Timestamp,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
}

impl From<Finished> for TurnRow {
    fn from(turn: Finished) -> Self {
        let Outcome { status, served, model, usage, cost, latency, .. } = turn.outcome;
        let mut row = Self {
            format: ROW_FORMAT,
            tenant: turn.tenant,
            id: turn.id,
            user: turn.user,
            task: turn.task,
            conversation: turn.conversation,
            segment: None,
            strategy: None,
            propensity: None,
            mode: None,
            policy: None,
            policy_hash: None,
            experiment: None,
            variant: None,
            variant_share: None,
            assigned_by: None,
            experiment_version: None,
            experiment_spec: None,
            candidates: Vec::new(),
            feature_schema: None,
            features: Vec::new(),
            status,
            served,
            model,
            simulated: turn.outcome.simulated,
            attempts: turn.outcome.attempts,
            latency_us: micros(latency),
            first_token_us: turn.outcome.first_token.map(micros),
            input_tokens: usage.input.get(),
            output_tokens: usage.output.get(),
            cost_nano_usd: cost.map(helm_core::NanoUsd::nanos),
            reward: turn.reward,
            reward_stage: turn.stage,
            scores: BTreeMap::new(),
            feedback: Vec::new(),
            violations: BTreeMap::new(),
            began: turn.began,
            ended: turn.outcome.at,
            input: turn.input,
            output: turn.output,
        };
        let scores = turn.outcome.scores.into_iter();
        row.scores =
            scores.map(|entry| (entry.evaluator, entry.outcome.score().map(|score| score.value))).collect();
        for violation in &turn.outcome.violations {
            *row.violations.entry(violation.category).or_default() += 1;
        }
        if let Some(decision) = turn.decision {
            row.decide(decision);
        }
        row
    }
}

impl TurnRow {
    /// Takes the decision in.
    fn decide(&mut self, decided: Decided) {
        self.segment = decided.context.segment;
        self.strategy = Some(decided.strategy);
        self.propensity = Some(decided.propensity);
        self.mode = Some(decided.mode);
        self.policy = Some(decided.policy);
        self.policy_hash = Some(decided.policy_hash);
        if let Some(assigned) = decided.assignment {
            self.experiment = Some(assigned.experiment);
            self.variant = Some(assigned.variant);
            self.variant_share = Some(assigned.share);
            self.assigned_by = Some(assigned.by);
            self.experiment_version = Some(assigned.version);
            self.experiment_spec = assigned.spec;
        }
        self.candidates = decided.candidates;
        self.feature_schema = Some(decided.context.features.schema());
        self.features = decided.context.features.values().to_vec();
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn number_as_text<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}

fn number_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}
