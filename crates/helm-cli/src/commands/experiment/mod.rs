//! A/B tests.

mod analyze;
mod assign;
mod check;
mod played;
mod players;
mod power;
mod purse;
mod run;

use std::path::Path;
use std::process::ExitCode;

use helm_orchestrator::experiment::Spec;

use crate::arguments::{ExperimentCommand, Global};
use crate::error::{Failure, Result};
use crate::open;

pub(super) async fn run(global: &Global, command: &ExperimentCommand) -> Result<ExitCode> {
    match command {
        ExperimentCommand::Power(arguments) => power::run(global, arguments)?,
        ExperimentCommand::Assign { experiment, segment, units, of } => {
            assign::run(global, of, experiment, segment.as_deref(), units)?;
        }
        ExperimentCommand::Check { files } => return check::run(global, files),
        ExperimentCommand::Run(arguments) => return run::run(global, arguments).await,
        ExperimentCommand::Analyze { experiment, log, of } => {
            return analyze::run(global, of, experiment, log.as_deref()).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The experiment of a file, or of the configuration by its key.
fn specification(global: &Global, experiment: &str) -> Result<Spec> {
    let path = Path::new(experiment);
    if path.is_file() || path.extension().is_some_and(|ending| ending == "toml") {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::wrong(format!("{experiment}: {error}")))?;
        return Spec::from_toml(&text).map_err(|problems| {
            let lines: Vec<_> =
                problems.all().iter().map(|problem| format!("{experiment}, {problem}")).collect();
            Failure::wrong(lines.join("\n"))
        });
    }
    let specs = open::config(global)?.experiments()?;
    let known = specs.iter().map(|spec| spec.key().as_str()).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "none".to_owned() } else { known };
    let absent = || {
        Failure::wrong(format!(
            "there is no experiment {experiment}, and no such file; the configured ones are: {known}"
        ))
    };
    specs.into_iter().find(|spec| spec.key().as_str() == experiment).ok_or_else(absent)
}
