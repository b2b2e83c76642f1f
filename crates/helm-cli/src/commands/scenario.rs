use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use helm_core::{Category, Feedback, StrategyName, TaskId, TurnStatus, UserId};
use helm_orchestrator::config::MAX_MESSAGE_BYTES;
use helm_orchestrator::llm::ErrorKind;
use helm_orchestrator::{Helm, HelmConfig, TurnRequest, TurnResponse};
use helm_server::json::report_json;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Deserialize;
use serde_json::json;

use super::tasks;
use crate::arguments::{Global, OfTenant};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

/// A message of a scenario, with the ratings of answers by strategy, from 1 to 5.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scene {
    pub(super) user: UserId,
    pub(super) task: TaskId,
    pub(super) message: String,
    #[serde(default)]
    pub(super) ratings: BTreeMap<StrategyName, f64>,
}

/// What came of a scenario.
#[derive(Default)]
struct Outcome {
    statuses: BTreeMap<&'static str, u64>,
    violations: BTreeMap<Category, u64>,
    rewards: BTreeMap<TaskId, Vec<f64>>,
    rated: u64,
    simulated: bool,
    answered: u64,
    /// Why the last turn that failed did.
    failure: Option<String>,
}

/// After so many failures in a row that only a person can end, the rest is not tried.
const MOST_REFUSALS: u32 = 3;
/// More mistakes than this are not listed one by one.
const MOST_MISTAKES: usize = 20;

pub(super) async fn run(global: &Global, of: &OfTenant, file: &Path, limit: Option<usize>) -> Result<()> {
    let scenes = read(file, &open::config(global)?)?;
    let scenes: Vec<_> = scenes.into_iter().take(limit.unwrap_or(usize::MAX)).collect();
    let helm = open::helm(global, of).await?;
    let played = play(&helm, &scenes).await;
    let shown = match played {
        Ok(outcome) => show(global, &helm, file, &outcome).await.and_then(|()| verdict(&outcome)),
        Err(error) => Err(error),
    };
    open::close(&helm).await;
    shown
}

/// A scenario in which nothing was answered has shown nothing.
fn verdict(outcome: &Outcome) -> Result<()> {
    let Some(why) = &outcome.failure else { return Ok(()) };
    if outcome.answered == 0 {
        return Err(Failure::wrong(format!("no message was answered: {why}")));
    }
    output::note(&format!("note: some messages were not answered, the last of them because {why}"));
    Ok(())
}

/// All messages of a file; the error holds everything that is wrong with it.
pub(super) fn read(file: &Path, config: &HelmConfig) -> Result<Vec<Scene>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::wrong(format!("cannot read {shown}: {error}")))?;
    let (mut scenes, mut mistakes) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match scene(line, config) {
            Ok(scene) => scenes.push(scene),
            Err(why) => mistakes.push(format!("{shown}, line {}: {why}", index + 1)),
        }
    }
    if !mistakes.is_empty() {
        let more = mistakes.len().saturating_sub(MOST_MISTAKES);
        mistakes.truncate(MOST_MISTAKES);
        if more > 0 {
            mistakes.push(format!("and {more} more"));
        }
        return Err(Failure::wrong(format!("nothing was played\n  {}", mistakes.join("\n  "))));
    }
    if scenes.is_empty() {
        return Err(Failure::wrong(format!("{shown} holds no messages")));
    }
    Ok(scenes)
}

fn scene(line: &str, config: &HelmConfig) -> std::result::Result<Scene, String> {
    let scene: Scene = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if scene.message.trim().is_empty() {
        return Err("the message is empty".to_owned());
    }
    if scene.message.len() > MAX_MESSAGE_BYTES {
        let length = scene.message.len();
        return Err(format!(
            "the message has {length} bytes, more than the {MAX_MESSAGE_BYTES} that are accepted"
        ));
    }
    let Some(task) = config.tasks.get(&scene.task) else {
        let known = listed(config.tasks.keys());
        return Err(format!("there is no task {}; the configured tasks are: {known}", scene.task));
    };
    for (strategy, rating) in &scene.ratings {
        if !task.strategies.contains_key(strategy) {
            let known = listed(task.strategies.keys());
            return Err(format!("task {} has no strategy {strategy}; it has: {known}", scene.task));
        }
        if !(1.0..=5.0).contains(rating) {
            return Err(format!("the rating of {strategy} must be from 1 to 5, got {rating}"));
        }
    }
    Ok(scene)
}

fn listed<T: ToString>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

