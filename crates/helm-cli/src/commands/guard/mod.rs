//! Guards on the command line.

mod bench;
mod check;
mod explain;
mod list;

use std::io::BufRead;

use helm_core::Stage;
use serde::de::DeserializeOwned;

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

/// The values of standard input, one a line.
fn lines<T: DeserializeOwned>() -> impl Iterator<Item = Result<T>> {
    let lines = std::io::stdin().lock().lines().enumerate();
    let written = lines.filter(|(_, line)| line.as_ref().map_or(true, |line| !line.trim().is_empty()));
    written.map(|(number, line)| {
        let wrong = |error| Failure::wrong(format!("standard input, line {}: {error}", number + 1));
        serde_json::from_str(&line?).map_err(wrong)
    })
}
