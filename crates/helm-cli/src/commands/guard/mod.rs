//! Guards on the command line.

mod bench;
mod check;
mod explain;
mod list;

use std::io::BufRead;

use helm_core::Stage;
use serde::Deserialize;
use serde_json::Value;

use crate::arguments::{Direction, Global, GuardCommand};
use crate::error::{Failure, Result};

pub(super) fn run(global: &Global, command: &GuardCommand) -> Result<()> {
    match command {
        GuardCommand::Check { direction, scores } => check::run(*direction, *scores),
        GuardCommand::Explain { text, direction } => explain::run(global, text, *direction),
        GuardCommand::List => list::run(global),
        GuardCommand::Bench { direction, seconds } => bench::run(*direction, *seconds),
    }
}

fn stage(direction: Direction) -> Stage {
    match direction {
        Direction::Input => Stage::Input,
        Direction::Output => Stage::Output,
    }
}

/// A text of standard input.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: String,
}

/// The texts of standard input, one a line.
fn lines() -> impl Iterator<Item = Result<Line>> {
    let lines = std::io::stdin().lock().lines().enumerate();
    let written = lines.filter(|(_, line)| line.as_ref().map_or(true, |line| !line.trim().is_empty()));
    written.map(|(number, line)| {
        let wrong = |error| Failure::wrong(format!("standard input, line {}: {error}", number + 1));
        serde_json::from_str(&line?).map_err(wrong)
    })
}
