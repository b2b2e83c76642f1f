use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Metrics could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be installed; they can be only once in a process")]
pub struct MetricsError(#[from] BuildError);

/// Seconds, from 50 microseconds to a minute.
const SECONDS: [f64; 15] =
    [50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 100e-3, 0.5, 1.0, 5.0, 20.0, 60.0];
/// Writes that share a commit.
const BATCH: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 512.0];

/// Installs the recorder that `/metrics` shows. A binary calls this once.
///
/// # Errors
///
/// [`MetricsError`] when a recorder is installed already.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsError> {
    let rewards: Vec<f64> = (1..=20).map(|step| f64::from(step) / 20.0).collect();
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("helm_reward".to_owned()), &rewards)?
        .set_buckets_for_metric(Matcher::Full("helm_store_commit_batch_size".to_owned()), &BATCH)?;
    let handle = builder.install_recorder()?;
    describe();
    Ok(handle)
}

/// What the metrics mean, in the words that `/metrics` shows.
fn describe() {
    for (name, text) in [
        ("helm_turns_total", "Finished turns by task and status."),
        ("helm_tokens_total", "Tokens by task, of prompts (input) and answers (output)."),
        ("helm_cost_nano_usd_total", "Cost of turns whose price is known, in billionths of a dollar."),
        ("helm_violations_total", "What guards found, by category, action and stage."),
        ("helm_feedback_total", "Feedback by task, and whether it was new, a repetition or a correction."),
        ("helm_work_dropped_total", "Background work that was dropped because its queue was full."),
        ("helm_llm_retries_total", "Repeated calls of a model, by model."),
        (
            "helm_model_failures_total",
            "Models that failed before their first word, by task and kind of failure.",
        ),
        ("helm_tool_calls_total", "Calls of a task's own tools, by tool and outcome."),
        ("helm_answer_cache_total", "Answers that were kept (hit) or asked for (miss), by model."),
        ("helm_semantic_cache_total", "Answers used again for questions alike (hit), or asked for (miss)."),
        ("helm_summaries_total", "Summaries of conversations, by task and outcome."),
        ("helm_summary_tokens_total", "Tokens of summaries, by task and kind."),
        (
            "helm_summary_cost_nano_usd_total",
            "Cost of summaries whose price is known, in billionths of a dollar.",
        ),
        ("helm_judgements_total", "Turns that a model judge was to judge, by judge and result."),
        (
            "helm_judge_cost_nano_usd_total",
            "Cost of judgements whose price is known, in billionths of a dollar.",
        ),
        (
            "helm_reward_drift_total",
            "How often people began to find answers better or worse than the reward says, by task.",
        ),
        ("helm_limiter_denied_total", "Turns that were refused by a limit, by resource."),
        (
            "helm_limiter_stand_in_total",
            "Limits that a process kept for itself because Redis did not answer.",
        ),
        ("helm_recall_failures_total", "Turns that were carried out without their memories, by task."),
        ("helm_consequences_dropped_total", "Turns that were stored without preferences and memories."),
        ("helm_redis_failures_total", "Commands that Redis did not carry out, by reason."),
    ] {
        metrics::describe_counter!(name, text);
    }
    metrics::describe_gauge!(
        "helm_reward_learned_better",
        "By how much weights learned from the latest ratings order answers better (Spearman), by task."
    );
    for (name, text) in [
        (
            "helm_operation_duration_seconds",
            "Duration of operations: turn, first_token (from the request to it), model (one attempt), store_*.",
        ),
        ("helm_reward", "Rewards of finished turns by task and strategy."),
        ("helm_store_commit_batch_size", "Writes that shared a commit."),
    ] {
        metrics::describe_histogram!(name, text);
    }
}
