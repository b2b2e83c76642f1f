use std::sync::Arc;

use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Feedback, Layout, PolicyHash, Probability, Reward,
    RewardSpecId, RewardStage, Scope, Stats, StatsRow, TaskId, TenantId, Timestamp, UnitInterval, UserId,
};
use helm_store::memory::MemoryStore;
use helm_store::{Case, Settle, SettleError, Settlement, Store};

use crate::Step;

/// A decision that is logged, and a judgement of it that is settled and folded, in memory.
pub(crate) fn feedback() -> anyhow::Result<Step> {
    let (store, runtime) = (MemoryStore::new(), crate::runtime()?);
    let spec = RewardSpecId::new("last".parse()?, 1);
    let settle: Arc<dyn Settle> = Arc::new(Last { spec });
    let later = Timestamp::from_micros(i64::MAX / 2);
    Ok(Box::new(move |turn| {
        let decision = decision(turn)?;
        let tenth = u8::try_from(turn % 11).unwrap_or(0);
        let said = Feedback::new(decision.id, UnitInterval::clamped(f64::from(tenth) / 10.0)?);
        runtime.block_on(async {
            store.log_decision(&decision, later).await?;
            let tenant = &decision.context.tenant;
            store.record_feedback(tenant, &said, decision.at, Arc::clone(&settle)).await
        })?;
        Ok(turn)
    }))
}

fn decision(turn: usize) -> anyhow::Result<Decision> {
    let at = Timestamp::from_micros(1_764_000_000_000_000 + i64::try_from(turn)?);
    Ok(Decision {
        id: DecisionId::from_bytes((turn as u128 + 1).to_be_bytes()),
        context: Context::new(TenantId::single(), UserId::new("ana")?, TaskId::new("support")?, at),
        strategy: "concise@1".parse()?,
        propensity: Probability::new(0.5)?,
        mode: DecisionMode::Sampled,
        drawn_by: None,
        assignment: None,
        policy: "auto".parse()?,
        policy_hash: PolicyHash::of("auto"),
        epoch: Epoch::starting_at(0),
        candidates: vec![],
        floor: None,
        excluded: vec![],
        at,
    })
}

/// The last judgement is the reward.
struct Last {
    spec: RewardSpecId,
}

impl Settle for Last {
    fn settle(&self, case: &Case<'_>) -> Result<Settlement, SettleError> {
        let Some((_, value)) = case.feedback.last() else { return Ok(Settlement::default()) };
        let decision = case.decision;
        let row = StatsRow {
            scope: Scope::Task,
            strategy: decision.strategy.clone(),
            epoch: decision.epoch,
            layout: Layout::NONE,
            stats: Stats::of_reward(*value),
        };
        let (coverage, stage) = (UnitInterval::ONE, RewardStage::Human);
        let reward = Reward {
            value: *value,
            stderr: None,
            coverage,
            stage,
            spec: self.spec.clone(),
            components: vec![],
        };
        Ok(Settlement { reward: Some(reward), contribution: vec![row] })
    }
}
