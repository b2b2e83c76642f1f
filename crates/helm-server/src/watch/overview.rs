//! How turns went over time.

use axum::Json;
use axum::extract::State;
use helm_core::{NanoUsd, TaskId, Timestamp};
use helm_orchestrator::Helm;
use helm_orchestrator::store::Activity;
use serde::Serialize;

use super::stretch::Stretch;
use crate::problem::Problem;
use crate::request::QueryOf;

/// How turns went over time.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct OverviewJson {
    /// When the first slot begins.
    #[schema(value_type = String)]
    since: Timestamp,
    /// When the last slot ends: the slot that runs is in it.
    #[schema(value_type = String)]
    until: Timestamp,
    /// How many hours that are.
    hours: u32,
    /// How long a slot is.
    step_seconds: f64,
    /// The configured tasks, and those that had turns, in alphabetical order.
    tasks: Vec<TaskActivityJson>,
}

/// How the turns of a task went.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TaskActivityJson {
    #[schema(value_type = String)]
    task: TaskId,
    /// Whether it is configured.
    configured: bool,
    /// What it would earn if all its strategies were chosen equally often: the mean of their mean rewards. Null unless it
    /// has several and each has a reward.
    baseline: Option<f64>,
    /// The slots in which something happened, in order.
    slots: Vec<SlotJson>,
}

/// What happened to a task in a slot of time.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct SlotJson {
    /// When it begins.
    #[schema(value_type = String)]
    from: Timestamp,
    /// Turns that began in it and have ended.
    turns: u64,
    /// Those that guards refused.
    blocked: u64,
    /// Those that failed: the provider, the deadline or the store.
    failed: u64,
    /// Those in which guards found something.
    found: u64,
    /// The mean latency; null without turns.
    latency_ms: Option<f64>,
    /// The longest latency; null without turns.
    slowest_ms: Option<f64>,
    /// How many turns' price is known.
    priced: u64,
    /// What these cost in dollars; null when no price is known.
    cost_usd: Option<f64>,
    /// Decisions of the slot that have a reward.
    rewarded: u64,
    /// Their mean reward; null without any.
    reward: Option<f64>,
    /// The standard error of that mean; null with fewer than two.
    stderr: Option<f64>,
}

impl From<&Activity> for SlotJson {
    fn from(slot: &Activity) -> Self {
        let ms = |seconds: f64| (slot.turns > 0).then_some(seconds * 1e3);
        let n = slot.rewarded as f64;
        let reward = (slot.rewarded > 0).then(|| slot.reward / n);
        let stderr = reward.filter(|_| slot.rewarded > 1).map(|mean| {
            let variance = (slot.reward_sq - n * mean * mean).max(0.0) / (n - 1.0);
            (variance / n).sqrt()
        });
        Self {
            from: slot.from,
            turns: slot.turns,
            blocked: slot.blocked,
            failed: slot.failed,
            found: slot.found,
            latency_ms: ms(slot.latency.as_secs_f64() / slot.turns as f64),
            slowest_ms: ms(slot.slowest.as_secs_f64()),
            priced: slot.priced,
            cost_usd: (slot.priced > 0).then(|| NanoUsd::dollars(slot.cost)),
            rewarded: slot.rewarded,
            reward,
            stderr,
        }
    }
}

/// How turns went over time, task by task: turns, rewards beside what choosing evenly would earn, latency, cost, and
/// what guards found. The stretch of time ends with the slot that runs.
#[utoipa::path(
    get, path = "/helm/v1/overview", tag = "Helm",
    params(
        ("hours" = Option<u32>, Query, description = "how long the stretch is: the shortest of 1, 24, 168 and 720 that holds \
            the whole log, or 1 to 876000"),
        ("slots" = Option<u32>, Query, description = "into how many slots it is cut: 48, or 1 to 500"),
        ("task" = Option<String>, Query, description = "only this task"),
    ),
    responses((status = 200, body = OverviewJson)),
)]
pub(crate) async fn overview(
    State(helm): State<Helm>,
    QueryOf(stretch): QueryOf<Stretch>,
) -> Result<Json<OverviewJson>, Problem> {
    let cut = stretch.cut(&helm).await?;
    let activity = helm.activity(&cut.query).await?;
    let wanted = |task: &TaskId| cut.query.task.as_ref().is_none_or(|only| only == task);
    let configured: Vec<TaskId> = helm.tasks().into_iter().filter(wanted).collect();
    let mut names: Vec<_> = activity.iter().map(|slot| slot.task.clone()).chain(configured.clone()).collect();
    names.sort();
    names.dedup();
    let mut tasks = Vec::new();
    for task in names {
        let configured = configured.contains(&task);
        let baseline = if configured { helm.evenly(&task).await? } else { None };
        let slots = activity.iter().filter(|slot| slot.task == task).map(SlotJson::from).collect();
        tasks.push(TaskActivityJson { task, configured, baseline, slots });
    }
    let mut bounds = cut.query.bounds();
    let since = bounds.next().unwrap_or(helm.now());
    let until = bounds.last().unwrap_or(since);
    Ok(Json(OverviewJson { since, until, hours: cut.hours, step_seconds: cut.step.as_secs_f64(), tasks }))
}
