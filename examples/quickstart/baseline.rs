//! What the same users would have given to uniform play, and to each user's best strategy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use helm_core::{StrategyName, TaskId, UserId};
use helm_orchestrator::{Helm, TurnRequest};

use super::play::{self, Chooser, Run, World};

/// The best strategy of each user and task.
pub(crate) type Best = Arc<BTreeMap<(UserId, TaskId), StrategyName>>;

/// How many answers of each strategy are looked at.
const SAMPLES: u64 = 12;

/// Plays `schedule` with every strategy equally likely, beside the stored state.
pub(crate) async fn uniform(world: &Arc<World>, schedule: Range<u64>) -> Result<Run> {
    let helm = play::builder(play::RANDOM)?.build().await?;
    let run = play::play(&helm, world, schedule, Chooser::Policy, "uniform play").await?;
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(run)
}

/// Plays `schedule` with each user's best strategy, beside the stored state.
pub(crate) async fn ideal(world: &Arc<World>, schedule: Range<u64>, best: &Best) -> Result<Run> {
    let helm = play::builder(play::RANDOM)?.build().await?;
    let run = play::play(&helm, world, schedule, Chooser::Table(Arc::clone(best)), "best possible").await?;
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(run)
}

/// Asks each strategy the same questions and each user, who knows their own taste, what they expect to rate.
pub(crate) async fn best_strategies(world: &Arc<World>) -> Result<Best> {
    let helm = play::builder(play::RANDOM)?.build().await?;
    let mut best = BTreeMap::new();
    for task in &world.tasks {
        let answers = sample(&helm, world, task).await?;
        for user in world.population.users() {
            let expected = |answers: &Vec<String>| -> f64 {
                answers.iter().map(|answer| user.expected_rating(task, answer)).sum::<f64>()
            };
            let favourite = answers.iter().max_by(|a, b| expected(&a.1).total_cmp(&expected(&b.1)));
            let (strategy, _) = favourite.context("a task has strategies")?;
            best.insert((user.id().clone(), task.clone()), strategy.clone());
        }
    }
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(Arc::new(best))
}

async fn sample(helm: &Helm, world: &World, task: &TaskId) -> Result<Vec<(StrategyName, Vec<String>)>> {
    let mut sampled = Vec::new();
    for strategy in helm.report(task).await?.strategies {
        let name = strategy.strategy.name().clone();
        let mut answers = Vec::new();
        for turn in (0..).filter(|turn| world.scene(*turn).1 == task).take(usize::try_from(SAMPLES)?) {
            let (user, _, message) = world.scene(turn);
            let request = TurnRequest::new(user.id(), task, message)?.with_strategy(name.clone());
            answers.extend(helm.turn(request).await?.answer);
        }
        sampled.push((name, answers));
    }
    Ok(sampled)
}
