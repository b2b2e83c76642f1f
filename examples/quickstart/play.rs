//! Plays turns: a user asks, Helm answers, the user rates, Helm learns.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, bail};
use futures::{StreamExt, stream};
use helm_core::{DecisionId, Feedback, StrategyName, TaskId, UserId};
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmBuilder, TurnRequest};
use helm_sim::{Messages, Population, PopulationConfig, SimulatedUser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) const AUTO: &str = "auto";
pub(crate) const RANDOM: &str = "random";
/// Turns under way at the same time.
const CONCURRENCY: usize = 8;
const SEED: u64 = 7;

/// The simulated users and what they say.
pub(crate) struct World {
    pub(crate) population: Population,
    messages: Messages,
    pub(crate) tasks: Vec<TaskId>,
}

/// Who picks the strategy.
#[derive(Clone)]
pub(crate) enum Chooser {
    /// Helm's policy.
    Policy,
    /// This table, by user and task.
    Table(Arc<BTreeMap<(UserId, TaskId), StrategyName>>),
}

/// What a run earned.
#[derive(Default)]
pub(crate) struct Run {
    /// The reward of each turn, in the order of the schedule.
    pub(crate) rewards: Vec<f64>,
    pub(crate) last_decision: Option<DecisionId>,
}

impl Run {
    pub(crate) fn mean(&self) -> f64 {
        self.rewards.iter().sum::<f64>() / self.rewards.len().max(1) as f64
    }
}

impl World {
    pub(crate) fn new(users: usize) -> Result<Self> {
        let population = Population::new(PopulationConfig::default().with_users(users).with_seed(SEED))?;
        let tasks = ["support", "tutor", "writing"].map(TaskId::new).into_iter().collect::<Result<_, _>>()?;
        Ok(Self { population, messages: Messages::new(SEED), tasks })
    }

    /// Who says what in turn `turn`: users and tasks take turns in a fixed shuffle, the same in every run.
    pub(crate) fn scene(&self, turn: u64) -> (&SimulatedUser, &TaskId, String) {
        let users = self.population.users();
        let mixed = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let user_index = usize::try_from(mixed % users.len() as u64).unwrap_or(0);
        let task_index = usize::try_from((mixed >> 20) % self.tasks.len() as u64).unwrap_or(0);
        let task = &self.tasks[task_index];
        (&users[user_index], task, self.messages.message(task, user_index, turn))
    }
}

/// The standard tasks under this policy, on the built-in model, in memory unless told otherwise.
pub(crate) fn builder(policy: &str) -> Result<HelmBuilder> {
    let nothing_from_the_shell = |_: &str| None;
    let builder = super::standard(policy)?.builder(&nothing_from_the_shell)?;
    // In memory unless a file is named: the configuration's own would be helm.db in this folder.
    Ok(builder.store(Arc::new(MemoryStore::new())))
}

/// How many turns are stored already.
pub(crate) async fn turns_so_far(helm: &Helm) -> Result<u64> {
    let mut turns = 0;
    for task in helm.tasks() {
        turns += helm.report(&task).await?.strategies.iter().map(|strategy| strategy.pulls).sum::<u64>();
    }
    Ok(turns)
}

/// Plays the turns of `schedule`, several at a time.
pub(crate) async fn play(
    helm: &Helm,
    world: &Arc<World>,
    schedule: Range<u64>,
    chooser: Chooser,
    label: &str,
) -> Result<Run> {
    let bar = progress(schedule.end - schedule.start, label);
    let turns = stream::iter(schedule).map(|turn| one_turn(helm, world, turn, &chooser));
    let mut turns = turns.buffered(CONCURRENCY);
    let mut run = Run::default();
    while let Some(played) = turns.next().await {
        let (decision, reward) = played?;
        run.rewards.push(reward);
        run.last_decision = Some(decision);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(run)
}

async fn one_turn(helm: &Helm, world: &World, turn: u64, chooser: &Chooser) -> Result<(DecisionId, f64)> {
    let (user, task, message) = world.scene(turn);
    let mut request = TurnRequest::new(user.id(), task, message)?;
    if let Chooser::Table(table) = chooser
        && let Some(strategy) = table.get(&(user.id().clone(), task.clone()))
    {
        request = request.with_strategy(strategy.clone());
    }
    let response = helm.turn(request).await?;
    let Some(answer) = response.answer else {
        bail!("turn {turn} ended as {} without an answer", response.status.as_str());
    };
    let rating = user.rate(task, &answer, turn);
    let receipt = helm.feedback(Feedback::rating(response.decision_id, f64::from(rating))?).await?;
    let Some(reward) = receipt.reward else { bail!("turn {turn} was rated and has no reward") };
    Ok((response.decision_id, reward.value.get()))
}

pub(crate) fn progress(length: u64, label: &str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target).with_message(label.to_owned());
    let style = ProgressStyle::with_template("{msg:>16} {wide_bar} {pos}/{len} turns, {per_sec}, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
