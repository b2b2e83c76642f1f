//! Metrics of finished turns. Names and labels are part of the public contract; no label of these holds a user's id.

use std::future::Future;

use helm_core::{Decision, DecisionId, Reward, TaskId};
use helm_store::TurnRecord;
use tokio::time::Instant;
use tracing::{Instrument, Span, field};

/// The span of a turn, in the words of OpenTelemetry's conventions for generative AI: an agent is invoked, and what its models
/// and tools are asked stands below. It names no person, and no text.
pub(crate) fn turn_span(task: &TaskId, id: DecisionId) -> Span {
    tracing::info_span!(
        "turn",
        otel.name = %format_args!("invoke_agent {task}"),
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = %task,
        gen_ai.usage.input_tokens = field::Empty,
        gen_ai.usage.output_tokens = field::Empty,
        helm.decision_id = %id,
        helm.strategy = field::Empty,
        helm.status = field::Empty,
        helm.reward = field::Empty,
    )
}

/// The span of a call of a tool.
pub(crate) fn tool_span(name: &str) -> Span {
    tracing::info_span!(
        "execute_tool",
        otel.name = %format_args!("execute_tool {name}"),
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = name,
    )
}

/// Says what became of the turn whose span this is.
fn record(span: &Span, record: &TurnRecord, strategy: &str, reward: Option<&Reward>) {
    let outcome = &record.outcome;
    span.record("gen_ai.usage.input_tokens", outcome.usage.input.get());
    span.record("gen_ai.usage.output_tokens", outcome.usage.output.get());
    span.record("helm.strategy", strategy);
    span.record("helm.status", outcome.status.as_str());
    if let Some(reward) = reward {
        span.record("helm.reward", reward.value.get());
    }
}

/// Counts a finished turn.
pub(crate) fn turn(record: &TurnRecord, decision: Option<&Decision>, reward: Option<&Reward>) {
    let task = record.task.to_string();
    let strategy = decision.map_or_else(|| "none".to_owned(), |decision| decision.strategy.to_string());
    self::record(&Span::current(), record, &strategy, reward);
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

/// Measures a part of a turn, as a span too: `recall` or `evaluate`.
pub(crate) async fn timed<T>(operation: &'static str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = step(operation, work).await;
    metrics::histogram!("helm_operation_duration_seconds", "operation" => operation)
        .record(begun.elapsed().as_secs_f64());
    done
}

/// A part of a turn as a span.
pub(crate) async fn step<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    work.instrument(tracing::info_span!("step", otel.name = name)).await
}
