//! What individual users have taught a task, beside what all have.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use helm_core::{TaskId, UserId};
use helm_orchestrator::Helm;
use helm_orchestrator::store::UserTotal;
use serde::{Deserialize, Serialize};

use crate::json::{CandidateJson, candidate_json};
use crate::problem::Problem;
use crate::request::{PathOf, PathsOf, QueryOf, bounded, part, part_if_any};

/// Users whose rewards a task has learnt from.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TaskUsersJson {
    /// In the order of their ids.
    users: Vec<TaskUserJson>,
    /// What to continue with, as `after`; null at the end.
    #[schema(value_type = Option<String>)]
    next: Option<UserId>,
}

/// What a user has taught a task.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TaskUserJson {
    #[schema(value_type = String)]
    user_id: UserId,
    /// By strategy, as `name@version`.
    strategies: BTreeMap<String, UserRewardsJson>,
}

/// Rewards of one user and one strategy.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct UserRewardsJson {
    /// How many.
    count: u64,
    /// Their mean; null without any.
    mean: Option<f64>,
}

/// What a policy would do for a user, beside what it would do for one whom it has never met.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct OutlookJson {
    /// For this user.
    user: Vec<CandidateJson>,
    /// For a new user: what all users together have taught.
    population: Vec<CandidateJson>,
}

/// Which users.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPage {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

/// How many users are answered unasked, and how many at most.
const USERS: (usize, usize) = (50, 500);

/// Users whose rewards a task has learnt from, with their mean rewards by strategy.
#[utoipa::path(
    get, path = "/helm/v1/tasks/{task}/users", tag = "Helm",
    params(
        ("task" = String, Path, description = "the task"),
        ("after" = Option<String>, Query, description = "continue behind this user"),
        ("limit" = Option<usize>, Query, description = "how many at most: 50, and up to 500"),
    ),
    responses((status = 200, body = TaskUsersJson)),
)]
pub(crate) async fn users(
    State(helm): State<Helm>,
    PathOf(task): PathOf,
    QueryOf(page): QueryOf<UserPage>,
) -> Result<Json<TaskUsersJson>, Problem> {
    let limit = bounded(page.limit, USERS)?;
    let task: TaskId = part("task", &task)?;
    let after: Option<UserId> = part_if_any("after", page.after.as_deref())?;
    let mut users = gathered(helm.user_totals(&task, after.as_ref(), limit + 1).await?);
    let more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| more).map(|user| user.user_id.clone());
    Ok(Json(TaskUsersJson { users, next }))
}

fn gathered(totals: Vec<UserTotal>) -> Vec<TaskUserJson> {
    let mut users: Vec<TaskUserJson> = Vec::new();
    for UserTotal { user, strategy, stats } in totals {
        let count = u64::try_from(stats.count).unwrap_or(0);
        let mean = (count > 0).then(|| stats.reward.to_f64() / count as f64);
        let rewards = UserRewardsJson { count, mean };
        match users.last_mut().filter(|last| last.user_id == user) {
            Some(last) => drop(last.strategies.insert(strategy.to_string(), rewards)),
            None => {
                let strategies = BTreeMap::from([(strategy.to_string(), rewards)]);
                users.push(TaskUserJson { user_id: user, strategies });
            }
        }
    }
    users
}

/// What a task's policy believes of its strategies for a user, and for one whom it has never met.
#[utoipa::path(
    get, path = "/helm/v1/tasks/{task}/users/{user}", tag = "Helm",
    params(
        ("task" = String, Path, description = "the task"),
        ("user" = String, Path, description = "the user"),
    ),
    responses((status = 200, body = OutlookJson)),
)]
pub(crate) async fn outlook(
    State(helm): State<Helm>,
    PathsOf(task, user): PathsOf,
) -> Result<Json<OutlookJson>, Problem> {
    let (task, user): (TaskId, UserId) = (part("task", &task)?, part("user", &user)?);
    let (own, all) = futures::try_join!(helm.outlook(&task, Some(&user)), helm.outlook(&task, None))?;
    let shown = |candidates: Vec<helm_core::Candidate>| candidates.iter().map(candidate_json).collect();
    Ok(Json(OutlookJson { user: shown(own), population: shown(all) }))
}
