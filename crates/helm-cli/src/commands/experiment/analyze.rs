use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use helm_orchestrator::experiment::report::{CheckState, Decision};
use helm_orchestrator::experiment::{LogRow, Report, Spec};
use helm_orchestrator::store::ROW_FORMAT;
use serde::Deserialize;

use super::specification;
use crate::arguments::{Global, OfTenant};
use crate::error::{Failure, Result, SAID_NO, TOO_LITTLE};
use crate::open;
use crate::output::{self, Format};

/// Says what a log holds of an experiment.
pub(super) async fn run(
    global: &Global,
    of: &OfTenant,
    experiment: &str,
    log: Option<&Path>,
) -> Result<ExitCode> {
    let spec = specification(global, experiment)?;
    let report = match log {
        Some(path) => {
            let rows =
                read(path).map_err(|message| Failure::wrong(format!("{}: {message}", path.display())))?;
            Report::new(&spec, &rows)
        }
        None => live(global, of, &spec).await?,
    };
    write(global.output, &report)?;
    Ok(code(&report))
}

async fn live(global: &Global, of: &OfTenant, spec: &Spec) -> Result<Report> {
    let helm = open::reading(global, of).await?;
    let report = helm.read_experiment(spec).await;
    open::close(&helm).await;
    Ok(report?)
}

/// A line with the version of its format.
#[derive(Deserialize)]
struct Line {
    format: u32,
    #[serde(flatten)]
    row: LogRow,
}

fn read(path: &Path) -> Result<Vec<LogRow>, String> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) {
        return Err("only JSON lines are read; write them with `helmctl export --to FILE.jsonl`".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let wrong = |error: &dyn std::fmt::Display| format!("line {}: {error}", number + 1);
        let line = line.map_err(|error| wrong(&error))?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(&line).map_err(|error| wrong(&error))?;
        if line.format > ROW_FORMAT {
            let message =
                format!("its format is {}, and this build reads {ROW_FORMAT}; use a newer one", line.format);
            return Err(wrong(&message));
        }
        rows.push(line.row);
    }
    Ok(rows)
}

pub(super) fn write(format: Format, report: &Report) -> Result<()> {
    match format {
        // Written for people to read as it is.
        Format::Table | Format::Markdown => output::piece(&report.to_markdown()),
        Format::Html => output::piece(&report.to_html()),
        Format::Json | Format::Jsonl => output::json(format, report),
    }
}

pub(super) fn code(report: &Report) -> ExitCode {
    let is_little = report.health.iter().any(|check| check.state == CheckState::TooFew);
    match report.verdict.decision {
        Decision::Invalid => ExitCode::from(SAID_NO),
        _ if is_little => ExitCode::from(TOO_LITTLE),
        _ => ExitCode::SUCCESS,
    }
}
