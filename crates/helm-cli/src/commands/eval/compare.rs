use std::process::ExitCode;

use helm_orchestrator::eval::dataset::differences;
use helm_orchestrator::eval::stats::Resampling;

use super::render::{self, Report};
use super::results::read_results;
use super::run::conditions;
use crate::arguments::{CompareArguments, Global};
use crate::error::{Failure, Result};

/// How the second run differs from the first, on the rows that both have.
pub(super) fn run(global: &Global, arguments: &CompareArguments) -> Result<ExitCode> {
    let gates = conditions(&arguments.gates)?;
    render::check_paths(&arguments.reports)?;
    let (first, second) = (read_results(&arguments.first)?, read_results(&arguments.second)?);
    let resampling = Resampling::default();
    let wrong = |error: helm_orchestrator::eval::Error| Failure::wrong(error.to_string());
    let found = differences(&first, &second, resampling).map_err(wrong)?;
    let rows = found.iter().map(|difference| difference.rows).max().unwrap_or(0);
    if rows == 0 {
        let (first, second) = (arguments.first.display(), arguments.second.display());
        return Err(Failure::wrong(format!("{first} and {second} have no row in common")));
    }
    let title = format!("{} against {}", arguments.second.display(), arguments.first.display());
    let failed = second.iter().filter(|row| row.error.is_some()).count();
    let mut report = Report::new(title, rows, failed);
    report.differences = found.iter().map(render::Difference::from).collect();
    for gate in &gates {
        let judged = gate.judge(&second, Some(&first), resampling).map_err(wrong)?;
        report.gates.push(render::Gate::new(gate, &judged));
    }
    report.write(global.output, &arguments.reports)
}
