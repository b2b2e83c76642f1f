//! Guards on the command line.

mod bench;
mod check;
mod explain;
mod list;

use std::io::BufRead;

use helm_core::Stage;
use helm_orchestrator::guardrails::GuardrailEngine;
use serde::de::DeserializeOwned;

use crate::arguments::{Direction, Global, GuardCommand};
use crate::error::{Failure, Result};
use crate::open;

pub(super) async fn run(global: &Global, command: &GuardCommand) -> Result<()> {
    match command {
        GuardCommand::Check { direction, scores, guardrails } => {
            check::run(&engine(global, guardrails.as_deref())?, *direction, *scores).await
        }
        GuardCommand::Explain { text, direction, guardrails } => {
            explain::run(global, &engine(global, guardrails.as_deref())?, text, *direction).await
        }
        GuardCommand::List => list::run(global),
        GuardCommand::Bench { direction, seconds, guardrails } => {
            bench::run(&engine(global, guardrails.as_deref())?, *direction, *seconds)
        }
    }
}

/// The guardrails that are named; the standard ones need no configuration.
fn engine(global: &Global, name: Option<&str>) -> Result<GuardrailEngine> {
    match name {
        None => Ok(GuardrailEngine::standard()),
        Some(name) => Ok(open::config(global)?.guardrails_named(name, &open::variable)?),
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
