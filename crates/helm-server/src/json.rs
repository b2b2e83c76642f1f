//! The JSON that Helm shows to other programs, over HTTP and on the command line alike.

use std::collections::BTreeMap;

use helm_core::{
    Candidate, Category, ConversationId, DecisionId, DecisionMode, ExclusionReason, GuardAction, ModelName,
    NotScored, PolicyName, Probability, ScoreEntry, ScoreOutcome, Severity, SourceName, Stage, StrategyId,
    TaskId, Timestamp, TurnStatus, Usage, UserId, Violation,
};
use helm_orchestrator::{Explanation, SimilarTurn, TaskReport, TurnResponse};
use serde::Serialize;

/// An answered message.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TurnJson {
    #[schema(value_type = String)]
    decision_id: DecisionId,
    #[schema(value_type = Option<String>)]
    conversation_id: Option<ConversationId>,
    #[schema(value_type = String)]
    task: TaskId,
    #[schema(value_type = Option<String>)]
    strategy: Option<StrategyId>,
    #[schema(value_type = Option<f64>)]
    propensity: Option<Probability>,
    #[schema(value_type = String)]
    status: TurnStatus,
    answer: Option<String>,
    reward: Option<f64>,
    scores: BTreeMap<String, Option<f64>>,
    violations: Vec<ViolationJson>,
    usage: UsageJson,
    cost_usd: Option<f64>,
    #[schema(value_type = Option<String>)]
    model: Option<ModelName>,
    simulated: bool,
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    similar_to: Option<SimilarJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The earlier turn whose answer was used again, since its question meant the same.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SimilarJson {
    /// That turn.
    #[schema(value_type = String)]
    decision_id: DecisionId,
    /// How similar its question was, as a cosine.
    similarity: f64,
}

impl From<SimilarTurn> for SimilarJson {
    fn from(turn: SimilarTurn) -> Self {
        Self { decision_id: turn.decision, similarity: turn.similarity }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UsageJson {
    input_tokens: u64,
    output_tokens: u64,
    estimated: bool,
}

impl From<Usage> for UsageJson {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input.get(),
            output_tokens: usage.output.get(),
            estimated: usage.estimated,
        }
    }
}

/// What a guard found. Positions count code points of the original text, half open; they are left out where
/// the original is not at hand.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ViolationJson {
    #[schema(value_type = String)]
    stage: Stage,
    #[schema(value_type = String)]
    category: Category,
    entity: String,
    start: Option<usize>,
    end: Option<usize>,
    #[schema(value_type = String)]
    severity: Severity,
    score: f64,
    #[schema(value_type = String)]
    action: GuardAction,
}

impl ViolationJson {
    fn new(violation: &Violation, message: &str) -> Self {
        // The model's own text is not kept, so only positions in the message can be counted.
        let span = violation.span.filter(|_| violation.stage == Stage::Input);
        let span = span.and_then(|span| span.in_code_points(message));
        Self {
            stage: violation.stage,
            category: violation.category,
            entity: violation.entity.clone(),
            start: span.map(|span| span.start),
            end: span.map(|span| span.end),
            severity: violation.severity,
            score: violation.score.get(),
            action: violation.action,
        }
    }
}

fn scores(entries: &[ScoreEntry]) -> BTreeMap<String, Option<f64>> {
    let value = |entry: &ScoreEntry| entry.outcome.score().map(|score| score.value.get());
    entries.iter().map(|entry| (entry.evaluator.to_string(), value(entry))).collect()
}

/// A turn, given the message as the user wrote it.
#[must_use]
pub fn turn_json(turn: &TurnResponse, message: &str) -> TurnJson {
    TurnJson {
        decision_id: turn.decision_id,
        conversation_id: turn.conversation_id.clone(),
        task: turn.task.clone(),
        strategy: turn.strategy.clone(),
        propensity: turn.propensity,
        status: turn.status,
        answer: turn.answer.clone(),
        reward: turn.reward.as_ref().map(|reward| reward.value.get()),
        scores: scores(&turn.scores),
        violations: turn.violations.iter().map(|violation| ViolationJson::new(violation, message)).collect(),
        usage: turn.usage.into(),
        cost_usd: turn.cost.map(helm_core::NanoUsd::dollars),
        model: turn.model.clone(),
        simulated: turn.simulated,
        latency_ms: turn.latency.as_secs_f64() * 1e3,
        similar_to: turn.similar_to.map(SimilarJson::from),
        error: turn.error.clone(),
    }
}

