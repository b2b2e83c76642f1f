use helm_core::TaskId;
use helm_orchestrator::TaskReport;
use helm_server::json::report_json;

use super::policy_gate::stands;
use crate::arguments::{Global, OfTenant};
use crate::error::Result;
use crate::open;
use crate::output::{self, Format};

pub(super) fn list(global: &Global) -> Result<()> {
    let tasks: Vec<TaskId> = open::config(global)?.tasks.into_keys().collect();
    match global.output {
        Format::Jsonl => tasks.iter().try_for_each(|task| output::json(Format::Jsonl, task)),
        Format::Table => tasks.iter().try_for_each(|task| output::line(task.as_str())),
        _ => output::json(Format::Json, &tasks),
    }
}

pub(super) async fn report(global: &Global, of: &OfTenant, task: &str) -> Result<()> {
    let task = TaskId::new(task)?;
    open::known_task(global, &task)?;
    let helm = open::reading_or_empty(global, of).await?;
    let report = helm.report(&task).await;
    open::close(&helm).await;
    let report = report?;
    match global.output {
        Format::Table => output::line(&table(&report)),
        format => output::json(format, &report_json(&report)),
    }
}

/// A report for people.
pub(super) fn table(report: &TaskReport) -> String {
    let rows = report.strategies.iter().map(|strategy| {
        let (reward, feedback) = (&strategy.reward, &strategy.feedback);
        let mean = (feedback.count > 0).then(|| 1.0 + 4.0 * feedback.sum / feedback.count as f64);
        [
            strategy.strategy.to_string(),
            strategy.pulls.to_string(),
            reward.count.to_string(),
            format!(
                "{} ± {}",
                output::number(reward.mean),
                output::number(reward.stderr.map(|error| 1.96 * error))
            ),
            feedback.count.to_string(),
            output::number(mean),
            output::percent(strategy.probability),
        ]
    });
    let header =
        ["strategy", "pulls", "rewards", "mean reward (95 %)", "ratings", "mean rating", "probability now"];
    let table = output::table(header, rows);
    let TaskReport { task, policy, reward, .. } = report;
    let candidate = report.candidate.as_ref().map(|standing| format!("\n{}", stands(standing)));
    let candidate = candidate.unwrap_or_default();
    format!(
        "task {task}, policy {policy}, reward {reward}; probabilities are those of a new user{candidate}\n{table}"
    )
}
