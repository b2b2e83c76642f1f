use axum::Json;
use axum::extract::State;
use helm_core::{DecisionId, TaskId};
use helm_orchestrator::{Error, Helm};
use serde::Serialize;

use crate::json::{DecisionJson, ReportJson, decision_json, report_json};
use crate::problem::Problem;
use crate::request::{PathOf, part};

/// A decision and why it was made.
#[utoipa::path(
    get, path = "/helm/v1/decisions/{id}", tag = "Helm",
    params(("id" = String, Path, description = "the decision's id")),
    responses((status = 200, body = DecisionJson)),
)]
pub(crate) async fn decision(
    State(helm): State<Helm>,
    PathOf(id): PathOf,
) -> Result<Json<DecisionJson>, Problem> {
    let id: DecisionId = part("id", &id)?;
    let explained = helm.explain(id).await.map_err(|error| match &error {
        Error::UnknownDecision { .. } => Problem::from(error).with_param("id"),
        _ => error.into(),
    });
    Ok(Json(decision_json(&explained?)))
}

/// The configured tasks.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TasksJson {
    #[schema(value_type = Vec<String>)]
    tasks: Vec<TaskId>,
}

/// The configured tasks, in alphabetical order.
#[utoipa::path(
    get, path = "/helm/v1/tasks", tag = "Helm",
    responses((status = 200, body = TasksJson)),
)]
pub(crate) async fn tasks(State(helm): State<Helm>) -> Json<TasksJson> {
    Json(TasksJson { tasks: helm.tasks() })
}

/// What was learnt about a task.
#[utoipa::path(
    get, path = "/helm/v1/tasks/{task}/report", tag = "Helm",
    params(("task" = String, Path, description = "the task")),
    responses((status = 200, body = ReportJson)),
)]
pub(crate) async fn report(
    State(helm): State<Helm>,
    PathOf(task): PathOf,
) -> Result<Json<ReportJson>, Problem> {
    let task: TaskId = part("task", &task)?;
    Ok(Json(report_json(&helm.report(&task).await?)))
}
