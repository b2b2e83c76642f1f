use axum::Json;
use axum::extract::State;
use helm_core::{DecisionId, TaskId};
use helm_orchestrator::Helm;

use crate::json::{DecisionJson, ReportJson, decision_json, report_json};
use crate::problem::Problem;
use crate::request::PathOf;

pub(crate) async fn decision(
    State(helm): State<Helm>,
    PathOf(id): PathOf,
) -> Result<Json<DecisionJson>, Problem> {
    let id: DecisionId = id.parse()?;
    Ok(Json(decision_json(&helm.explain(id).await?)))
}

pub(crate) async fn tasks(State(helm): State<Helm>) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "tasks": helm.tasks() }))
}

pub(crate) async fn report(
    State(helm): State<Helm>,
    PathOf(task): PathOf,
) -> Result<Json<ReportJson>, Problem> {
    let task: TaskId = task.parse()?;
    Ok(Json(report_json(&helm.report(&task).await?)))
}
