//! A/B tests.

mod assign;
mod check;
mod power;

use std::process::ExitCode;

use crate::arguments::{ExperimentCommand, Global};
use crate::error::Result;

pub(super) fn run(global: &Global, command: &ExperimentCommand) -> Result<ExitCode> {
    match command {
        ExperimentCommand::Power(arguments) => power::run(global, arguments)?,
        ExperimentCommand::Assign { key, units } => assign::run(global, key, units)?,
        ExperimentCommand::Check { files } => return check::run(global, files),
    }
    Ok(ExitCode::SUCCESS)
}
