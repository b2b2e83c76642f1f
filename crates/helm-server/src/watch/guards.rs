//! What guards found.

use axum::Json;
use axum::extract::State;
use helm_core::{Category, GuardAction, Severity, Stage, Timestamp};
use helm_orchestrator::Helm;
use helm_orchestrator::store::{Finding, FindingQuery};
use serde::Serialize;

use super::stretch::Stretch;
use crate::problem::Problem;
use crate::request::QueryOf;

/// What guards found in a stretch of time, and never the text that was found.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct FindingsJson {
    #[schema(value_type = String)]
    since: Timestamp,
    #[schema(value_type = String)]
    until: Timestamp,
    /// How many hours that are.
    hours: u32,
    /// By kind, the most frequent first.
    findings: Vec<FindingJson>,
}

/// How often a kind of thing was found, and the same was done about it.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct FindingJson {
    /// In which text: `input`, `output`, `retrieved`, `tool_call` or `tool_result`.
    #[schema(value_type = String)]
    stage: Stage,
    #[schema(value_type = String)]
    category: Category,
    /// The exact kind.
    entity: String,
    #[schema(value_type = String)]
    action: GuardAction,
    /// The worst severity.
    #[schema(value_type = String)]
    severity: Severity,
    count: u64,
}

impl From<Finding> for FindingJson {
    fn from(finding: Finding) -> Self {
        let Finding { stage, category, entity, action, severity, count, .. } = finding;
        Self { stage, category, entity, action, severity, count }
    }
}

/// What guards found in a stretch of time, by kind.
#[utoipa::path(
    get, path = "/helm/v1/guardrails/findings", tag = "Helm",
    params(
        ("hours" = Option<u32>, Query, description = "as for the overview"),
        ("slots" = Option<u32>, Query, description = "as for the overview: the stretch is the same"),
        ("task" = Option<String>, Query, description = "only in this task's turns"),
    ),
    responses((status = 200, body = FindingsJson)),
)]
pub(crate) async fn findings(
    State(helm): State<Helm>,
    QueryOf(stretch): QueryOf<Stretch>,
) -> Result<Json<FindingsJson>, Problem> {
    let cut = stretch.cut(&helm).await?;
    let mut bounds = cut.query.bounds();
    let since = bounds.next().unwrap_or(helm.now());
    let until = bounds.last().unwrap_or(since);
    let mut query = FindingQuery::default().with_since(since).with_until(until);
    query.task = cut.query.task;
    let findings = helm.findings(&query).await?.into_iter().map(FindingJson::from).collect();
    Ok(Json(FindingsJson { since, until, hours: cut.hours, findings }))
}
