//! Metrics of finished turns. Names and labels are part of the public contract; no label holds a user's id.

use std::future::Future;

use helm_core::{Decision, Reward};
use helm_store::TurnRecord;
use tokio::time::Instant;

/// Counts a finished turn.
pub(crate) fn turn(record: &TurnRecord, decision: Option<&Decision>, reward: Option<&Reward>) {
    let task = record.task.to_string();
    let strategy = decision.map_or_else(|| "none".to_owned(), |decision| decision.strategy.to_string());
    let outcome = &record.outcome;
    metrics::counter!("helm_turns_total", "task" => task.clone(), "status" => outcome.status.as_str())
        .increment(1);
    metrics::histogram!("helm_operation_duration_seconds", "operation" => "turn")
        .record(outcome.latency.as_secs_f64());
    if let Some(first) = outcome.first_token {
        metrics::histogram!("helm_operation_duration_seconds", "operation" => "first_token")
            .record(first.as_secs_f64());
    }
    for (kind, tokens) in [("input", outcome.usage.input), ("output", outcome.usage.output)] {
        metrics::counter!("helm_tokens_total", "task" => task.clone(), "kind" => kind)
            .increment(tokens.get());
    }
    if let Some(cost) = outcome.cost {
        // The exporter counts in whole units, so money is counted in billionths of a dollar.
        metrics::counter!("helm_cost_nano_usd_total", "task" => task.clone())
            .increment(u64::try_from(cost.nanos()).unwrap_or(0));
    }
    for violation in &outcome.violations {
        let (category, action) = (violation.category.as_str(), violation.action.as_str());
        let stage = violation.stage.as_str();
        metrics::counter!("helm_violations_total", "category" => category, "action" => action, "stage" => stage)
            .increment(1);
    }
    if let Some(reward) = reward {
        metrics::histogram!("helm_reward", "task" => task, "strategy" => strategy).record(reward.value.get());
    }
}

/// Measures a part of a turn: `recall` or `evaluate`.
pub(crate) async fn timed<T>(operation: &'static str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    metrics::histogram!("helm_operation_duration_seconds", "operation" => operation)
        .record(begun.elapsed().as_secs_f64());
    done
}
