use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, StrategyId, TaskId, TenantId, Timestamp,
    UnitInterval, UserId,
};
use helm_policy::{
    Arm, Choice, ChoiceRequest, Contribution, LinearBandit, Optimism, Policy, PolicyConfig, Snapshot,
};
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::Step;

/// What `auto` decides among four strategies with exact probabilities, and what the reward teaches.
pub(crate) fn sampled() -> anyhow::Result<Step> {
    let policy = PolicyConfig::default().build()?;
    let arms: Vec<Arm> = ids(4)?.into_iter().map(Arm::new).collect();
    let at = Timestamp::from_micros(0);
    let context = Context::new(TenantId::single(), UserId::new("ana")?, TaskId::new("t")?, at);
    let mut snapshot = Snapshot::default();
    Ok(Box::new(move |turn| {
        let id = DecisionId::from_bytes((turn as u128 + 1).to_be_bytes());
        let choice = policy.choose(&ChoiceRequest::new(id, &context, &arms, &snapshot))?;
        let told = choice.strategy.name().as_str().len();
        let evidence = Contribution { reward: Some(reward(turn, told)?), ..Contribution::default() };
        let decision = decision(&policy, id, &context, choice);
        for row in policy.contribution(&decision, &evidence)? {
            snapshot.add(&row)?;
        }
        Ok(told)
    }))
}

/// What LinUCB decides among ten strategies by sixteen features, and what the reward teaches.
pub(crate) fn linear() -> anyhow::Result<Step> {
    let mut bandit = LinearBandit::new(ids(10)?, 16, 1.0, Optimism::new(0.3)?)?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    Ok(Box::new(move |turn| {
        let mut context = [1.0; 16];
        for (place, x) in context.iter_mut().enumerate().skip(1) {
            *x = reward(turn, place)?.get() - 0.5;
        }
        let pick = bandit.choose(&context, &mut rng)?;
        bandit.learn(&pick, &context, reward(turn, pick.arm)?.get())?;
        Ok(pick.arm)
    }))
}

fn ids(count: usize) -> anyhow::Result<Vec<StrategyId>> {
    (0..count).map(|index| Ok(format!("s{index}@1").parse()?)).collect()
}

/// Rewards that differ.
fn reward(turn: usize, place: usize) -> helm_core::Result<UnitInterval> {
    let tenth = u8::try_from((turn * 7 + place * 3) % 11).unwrap_or(0);
    UnitInterval::clamped(f64::from(tenth) / 10.0)
}

fn decision(policy: &dyn Policy, id: DecisionId, context: &Context, choice: Choice) -> Decision {
    Decision {
        id,
        strategy: choice.strategy,
        propensity: choice.propensity,
        mode: DecisionMode::Sampled,
        drawn_by: None,
        assignment: None,
        policy: policy.name().clone(),
        policy_hash: policy.hash().clone(),
        epoch: Epoch::containing(context.at, policy.epoch_length()),
        candidates: choice.candidates,
        floor: choice.floor,
        excluded: Vec::new(),
        at: context.at,
        context: context.clone(),
    }
}