/// A decision and why it was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DecisionJson {
    #[schema(value_type = String)]
    decision_id: DecisionId,
    #[schema(value_type = String)]
    task: TaskId,
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = Option<String>)]
    strategy: Option<StrategyId>,
    #[schema(value_type = Option<f64>)]
    propensity: Option<Probability>,
    probabilities: BTreeMap<String, f64>,
    #[schema(value_type = Option<String>)]
    mode: Option<DecisionMode>,
    #[schema(value_type = Option<String>)]
    policy: Option<PolicyName>,
    #[schema(value_type = Option<String>)]
    drawn_by: Option<DecisionId>,
    candidates: Vec<CandidateJson>,
    excluded: Vec<ExclusionJson>,
    #[schema(value_type = Option<String>)]
    status: Option<TurnStatus>,
    reward: Option<f64>,
    scores: BTreeMap<String, Option<f64>>,
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    not_scored: BTreeMap<String, NotScored>,
    feedback: Vec<FeedbackJson>,
    experiment: Option<String>,
    variant: Option<String>,
    #[schema(value_type = String)]
    at: Timestamp,
    why: String,
}

/// An eligible strategy as the policy saw it: the mean and standard deviation of its expected reward, and how many
/// rewards they rest on.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CandidateJson {
    #[schema(value_type = String)]
    strategy: StrategyId,
    #[schema(value_type = f64)]
    probability: Probability,
    mean: f64,
    deviation: f64,
    pulls: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ExclusionJson {
    #[schema(value_type = String)]
    strategy: StrategyId,
    #[schema(value_type = String)]
    reason: ExclusionReason,
    why: &'static str,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FeedbackJson {
    #[schema(value_type = String)]
    source: SourceName,
    value: f64,
    #[schema(value_type = String)]
    at: Timestamp,
}

/// An explanation.
#[must_use]
pub fn decision_json(explanation: &Explanation) -> DecisionJson {
    let turn = &explanation.turn;
    let decision = turn.decision.as_ref();
    let assignment = decision.and_then(|decision| decision.assignment.as_ref());
    let entries = turn.outcome.as_ref().map_or(&[][..], |outcome| &outcome.scores);
    let candidates = decision.map_or(&[][..], |decision| &decision.candidates);
    let unscored = entries.iter().filter_map(|entry| match &entry.outcome {
        ScoreOutcome::NotScored(why) => Some((entry.evaluator.to_string(), why.clone())),
        ScoreOutcome::Scored(_) => None,
    });
    let feedback = turn.feedback.iter().map(|entry| FeedbackJson {
        source: entry.source.clone(),
        value: entry.value.get(),
        at: entry.at,
    });
    let excluded = decision.map_or(&[][..], |decision| &decision.excluded);
    let excluded = excluded.iter().map(|excluded| ExclusionJson {
        strategy: excluded.strategy.clone(),
        reason: excluded.reason,
        why: excluded.reason.as_str(),
    });
    DecisionJson {
        decision_id: turn.id,
        task: turn.task.clone(),
        user_id: turn.user.clone(),
        strategy: decision.map(|decision| decision.strategy.clone()),
        propensity: decision.map(|decision| decision.propensity),
        probabilities: candidates.iter().map(|c| (c.strategy.to_string(), c.probability.get())).collect(),
        mode: decision.map(|decision| decision.mode),
        policy: decision.map(|decision| decision.policy.clone()),
        drawn_by: decision.and_then(|decision| decision.drawn_by),
        candidates: candidates.iter().map(candidate_json).collect(),
        excluded: excluded.collect(),
        status: turn.outcome.as_ref().map(|outcome| outcome.status),
        reward: turn.reward.as_ref().map(|reward| reward.value.get()),
        scores: scores(entries),
        not_scored: unscored.collect(),
        feedback: feedback.collect(),
        experiment: assignment.map(|assignment| assignment.experiment.to_string()),
        variant: assignment.map(|assignment| assignment.variant.to_string()),
        at: turn.at,
        why: explanation.why.clone(),
    }
}

fn candidate_json(candidate: &Candidate) -> CandidateJson {
    CandidateJson {
        strategy: candidate.strategy.clone(),
        probability: candidate.probability,
        mean: candidate.mean,
        deviation: candidate.deviation,
        pulls: candidate.pulls,
    }
}

/// What was learnt about a task.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReportJson {
    #[schema(value_type = String)]
    task: TaskId,
    policy: String,
    strategies: Vec<StrategyJson>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StrategyJson {
    strategy: String,
    version: u32,
    pulls: u64,
    reward: RewardJson,
    feedback: FeedbackTotalJson,
    probability: Option<f64>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RewardJson {
    count: u64,
    mean: Option<f64>,
    stderr: Option<f64>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FeedbackTotalJson {
    count: u64,
    sum: f64,
}

/// A report.
#[must_use]
pub fn report_json(report: &TaskReport) -> ReportJson {
    let strategies = report.strategies.iter().map(|strategy| StrategyJson {
        strategy: strategy.strategy.name().to_string(),
        version: strategy.strategy.version(),
        pulls: strategy.pulls,
        reward: RewardJson {
            count: strategy.reward.count,
            mean: strategy.reward.mean,
            stderr: strategy.reward.stderr,
        },
        feedback: FeedbackTotalJson { count: strategy.feedback.count, sum: strategy.feedback.sum },
        probability: strategy.probability,
    });
    ReportJson {
        task: report.task.clone(),
        policy: report.policy.to_string(),
        strategies: strategies.collect(),
    }
}
