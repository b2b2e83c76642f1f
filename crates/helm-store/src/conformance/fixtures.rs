use std::sync::Arc;

use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Feedback, Layout, Outcome, PolicyHash, Probability,
    Reward, RewardSpecId, RewardStage, Scope, SourceName, Stats, StatsRow, TenantId, Timestamp, TurnStatus,
    UnitInterval, UserId,
};

use crate::{Case, Settle, SettleError, Settlement, TurnRecord};

/// The settlement of the laws.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSettle;

impl Settle for MeanSettle {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let judged =
            case.feedback.iter().map(|(_, value)| value.get()).sum::<f64>() / case.feedback.len() as f64;
        let (value, stage) = match (case.feedback.is_empty(), case.silence_ended, case.outcome) {
            (false, _, _) => (judged, RewardStage::Human),
            (true, true, _) => (0.25, RewardStage::Default),
            (true, false, Some(_)) => (0.5, RewardStage::Provisional),
            (true, false, None) => return Ok(Settlement::default()),
        };
        let value = UnitInterval::clamped(value)?;
        let row = |scope| StatsRow {
            scope,
            strategy: case.decision.strategy.clone(),
            epoch: case.decision.epoch,
            layout: Layout::NONE,
            stats: Stats::of_reward(value),
        };
        let contribution = vec![row(Scope::Task), row(Scope::User(case.decision.context.user.clone()))];
        let spec = RewardSpecId::new("mean".parse()?, 1);
        let reward =
            Reward { value, stderr: None, coverage: UnitInterval::ONE, stage, spec, components: vec![] };
        Ok(Settlement { reward: Some(reward), contribution })
    }
}

/// A settlement that always refuses.
#[must_use]
pub fn refuse() -> Arc<dyn Settle> {
    struct Refuse;
    impl Settle for Refuse {
        fn settle(&self, _: &Case<'_>) -> Result<Settlement, SettleError> {
            Err("refused on purpose".into())
        }
    }
    Arc::new(Refuse)
}

/// A settlement that panics.
#[must_use]
pub fn panics() -> Arc<dyn Settle> {
    struct Panics;
    impl Settle for Panics {
        #[expect(clippy::panic, reason = "what the law is about")]
        fn settle(&self, _: &Case<'_>) -> Result<Settlement, SettleError> {
            panic!("on purpose");
        }
    }
    Arc::new(Panics)
}

pub(super) fn mean() -> Arc<dyn Settle> {
    Arc::new(MeanSettle)
}

/// The tenant `t`, or another.
#[must_use]
pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a tenant's name")
}

/// The user of this name.
#[must_use]
pub fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user's name")
}

/// The id with this number.
#[must_use]
pub fn decision_id(number: u64) -> DecisionId {
    DecisionId::from_bytes(u128::from(number).to_be_bytes())
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// When the laws' turns have ended at the latest: never while a law runs.
#[must_use]
pub fn deadline() -> Timestamp {
    at(1_000_000)
}

/// Decision number `number` of tenant `t`: its user is one of eight, its strategy one of four.
#[must_use]
pub fn decision(number: u64) -> Decision {
    let user = format!("user-{}", number % 8).parse().expect("a user");
    let moment = at(i64::try_from(number % 1_000).expect("small"));
    Decision {
        id: decision_id(number),
        context: Context::new(tenant("t"), user, "task".parse().expect("a task"), moment),
        strategy: format!("s{}@1", number % 4).parse().expect("a strategy"),
        propensity: Probability::new(0.25).expect("a probability"),
        mode: DecisionMode::Sampled,
        drawn_by: None,
        assignment: None,
        policy: "auto".parse().expect("a policy"),
        policy_hash: PolicyHash::of("auto"),
        epoch: Epoch::starting_at(0),
        candidates: vec![],
        floor: None,
        excluded: vec![],
        at: moment,
    }
}

/// The turn of decision number `number`.
#[must_use]
pub fn turn(number: u64) -> TurnRecord {
    let decision = decision(number);
    TurnRecord {
        id: decision.id,
        tenant: decision.context.tenant,
        user: decision.context.user,
        task: decision.context.task,
        conversation: None,
        input: format!("question {number}"),
        output: Some(format!("answer {number}")),
        outcome: Outcome::new(TurnStatus::Completed, decision.at),
        began: decision.at,
        messages: vec![],
        preferences: vec![],
        memories: vec![],
        jobs: vec![],
    }
}

/// A judgement of decision number `number`.
#[must_use]
pub fn feedback(number: u64, source: &str, value: f64) -> Feedback {
    let value = UnitInterval::new(value).expect("a value");
    Feedback::new(decision_id(number), value).from_source(SourceName::new(source).expect("a source"))
}
