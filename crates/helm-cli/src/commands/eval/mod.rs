//! Scores, rewards and what people think of them, on the command line.

mod agree;
mod answer;
mod budget;
mod calibrate;
mod compare;
mod judging;
mod ratings;
mod render;
mod rescore;
mod results;
mod reward;
mod run;
mod score;
mod weights;

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use helm_orchestrator::core::{Reward, ScoreEntry};
use helm_orchestrator::eval::dataset::Sample;
use helm_orchestrator::eval::{Composition, Evidence, RewardSpec};

use crate::arguments::{EvalCommand, Global};
use crate::error::{Failure, Result};

pub(super) async fn run(global: &Global, command: &EvalCommand) -> Result<ExitCode> {
    match command {
        EvalCommand::Score { reward } => score::run(global, reward.as_deref()).await,
        EvalCommand::Run(arguments) => run::run(global, arguments).await,
        EvalCommand::Compare(arguments) => compare::run(global, arguments),
        EvalCommand::Agree(arguments) => agree::run(global, arguments).await,
        EvalCommand::Rescore(arguments) => rescore::run(global, arguments).await,
        EvalCommand::Weights(arguments) => weights::run(global, arguments).await,
        EvalCommand::Calibrate(arguments) => calibrate::run(global, arguments).await,
    }
}

/// The turns of a data set, one a line; what is wrong is told with its place.
fn samples<R: BufRead>(from: R, name: &str) -> impl Iterator<Item = Result<(usize, Sample)>> {
    let lines = from.lines().zip(1..);
    let written = lines.filter(|(line, _)| line.as_ref().map_or(true, |line| !line.trim().is_empty()));
    written.map(move |(line, number)| {
        let wrong = |error: String| Failure::wrong(format!("{name}, line {number}: {error}"));
        let line = line.map_err(|error| wrong(error.to_string()))?;
        let sample = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        Ok((number, sample))
    })
}

fn open_file(path: &Path) -> Result<std::io::BufReader<std::fs::File>> {
    let file = std::fs::File::open(path)
        .map_err(|error| Failure::wrong(format!("cannot read {}: {error}", path.display())))?;
    Ok(std::io::BufReader::new(file))
}

/// What scores alone come to; `None` when they are too few.
fn compose(spec: &RewardSpec, scores: &[ScoreEntry]) -> Result<Option<Reward>> {
    let evidence = Evidence { scores, ..Evidence::default() };
    match spec.compose(&evidence).map_err(|error| Failure::wrong(error.to_string()))? {
        Composition::Reward(reward) => Ok(Some(reward)),
        _ => Ok(None),
    }
}
