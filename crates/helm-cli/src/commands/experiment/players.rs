//! Who is played: the users of a scenario, or simulated ones.

use std::collections::BTreeMap;
use std::path::Path;

use helm_core::{StrategyName, TaskId, UserId};
use helm_orchestrator::HelmConfig;
use helm_orchestrator::experiment::Spec;
use helm_sim::{Messages, Population, PopulationConfig, SimulatedUser};

use crate::arguments::ExperimentRunArguments;
use crate::commands::scenario;
use crate::error::{Failure, Result};

/// A user with all that is said.
pub(super) struct Player {
    pub(super) user: UserId,
    pub(super) lines: Vec<Line>,
    /// Who rates answers; without, the lines' ratings do.
    simulated: Option<SimulatedUser>,
}

/// One message.
pub(super) struct Line {
    pub(super) message: String,
    ratings: BTreeMap<StrategyName, f64>,
}

impl Player {
    /// What the user gives the answer, from 1 to 5.
    pub(super) fn rating(
        &self,
        task: &TaskId,
        turn: usize,
        line: &Line,
        strategy: &StrategyName,
        answer: &str,
    ) -> Option<f64> {
        match &self.simulated {
            Some(user) => Some(f64::from(user.rate(task, answer, turn as u64))),
            None => line.ratings.get(strategy).copied(),
        }
    }
}

pub(super) fn players(
    spec: &Spec,
    arguments: &ExperimentRunArguments,
    config: &HelmConfig,
) -> Result<Vec<Player>> {
    match &arguments.scenario {
        Some(file) => of_scenario(spec, file, config),
        None => simulated(spec, arguments),
    }
}

fn simulated(spec: &Spec, arguments: &ExperimentRunArguments) -> Result<Vec<Player>> {
    let config = PopulationConfig::default().with_users(arguments.users).with_seed(arguments.seed);
    let (population, messages) = (Population::new(config)?, Messages::new(arguments.seed));
    let player = |(index, user): (usize, &SimulatedUser)| Player {
        user: user.id().clone(),
        lines: (0..arguments.turns)
            .map(|turn| Line {
                message: messages.message(spec.task(), index, turn),
                ratings: BTreeMap::new(),
            })
            .collect(),
        simulated: Some(user.clone()),
    };
    Ok(population.users().iter().enumerate().map(player).collect())
}

fn of_scenario(spec: &Spec, file: &Path, config: &HelmConfig) -> Result<Vec<Player>> {
    let mut users: BTreeMap<UserId, Vec<Line>> = BTreeMap::new();
    for scene in scenario::read(file, config)?.into_iter().filter(|scene| scene.task == *spec.task()) {
        let line = Line { message: scene.message, ratings: scene.ratings };
        users.entry(scene.user).or_default().push(line);
    }
    if users.is_empty() {
        let file = file.display();
        return Err(Failure::wrong(format!("{file} holds no messages of the task {}", spec.task())));
    }
    Ok(users.into_iter().map(|(user, lines)| Player { user, lines, simulated: None }).collect())
}
