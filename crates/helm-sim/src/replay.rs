use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, StatsRow, StrategyId, TaskId, TenantId, Timestamp,
    UserId,
};
use helm_policy::{Arm, Choice, ChoiceRequest, Contribution, Policy, Snapshot};

use crate::environment::Environment;

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The policy failed.
    #[error("the policy failed at step {step}")]
    Policy {
        /// When.
        step: u64,
        /// Why.
        #[source]
        source: helm_policy::Error,
    },
    /// The policy chose what the environment has not.
    #[error("the policy chose {strategy}, which the environment has not")]
    UnknownStrategy {
        /// What it chose.
        strategy: StrategyId,
    },
    /// A value was refused at the boundary.
    #[error(transparent)]
    Invalid(#[from] helm_core::Error),
}

/// What a policy did on an environment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Played {
    /// Cumulated pseudo-regret after each step: what the best strategy would have paid on average, less what
    /// the chosen one pays on average.
    pub regret: Vec<f64>,
    /// The mean of what was paid.
    pub mean_reward: f64,
}

/// Plays `steps` steps of `policy` on `environment`, each reward learnt before the next choice.
///
/// # Errors
///
/// Fails when the policy does.
pub fn replay(
    policy: &dyn Policy,
    environment: &Environment,
    steps: u64,
    seed: u64,
) -> Result<Played, Error> {
    let mut state = State::new(environment)?;
    let mut played = Played::default();
    let (mut regret, mut paid) = (0.0, 0.0);
    for step in 0..steps {
        let failed = |source| Error::Policy { step, source };
        let id = id(seed, step);
        let choice = state.choose(policy, id).map_err(failed)?;
        let unknown = || Error::UnknownStrategy { strategy: choice.strategy.clone() };
        let arm = state.eligible.iter().position(|arm| arm.id == choice.strategy).ok_or_else(unknown)?;
        let reward = environment.reward(seed, step, arm).ok_or_else(unknown)?;
        let mean = environment.arms().get(arm).map_or(0.0, |(_, arm)| arm.mean());
        regret += environment.best() - mean;
        paid += reward.get();
        played.regret.push(regret);
        let evidence = Contribution { reward: Some(reward), ..Contribution::default() };
        let decision = state.decision(policy, id, choice);
        state.learn(policy.contribution(&decision, &evidence).map_err(failed)?).map_err(failed)?;
    }
    played.mean_reward = paid / steps.max(1) as f64;
    Ok(played)
}

/// A decision's id that names its run and step.
fn id(seed: u64, step: u64) -> DecisionId {
    let number = (u128::from(seed) << 64) | u128::from(step);
    DecisionId::from_bytes(number.to_be_bytes())
}

struct State {
    context: Context,
    eligible: Vec<Arm>,
    snapshot: Snapshot,
}

impl State {
    fn new(environment: &Environment) -> Result<Self, Error> {
        let at = Timestamp::from_micros(0);
        let context = Context::new(TenantId::single(), UserId::new("player")?, TaskId::new("replay")?, at);
        let eligible = environment.arms().iter().map(|(strategy, _)| Arm::new(strategy.clone())).collect();
        Ok(Self { context, eligible, snapshot: Snapshot::default() })
    }

    fn choose(&self, policy: &dyn Policy, id: DecisionId) -> helm_policy::Result<Choice> {
        policy.choose(&ChoiceRequest::new(id, &self.context, &self.eligible, &self.snapshot))
    }

    fn decision(&self, policy: &dyn Policy, id: DecisionId, choice: Choice) -> Decision {
        Decision {
            id,
            context: self.context.clone(),
            strategy: choice.strategy,
            propensity: choice.propensity,
            mode: DecisionMode::Sampled,
            assignment: None,
            policy: policy.name().clone(),
            policy_hash: policy.hash().clone(),
            epoch: Epoch::containing(self.context.at, policy.epoch_length()),
            candidates: choice.candidates,
            excluded: Vec::new(),
            at: self.context.at,
        }
    }

    fn learn(&mut self, rows: Vec<StatsRow>) -> helm_policy::Result<()> {
        for row in rows {
            self.snapshot.add(&row)?;
        }
        Ok(())
    }
}
