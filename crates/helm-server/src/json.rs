//! The JSON that Helm shows to other programs, over HTTP and on the command line alike.

use std::collections::BTreeMap;

use helm_core::{
    Candidate, Category, ConversationId, DecisionId, DecisionMode, ExclusionReason, GuardAction, ModelName,
    NotScored, PolicyName, Probability, RewardComponent, RewardStage, ScoreEntry, ScoreOutcome, Severity,
    SourceName, Stage, StrategyId, TaskId, Timestamp, TurnStatus, Usage, UserId, Violation,
};
use helm_orchestrator::{CandidateStanding, Explanation, SimilarTurn, TaskReport, TurnResponse};
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
pub(crate) struct ViolationJson {
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
    /// Of a stored turn, whose texts are no longer those that positions were counted in.
    pub(crate) fn stored(violation: &Violation) -> Self {
        Self { start: None, end: None, ..Self::new(violation, "") }
    }

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
    conversation_id: Option<ConversationId>,
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
    /// What went wrong, if something did.
    error: Option<String>,
    /// What the user wrote, as the guards let it pass; null while the turn runs.
    message: Option<String>,
    /// What was answered, as the guards let it pass.
    answer: Option<String>,
    violations: Vec<ViolationJson>,
    /// The strategy that answered, where it was another one than was chosen.
    #[schema(value_type = Option<String>)]
    served: Option<StrategyId>,
    #[schema(value_type = Option<String>)]
    model: Option<ModelName>,
    /// Whether the built-in demonstration model answered.
    simulated: bool,
    usage: Option<UsageJson>,
    cost_usd: Option<f64>,
    latency_ms: Option<f64>,
    first_token_ms: Option<f64>,
    reward: Option<f64>,
    /// What the reward rests on: `default`, `provisional`, `judged` or `human`.
    #[schema(value_type = Option<String>)]
    reward_stage: Option<RewardStage>,
    /// Which specification composed it: its name, version and, behind a plus, the number of the weights that were learned from
    /// people.
    reward_spec: Option<String>,
    /// The parts of the reward.
    reward_parts: Vec<RewardPartJson>,
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
pub(crate) struct CandidateJson {
    #[schema(value_type = String)]
    strategy: StrategyId,
    #[schema(value_type = f64)]
    probability: Probability,
    mean: f64,
    deviation: f64,
    pulls: u64,
}

/// A part of a reward, with the weight that it had.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RewardPartJson {
    name: String,
    value: f64,
    weight: f64,
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
    let outcome = turn.outcome.as_ref();
    let violations = outcome.map_or(&[][..], |outcome| &outcome.violations);
    let parts = turn.reward.as_ref().map_or(&[][..], |reward| &reward.components);
    DecisionJson {
        decision_id: turn.id,
        task: turn.task.clone(),
        user_id: turn.user.clone(),
        conversation_id: turn.conversation.clone(),
        strategy: decision.map(|decision| decision.strategy.clone()),
        propensity: decision.map(|decision| decision.propensity),
        probabilities: candidates.iter().map(|c| (c.strategy.to_string(), c.probability.get())).collect(),
        mode: decision.map(|decision| decision.mode),
        policy: decision.map(|decision| decision.policy.clone()),
        drawn_by: decision.and_then(|decision| decision.drawn_by),
        candidates: candidates.iter().map(candidate_json).collect(),
        excluded: excluded.collect(),
        status: outcome.map(|outcome| outcome.status),
        error: outcome.and_then(|outcome| outcome.error.clone()),
        message: turn.input.clone(),
        answer: turn.output.clone(),
        violations: violations.iter().map(ViolationJson::stored).collect(),
        served: outcome
            .and_then(|outcome| outcome.served.clone())
            .filter(|served| decision.is_none_or(|decision| decision.strategy != *served)),
        model: outcome.and_then(|outcome| outcome.model.clone()),
        simulated: outcome.is_some_and(|outcome| outcome.simulated),
        usage: outcome.map(|outcome| outcome.usage.into()),
        cost_usd: outcome.and_then(|outcome| outcome.cost).map(helm_core::NanoUsd::dollars),
        latency_ms: outcome.map(|outcome| outcome.latency.as_secs_f64() * 1e3),
        first_token_ms: outcome
            .and_then(|outcome| outcome.first_token)
            .map(|first| first.as_secs_f64() * 1e3),
        reward_stage: turn.reward.as_ref().map(|reward| reward.stage),
        reward_spec: turn.reward.as_ref().map(|reward| reward.spec.to_string()),
        reward_parts: parts.iter().map(RewardPartJson::from).collect(),
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

impl From<&RewardComponent> for RewardPartJson {
    fn from(part: &RewardComponent) -> Self {
        Self { name: part.name.clone(), value: part.value, weight: part.weight }
    }
}

pub(crate) fn candidate_json(candidate: &Candidate) -> CandidateJson {
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
    /// The policy that decides: its own, or its candidate where that was raised.
    policy: String,
    /// Which of its policy and its candidate decides; null without a candidate.
    candidate: Option<StandingJson>,
    /// What its turns are rewarded by now: a specification's name, version and, behind a plus, the number of the weights that were
    /// learned from people.
    reward: String,
    strategies: Vec<StrategyJson>,
    /// What somebody should see to, in sentences: that people have begun to say something else than the reward, that
    /// weights learned from them would be better, that the log is still to be settled under such weights, or what became of the
    /// candidate. Each process knows the feedback that came to it.
    warnings: Vec<String>,
}

/// How a task's candidate stands beside its policy.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StandingJson {
    /// The configured policy.
    policy: String,
    /// The candidate.
    candidate: String,
    /// Whether it is raised and rolled back without anybody.
    automatic: bool,
    /// Whether it decides, in the policy's place.
    live: bool,
    /// Since when it stands so; null where it has always waited.
    #[schema(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// Why.
    because: Option<String>,
    /// When it was raised and rolled back, the oldest first.
    changes: Vec<ChangeJson>,
}

/// A change of who decides.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ChangeJson {
    #[schema(value_type = String)]
    at: Timestamp,
    /// `raised` or `rolled_back`.
    step: &'static str,
    because: String,
    /// Whether somebody did it by hand.
    by_hand: bool,
    /// What the one that waited would have earned more a decision, with what bounds it at all looks together; null by hand.
    gain: Option<[f64; 3]>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StrategyJson {
    strategy: String,
    version: u32,
    pulls: u64,
    reward: RewardJson,
    feedback: FeedbackTotalJson,
    /// With which probability a new user would get it now; null when it is no longer configured.
    probability: Option<f64>,
    /// What the policy expects of it for a new user; null when it is no longer configured.
    posterior: Option<PosteriorJson>,
}

/// What is believed of a strategy's expected reward: mean and standard deviation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PosteriorJson {
    mean: f64,
    deviation: f64,
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

/// How a candidate stands.
#[must_use]
pub fn standing_json(standing: &CandidateStanding) -> StandingJson {
    let changes = standing.changes.iter().map(|change| ChangeJson {
        at: change.at,
        step: change.step.as_str(),
        because: change.because.clone(),
        by_hand: change.by_hand,
        gain: change.gain,
    });
    StandingJson {
        policy: standing.policy.to_string(),
        candidate: standing.candidate.to_string(),
        automatic: standing.automatic,
        live: standing.is_live(),
        since: standing.last().map(|last| last.at),
        because: standing.last().map(|last| last.because.clone()),
        changes: changes.collect(),
    }
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
        posterior: strategy
            .posterior
            .map(|posterior| PosteriorJson { mean: posterior.mean, deviation: posterior.deviation }),
    });
    ReportJson {
        task: report.task.clone(),
        policy: report.policy.to_string(),
        candidate: report.candidate.as_ref().map(standing_json),
        reward: report.reward.to_string(),
        strategies: strategies.collect(),
        warnings: report.warnings.clone(),
    }
}
