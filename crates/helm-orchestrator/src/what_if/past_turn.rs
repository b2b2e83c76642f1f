use helm_core::{
    Candidate, Context, ConversationId, Decision, DecisionId, DecisionMode, Epoch, Features, NanoUsd,
    PolicyHash, Probability, SegmentName, StrategyId, TaskId, TenantId, Timestamp, TokenCount, TurnStatus,
    UnitInterval, UserId,
};
use helm_experiment::report::LogCandidate;
use helm_policy::{Contribution, Policy};
use helm_store::TurnRow;
use serde::Deserialize;

/// A turn that has ended, as far as it matters to another policy. The fields are those of the rows that `helmctl export`
/// writes, of which others are passed over; all but the candidates may be absent.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PastTurn {
    /// Whose installation.
    pub tenant: Option<TenantId>,
    /// The turn's id; of turns with the same one the first counts.
    pub id: Option<String>,
    /// Who was talking: turns of one user are taken together.
    pub user: Option<UserId>,
    /// What kind of work.
    pub task: Option<TaskId>,
    /// The conversation, if any.
    pub conversation: Option<ConversationId>,
    /// The segment of users, if any.
    pub segment: Option<SegmentName>,
    /// The strategy that was chosen.
    pub strategy: Option<StrategyId>,
    /// The probability with which it was chosen.
    pub propensity: Option<Probability>,
    /// How it was chosen.
    pub mode: Option<DecisionMode>,
    /// The policy that chose.
    pub policy_hash: Option<PolicyHash>,
    /// The strategies that could have been chosen.
    pub candidates: Vec<LogCandidate>,
    /// Which list of features it is, as digits.
    pub feature_schema: Option<String>,
    /// The features.
    pub features: Vec<f64>,
    /// How it ended.
    pub status: Option<TurnStatus>,
    /// The strategy that answered.
    pub served: Option<StrategyId>,
    /// From the request to the last byte, in microseconds.
    pub latency_us: u64,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Billionths of a US dollar.
    pub cost_nano_usd: Option<i64>,
    /// What it earned.
    pub reward: Option<UnitInterval>,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it had ended.
    pub ended: Option<Timestamp>,
}

impl From<TurnRow> for PastTurn {
    fn from(row: TurnRow) -> Self {
        let candidates = row.candidates.into_iter().map(|candidate| LogCandidate {
            strategy: candidate.strategy,
            probability: candidate.probability,
        });
        Self {
            tenant: Some(row.tenant),
            id: Some(row.id.to_string()),
            user: Some(row.user),
            task: Some(row.task),
            conversation: row.conversation,
            segment: row.segment,
            strategy: row.strategy,
            propensity: row.propensity,
            mode: row.mode,
            policy_hash: row.policy_hash,
            candidates: candidates.collect(),
            feature_schema: row.feature_schema.map(|schema| schema.to_string()),
            features: row.features,
            status: Some(row.status),
            served: row.served,
            latency_us: row.latency_us,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            cost_nano_usd: row.cost_nano_usd,
            reward: row.reward,
            began: Some(row.began),
            ended: Some(row.ended),
        }
    }
}

impl PastTurn {
    /// The place of the chosen strategy among the candidates.
    pub(super) fn chosen(&self) -> Option<usize> {
        let strategy = self.strategy.as_ref()?;
        self.candidates.iter().position(|candidate| candidate.strategy == *strategy)
    }

    /// What a policy would have known; `None` where user or moment are not told.
    pub(super) fn context(&self) -> Option<Context> {
        let (tenant, user) = (self.tenant.clone().unwrap_or_else(TenantId::single), self.user.clone()?);
        let task = self.task.clone().or_else(|| TaskId::new("task").ok())?;
        let mut context = Context::new(tenant, user, task, self.began?);
        context.segment.clone_from(&self.segment);
        context.conversation.clone_from(&self.conversation);
        let schema = self.feature_schema.as_ref().and_then(|schema| schema.parse().ok()).unwrap_or(0);
        context.features = Features::new(schema, self.features.clone()).ok()?;
        Some(context)
    }

    /// When its reward may be learnt from: not before it had ended.
    pub(super) fn taught_at(&self) -> Option<Timestamp> {
        self.ended.or(self.began)
    }

    /// The decision, as a policy learns from it, where it teaches at all; `pulls` says how many rewards a strategy had.
    pub(super) fn lesson(
        &self,
        policy: &dyn Policy,
        pulls: impl Fn(&StrategyId) -> u64,
    ) -> Option<(Decision, Contribution)> {
        let strategy = self.strategy.clone()?;
        let mode = self.mode.filter(|mode| mode.teaches())?;
        if self.served.as_ref().is_some_and(|served| *served != strategy) {
            return None;
        }
        let candidate = |own: &LogCandidate| Candidate {
            strategy: own.strategy.clone(),
            probability: own.probability,
            mean: 0.0,
            deviation: 0.0,
            pulls: pulls(&own.strategy),
        };
        let context = self.context()?;
        let decision = Decision {
            id: DecisionId::from_bytes([0; 16]),
            strategy,
            propensity: self.propensity?,
            mode,
            drawn_by: None,
            assignment: None,
            policy: policy.name().clone(),
            policy_hash: policy.hash().clone(),
            epoch: Epoch::containing(context.at, policy.epoch_length()),
            candidates: self.candidates.iter().map(candidate).collect(),
            floor: None,
            excluded: Vec::new(),
            at: context.at,
            context,
        };
        Some((decision, self.evidence()))
    }

    fn evidence(&self) -> Contribution {
        Contribution {
            reward: self.reward,
            cost: self.cost_nano_usd.map(NanoUsd::from_nanos),
            tokens: Some(TokenCount::new(self.input_tokens.saturating_add(self.output_tokens))),
            latency: Some(std::time::Duration::from_micros(self.latency_us)),
            failed: self.status.is_some_and(TurnStatus::is_failure),
        }
    }
}
