use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use helm_core::{
    Context, Decision, DecisionId, DecisionMode, Epoch, Features, Scope, Stats, StatsRow, StrategyId,
    StrategyName, TaskId, TenantId, Timestamp, UnitInterval, UserId,
};
use helm_policy::{Arm, Choice, ChoiceRequest, Contribution, Policy, Snapshot, UserStats};

use crate::error::{Error, Result};
use crate::world::Episode;

/// How a policy is simulated.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct SimulationOptions {
    /// How much time passes between steps. Default: one minute.
    pub step: Duration,
    /// After how many steps the prior of users is estimated again. Default: 200.
    pub refit_every: usize,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { step: Duration::from_secs(60), refit_every: 200 }
    }
}

/// What a policy did in one episode.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Run {
    /// Cumulated pseudo-regret after each step, in the world's own units: what the best strategy pays on average,
    /// less what the chosen one does.
    pub regret: Vec<f64>,
    /// The mean of what was paid, in the world's own units.
    pub mean_reward: f64,
}

impl Run {
    /// The regret of the whole episode.
    #[must_use]
    pub fn total_regret(&self) -> f64 {
        self.regret.last().copied().unwrap_or(0.0)
    }
}

/// Plays a policy through an episode as a server would: it decides by what it has learnt, each reward is learnt
/// after the world's delay, and the decision's id alone is the randomness. Rewards are mapped to \[0, 1\] by the
/// episode's range.
///
/// # Errors
///
/// [`Error::Policy`] when the policy fails, [`Error::OutsideRange`] when a reward is outside the range.
pub fn simulate(
    policy: &dyn Policy,
    episode: &Episode,
    seed: u64,
    options: &SimulationOptions,
) -> Result<Run> {
    let mut state = State::new(episode, options)?;
    let mut run = Run { regret: Vec::with_capacity(episode.horizon()), mean_reward: 0.0 };
    let (mut regret, mut paid) = (0.0, 0.0);
    for step in 0..episode.horizon() {
        let failed = |source| Error::Policy { step, source };
        state.learn_due(policy, step).map_err(failed)?;
        let context = state.context(step)?;
        let choice = state.choose(policy, id(seed, step), &context).map_err(failed)?;
        let unknown = || Error::UnknownStrategy { strategy: choice.strategy.to_string() };
        let arm = state.arms.iter().position(|arm| arm.id == choice.strategy).ok_or_else(unknown)?;
        let reward = episode.reward(step, arm).ok_or_else(unknown)?;
        regret += episode.regret(step, arm).ok_or_else(unknown)?;
        paid += reward;
        run.regret.push(regret);
        let evidence =
            Contribution { reward: Some(mapped(episode, step, reward)?), ..Contribution::default() };
        let decision = decision(policy, id(seed, step), context, choice);
        state.pending.push_back((step, policy.contribution(&decision, &evidence).map_err(failed)?));
    }
    run.mean_reward = paid / episode.horizon().max(1) as f64;
    Ok(run)
}

fn mapped(episode: &Episode, step: usize, reward: f64) -> Result<UnitInterval> {
    let (low, high) = episode.range;
    let outside = || Error::OutsideRange { reward, step, low, high };
    UnitInterval::new((reward - low) / (high - low)).map_err(|_| outside())
}

/// A decision's id that names its run and step.
fn id(seed: u64, step: usize) -> DecisionId {
    let number = (u128::from(seed) << 64) | step as u128;
    DecisionId::from_bytes(number.to_be_bytes())
}

fn decision(policy: &dyn Policy, id: DecisionId, context: Context, choice: Choice) -> Decision {
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
        context,
    }
}

type UserRows = BTreeMap<(StrategyId, Epoch), Stats>;

/// Learning state of one run.
struct State<'a> {
    episode: &'a Episode,
    options: &'a SimulationOptions,
    arms: Vec<Arm>,
    task: Snapshot,
    users: BTreeMap<UserId, UserRows>,
    pending: VecDeque<(usize, Vec<StatsRow>)>,
    learnt: usize,
}

impl<'a> State<'a> {
    fn new(episode: &'a Episode, options: &'a SimulationOptions) -> Result<Self> {
        let arm = |index| Ok(Arm::new(StrategyId::new(StrategyName::new(format!("arm-{index}"))?, 1)));
        Ok(Self {
            episode,
            options,
            arms: (0..episode.arms).map(arm).collect::<Result<_>>()?,
            task: Snapshot::default(),
            users: BTreeMap::new(),
            pending: VecDeque::new(),
            learnt: 0,
        })
    }

    fn context(&self, step: usize) -> Result<Context> {
        let user = self.episode.users.get(step).copied().unwrap_or(0);
        let elapsed = self.options.step.saturating_mul(u32::try_from(step).unwrap_or(u32::MAX));
        let at = Timestamp::from_micros(0).after(elapsed);
        let (user, task) = (UserId::new(format!("user-{user}"))?, TaskId::new("simulated")?);
        let mut context = Context::new(TenantId::single(), user, task, at);
        if let Some(values) = self.episode.contexts.get(step) {
            context.features = Features::new(1, values.clone())?;
        }
        Ok(context)
    }

    fn choose(&self, policy: &dyn Policy, id: DecisionId, context: &Context) -> helm_policy::Result<Choice> {
        // Where there is one user only, everybody's rows say all.
        let rows = self.users.get(&context.user).filter(|_| !self.episode.users.is_empty());
        let Some(rows) = rows else {
            return policy.choose(&ChoiceRequest::new(id, context, &self.arms, &self.task));
        };
        let mut snapshot = self.task.clone();
        for ((strategy, epoch), stats) in rows {
            snapshot.add(&StatsRow {
                scope: Scope::User(context.user.clone()),
                strategy: strategy.clone(),
                epoch: *epoch,
                layout: helm_core::Layout::NONE,
                stats: stats.clone(),
            })?;
        }
        policy.choose(&ChoiceRequest::new(id, context, &self.arms, &snapshot))
    }

    /// Learns what is due before this step's decision.
    fn learn_due(&mut self, policy: &dyn Policy, step: usize) -> helm_policy::Result<()> {
        let due = |made: &(usize, Vec<StatsRow>)| made.0 + self.episode.delay < step;
        while self.pending.front().is_some_and(due) {
            let Some((_, rows)) = self.pending.pop_front() else { break };
            for row in rows {
                self.learn(row)?;
            }
            self.learnt += 1;
            if self.learnt.is_multiple_of(self.options.refit_every.max(1)) {
                self.refit(policy)?;
            }
        }
        Ok(())
    }

    fn learn(&mut self, row: StatsRow) -> helm_policy::Result<()> {
        match row.scope {
            Scope::User(user) => {
                let sum = self.users.entry(user).or_default().entry((row.strategy, row.epoch)).or_default();
                *sum = sum.checked_add(&row.stats)?;
                Ok(())
            }
            _ => self.task.add(&row),
        }
    }

    fn refit(&mut self, policy: &dyn Policy) -> helm_policy::Result<()> {
        let mut totals = Vec::new();
        for rows in self.users.values() {
            let mut by_strategy: BTreeMap<&StrategyId, Stats> = BTreeMap::new();
            for ((strategy, _), stats) in rows {
                let sum = by_strategy.entry(strategy).or_default();
                *sum = sum.checked_add(stats)?;
            }
            let total =
                |(strategy, stats): (&StrategyId, Stats)| UserStats { strategy: strategy.clone(), stats };
            totals.extend(by_strategy.into_iter().map(total));
        }
        self.task.set_prior(Some(policy.fit_prior(&totals)?));
        Ok(())
    }
}
