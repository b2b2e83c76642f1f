use std::fmt::Write;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Metrics could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be installed; they can be only once in a process")]
pub struct MetricsError(#[from] BuildError);

/// What a metric counts or measures, as `/metrics` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name. `_total` is a counter, `_seconds` is in seconds.
    pub name: &'static str,
    /// How it is counted.
    pub kind: MetricKind,
    /// Its labels. None of them holds a user, a conversation or a text: how many series there are is bounded by the
    /// configuration.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// How a [`Metric`] is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// How often values were at most so large.
    Histogram,
}

impl MetricKind {
    /// `counter`, `gauge` or `histogram`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, help }
}

/// Every metric that Helm has; `docs/metrics.md` is made of this.
pub const METRICS: &[Metric] = &[
    counter("helm_turns_total", &["task", "status"], "Finished turns."),
    histogram(
        "helm_operation_duration_seconds",
        &["operation"],
        "How long things take: turn, first_token (from the request to it), recall, evaluate, model (one attempt), embedding, commit (one transaction of the store).",
    ),
    histogram("helm_reward", &["task", "strategy"], "Rewards of finished turns, from 0 to 1."),
    counter("helm_tokens_total", &["task", "kind"], "Tokens of prompts (input) and answers (output)."),
    counter(
        "helm_cost_nano_usd_total",
        &["task"],
        "Cost of turns whose price is known, in billionths of a dollar.",
    ),
    counter("helm_violations_total", &["category", "action", "stage"], "What guards found."),
    counter(
        "helm_feedback_total",
        &["task", "applied"],
        "Feedback, and whether it was new (fresh), a repetition (duplicate) or a correction (corrected).",
    ),
    counter(
        "helm_turns_lost_total",
        &[],
        "Turns whose process ended before them; they were recorded as cancelled.",
    ),
    counter(
        "helm_model_failures_total",
        &["task", "kind"],
        "Models that failed before their first word, by kind of failure.",
    ),
    counter("helm_llm_retries_total", &["model"], "Repeated calls of a model."),
    counter(
        "helm_tool_calls_total",
        &["task", "tool", "outcome"],
        "Calls of a task's own tools: ok or failed.",
    ),
    counter(
        "helm_answer_cache_total",
        &["model", "result"],
        "Exact questions: answers that were kept (hit) or asked for (miss).",
    ),
    counter(
        "helm_semantic_cache_total",
        &["task", "strategy", "result"],
        "Questions alike: answers used again (hit) or asked for (miss).",
    ),
    counter("helm_summaries_total", &["task", "outcome"], "Summaries of conversations."),
    counter("helm_summary_tokens_total", &["task", "kind"], "Tokens of summaries."),
    counter(
        "helm_summary_cost_nano_usd_total",
        &["task"],
        "Cost of summaries whose price is known, in billionths of a dollar.",
    ),
    counter("helm_judgements_total", &["judge", "result"], "What came of asking model judges."),
    counter("helm_judge_cost_nano_usd_total", &["judge"], "Cost of model judges, in billionths of a dollar."),
    counter(
        "helm_reward_drift_total",
        &["task", "people"],
        "How often people began to find answers better or worse than the reward says.",
    ),
    gauge(
        "helm_reward_learned_better",
        &["task"],
        "By how much weights learned from the latest ratings order answers better than those that count (Spearman).",
    ),
    counter(
        "helm_reward_weights_adopted_total",
        &["task"],
        "How often weights learned from people began to count, where a reward has `weights = \"learned\"`.",
    ),
    gauge(
        "helm_candidate_gain",
        &["task", "bound"],
        "What a candidate would have earned more than what is live, a decision, with its lower and upper bound; where the candidate was raised, what the policy would have.",
    ),
    gauge(
        "helm_candidate_live",
        &["task"],
        "For how many tenants a task's candidate decides in its policy's place, as far as this process knows.",
    ),
    counter(
        "helm_candidate_refusals_total",
        &["task"],
        "Decisions of which a task's automatic candidate learns nothing, because it refuses them: without the features of a strategy, or with one out of range.",
    ),
    counter("helm_recall_failures_total", &["task"], "Turns that were carried out without their memories."),
    counter(
        "helm_consequences_dropped_total",
        &[],
        "Turns that were stored without preferences and memories.",
    ),
    counter("helm_work_dropped_total", &[], "Background work that was dropped because its queue was full."),
    gauge(
        "helm_requests_in_flight",
        &[],
        "Requests that have no answer yet, and turns that have not been recorded yet.",
    ),
    counter(
        "helm_requests_refused_total",
        &["reason"],
        "Requests that were refused because too many (requests) or too much (bytes) was in flight.",
    ),
    gauge(
        "helm_intake_inside",
        &[],
        "Places at the store that turns and judgements take now, a search of memories one of its own; from store.at_once on newcomers wait, and what has begun may go beyond.",
    ),
    counter(
        "helm_intake_refused_total",
        &["operation"],
        "Turns (turn) and judgements (feedback) that were refused before they began because store.at_once others worked with the store for a second or more.",
    ),
    counter("helm_limiter_denied_total", &["resource"], "Turns that were refused by a limit."),
    counter(
        "helm_limiter_stand_in_total",
        &[],
        "Limits that a process kept for itself because Redis did not answer.",
    ),
    counter(
        "helm_limiter_evicted_total",
        &[],
        "Limits in use that were forgotten because there were too many to keep.",
    ),
    gauge(
        "helm_queue_depth",
        &["queue"],
        "What waits: writes for a transaction (commit), work beside turns for a worker (background).",
    ),
    gauge("helm_jobs", &["state"], "Durable work, counted every 30 s: waiting, leased or dead."),
    counter(
        "helm_jobs_total",
        &["kind", "outcome"],
        "What came of durable work: done, failed (tried again, or dead in the end), released (to another process) or lost (to another worker).",
    ),
    counter(
        "helm_config_reload_total",
        &["outcome"],
        "Changed configurations that a running server met: taken or refused.",
    ),
    gauge(
        "helm_user_reward",
        &["tenant", "task", "user"],
        "The reward of a user's latest turn as it ended, of a few users, where metrics.user_rewards asks for it.",
    ),
    histogram("helm_store_commit_batch_size", &[], "Writes that shared a transaction."),
    gauge("helm_vector_shard_bytes", &[], "Memory that copies of memories take for searching."),
    counter(
        "helm_cache_requests_total",
        &["kind", "result"],
        "Reads through the cache: near (this process), far (Redis) or miss.",
    ),
    counter(
        "helm_cache_damaged_total",
        &["kind"],
        "Cached values that could not be read, and were read anew.",
    ),
    counter(
        "helm_cache_dropped_total",
        &["kind"],
        "Cached values that were forgotten because another replica changed the thing.",
    ),
    counter(
        "helm_cache_distrusted_total",
        &["kind"],
        "How often a process forgot all that it had cached because notices of changes may have been missed.",
    ),
    counter("helm_cache_notices_lost_total", &[], "Notices of changes that could not be kept for Redis."),
    gauge("helm_redis_up", &[], "1 while Redis answers, else 0."),
    counter(
        "helm_redis_failures_total",
        &["reason"],
        "Commands that Redis did not carry out: timeout or error.",
    ),
];

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
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => {
                metrics::describe_counter!(metric.name, metric.help);
                // The first time is seen as an increase only of what was there before.
                if metric.labels.is_empty() {
                    metrics::counter!(metric.name).increment(0);
                }
            }
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

/// [`METRICS`] as a table in Markdown.
#[must_use]
pub fn metrics_table() -> String {
    let mut table = "| metric | kind | labels | means |\n|---|---|---|---|\n".to_owned();
    for Metric { name, kind, labels, help } in METRICS {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(table, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", "));
    }
    table
}
