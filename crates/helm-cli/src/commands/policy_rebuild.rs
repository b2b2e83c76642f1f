use std::process::ExitCode;

use helm_core::{Stats, StatsRow, TaskId};
use helm_orchestrator::Rebuild;
use helm_orchestrator::store::Mismatch;
use serde::Serialize;

use crate::arguments::{Global, OfTenant};
use crate::error::{Result, SAID_NO};
use crate::open;
use crate::output::{self, Format};

pub(super) async fn run(global: &Global, of: &OfTenant, task: &str, check: bool) -> Result<ExitCode> {
    let task = TaskId::new(task)?;
    open::known_task(global, &task)?;
    let helm = if check { open::reading(global, of).await? } else { open::existing(global, of).await? };
    // How many decisions there are is known only at the end.
    let bar = output::progress(None, "{spinner} {human_pos} decisions, {per_sec}");
    let progress = |decisions| bar.set_position(decisions);
    let found = match check {
        true => helm.check_state(&task, progress).await,
        false => helm.rebuild_state(&task, progress).await,
    };
    bar.finish_and_clear();
    open::close(&helm).await;
    let found = found?;
    match global.output {
        Format::Table => output::line(&table(&task, &found, check))?,
        format => output::json(format, &json(&task, &found, check))?,
    }
    Ok(if check && !found.is_equal() { ExitCode::from(SAID_NO) } else { ExitCode::SUCCESS })
}

/// What was found, for people.
fn table(task: &TaskId, found: &Rebuild, check: bool) -> String {
    let Rebuild { decisions, changed, rows, .. } = found;
    let done = match (found.is_equal(), check) {
        (true, _) => "log and state agree",
        (false, true) => "log and state differ; run without --check to rebuild the state",
        (false, false) => "the state was rebuilt",
    };
    let summary = format!("task {task}: {decisions} decisions, {changed} changed, {rows} rows; {done}");
    if found.differences.is_empty() {
        return summary;
    }
    let lines = found.differences.iter().map(|Mismatch { expected, found, .. }| {
        [
            expected.scope.to_string(),
            expected.strategy.to_string(),
            expected.epoch.start().to_string(),
            format!("{} -> {}", found.count, expected.stats.count),
            format!("{:.4} -> {:.4}", found.reward.to_f64(), expected.stats.reward.to_f64()),
            format!("{} -> {}", found.packed.len(), expected.stats.packed.len()),
        ]
    });
    let header = ["scope", "strategy", "epoch", "rewards", "sum of rewards", "packed sums"];
    format!("{summary}\n{}", output::table(header, lines))
}

#[derive(Serialize)]
struct RebuildJson<'a> {
    task: &'a TaskId,
    checked_only: bool,
    equal: bool,
    decisions: u64,
    changed: u64,
    rows: u64,
    differences: Vec<DifferenceJson<'a>>,
}

/// A row that differs: what the log adds up to, and what the state held.
#[derive(Serialize)]
struct DifferenceJson<'a> {
    expected: &'a StatsRow,
    found: &'a Stats,
}

fn json<'a>(task: &'a TaskId, found: &'a Rebuild, check: bool) -> RebuildJson<'a> {
    let differences = found.differences.iter();
    RebuildJson {
        task,
        checked_only: check,
        equal: found.is_equal(),
        decisions: found.decisions,
        changed: found.changed,
        rows: found.rows,
        differences: differences
            .map(|Mismatch { expected, found, .. }| DifferenceJson { expected, found })
            .collect(),
    }
}