async fn play(helm: &Helm, scenes: &[Scene]) -> Result<Outcome> {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(scenes.len() as u64), target);
    let mut outcome = Outcome::default();
    let mut refusals = 0;
    for (played, scene) in scenes.iter().enumerate() {
        // A user's messages of a task are one conversation.
        let conversation = format!("scenario/{}", scene.task).parse()?;
        let request = TurnRequest::new(&scene.user, &scene.task, &*scene.message)?;
        let turn = helm.turn(request.with_conversation(conversation)).await?;
        let refused = turn.failure.is_some_and(ErrorKind::needs_a_person);
        refusals = if refused { refusals + 1 } else { 0 };
        if refusals == MOST_REFUSALS {
            bar.finish_and_clear();
            let why = turn.error.unwrap_or_default();
            let (played, of) = (played + 1, scenes.len());
            return Err(Failure::wrong(format!("stopped after {played} of {of} messages: {why}")));
        }
        let reward = rate(helm, scene, &turn, &mut outcome).await?;
        outcome.answered += u64::from(turn.status.is_answered() || turn.status == TurnStatus::Blocked);
        if turn.failure.is_some() {
            outcome.failure.clone_from(&turn.error);
        }
        outcome.rewards.entry(scene.task.clone()).or_default().extend(reward);
        *outcome.statuses.entry(turn.status.as_str()).or_default() += 1;
        for violation in &turn.violations {
            *outcome.violations.entry(violation.category).or_default() += 1;
        }
        outcome.simulated |= turn.simulated;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(outcome)
}

/// Gives the scene's rating of the strategy that answered; the reward after it.
async fn rate(helm: &Helm, scene: &Scene, turn: &TurnResponse, outcome: &mut Outcome) -> Result<Option<f64>> {
    // Nobody rates an answer that never came.
    let answered = turn.strategy.as_ref().filter(|_| turn.status.is_answered());
    let rating = answered.and_then(|strategy| scene.ratings.get(strategy.name()));
    let reward = match rating {
        Some(rating) => {
            outcome.rated += 1;
            helm.feedback(Feedback::rating(turn.decision_id, *rating)?).await?.reward
        }
        None => turn.reward.clone(),
    };
    Ok(reward.map(|reward| reward.value.get()))
}

async fn show(global: &Global, helm: &Helm, file: &Path, outcome: &Outcome) -> Result<()> {
    let mut reports = Vec::new();
    for task in outcome.rewards.keys() {
        reports.push(helm.report(task).await?);
    }
    let turns: u64 = outcome.statuses.values().sum();
    if global.output != Format::Table {
        let learning: BTreeMap<_, _> =
            outcome.rewards.iter().map(|(task, rewards)| (task, learning(rewards))).collect();
        let learning: BTreeMap<_, _> = learning
            .into_iter()
            .map(|(task, (first, last))| (task, json!({ "first_third": first, "last_third": last })))
            .collect();
        let tasks: Vec<_> = reports.iter().map(report_json).collect();
        let violations: BTreeMap<_, _> = outcome.violations.iter().map(|(c, n)| (c.as_str(), n)).collect();
        let value = json!({
            "file": file.display().to_string(), "turns": turns, "rated": outcome.rated, "statuses": outcome.statuses,
            "tasks": tasks, "learning": learning, "violations": violations, "simulated": outcome.simulated,
        });
        return output::json(global.output, &value);
    }
    let list = |counts: Vec<String>| {
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    };
    output::line(&format!("{turns} turns, {} rated; {}", outcome.rated, list(counts(&outcome.statuses))))?;
    if outcome.simulated {
        output::line("answers are simulated: the built-in demonstration model gave them")?;
    }
    for report in &reports {
        output::line(&format!("\n{}", tasks::table(report)))?;
        let (first, last) = learning(outcome.rewards.get(&report.task).map_or(&[][..], Vec::as_slice));
        output::line(&format!(
            "mean reward of the first third {}, of the last third {}",
            output::number(first),
            output::number(last)
        ))?;
    }
    let violations: BTreeMap<_, _> = outcome.violations.iter().map(|(c, n)| (c.as_str(), *n)).collect();
    output::line(&format!("\nviolations: {}", list(counts(&violations))))
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> Vec<String> {
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect()
}

/// Mean rewards of the first and of the last third.
fn learning(rewards: &[f64]) -> (Option<f64>, Option<f64>) {
    let third = rewards.len() / 3;
    let mean = |part: &[f64]| (!part.is_empty()).then(|| part.iter().sum::<f64>() / part.len() as f64);
    let first = rewards.get(..third).and_then(mean);
    (first, rewards.get(rewards.len() - third..).and_then(mean))
}
